package contract

import (
	"fmt"
	"math/big"
	"slices"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

// owedKey identifies an item in two closes that are compared.
type owedKey struct {
	contract   string
	commitment string // "" for early termination
	cycle      Date
}

// owed is the exact amount due for a key.
type owed struct {
	owedKey
	amount *big.Rat
	pieces *big.Rat      // the missing quantity; nil if the shortfall is itself an amount
	item   document.Item // the item without its amounts and quantity
}

// known holds the facts known at a close.
type known struct {
	*run
	rev    registry.Revision
	counts Counts
	sums   map[Date][]Sum
	docs   map[*Documents][]*Contract
}

// due computes the amounts that the payer owes for a cycle by its contracts.
func (k *known) due(q cycle) (all []owed, err error) {
	docs, err := k.catalogue(k.id, q.first)
	if err != nil {
		return nil, err
	}
	contracts, ok := k.docs[docs]
	if !ok {
		if contracts, err = k.contractsOf(docs); err != nil {
			return nil, err
		}
		k.docs[docs] = contracts
	}
	for _, c := range contracts {
		for i := range c.Doc.Commitments {
			m := &c.Doc.Commitments[i]
			p, ok, err := k.period(c, m, q)
			if err == nil && ok {
				err = k.commitment(c, m, &p, q, docs, &all)
			}
			if err != nil {
				return nil, err
			}
		}
		if err := k.termination(c, q, docs, &all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// contractsOf returns the contracts of the payer and of the accounts that were ever below it.
func (k *known) contractsOf(docs *Documents) (all []*Contract, err error) {
	for _, id := range k.ids {
		c, err := k.read(id, k.rev, docs)
		if err != nil {
			return nil, err
		}
		if c == nil || c.Doc == nil || c.Status == Draft {
			continue
		}
		if err := k.resolve(c, k.rev); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// pays reports whether the run's payer pays for an account on a date.
func (k *known) pays(account uint32, q *cycle, on Date) bool {
	at := registry.Midnight(q.zone, int32(on)+1) - 1
	return registry.Payer(k.facts.View, k.facts.Statements, account, at, k.rev) == k.Payer
}

// period is the part of a cycle or contract year in which a commitment is in force.
type period struct {
	document.Period
	of  int // number of dates in the whole period
	min *big.Rat
}

// period returns the period of a commitment that is due when a cycle closes: the cycle itself, or the contract year
// whose last day in force is in the cycle. Days before the first billed cycle do not count.
func (k *known) period(c *Contract, m *Commitment, q cycle) (p period, ok bool, err error) {
	begin := max(c.Start, k.begin)
	if m.Per != perYear {
		p.From, p.To, p.of = max(q.first, begin), min(q.next, c.Until()), q.whole
		if p.From >= p.To || !k.pays(c.account, &q, p.To-1) {
			return p, false, nil
		}
		p.min = c.minimum(m, p.From, p.To, p.of)
		return p, true, nil
	}
	last := min(q.next, c.Until()) - 1
	if last < q.first || last < begin {
		return p, false, nil
	}
	// Two contract years never end in one cycle: a year is longer than a cycle.
	year := (c.monthOf(last) - 1) / 12
	from, to := c.month(12*year), c.month(12*year+12)
	if end := min(to, c.Until()); end > last+1 { // the year continues; the previous one may have ended in this cycle
		if from <= q.first || from <= begin {
			return p, false, nil
		}
		from, to = c.month(12*year-12), from
	}
	p.From, p.To, p.of = max(from, begin), min(to, c.Until()), int(to-from)
	if p.From >= p.To || !k.pays(c.account, &q, p.To-1) {
		return p, false, nil
	}
	p.min = c.minimum(m, p.From, p.To, p.of)
	return p, true, nil
}

// minimum returns the minimum of a commitment between two dates of a period that has `of` dates. Each date adds
// its minimum divided by `of`.
func (c *Contract) minimum(m *Commitment, from, to Date, of int) *big.Rat {
	total := new(big.Rat)
	for from < to {
		number, next := c.number(m, from)
		next = min(next, to)
		total.Add(total, share(m.at(number), int(next-from), of))
		from = next
	}
	return total
}

// number returns the number of the cycle or contract year that contains a date, counted from 1 as ramps count, and
// the first date of the next one.
func (c *Contract) number(m *Commitment, d Date) (number int, next Date) {
	n := c.monthOf(d)
	if m.Per == perYear {
		n = (n-1)/12 + 1
		return n, c.month(12 * n)
	}
	return n, c.month(n)
}

// commitment adds the true-up of a period with a shortfall (rule R18).
func (k *known) commitment(c *Contract, m *Commitment, p *period, q cycle, docs *Documents, all *[]owed) error {
	count, err := k.counted(c, m, p, docs)
	if err != nil {
		return err
	}
	missing := new(big.Rat).Sub(p.min, count)
	if missing.Sign() <= 0 {
		return nil
	}
	o := owed{owedKey: owedKey{c.ID, m.Name.Value, q.first}, item: document.Item{
		Kind: document.Commitment, Account: c.Account, Product: c.Document, Version: c.Doc.From, State: m.Name.Value, Cycle: q.first,
		Period: p.Period, Days: p.Days(), Of: p.of, Unit: "1", Per: 1, Cause: c.ID,
		Tax: docs.Tax("commitment", c.Document, p.To-1),
	}}
	if m.Of == spend {
		o.amount = missing.Mul(missing, m.Penalty.rat())
	} else {
		o.amount = new(big.Rat).Mul(missing, m.price.rat())
		o.item.Price, o.item.Per, o.pieces = m.price.amount, m.price.per, missing
		switch m.Of {
		case connections: // so many SIM-days
			o.pieces = new(big.Rat).Mul(missing, new(big.Rat).SetInt64(int64(p.of)))
			o.item.Unit, o.item.Per = "days", 0
		case usage:
			if m.unit() != udr.Count {
				o.item.Unit = m.unit().String()
			}
		}
	}
	*all = append(*all, o)
	return nil
}

// counted returns the quantity that counts in a period, in the unit of the commitment.
func (k *known) counted(c *Contract, m *Commitment, p *period, docs *Documents) (*big.Rat, error) {
	count := new(big.Rat)
	if m.Of == connections {
		days, err := k.counts.SIMDays(p.From, p.To)
		if err != nil {
			return nil, err
		}
		for i := range days {
			d := &days[i]
			mine := len(c.sims) == 0 || c.sims[d.SIM]
			if mine && has(m.States, d.State) && k.within(c, d.Account, p.To-1) && c.about(m, d.Plan, docs) {
				count.Add(count, big.NewRat(d.Days, int64(p.of)))
			}
		}
		return count, nil
	}
	for at := p.From; at < p.To; {
		q, err := k.cycle(k.Payer, k.rev, at)
		if err != nil {
			return nil, err
		}
		at = q.next
		// Each cycle counts in one period: the period that contains the cycle's last day, or the last day of the
		// contract.
		if last := min(q.next, c.Until()) - 1; last < p.From || last >= p.To {
			continue
		}
		sums, err := k.sumsOf(q.first)
		if err != nil {
			return nil, err
		}
		for i := range sums {
			if s := &sums[i]; c.about(m, s.Product, docs) && k.within(c, s.Account, p.To-1) {
				m.add(count, s)
			}
		}
	}
	return count, nil
}

func (k *known) sumsOf(cycle Date) ([]Sum, error) {
	if sums, ok := k.sums[cycle]; ok {
		return sums, nil
	}
	sums, err := k.counts.Sums(cycle)
	if err == nil {
		k.sums[cycle] = sums
	}
	return sums, err
}

// add adds the part of a sum that counts towards the commitment.
func (v *Commitment) add(count *big.Rat, s *Sum) {
	if s.Kind == document.Usage && len(v.Classes) > 0 && !has(v.Classes, s.Class) {
		return
	}
	switch {
	case v.Of == spend && slices.Contains(v.kinds(), string(s.Kind)):
		count.Add(count, ratOf(s.Amount))
	case v.Of == usage && s.Kind == document.Usage:
		count.Add(count, ratOf(s.Quantity))
	case v.Of == volume && s.Kind == document.Usage:
		count.Add(count, new(big.Rat).SetInt64(s.Records))
	}
}

// within reports whether charges of an account count towards a contract. They do if it is the contract's account
// or one below it. If the payer itself has the contract, all charges count.
func (k *known) within(c *Contract, account string, on Date) bool {
	if c.account == k.Payer || account == c.Account {
		return true
	}
	number, ok := k.facts.View.AccountNumber(account)
	if !ok {
		return false
	}
	at := udr.InstantOf(on.UTC().Add(noon))
	return slices.Contains(k.facts.View.Path(number, at, k.rev, nil), c.account)
}

// about reports whether charges for a part, plan or add-on count towards a commitment.
func (c *Contract) about(m *Commitment, name string, docs *Documents) bool {
	of := docs.of(name)
	if len(c.Products) > 0 && !slices.Contains(c.Products, name) && !slices.Contains(c.Products, of) {
		return false
	}
	return len(m.Products) == 0 || has(m.Products, name) || has(m.Products, of)
}

// termination adds the early-termination charge of a contract whose last day in force is in the cycle.
func (k *known) termination(c *Contract, q cycle, docs *Documents, all *[]owed) error {
	end, noticed, ok := c.left()
	last := max(end-1, c.Start)
	if !ok || last < q.first || last >= q.next || last < k.begin || !k.pays(c.account, &q, last) {
		return nil
	}
	l, err := k.leave(c, end, noticed, k.Payer, k.rev)
	if err != nil {
		return err
	}
	if l.amount.Sign() == 0 {
		return nil
	}
	*all = append(*all, owed{owedKey: owedKey{c.ID, "", q.first}, amount: l.amount, item: document.Item{
		Kind: document.Penalty, Account: c.Account, Product: c.Document, Version: c.Doc.From, Cycle: q.first,
		Period: document.Period{From: end, To: l.EndOfTerm}, Unit: "1", Per: 1, Cause: c.ID, Tax: docs.Tax("penalty", c.Document, last),
	}})
	return nil
}

// minus returns the item for the difference between the present and the former amount.
func (o *owed) minus(was *owed) (i document.Item, remains bool, err error) {
	zero := new(big.Rat)
	before, pieces := zero, zero
	i = o.item
	if was != nil {
		before = was.amount
		if was.pieces != nil {
			pieces = was.pieces
		}
	}
	now, nowBelow, err := exact(o.amount)
	if err != nil {
		return i, false, err
	}
	then, thenBelow, err := exact(before)
	if err != nil {
		return i, false, err
	}
	if i.Exact, err = now.Sub(then); err != nil || i.Exact.IsZero() {
		return i, false, err
	}
	i.Below = fraction(nowBelow.Sub(nowBelow, thenBelow))
	if o.pieces != nil {
		i.Quantity, _, err = exact(new(big.Rat).Sub(o.pieces, pieces))
		return i, true, err
	}
	// EN 16931 BR-27: a price must not be negative, so a credit has the quantity −1.
	i.Price, i.Quantity = i.Exact.Abs(), decimal.FromInt(int64(i.Exact.Sign()))
	return i, true, nil
}

// nothing is the owed amount for a key that is no longer due.
func (o *owed) nothing() *owed {
	n := &owed{owedKey: o.owedKey, amount: new(big.Rat), item: o.item}
	if o.pieces != nil {
		n.pieces = new(big.Rat)
	}
	return n
}

func has(list []diag.Text, name string) bool {
	return slices.ContainsFunc(list, func(t diag.Text) bool { return t.Value == name })
}

func errorOf(c *Contract, err error) error { return fmt.Errorf("contract %s: %w", c.ID, err) }
