package invoicing

import (
	"cmp"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// former holds new facts about cycles in which a payer paid in another currency. A document in the present
// currency cannot contain the resulting amounts.
type former struct {
	cycles map[Date]string // the currency of each requested cycle
	sums   map[formerKey]*decimalSum
}

type formerKey struct {
	cycle          Date
	currency, what string
}

func (f *former) add(cycle Date, currency, what string, amount decimal.D) {
	if f.sums == nil {
		f.sums = map[formerKey]*decimalSum{}
	}
	k := formerKey{cycle, currency, what}
	if f.sums[k] == nil {
		f.sums[k] = &decimalSum{}
	}
	f.sums[k].add(amount)
}

// reasons returns the reasons to hold a document until an operator has settled the amounts that it cannot
// contain.
func (f *former) reasons(p *payer) (reasons []string) {
	for k, sum := range f.sums {
		if sum.Sum.IsZero() && sum.Err == nil {
			continue
		}
		reasons = append(reasons, fmt.Sprintf("the facts of the cycle from %s, as known now, change its %s by %s %s, but %s "+
			"has paid in %s since then: no document in %s can have that amount."+
			" Settle it with ratemill invoice credit or ratemill charge add, then release this "+
			"one", k.cycle, k.what, k.currency,
			sum.Sum,
			p.id, p.account.Currency, p.account.Currency))
	}
	slices.Sort(reasons)
	return reasons
}

// currencyOf returns the currency of a payer in the cycle that contains a date.
func (p *payer) currencyOf(date Date) (string, error) {
	if currency, ok := p.former.cycles[date]; ok {
		return currency, nil
	}
	cycle, a, err := p.cycleOf(p.number, date)
	if err != nil {
		return "", err
	}
	if last, ok := p.View.Account(p.number, registry.Midnight(a.Zone, int32(cycle.To))-1, p.Facts); ok {
		a = last
	}
	if p.former.cycles == nil {
		p.former.cycles = map[Date]string{}
	}
	p.former.cycles[date] = a.Currency
	return a.Currency, nil
}

// ofCurrency passes on the items of a close that are in the close's currency, and records the other items.
func (p *payer) ofCurrency(c *document.Close, give func(*document.Item) error) func(*document.Item) error {
	return func(i *document.Item) error {
		own, err := p.currencyOf(c.Cycle.From)
		if err != nil {
			return err
		}
		is := own
		if i.Cycle < c.Cycle.From {
			if is, err = p.currencyOf(i.Cycle); err != nil {
				return err
			}
		}
		if is != own {
			p.former.add(i.Cycle, is, cmp.Or(map[document.Kind]string{document.Commitment: "commitments", document.Penalty: "penalties"}[i.Kind],
				"charges"), i.Exact)
			return nil
		}
		return give(i)
	}
}

// lastIn returns the last close in each currency. closes are in chronological order.
func lastIn(closes []*Closed) map[string]*Closed {
	all := map[string]*Closed{}
	for _, c := range closes {
		all[c.Currency] = c
	}
	return all
}

// factsOf returns the facts revision with which a closed cycle was last billed. Facts that became known
// after the payer changed its currency were settled by hand.
func (p *payer) factsOf(q *Closed) registry.Revision {
	if q.Currency != p.last.Currency {
		return lastIn(p.closes)[q.Currency].Facts
	}
	return p.Facts
}
