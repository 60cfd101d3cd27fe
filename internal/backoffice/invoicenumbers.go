package backoffice

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/terms"
)

// NumberRange is a number range of invoices or credit notes.
type NumberRange struct {
	Seller  string       `json:"seller"` // seller's account; empty for the operator
	Range   string       `json:"range"`
	Year    int          `json:"year,omitempty"`
	Next    string       `json:"next"`             // number of the next document
	Issued  string       `json:"issued,omitempty"` // date of the last number
	Given   int64        `json:"given"`            // count of numbers that documents have
	Skipped []NumberSkip `json:"skipped,omitempty"`
	Error   string       `json:"error,omitempty"` // why the row of the range cannot be read
}

// Unreadable returns why the row of the range cannot be read, "" if it can.
func (n NumberRange) Unreadable() string { return n.Error }

// NumberSkip is a block of numbers that a range skipped on purpose.
type NumberSkip struct {
	First string `json:"first"`
	Last  string `json:"last"`
	Who   string `json:"who"`
	Why   string `json:"why"`
	At    string `json:"at"`
}

// NumberOrder sets the next number of a range.
type NumberOrder struct {
	Seller   string // seller's account; "" for the operator
	Range    string
	Year     int // year of a range that restarts each year; 0 for this year
	Next     int64
	Who, Why string
	As       string
	DryRun   bool
}

func numberRange(c *invoicing.Counter) (NumberRange, error) {
	if c.Broken != nil {
		return NumberRange{Seller: c.Seller, Range: c.Range, Year: c.Year, Error: c.Broken.Error()}, nil
	}
	r, err := terms.ParseRange(c.Range)
	if err != nil {
		return NumberRange{Seller: c.Seller, Range: c.Range, Year: c.Year, Error: "its row in invoice_numbers is not what ratemill stored: " +
			err.Error()}, nil
	}
	n := NumberRange{Seller: c.Seller, Range: c.Range, Year: c.Year, Next: r.Number(c.Year, c.Next), Given: c.Next - 1}
	if c.Issued != 0 {
		n.Issued = c.Issued.String()
	}
	for _, s := range c.Skips {
		n.Given -= s.Last - s.First + 1
		n.Skipped = append(n.Skipped, NumberSkip{r.Number(c.Year, s.First), r.Number(c.Year, s.Last), s.By.Who, s.By.Why, Moment(s.By.At)})
	}
	return n, nil
}

// Numbers lists the number ranges of the catalogue's present sellers, and those that were in use before. A
// reseller sees only its own ranges.
func (o *Office) Numbers(ctx context.Context, as string) ([]NumberRange, error) {
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, as)
	if err != nil {
		return nil, err
	}
	defer who.close()
	var counters []*invoicing.Counter
	err = o.Store.Change(ctx, "reading numbers", func(tx *store.Tx) (err error) {
		counters, err = invoicing.Table{Tx: tx}.Counters(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	ranges, err := o.ranges(false)
	if err != nil {
		return nil, err
	}
	year := o.Now().Year()
	for _, r := range ranges {
		if r.yearly {
			r.counter.Year = year
		}
		if !slices.ContainsFunc(counters, func(c *invoicing.Counter) bool {
			return c.Seller == r.counter.Seller && c.Range == r.counter.Range && c.Year == r.counter.Year
		}) {
			counters = append(counters, r.counter)
		}
	}
	slices.SortFunc(counters, func(a, b *invoicing.Counter) int {
		return cmp.Or(cmp.Compare(a.Seller, b.Seller), cmp.Compare(a.Range, b.Range), cmp.Compare(a.Year, b.Year))
	})
	all := []NumberRange{}
	for _, c := range counters {
		if as != "" && c.Seller != as {
			continue
		}
		n, err := numberRange(c)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

type sellerRange struct {
	counter *invoicing.Counter
	yearly  bool
}

// ranges returns the number ranges of the catalogue's present sellers. If ever is true, it includes the ranges
// of all versions of their accounting groups, and of sandboxes.
func (o *Office) ranges(ever bool) (all []sellerRange, err error) {
	catalogue, err := o.catalogueNow()
	if err != nil || catalogue == nil {
		return nil, err
	}
	docs, _ := terms.DocumentsOf(catalogue)
	today := dateOf(o.Now())
	for _, name := range docs.SellerNames() {
		s := docs.SellerNamed(name, today)
		if s == nil {
			continue
		}
		for _, group := range s.Groups {
			groups := docs.GroupVersions(group.Value)
			if !ever {
				groups = []*terms.Group{docs.Group(group.Value, today)}
			}
			for _, g := range groups {
				if g == nil {
					continue
				}
				if all, err = addRanges(all, s.Account.Value, g, ever); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// addRanges adds the ranges of an accounting group to those of a seller.
func addRanges(all []sellerRange, seller string, g *terms.Group, sandboxes bool) ([]sellerRange, error) {
	texts := g.Ranges()
	if sandboxes {
		for _, text := range g.Ranges() {
			texts = append(texts, terms.Sandbox+text)
		}
	}
	for _, text := range texts {
		r, err := terms.ParseRange(text)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(o sellerRange) bool { return o.counter.Seller == seller && o.counter.Range == text }) {
			all = append(all, sellerRange{&invoicing.Counter{Seller: seller, Range: text, Next: 1}, r.Yearly})
		}
	}
	return all, nil
}

// SetNextNumber moves the next number of a range forward.
func (o *Office) SetNextNumber(ctx context.Context, r NumberOrder) (*NumberRange, error) {
	if err := given(r.Why); err != nil && !r.DryRun {
		return nil, err
	}
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	if r.As != "" && r.Seller == "" {
		r.Seller = r.As
	}
	if r.As != "" && r.Seller != r.As {
		return nil, conflict("account %s sets its own numbers alone, not those of %s", r.As, cmp.Or(r.Seller, "the operator"))
	}
	ranges, err := o.ranges(true)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, of := range ranges {
		if of.counter.Seller == r.Seller {
			names = append(names, of.counter.Range)
		}
	}
	if !slices.Contains(names, r.Range) {
		return nil, missing("%s has no range %s%s", cmp.Or(r.Seller, "the operator"), r.Range,
			orAll(diag.Suggest(r.Range, names), "range", names))
	}
	of, err := terms.ParseRange(r.Range)
	switch {
	case err != nil:
		return nil, err
	case !of.Yearly && r.Year != 0:
		return nil, conflict("range %s goes on for ever; leave the year out", r.Range)
	case of.Yearly && r.Year == 0:
		r.Year = o.Now().Year()
	}
	var set NumberRange
	err = invoicing.Again(ctx, func() error {
		return o.Store.Change(ctx, "setting a number", func(tx *store.Tx) error {
			c, err := invoicing.Table{Tx: tx}.SetNext(ctx, r.Seller, of, r.Year, r.Next, invoicing.By{Who: r.Who, Why: r.Why, At: o.Now()})
			if err != nil {
				return err
			}
			if set, err = numberRange(c); err == nil && r.DryRun {
				err = errDry
			}
			return err
		})
	})
	if r.DryRun && errors.Is(err, errDry) {
		return &set, nil
	}
	if err != nil {
		return nil, problemOf(err)
	}
	return &set, o.Store.Audit(ctx, control.AuditEntry{At: o.Now(), Who: r.Who, What: "invoice.numbers", Subject: r.Range,
		Detail: "next is " + set.Next + "; " + r.Why})
}
