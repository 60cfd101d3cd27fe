package invoicing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"ratemill/internal/store"
)

// brokenDocument says that a column of a document cannot be read.
func brokenDocument(name, column string, err error) error {
	return &store.BrokenError{What: "document " + name, Column: column + " of invoice_documents", Err: err}
}

// brokenClose says that a column of a close cannot be read.
func brokenClose(c *Closed, column string, err error) error {
	return &store.BrokenError{What: fmt.Sprintf("the close of %s from %s", c.Payer, c.Cycle.From), Column: column + " of invoice_closes",
		Err: err}
}

// firstBroken returns the error of the first close that cannot be read, nil if all can.
func firstBroken(closes []*Closed) error {
	for _, c := range closes {
		if c.Broken != nil {
			return c.Broken
		}
	}
	return nil
}

// between selects cycles that begin between two dates, both included, and rows whose cycle is not a number: SQLite orders
// texts after all numbers.
const between = `(cycle BETWEEN ? AND ? OR cycle > 9223372036854775807)`

// integer is a column of whole numbers. SQLite also stores a text there, if somebody writes one.
type integer struct {
	n   int64
	err error
}

// Scan implements sql.Scanner. A text or a blob is a mistake even if it reads like a number, because SQLite orders it after all
// numbers. Scan keeps the mistake, so that the rest of the row is read.
func (w *integer) Scan(value any) error {
	if blob, ok := value.([]byte); ok {
		value = string(blob)
	}
	n, ok := value.(int64)
	*w = integer{n: n}
	if !ok {
		w.err = fmt.Errorf("%s is not a whole number", strconv.Quote(fmt.Sprint(value)))
	}
	return nil
}

// integers returns the first mistake of some columns, with its column.
func integers(columns ...any) (column string, err error) {
	for n := 0; n < len(columns); n += 2 {
		if w := columns[n+1].(*integer); w.err != nil {
			return columns[n].(string), w.err
		}
	}
	return "", nil
}

// readDocument reads the text of a document. Some other JSON text than that of a document has no id.
func readDocument(text []byte, into any, id *string) error {
	if err := json.Unmarshal(text, into); err != nil {
		return err
	}
	if *id == "" {
		return errors.New("it names no document")
	}
	return nil
}
