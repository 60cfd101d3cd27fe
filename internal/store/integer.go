package store

import (
	"fmt"
	"strconv"
)

// Integer scans a column of whole numbers. SQLite lets such a column also hold a text.
type Integer struct {
	N   int64
	Err error // why it is not a whole number; N is then 0
}

// Scan implements sql.Scanner. A text or a blob is a mistake even if it looks like a number, because SQLite orders it
// after all numbers. Scan keeps the mistake, so that the rest of the row can still be read.
func (i *Integer) Scan(value any) error {
	if blob, ok := value.([]byte); ok {
		value = string(blob)
	}
	n, ok := value.(int64)
	*i = Integer{N: n}
	if !ok {
		i.Err = fmt.Errorf("%s is not a whole number", strconv.Quote(fmt.Sprint(value)))
	}
	return nil
}

// Integers returns the first mistake among some columns, each a name and an *Integer, with the name of the column.
func Integers(columns ...any) (column string, err error) {
	for n := 0; n < len(columns); n += 2 {
		if i := columns[n+1].(*Integer); i.Err != nil {
			return columns[n].(string), i.Err
		}
	}
	return "", nil
}
