package backoffice

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/terms"
)

// numbersAgain refuses to assign numbers that documents already have. This happens if the control store was
// restored from a backup, and documents became final and were sent after that backup. ClickHouse has the numbers
// of all ranges; the folder of issued files has the numbers of documents.
func (o *Office) numbersAgain(ctx context.Context, ids []string, r *InvoiceOrder) error {
	if len(ids) == 0 {
		return nil
	}
	var counters []*invoicing.Counter
	err := o.Store.Change(ctx, "reading numbers", func(tx *store.Tx) (err error) {
		counters, err = invoicing.Table{Tx: tx}.Counters(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range counters {
		if c.Broken != nil { // it assigns no number until its row can be read again; other ranges do
			c.Next = math.MaxInt64
		}
	}
	ranges, err := o.ranges(true)
	if err != nil {
		return err
	}
	again, err := o.numbersOfWarehouse(ctx, counters, ranges, r)
	if err != nil {
		return err
	}
	issued, err := o.numbersOfFiles(ctx, counters, ranges, ids)
	if err != nil {
		return err
	}
	if again = append(again, issued...); len(again) == 0 {
		return nil
	}
	return conflict("numbers would be given twice: the control store is older than the last documents, so it was restored from a "+
		"backup.\n%s\nNothing became final. docs/runbooks/stores-of-different-days.md says what to do; then set the ranges behind the last "+
		"numbers that somebody has", strings.Join(again, "\n"))
}

// next returns the next counter of a range.
func next(counters []*invoicing.Counter, seller, text string, year int) int64 {
	for _, c := range counters {
		if c.Seller == seller && c.Range == text && c.Year == year {
			return c.Next
		}
	}
	return 1
}

// setNext returns the command that sets the next number of a range.
func setNext(seller, text string, year int, next int64) string {
	command := fmt.Sprintf("ratemill invoice numbers set '%s' --next %d", text, next)
	if seller != "" {
		command += " --seller " + seller
	}
	if year != 0 {
		command += fmt.Sprintf(" --year %d", year)
	}
	return command + ` --why "…"`
}

// numbersOfWarehouse returns the ranges with later numbers in ClickHouse.
func (o *Office) numbersOfWarehouse(ctx context.Context, counters []*invoicing.Counter, ranges []sellerRange,
	r *InvoiceOrder) (again []string, err error) {
	if !o.hasWarehouse || r.Unasked {
		return nil, nil
	}
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, conflict("ClickHouse does not answer the question which numbers documents have, and a control store "+
			"that was restored from a backup would assign numbers twice: %w."+
			" If you know that it was not restored, --without-clickhouse skips this check", err)
	}
	last, err := w.LastNumbers(ctx)
	for _, l := range last {
		used := slices.ContainsFunc(ranges, func(r sellerRange) bool { return r.counter.Seller == l.Seller && r.counter.Range == l.Range })
		if n := next(counters, l.Seller, l.Range, l.Year); used && n <= l.N {
			of, err := terms.ParseRange(l.Range)
			if err != nil {
				return nil, err
			}
			again = append(again, fmt.Sprintf("  %s: the next number would be %s, but ClickHouse has documents up to %s, issued on %s\n    %s",
				cmp.Or(l.Seller, "the operator"), of.Number(l.Year, n), l.Number, l.Issued, setNext(l.Seller, l.Range, l.Year, l.N+1)))
		}
	}
	return again, err
}

// numbersOfFiles returns the documents that are to become final but were already issued: the folder of issued files
// has them, with a number that their range would assign again.
func (o *Office) numbersOfFiles(ctx context.Context, counters []*invoicing.Counter, ranges []sellerRange, ids []string) (again []string,
	err error) {
	if o.Documents == "" {
		return nil, nil
	}
	this := o.Now().UTC().Year()
	for _, id := range ids {
		for _, year := range []int{this, this - 1} {
			numbers, err := delivery.Issued(o.Documents, year, id)
			if err != nil {
				return nil, err
			}
			if len(numbers) == 0 {
				continue
			}
			seller, err := o.sellerOf(ctx, id)
			if err != nil {
				return nil, err
			}
			for _, number := range numbers {
				if said := givenAgain(counters, ranges, seller, id, number, year); said != "" {
					again = append(again, said)
				}
			}
		}
	}
	return again, nil
}

// sellerOf returns the seller of a document.
func (o *Office) sellerOf(ctx context.Context, id string) (seller string, err error) {
	err = o.Store.Change(ctx, "reading a document", func(tx *store.Tx) error {
		s, err := invoicing.Table{Tx: tx}.Get(ctx, id)
		if err == nil {
			seller = s.Seller.Account
		}
		return err
	})
	return seller, err
}

// givenAgain returns an error text if the range of a number in the folder of issued files would assign that number
// again, "" if not.
func givenAgain(counters []*invoicing.Counter, ranges []sellerRange, seller, id, number string, issued int) string {
	for _, r := range ranges {
		text := r.counter.Range
		of, err := terms.ParseRange(text)
		if err != nil || r.counter.Seller != seller {
			continue
		}
		year := 0
		if of.Yearly {
			year = issued
		}
		n, err := of.CountedAs(number, delivery.Safe)
		if err == nil && next(counters, seller, text, year) <= n {
			return fmt.Sprintf("  document %s was issued before, as %s: the folder of issued documents has its files\n    %s", id,
				of.Number(year, n), setNext(seller, text, year, n+1))
		}
	}
	return ""
}
