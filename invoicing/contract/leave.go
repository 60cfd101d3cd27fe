package contract

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"ratemill/decimal"
	"ratemill/registry"
)

// Leaving is the price of ending a contract on a date (rule R19).
type Leaving struct {
	Contract  *Contract
	End       Date // first day on which the contract is no longer in force
	Noticed   Date
	EndOfTerm Date // end of the term to which the customer is bound
	Month     int  // month of the contract in which it ends
	Tier      *Tier
	Currency  string

	Parts     []Remaining
	Remaining decimal.D // sum of all remaining commitments, with twelve decimals
	Amount    decimal.D // the due amount, with twelve decimals

	amount *big.Rat
}

// Remaining is one part of the remaining commitment: a number of whole periods, or some days of one period.
type Remaining struct {
	Commitment string
	Worth      decimal.D // amount for a whole period
	Count      int       // number of whole periods; 0 for a part of a period
	Days, Of   int       // of a part
	worth      *big.Rat
}

// Rate returns the rate of the tier as text, such as 50 %.
func (l *Leaving) Rate() string {
	switch {
	case l.End >= l.EndOfTerm:
		return "nothing, as the term is over"
	case l.Tier == nil:
		return "nothing, as no tier has this month"
	case l.Tier.OfRemaining != nil:
		return l.Tier.OfRemaining.Value.String() + " %"
	}
	return "flat " + l.Tier.flat.amount.String()
}

// leave computes early termination, both for a contract that ended and for a what-if question.
func (e *Engine) leave(c *Contract, end, noticed Date, payer uint32, rev registry.Revision) (*Leaving, error) {
	end = max(end, c.Start)
	l := &Leaving{Contract: c, End: end, Noticed: noticed, EndOfTerm: c.EndOfTerm(noticed, end), Month: c.monthOf(end),
		amount: new(big.Rat)}
	q, err := e.cycle(payer, rev, end)
	if err != nil {
		return nil, err
	}
	l.Currency = q.currency
	total := new(big.Rat)
	for i := range c.Doc.Commitments {
		m := &c.Doc.Commitments[i]
		for at := end; at < l.EndOfTerm; {
			first, next, of, err := e.whole(c, m, at, payer, rev)
			if err != nil {
				return nil, errorOf(c, err)
			}
			to := min(next, l.EndOfTerm)
			total.Add(total, l.remaining(c, m, at, to, first, next, of))
			at = to
		}
	}
	l.Tier = c.Doc.tier(l.Month)
	if l.Tier != nil && end < l.EndOfTerm {
		if l.Tier.OfRemaining != nil {
			l.amount.Mul(total, l.Tier.OfRemaining.rat())
		} else if flat := l.Tier.flat.rat(); flat.Cmp(total) < 0 {
			l.amount = flat
		} else {
			l.amount.Set(total)
		}
	}
	if l.Remaining, _, err = exact(total); err == nil {
		l.Amount, _, err = exact(l.amount)
	}
	return l, err
}

// whole returns the period of a commitment that contains a date, and the number of dates in a whole period.
func (e *Engine) whole(c *Contract, m *Commitment, at Date, payer uint32, rev registry.Revision) (first, next Date, of int, err error) {
	if m.Per == perYear {
		year := (c.monthOf(at) - 1) / 12
		first, next = c.month(12*year), c.month(12*year+12)
		return first, next, int(next - first), nil
	}
	q, err := e.cycle(payer, rev, at)
	return q.first, q.next, q.whole, err
}

// remaining returns the remaining commitment of a period between two dates. If a ramp changes the minimum within the
// period, each minimum is a separate part.
func (l *Leaving) remaining(c *Contract, m *Commitment, from, to, first, next Date, of int) *big.Rat {
	total := new(big.Rat)
	for from < to {
		number, until := c.number(m, from)
		least := m.at(number)
		for until < to {
			n, next := c.number(m, until)
			if m.at(n).Cmp(least) != 0 {
				break
			}
			until = next
		}
		until = min(until, to)
		worth := new(big.Rat).Mul(least, m.worth())
		total.Add(total, share(worth, int(until-from), of))
		if worth.Sign() != 0 {
			whole := from == first && until == next && int(next-first) == of
			l.add(Remaining{Commitment: m.Name.Value, Days: int(until - from), Of: of, worth: worth}, whole)
		}
		from = until
	}
	return total
}

// add adds a part, merging it with whole periods of equal worth.
func (l *Leaving) add(r Remaining, whole bool) {
	r.Worth, _, _ = exact(r.worth)
	if !whole {
		l.Parts = append(l.Parts, r)
		return
	}
	if n := len(l.Parts) - 1; n >= 0 && l.Parts[n].Count > 0 && l.Parts[n].Commitment == r.Commitment && l.Parts[n].worth.Cmp(r.worth) == 0 {
		l.Parts[n].Count++
		return
	}
	r.Count, r.Days, r.Of = 1, 0, 0
	l.Parts = append(l.Parts, r)
}

// WhatIf returns the price of ending a contract on one date if notice is given on another. It uses the same
// computation as an actual early termination.
func (e *Engine) WhatIf(id string, end, noticed Date, rev registry.Revision) (*Leaving, error) {
	c, docs, err := e.contract(id, rev)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, fmt.Errorf("there is no contract %s%s", id, instead(id,
			slices.Sorted(e.facts.Statements.Subjects(registry.KindContract))))
	}
	if c.Doc == nil {
		return nil, fmt.Errorf("contract %s is of document %s, which the catalogue does not have%s", id, c.Document,
			instead(c.Document, docs.Contracts.Names()))
	}
	payer := cmp.Or(registry.Payer(e.facts.View, e.facts.Statements, c.account, e.instant(c.account, end, rev), rev), c.account)
	return e.leave(c, end, min(noticed, end), payer, rev)
}
