package invoicing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/registry"
)

// payer computes the lines of a payer. If some of the payer's rows cannot be read, or nothing can be computed from
// them, it reports these rows as the differences and compares nothing else of the payer.
func (w *balancing) payer(ctx context.Context, number uint32, uses map[registry.Revision]*usage) (*PayerBalance, error) {
	id, _ := w.Basis.View.AccountID(number)
	out := &PayerBalance{Number: number, Payer: id}
	last := w.last(number)
	if last != nil {
		out.Facts, out.Cut, out.Until = last.Facts, last.Cut, last.Cycle.To
	}
	c, wrong := newCells(number, id), w.broken(number)
	if last != nil && len(wrong) == 0 {
		if err := w.recompute(number, id, uses[last.Facts], c); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			wrong = []cell{{line: "B2", cycle: last.Cycle.From, what: "what is due cannot be computed: " + err.Error()}}
		}
	}
	if len(wrong) > 0 {
		c = newCells(number, id)
		for _, k := range wrong {
			c.both(k.line, k.cycle, k.currency, k.what, decimal.FromInt(1), decimal.Zero)
		}
		w.notes = append(w.notes, fmt.Sprintf("nothing else of account %s is compared, because the rows named here cannot be used", id))
		return out, c.into(out)
	}
	w.invoiced(number, c)
	w.amounts(number, c)
	w.exposure(number, c)
	return out, c.into(out)
}

// broken returns the places of a payer's rows that cannot be read: documents (B6), closes (B5), payments and the balance
// of its account (B10).
func (w *balancing) broken(payer uint32) (all []cell) {
	for _, s := range w.documents[payer] {
		if s.Broken != nil {
			all = append(all, cell{line: "B6", cycle: s.Cycle.From, what: s.Broken.Error()})
		}
	}
	for _, c := range w.closes[payer] {
		if c.Broken != nil {
			all = append(all, cell{line: "B5", cycle: c.Cycle.From, what: cmp.Or(c.Document, "no document yet") + ": " + c.Broken.Error()})
		}
	}
	for _, o := range w.owed[payer] {
		if o.Broken != nil {
			all = append(all, cell{line: "B10", what: o.Broken.Error()})
		}
	}
	return all
}

// recompute computes again what a payer owes, from the facts and the usage of the payer's last close (B1 to B4,
// B8).
func (w *balancing) recompute(number uint32, id string, u *usage, c *cells) error {
	if u == nil {
		return errors.New("the cuts of closes do not follow each other; ratemill invoice verify --all names the one that changed")
	}
	all, last := w.closes[number], w.last(number)
	b := *w.Basis
	b.Facts, b.Cut, b.Catalogue = last.Facts, last.Cut, last.Catalogue
	p := &payer{Basis: &b, number: number, id: id, closes: all, last: last, first: all[0].Cycle, engines: w.engines}
	w.catalogue = p.catalogueOf
	var err error
	if p.rules, err = rulesOf(last.Rules); err != nil {
		return err
	}
	w.charged(p, u, c)
	return w.due(p, c)
}

// within reports whether a cycle is one of the compared cycles.
func (w *balancing) within(cycle Date) bool { return cycle >= w.From && cycle <= w.To }

// charged adds the warehouse's charges for the usage in a payer's closes (B1).
func (w *balancing) charged(p *payer, u *usage, c *cells) {
	behind := slices.Index(u.cuts, p.last.Cut.String())
	if behind < 0 {
		behind = len(u.cuts) // cut of the query that read the charges
	}
	until := map[string]int{} // by currency: the cuts up to the last close in each former currency
	for currency, last := range lastIn(p.closes) {
		until[currency] = slices.Index(u.cuts, last.Cut.String())
	}
	for i := range u.of[p.number] {
		s := &u.of[p.number][i]
		if n, ok := until[s.Currency]; ok && s.Currency != p.last.Currency && n >= 0 && s.Since > n {
			continue // an operator settled it
		}
		if s.Since > behind || s.Cycle > p.last.Cycle.From || s.Cycle < p.first.From || !w.within(s.Cycle) || s.Cycle < w.Kept {
			continue
		}
		c.add(left, "B1", s.Cycle, s.Currency, "", s.Amount)
	}
}

// due recomputes the due amounts from the facts of the last close (B2 to B4), and counts the SIM days (B8).
func (w *balancing) due(p *payer, c *cells) error {
	give := func(cycle Date, currency string) func(*document.Item) error {
		return func(i *document.Item) error {
			if i.Cycle == cycle && w.within(cycle) {
				c.add(left, lineOf(i.Kind), cycle, currency, "", i.Exact)
			}
			return nil
		}
	}
	for _, q := range p.closes {
		if q.OffCycle > 0 {
			continue // differences belong to cycles whose closes are in the list
		}
		next := q.Cycle == p.last.Cycle && w.within(q.Cycle.To) // items billed in advance, and one-off charges that an off-cycle close contains
		if !w.within(q.Cycle.From) && !next {
			continue
		}
		facts := p.factsOf(q)
		this, ahead := give(q.Cycle.From, q.Currency), give(q.Cycle.To, q.Currency)
		close := product.Close{Payer: p.number, Cycle: q.Cycle.From, First: q.Cycle.From, Facts: facts}
		if q.Cycle == p.last.Cycle && p.last.OffCycle > 0 {
			close.Once, close.Arisen = true, p.last.Arisen
		}
		err := p.rules.due(p.engine, close,
			func(i *document.Item) error {
				if i.Cycle == q.Cycle.To && next {
					return ahead(i)
				}
				return this(i)
			})
		if err != nil {
			return err
		}
		if !w.within(q.Cycle.From) {
			continue
		}
		err = p.engine.PricedDays(p.number, q.Cycle.From, q.Cycle.To, facts, func(account, part string) {
			c.add(left, "B8", q.Cycle.From, "", account+", part "+part, decimal.FromInt(1))
		})
		if err != nil {
			return err
		}
		if err := w.days(p, q, c); err != nil {
			return err
		}
	}
	return w.contracts(p, c)
}

// contracts recomputes the amounts due by contracts in all cycles (B4), because they depend on the charges in
// these cycles.
func (w *balancing) contracts(p *payer, c *cells) error {
	if p.signed == nil {
		return nil
	}
	counts := &contract.Sums{}
	for _, q := range p.closes {
		for i := range q.Lines {
			counts.AddLine(&q.Lines[i])
		}
	}
	for _, q := range p.closes {
		if !w.within(q.Cycle.From) || q.OffCycle > 0 {
			continue
		}
		facts := p.factsOf(q)
		counts.Days = p.days(facts)
		none := &contract.Sums{Days: func(Date, Date) ([]contract.SIMDays, error) { return nil, nil }}
		items, err := p.rules.contracts(p.signed, contract.Close{Payer: p.number, Cycle: q.Cycle.From, First: p.first.From,
			Facts: facts, Was: none, Now: counts})
		if err != nil {
			return err
		}
		for i := range items {
			if items[i].Cycle == q.Cycle.From {
				c.add(left, "B4", q.Cycle.From, q.Currency, "", items[i].Exact)
			}
		}
	}
	return nil
}

// days adds the days of a cycle's recurring items (B8), from all closes.
func (w *balancing) days(p *payer, q *Closed, c *cells) error {
	prices, err := p.Prices(p.catalogueOf(q.Cycle.From))
	if err != nil {
		return err
	}
	for _, closed := range p.closes {
		for i := range closed.Lines {
			l := &closed.Lines[i]
			if l.Kind == document.Recurring && l.Cycle == q.Cycle.From && prices.Products.ByDays(l.Product) {
				c.add(right, "B8", l.Cycle, "", l.Account+", part "+l.Product, l.Quantity)
			}
		}
	}
	return nil
}

// invoiced adds the items of final documents, and the items of closes without a final document.
func (w *balancing) invoiced(number uint32, c *cells) {
	add := func(lines []document.Line, currency string) {
		for i := range lines {
			l := &lines[i]
			if w.within(l.Cycle) && (l.Kind != document.Usage || l.Cycle >= w.Kept) {
				c.add(right, lineOf(l.Kind), l.Cycle, currency, "", l.Exact)
			}
		}
	}
	for _, s := range w.documents[number] {
		if s.Form != document.CreditNote {
			add(s.Lines, s.Currency)
		}
	}
	for _, q := range w.closes[number] {
		if q.State != CloseBilled {
			add(q.Lines, q.Currency)
		}
	}
}

// amounts compares the lines of documents with their items, and their totals with their lines (B5, B6).
func (w *balancing) amounts(number uint32, c *cells) {
	for _, s := range w.documents[number] {
		if !w.within(s.Cycle.From) {
			continue
		}
		name, cycle := s.Name(), s.Cycle.From
		var nets, taxes decimalSum
		for i := range s.Lines {
			l := &s.Lines[i]
			nets.add(l.Net)
			c.add(right, "B5", cycle, s.Currency, name, l.Amount)
			c.add(right, "B5", cycle, s.Currency, name, l.Rest)
			if s.Form == document.CreditNote {
				c.add(left, "B5", cycle, s.Currency, name, l.Exact)
			}
		}
		if s.Form != document.CreditNote {
			for _, q := range w.closes[number] {
				if q.Document == s.ID && q.State == CloseBilled {
					for i := range q.Lines {
						c.add(left, "B5", cycle, s.Currency, name, q.Lines[i].Exact)
					}
				}
			}
		}
		for _, g := range s.Taxes {
			taxes.add(g.Tax)
		}
		c.add(left, "B6", cycle, s.Currency, name, nets.Sum)
		c.add(left, "B6", cycle, s.Currency, name, taxes.Sum)
		c.add(right, "B6", cycle, s.Currency, name, s.Total)
		c.both("B6", cycle, s.Currency, name+": net of its lines", nets.Sum, s.Net)
		c.both("B6", cycle, s.Currency, name+": tax of its groups", taxes.Sum, s.Tax)
		w.credited(number, s, c)
	}
}

// credited compares credit notes with the lines of their document. A document's credit notes must not credit
// more of a line than its amount.
func (w *balancing) credited(number uint32, s *Stored, c *cells) {
	if s.Form == document.CreditNote {
		return
	}
	var credits []*document.Document
	for _, o := range w.documents[number] {
		if o.Form == document.CreditNote && o.Corrects == s.Number {
			credits = append(credits, &o.Document)
		}
	}
	rest, err := document.Left(&s.Document, credits)
	if err != nil || len(credits) == 0 {
		return
	}
	for n := range rest {
		if rest[n].Sign() != 0 && rest[n].Sign() != s.Lines[n].Amount.Sign() {
			c.both("B6", s.Cycle.From, s.Currency, fmt.Sprintf("%s: credited beyond line %d", s.Name(), n+1), rest[n].Abs(), decimal.Zero)
		}
	}
}

// exposure compares the amount that a payer owes with the balance of its account (B10). It covers all cycles.
func (w *balancing) exposure(number uint32, c *cells) {
	if w.Owed == nil {
		return
	}
	for _, s := range w.documents[number] {
		c.add(left, "B10", 0, s.Currency, "", s.owed())
	}
	for _, q := range w.closes[number] {
		usage, others := q.Exact()
		switch q.State {
		case CloseBilled:
			c.add(left, "B10", 0, q.Currency, "", usage.Sum.Neg())
		case CloseOpen:
			c.add(left, "B10", 0, q.Currency, "", others.Sum)
		}
	}
	for _, o := range w.owed[number] {
		c.add(left, "B10", 0, o.Currency, "", o.Paid.Neg())
		c.add(right, "B10", 0, o.Currency, "", o.Documents)
		c.add(right, "B10", 0, o.Currency, "", o.Billed.Neg())
	}
}
