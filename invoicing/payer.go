package invoicing

import (
	"fmt"
	"slices"
	"time"

	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/normalize"
	"ratemill/registry"
	"ratemill/udr"
)

// payer is a payer whose next cycle is being closed.
type payer struct {
	*Basis
	number  uint32
	id      string
	closes  []*Closed // all, oldest first
	last    *Closed   // the last fixed close, nil before the first
	open    []*Closed // fixed closes whose items wait for a document
	first   document.Period
	cycle   document.Period
	account *registry.Account // state of the account when the cycle closes
	is      *Payer
	prices  *Prices
	group   *terms.Group
	*engines
	rules   *rules
	version int  // of the rules
	ahead   bool // close even a cycle that has not ended
	// offCycle is the number of the off-cycle close that is computed; 0 for a cycle close.
	offCycle int
	former   former
}

// Computed is a payer's computed close and the resulting documents.
type Computed struct {
	Closed    *Closed
	Documents []*Stored
	// Skipped is the reason if nothing is closed: the cycle has not ended, or a document must become final first.
	Skipped string
	Broken  bool // the payer is skipped because some of its rows cannot be read: see BrokenError
	Group   *terms.Group
}

// next returns the next cycle of a payer to close: the cycle after the last fixed close. skipped is the reason if
// there is none.
func (p *payer) next(until Date) (skipped string, err error) {
	p.id, _ = p.View.AccountID(p.number)
	for _, c := range p.closes {
		if c.State.Fixed() {
			p.last = c
		}
		if c.State == CloseOpen {
			p.open = append(p.open, c)
		}
	}
	if p.first, err = p.firstCycle(); err != nil {
		return "", err
	}
	p.cycle = p.first
	if p.last != nil {
		if p.cycle, _, err = p.cycleOf(p.number, p.last.Cycle.To); err != nil {
			return "", err
		}
	}
	if p.cycle.From > until && p.last == nil {
		return "it is the first cycle of the payer, and begins after those of this run", nil
	}
	if p.cycle.From > until {
		p.cycle = p.last.Cycle // that cycle is closed; the next one is not
		return "closed already", nil
	}
	if p.account, err = p.accountOn(p.number, p.cycle.To-1); err != nil {
		return "", err
	}
	end := registry.Midnight(p.account.Zone, int32(p.cycle.To))
	if p.is, err = p.Payer(p.id, end-1); err != nil {
		return "", err
	}
	if !p.is.Profiled {
		return "it has no billing profile; ratemill account set " + p.id + " profile … states one", nil
	}
	if p.prices, err = p.Prices(p.Catalogue); err != nil {
		return "", err
	}
	p.group = p.prices.Terms.Group(p.is.Terms.AccountingGroup, p.cycle.To)
	grace := 0
	if p.group != nil {
		grace = int(p.group.Grace)
	}
	if over := registry.Midnight(p.account.Zone, int32(p.cycle.To)+int32(grace)); udr.InstantOf(p.Now) < over && !p.ahead {
		return fmt.Sprintf("its cycle from %s is closed from %s on", p.cycle.From,
			over.Time().In(p.account.Zone).Format(time.DateOnly)), nil
	}
	return "", nil
}

// firstCycle returns the first cycle of a payer that is billed.
func (p *payer) firstCycle() (document.Period, error) {
	if len(p.closes) > 0 {
		return p.closes[0].Cycle, nil
	}
	since, a := p.beginning(p.number)
	if a == nil {
		return document.Period{}, fmt.Errorf("account %s does not exist", p.id)
	}
	begin := p.Begin
	if since > registry.Always {
		begin = max(begin, Date(registry.LocalDate(a.Zone, since)))
	}
	if begin == 0 {
		return document.Period{}, &heldError{fmt.Sprintf("ratemill does not know which cycles of account %s were invoiced "+
			"elsewhere, because the account has always existed; write invoicing: { from: 2026-01-01 } into ratemill.yaml, with "+
			"the date from which ratemill creates the invoices", p.id)}
	}
	cycle, _, err := p.cycleOf(p.number, begin)
	if err == nil && cycle.From < p.Begin && since < registry.Midnight(a.Zone, int32(p.Begin)) {
		cycle, _, err = p.cycleOf(p.number, cycle.To) // the running cycle began in another billing system
	}
	return cycle, err
}

// catalogueOf returns the catalogue version with which a cycle was first billed, or else the version
// of the basis.
func (p *payer) catalogueOf(cycle Date) string {
	for _, c := range p.closes {
		if c.State.Fixed() && c.Until > cycle {
			return c.Catalogue
		}
	}
	return p.Catalogue
}

// catalogueAt returns the same as catalogueOf, but as of a close.
func (p *payer) catalogueAt(of *document.Close) func(cycle Date) string {
	return func(cycle Date) string {
		for _, c := range p.closes {
			if c.State.Fixed() && c.Until > cycle && before(&c.Close, of) {
				return c.Catalogue
			}
		}
		return of.Catalogue
	}
}

// sums computes the close of the cycle: the due items, and the usage that counts.
func (p *payer) sums(u *usage) (*document.Sums, *document.Close, error) {
	c := &document.Close{Cycle: p.cycle, Facts: p.Facts, Cut: p.Cut, Catalogue: p.Catalogue, Until: p.cycle.To, Rules: p.version}
	if p.last != nil {
		c.Before, c.From, c.Early = p.last.Facts, p.last.Cut, p.last.OffCycle > 0
		if c.EarlyArisen = p.last.Arisen; c.EarlyArisen != 0 {
			c.EarlyCatalogue = p.last.Catalogue
		}
	}
	if p.offCycle > 0 {
		c.OffCycle, c.Cut, c.Until, c.Arisen = p.offCycle, p.last.Cut, p.last.Until, p.arisen()
	} else if p.is.Terms.InAdvance {
		next, _, err := p.cycleOf(p.number, p.cycle.To)
		if err != nil {
			return nil, nil, err
		}
		if is, err := p.currencyOf(next.From); err != nil || is == p.account.Currency {
			c.Until = next.To
		}
	}
	s := document.NewSums()
	if err := p.others(c, s.Add); err != nil {
		return nil, nil, err
	}
	if err := p.usageIn(u, c, s.Add); err != nil {
		return s, c, err
	}
	return s, c, p.commitments(c, s)
}

// commitments adds the items due by contracts. They depend on all charges in the contracts' periods, so late usage
// corrects them just as late facts do.
func (p *payer) commitments(c *document.Close, s *document.Sums) error {
	if p.signed == nil {
		return nil
	}
	was := &contract.Sums{}
	for _, before := range p.closes {
		if before.State.Fixed() {
			for i := range before.Lines {
				was.AddLine(&before.Lines[i])
			}
		}
	}
	now := was.Clone()
	lines := s.Exact()
	for i := range lines {
		now.AddLine(&lines[i])
	}
	was.Days, now.Days = p.days(c.Before), p.days(c.Facts)
	items, err := p.rules.contracts(p.signed, contract.Close{Payer: p.number, Cycle: c.Cycle.From, First: p.first.From, Before: c.Before,
		Facts: c.Facts,
		Was:   was, Now: now, Again: c.OffCycle > 0})
	if err != nil {
		return err
	}
	give := p.ofCurrency(c, s.Add)
	for i := range items {
		if err := give(&items[i]); err != nil {
			return err
		}
	}
	return nil
}

// days counts the days of the payer's SIMs as known at a revision.
func (p *payer) days(facts registry.Revision) func(from, to Date) ([]contract.SIMDays, error) {
	return func(from, to Date) (days []contract.SIMDays, err error) {
		err = p.engine.SIMDays(p.number, from, to, facts, func(d product.SIMDays) error {
			days = append(days, contract.SIMDays{Account: d.Account, SIM: d.SIM, Plan: d.Plan, State: d.State, Days: int64(d.Days)})
			return nil
		})
		return days, err
	}
}

// others returns the items of a close other than usage.
func (p *payer) others(c *document.Close, give func(*document.Item) error) error {
	of := product.Close{Payer: p.number, Cycle: c.Cycle.From, First: p.first.From, Before: c.Before, Facts: c.Facts, Again: c.OffCycle > 0,
		Once: c.OffCycle > 0, Early: c.Early, Arisen: c.Arisen, EarlyArisen: c.EarlyArisen}
	if c.EarlyArisen != 0 {
		prices, err := p.Prices(c.EarlyCatalogue)
		if err != nil {
			return err
		}
		of.Earlier = prices.Products
	}
	return p.rules.due(p.engine, of, p.ofCurrency(c, give))
}

// compute closes the cycle. doubts are reasons from other checks to hold the document.
func (p *payer) compute(u *usage, doubts []string) *Computed {
	closed := &Closed{PayerNumber: p.number, Payer: p.id, Currency: p.account.Currency, State: CloseOpen}
	closed.Cycle = p.cycle
	out := &Computed{Closed: closed, Group: p.group}
	if n := len(p.closes); n > 0 && !p.closes[n-1].State.Fixed() {
		closed.Released = p.closes[n-1].Released
	}
	sums, c, err := p.sums(u)
	if err != nil {
		closed.State, closed.Reasons = CloseHeld, []string{err.Error()}
		return out
	}
	closed.Close, closed.Lines = *c, sums.Exact()
	reasons := slices.Concat(doubts, p.former.reasons(p))
	if p.offCycle == 0 {
		reasons = append(reasons, p.compare(u, p.cycle)...)
	}
	switch {
	case !p.is.Terms.Billable:
		closed.State, closed.Waits = CloseProForma, "it gets no invoices (billable: no)"
	case p.group == nil:
		closed.Reasons = append(closed.Reasons,
			fmt.Sprintf("the catalogue has no accounting group %s on %s, which the billing profile of %s refers to",
				p.is.Terms.AccountingGroup, p.cycle.To, p.id))
	case p.group.Currency.Value != p.account.Currency:
		closed.Reasons = append(closed.Reasons, fmt.Sprintf("%s pays in %s, but its accounting group %s is for %s", p.id,
			p.account.Currency,
			p.group.Name.Value, p.group.Currency.Value))
	default:
		if err := p.issue(out); err != nil {
			closed.Reasons = append(closed.Reasons, err.Error())
			out.Documents = nil
		}
		if len(out.Documents) > 0 {
			reasons = append(reasons, p.is.Lacks...)
		}
		for _, d := range out.Documents {
			reasons = append(reasons, p.noEInvoice(&d.Document)...)
		}
	}
	for _, r := range reasons {
		if !slices.Contains(closed.Released, r) {
			closed.Reasons = append(closed.Reasons, r)
		}
	}
	if len(closed.Reasons) > 0 {
		closed.State = CloseHeld
		for _, d := range out.Documents {
			d.Reasons = closed.Reasons
		}
	}
	return out
}

// noEInvoice returns the reason why no e-invoice could be created from a document whose payer needs one. Missing
// fields can be filled in only before the document is final.
func (p *payer) noEInvoice(d *document.Document) (reasons []string) {
	if d.Terms.Delivery != "e_invoice" {
		return nil
	}
	for _, r := range form.Lacking(&form.Print{Document: d, Seller: p.prices.Terms.Seller(d.Seller.Account, p.cycle.To)}) {
		reasons = append(reasons, "it cannot be an e-invoice: "+r)
	}
	return reasons
}

// issue creates the document for this close and the closes whose items wait, if a document is due now (rules R10
// and R11).
func (p *payer) issue(out *Computed) error {
	if p.offCycle > 0 {
		return p.issueOffCycle(out)
	}
	closes := append(append([]*Closed(nil), p.open...), out.Closed)
	for len(closes) > 0 && closes[0].Currency != p.account.Currency { // closes from before the account changed its currency
		n := 1
		for closes[n].Currency == closes[0].Currency {
			n++
		}
		d, err := p.document(closes[:n])
		if err != nil {
			return err
		}
		if !nothingDue(d) {
			out.Documents = append(out.Documents, d)
		}
		closes = closes[n:]
	}
	d, err := p.document(closes)
	if err != nil {
		return err
	}
	sum := d.Net
	switch {
	case nothingDue(d):
		out.Closed.Waits = "nothing is due"
	case p.is.Closed:
		d.Form = document.FinalSettlement
	case !p.group.Issues(p.cycle.From):
		out.Closed.Waits = fmt.Sprintf("invoices are %s", p.group.Periodicity)
	case !d.Negative && sum.Less(p.is.Terms.Threshold):
		out.Closed.Waits = fmt.Sprintf("%s is open, below its threshold of %s", sum.Fixed(d.Scale), p.is.Terms.Threshold.Fixed(d.Scale))
	}
	if out.Closed.Waits != "" {
		return nil
	}
	out.Closed.State = CloseDraft
	out.Documents = append(out.Documents, d)
	return nil
}

// nothingDue reports whether a document would neither request nor return any money. Lines at different rates can
// add up to 0 and still leave tax.
func nothingDue(d *Stored) bool { return d.Net.IsZero() && d.Tax.IsZero() }

// document creates the document of some closes.
func (p *payer) document(closes []*Closed) (*Stored, error) {
	s := &Stored{PayerNumber: p.number}
	d := &s.Document
	d.Form, d.Payer, d.Seller, d.Terms = document.Regular, p.is.Party, p.is.Seller, p.is.Terms
	d.Cycle, d.Currency, d.Gross = closes[len(closes)-1].Cycle, closes[0].Currency, p.group.Prices == "gross"
	currency, err := normalize.ParseCurrency([]byte(d.Currency))
	if err != nil {
		return nil, err
	}
	d.Scale = currency.MinorUnits()
	d.Input = document.Inputs{Rules: p.version, Catalogue: p.Catalogue}
	all := document.NewSums()
	for _, c := range closes {
		d.Periods = append(d.Periods, c.Cycle)
		d.Input.Closes = append(d.Input.Closes, c.Close)
		for i := range c.Lines {
			if err := all.Merge(&c.Lines[i]); err != nil {
				return nil, err
			}
		}
	}
	return s, p.rules.make(d, all, func(l *document.Line) (document.Taxed, error) {
		on := l.Period.To - 1
		if l.Period.From >= d.Cycle.To { // billed in advance: the date of issue is the first day after the cycle (rule R5)
			on = d.Cycle.To
		}
		return p.prices.Terms.Tax(p.group, d.Terms.ZeroVAT, l.Tax, &d.Payer, &d.Seller, on)
	})
}
