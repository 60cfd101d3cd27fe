package backoffice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/payment"
	"ratemill/invoicing/product"
	"ratemill/registry"
)

// documentDoubts tells what is wrong with the documents that rows of an import name.
func (o *Office) documentDoubts(ctx context.Context, rows []registry.DocumentRow) (doubts []registry.DocumentDoubt, err error) {
	if err := o.migratePayments(ctx); err != nil {
		return nil, err
	}
	err = o.Store.Change(ctx, "looking up documents", func(tx *store.Tx) error {
		charges, err := chargeDoubts(ctx, tx, rows)
		if err != nil {
			return err
		}
		payments, err := payment.Doubts(ctx, tx, rows)
		doubts = append(charges, payments...)
		return err
	})
	return doubts, err
}

// chargeDoubts tells which one-off charges correct lines of documents that do not exist. A bill run does not look the
// document up: its name only makes the charge an adjustment.
func chargeDoubts(ctx context.Context, tx *store.Tx, rows []registry.DocumentRow) (doubts []registry.DocumentDoubt, err error) {
	of := map[int]string{}
	var names []string
	doubt := func(row int, err error) {
		doubts = append(doubts, registry.DocumentDoubt{Row: row, Why: err.Error() +
			"; the charge is an adjustment of the next invoice all the same; correct adjusts and import the row again"})
	}
	for i, row := range rows {
		if row.Kind != registry.KindOneOff {
			continue
		}
		var v product.OneOff
		if err := json.Unmarshal(row.Value, &v); err != nil {
			return nil, fmt.Errorf("one-off charge %s: %w", row.Subject, err)
		}
		name, _, err := lineOf(v.Adjusts)
		if err != nil {
			doubt(i, err)
			continue
		}
		of[i], names = name, append(names, name)
	}
	known, err := invoicing.Table{Tx: tx}.Known(ctx, names)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if name, asks := of[i]; asks && !known[name] {
			doubt(i, errors.New("there is no document "+name))
		}
	}
	return doubts, nil
}
