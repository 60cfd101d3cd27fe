package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/registry"
)

// Doubts tells which payments in import files name documents that they cannot pay. Book turns such amounts into
// credits. A dispute or a write-off without its document is refused, because no money was received. Rows of other
// kinds are left alone.
func Doubts(ctx context.Context, tx *store.Tx, rows []registry.DocumentRow) (doubts []registry.DocumentDoubt, err error) {
	values := map[int]*Value{}
	var names []string
	for i, row := range rows {
		if row.Kind != registry.KindPayment {
			continue
		}
		if values[i], err = Parse(row.Subject, row.Value); err != nil {
			return nil, err
		}
		for _, p := range values[i].parts() {
			names = append(names, p.Document)
		}
	}
	final, err := called(ctx, tx, names)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		v := values[i]
		if v == nil {
			continue
		}
		payer := v.Payer
		for _, p := range v.parts() {
			of, why := v.payable(p.Document, final[p.Document], payer)
			if why == "" {
				payer = of.Payer
				continue
			}
			why, refused := v.withoutDocument(rows[i].Subject, why, p.Amount)
			doubts = append(doubts, registry.DocumentDoubt{Row: i, Refused: refused, Why: why})
		}
	}
	return doubts, nil
}

// payable returns the one of the documents with a name that a payment can pay, or the reason why there is none; see
// Book.resolve.
func (v *Value) payable(name string, all []Receivable, payer string) (of *Receivable, why string) {
	of, err := choose(name, all, func(r *Receivable) bool { return payer == "" || r.Payer == payer })
	switch none := (*NoDocumentError)(nil); {
	case errors.As(err, &none):
		return nil, err.Error()
	case of.Currency != v.Currency:
		return nil, fmt.Sprintf("document %s is in %s, and the payment in %s", name, of.Currency, v.Currency)
	}
	return of, ""
}

// withoutDocument says what becomes of a part of a payment that pays no document.
func (v *Value) withoutDocument(id, why string, amount decimal.D) (words string, refused bool) {
	switch v.Kind {
	case dispute:
		return why + ", so a dispute changes nothing; correct the document, or leave out the row", true
	case writeOff:
		return why + ", so there is nothing to write off; correct the document, or leave out the row", true
	}
	return creditWords(why, v, nil, amount) + "; correct the row and import it again, or pay a document with the credit: " +
		"ratemill payment assign " + id + " DOCUMENT", false
}

// called returns the final documents with each of the names, which are numbers or ids.
func called(ctx context.Context, tx *store.Tx, names []string) (found map[string][]Receivable, err error) {
	found = map[string][]Receivable{}
	slices.Sort(names)
	for some := range slices.Chunk(slices.Compact(names), 500) { // a query has a bounded number of arguments
		marks := strings.Repeat("?, ", len(some)-1) + "?"
		args := make([]any, 0, 2*len(some))
		for range 2 {
			for _, name := range some {
				args = append(args, name)
			}
		}
		all, err := list(ctx, tx, `number_text IN (`+marks+`) OR document IN (`+marks+`)`, args...)
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			for _, name := range slices.Compact([]string{r.Number, r.Document}) {
				if _, asked := slices.BinarySearch(some, name); asked {
					found[name] = append(found[name], r)
				}
			}
		}
	}
	return found, nil
}
