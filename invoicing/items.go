package invoicing

import (
	"context"
	"fmt"

	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
)

// Items recomputes the items of a document's line, other than usage, from the document's inputs.
func (r *Run) Items(ctx context.Context, s *Stored, l *document.Line, give func(*document.Item) error) error {
	known, _, err := r.known(ctx, []uint32{s.PayerNumber}, r.Basis.signers())
	if err != nil {
		return err
	}
	closes := known[s.PayerNumber]
	if len(closes) == 0 {
		return fmt.Errorf("no closed cycle of the payer of %s is stored", s.Name())
	}
	if err := firstBroken(closes); err != nil {
		return err
	}
	p := &payer{Basis: r.Basis, number: s.PayerNumber, closes: closes, first: closes[0].Cycle, engines: r.Basis.engines()}
	own := func(i *document.Item) error {
		if l.Has(i) {
			return give(i)
		}
		return nil
	}
	for i := range s.Input.Closes {
		c := &s.Input.Closes[i]
		if p.rules, err = rulesOf(c.Rules); err != nil {
			return err
		}
		p.catalogue = p.catalogueAt(c)
		if l.Kind == document.Commitment || l.Kind == document.Penalty {
			if err := p.contractItems(c, own); err != nil {
				return err
			}
			continue
		}
		if err := p.others(c, own); err != nil {
			return err
		}
	}
	return nil
}

// contractItems returns the items due by contracts at a close.
func (p *payer) contractItems(c *document.Close, give func(*document.Item) error) error {
	if p.signed == nil {
		return nil
	}
	was, now := &contract.Sums{}, &contract.Sums{}
	for _, of := range p.closes {
		for i := range of.Lines {
			if before(&of.Close, c) {
				was.AddLine(&of.Lines[i])
			}
			if !before(c, &of.Close) {
				now.AddLine(&of.Lines[i])
			}
		}
	}
	was.Days, now.Days = p.days(c.Before), p.days(c.Facts)
	items, err := p.rules.contracts(p.signed, contract.Close{Payer: p.number, Cycle: c.Cycle.From, First: p.first.From, Before: c.Before,
		Facts: c.Facts,
		Was:   was, Now: now, Again: c.OffCycle > 0})
	give = p.ofCurrency(c, give)
	for i := range items {
		if err == nil {
			err = give(&items[i])
		}
	}
	return err
}

// before reports whether one close of a payer comes before another.
func before(a, b *document.Close) bool {
	return a.Cycle.From < b.Cycle.From || a.Cycle.From == b.Cycle.From && a.OffCycle < b.OffCycle
}

// Record is the position of a rated record in the log, with one of the record's charges.
type Record struct {
	Log, Partition int
	Offset         int64
	Account        string // the charged account
	Cycle          Date
	Class          string
	Plan           string
	Version        Date // first date on which that version of the plan is in force
	Zone           string
	Tariff         string
}

// closeOf returns the close of a payer that contains a record, nil if none contains it yet (rule R16). closes are
// oldest first.
func closeOf(closes []*Closed, r *Record) *Closed {
	for _, c := range closes {
		if c.Cycle.From >= r.Cycle && c.Cut.Has(r.Log, r.Partition, r.Offset) {
			return c
		}
	}
	return nil
}

// line returns the number of the line that contains a record, 0 if there is none.
func (r *Record) line(lines []document.Line) int {
	for i := range lines {
		l := &lines[i]
		if l.Kind == document.Usage && l.Account == r.Account && l.Product == r.Plan && l.Version == r.Version && l.Class == r.Class &&
			l.Zone == r.Zone &&
			l.Tariff == r.Tariff && l.Cycle == r.Cycle {
			return i + 1
		}
	}
	return 0
}

// Where returns the close that contains a record, from the closes of several payers, and its document with the line;
// nil if there is none yet.
func (t Table) Where(ctx context.Context, payers []uint32, r *Record) (c *Closed, s *Stored, line int, err error) {
	where, args := in("payer_number", payers)
	all, err := t.Closes(ctx, where+` AND cycle >= ?`, append(args, int64(r.Cycle))...)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, payer := range payers {
		var own []*Closed
		for _, c := range all {
			if c.PayerNumber == payer {
				own = append(own, c)
			}
		}
		c := closeOf(own, r)
		if c == nil || r.line(c.Lines) == 0 {
			continue
		}
		if c.Document == "" {
			return c, nil, 0, nil
		}
		s, err := t.Get(ctx, c.Document)
		if err != nil {
			return nil, nil, 0, err
		}
		return c, s, r.line(s.Lines), nil
	}
	return nil, nil, 0, nil
}
