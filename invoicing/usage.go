package invoicing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/udr"
)

// usage holds the sums of charges of some payers up to the cut of a basis.
type usage struct {
	cuts []string // cuts of the query, oldest first, as text
	of   map[uint32][]Charged
	from Date // it has all usage of cycles that begin on this date or later; of earlier cycles it has only usage after the oldest cut
	// balances are the running balances of the cycles with all usage, by payer.
	balances map[uint32][]accountBalance
}

// accountBalance is a running balance of an account in a cycle.
type accountBalance struct {
	AccountCycle
	Balance
}

// Compared is the number of days before the end of a close for which usage is compared with the running balances.
// Usage of earlier cycles is read only if no close contains it yet. Late usage may arrive as late as late_until
// allows, and correct a cycle of the year before.
const Compared = 400

// asking is a query for the usage of payers.
type asking struct {
	closes   []*Closed // the last fixed closes of the payers
	from, to Date      // first days of the cycles whose usage is read completely, inclusive
	late     bool      // also read usage of earlier cycles that is in none of the closes
	accounts []uint32  // nil for all
	// payers are the payers whose usage is kept: accounts below them may have another payer. nil keeps all usage.
	payers map[uint32]bool
	// long holds payers whose last closes are so old that all their usage from an earlier date on is read.
	long map[uint32]Date
}

// ask reads usage.
func (b *Basis) ask(ctx context.Context, a *asking) (*usage, error) {
	q := UsageQuestion{Until: b.Cut, From: a.from, To: a.to, Late: a.late, Accounts: a.accounts}
	u := &usage{of: map[uint32][]Charged{}, from: a.from}
	seen := map[string]bool{}
	for _, c := range a.closes {
		if text := c.Cut.String(); !seen[text] {
			seen[text] = true
			q.Cuts = append(q.Cuts, c.Cut)
		}
	}
	slices.SortFunc(q.Cuts, compareCuts)
	for _, c := range q.Cuts {
		if !notAfter(c, b.Cut) {
			return nil, &cutError{b.Cut, c}
		}
		u.cuts = append(u.cuts, c.String())
	}
	payers := map[AccountCycle]uint32{}
	take := func(all bool) func(*Charged) error {
		return func(c *Charged) error {
			of := AccountCycle{c.Account, c.Cycle}
			payer, known := payers[of]
			if !known {
				payer = b.payerOf(c.Account, c.Cycle)
				payers[of] = payer
			}
			if a.payers != nil && !a.payers[payer] {
				return nil
			}
			if from, long := a.long[payer]; c.Cycle < a.from && (long && c.Cycle >= from) != all {
				return nil // the other query contains it
			}
			u.of[payer] = append(u.of[payer], *c)
			return nil
		}
	}
	if err := b.Usage(ctx, q, take(false)); err != nil || len(a.long) == 0 {
		return u, err
	}
	below := map[uint32]bool{}
	q.To, q.Late = a.from-1, false
	for payer, from := range a.long {
		below[payer] = true
		q.From = min(q.From, from)
	}
	if a.accounts == nil && len(a.long) <= together {
		b.View.Below(below)
		q.Accounts = slices.Sorted(maps.Keys(below))
	}
	return u, b.Usage(ctx, q, take(true))
}

// usageIn returns the usage of a close. An off-cycle close has none.
func (p *payer) usageIn(u *usage, c *document.Close, give func(*document.Item) error) error {
	if c.OffCycle > 0 {
		return nil
	}
	return p.usageItems(u, c, give)
}

// usageItems returns the usage of a payer for a close (rule R16): usage of all cycles up to the closing one, minus
// the usage in the previous close.
func (p *payer) usageItems(u *usage, c *document.Close, give func(*document.Item) error) error {
	behind := 0 // cuts up to the cut of the previous close
	if p.last != nil {
		if behind = slices.Index(u.cuts, p.last.Cut.String()) + 1; behind == 0 {
			behind = len(u.cuts) + 1 // the previous close has the cut of this run, so there is no usage after it
		}
	}
	all := u.of[p.number]
	for i := 0; i < len(all); {
		// One item contains the charges between two closes of this payer. Sums are also split at the
		// cuts of other payers; these splits are joined again here.
		sum, counts := all[i], false
		sum.Records, sum.Quantity, sum.Amount = 0, 0, decimal.Zero
		for ; i < len(all) && all[i].like(&sum); i++ {
			s := &all[i]
			if s.Cycle > c.Cycle.From || s.Cycle < p.first.From {
				continue
			}
			if p.last != nil && s.Cycle <= p.last.Cycle.From && s.Since < behind {
				continue // it is in an earlier close
			}
			amount, err := sum.Amount.Add(s.Amount)
			if err != nil {
				return err
			}
			sum.Records, sum.Quantity, sum.Amount, counts = sum.Records+s.Records, sum.Quantity+s.Quantity, amount, true
		}
		if !counts {
			continue
		}
		if sum.Currency != p.account.Currency {
			if was, err := p.currencyOf(sum.Cycle); err == nil && was == sum.Currency {
				p.former.add(sum.Cycle, was, "usage", sum.Amount)
				continue
			}
		}
		item, err := p.usageItem(&sum)
		if err != nil {
			return err
		}
		if err := give(item); err != nil {
			return err
		}
	}
	return nil
}

// like reports whether two sums differ only in their amounts and in the cuts that they follow.
func (s *Charged) like(o *Charged) bool {
	a, b := *s, *o
	a.Since, a.Records, a.Quantity, a.Amount = 0, 0, 0, decimal.Zero
	b.Since, b.Records, b.Quantity, b.Amount = 0, 0, 0, decimal.Zero
	return a == b
}

func (p *payer) usageItem(s *Charged) (*document.Item, error) {
	cycle, _, err := p.cycleOf(s.Account, s.Cycle)
	if err != nil {
		return nil, err
	}
	id, _ := p.View.AccountID(s.Account)
	if s.Currency != p.account.Currency {
		return nil, &heldError{fmt.Sprintf("account %s pays in %s, but usage of its cycle from %s by plan %s is charged in %s; "+
			"ratemill account show %s", id, p.account.Currency, s.Cycle, s.Plan, s.Currency, id)}
	}
	return &document.Item{
		Kind: document.Usage, Account: id, Product: s.Plan, Version: p.prices.PlanFrom(s.Plan, s.PlanVersion), Class: s.Class, Zone: s.Zone,
		Tariff: s.Tariff, Cycle: cycle.From, Period: cycle, Quantity: decimal.FromInt(s.Quantity), Unit: s.Unit.String(), Records: s.Records,
		Exact: s.Amount, Tax: p.prices.Products.Tax("usage", s.Plan, cycle.To-1),
	}, nil
}

// heldError is an error that holds a document.
type heldError struct{ reason string }

func (e *heldError) Error() string { return e.reason }

// compare reports differences between the warehouse's sums up to the cut and the running balances.
func (p *payer) compare(u *usage, closing document.Period) (reasons []string) {
	if p.Balances == nil {
		return nil
	}
	type key struct {
		AccountCycle
		tier     uint8
		class    string
		unit     udr.Unit
		currency string
	}
	type sum struct {
		records, quantity int64
		amount            decimalSum
	}
	sums := map[key]*sum{}
	at := func(k key) *sum {
		if sums[k] == nil {
			sums[k] = &sum{}
		}
		return sums[k]
	}
	from := max(u.from, p.first.From)
	for i := range u.of[p.number] {
		s := &u.of[p.number][i]
		if s.Cycle <= closing.From && s.Cycle >= from {
			x := at(key{AccountCycle{s.Account, s.Cycle}, s.Tier, s.Class, s.Unit, s.Currency})
			x.records, x.quantity = x.records+s.Records, x.quantity+s.Quantity
			x.amount.add(s.Amount)
		}
	}
	for i := range u.balances[p.number] {
		b := &u.balances[p.number][i]
		if b.Cycle <= closing.From && b.Cycle >= from {
			x := at(key{b.AccountCycle, b.Tier, b.Class, b.Unit, b.Currency})
			x.records, x.quantity = x.records-b.Records, x.quantity-b.Quantity
			x.amount.add(b.Amount.Neg())
		}
	}
	for k, x := range sums {
		if x.records == 0 && x.quantity == 0 && x.amount.Sum.IsZero() && x.amount.Err == nil {
			continue
		}
		id, _ := p.View.AccountID(k.Account)
		reasons = append(reasons,
			fmt.Sprintf("%s of account %s in the cycle from %s: the warehouse has %+d records and %s %s beyond the running "+
				"balances; docs/runbooks/invoice-held.md", k.class, id, k.Cycle, x.records, x.amount.Sum, k.currency))
	}
	slices.SortFunc(reasons, strings.Compare)
	return reasons
}
