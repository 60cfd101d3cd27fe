package invoicing

import (
	"encoding/json"
	"errors"
	"fmt"

	"ratemill/internal/store"
)

// brokenDocument is the error for a document with a column that cannot be read.
func brokenDocument(name, column string, err error) error {
	return &store.BrokenError{What: "document " + name, Column: column + " of invoice_documents", Err: err}
}

// brokenClose is the error for a close with a column that cannot be read.
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

// between selects cycles that begin between two dates, inclusive. It also selects rows whose cycle is not a number,
// because SQLite orders texts after all numbers.
const between = `(cycle BETWEEN ? AND ? OR cycle > 9223372036854775807)`

// readDocument reads the stored JSON of a document. JSON that is not a document has no id.
func readDocument(text []byte, into any, id *string) error {
	if err := json.Unmarshal(text, into); err != nil {
		return err
	}
	if *id == "" {
		return errors.New("it names no document")
	}
	return nil
}
