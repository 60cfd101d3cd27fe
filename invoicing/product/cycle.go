package product

import (
	"fmt"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// cycle is a billing cycle of a payer, as known at a revision.
type cycle struct {
	first, next Date
	// whole returns the number of dates of a full cycle. The first cycle after a change of the cycle day is
	// shorter, but a day in it has the same price as in a full one.
	whole    int
	month    int // number of the month in which the whole cycle begins
	zone     *time.Location
	currency string
	kind     string // kind of the payer's account
	profile  profile
	changes  bool // the payer paid in another currency in the previous cycle
}

// advance reports whether recurring charges are due before the cycle begins. The document that closes the previous
// cycle is in that cycle's currency, so the first cycle in another currency is billed when it closes.
func (c *cycle) advance() bool { return c.profile.MRC == "in_advance" && !c.changes }

type cycleKey struct {
	rev  registry.Revision
	date Date
}

// cycle returns the payer's cycle that contains a date.
func (r *run) cycle(rev registry.Revision, date Date) (*cycle, error) {
	if c, ok := r.cycles[cycleKey{rev, date}]; ok {
		return c, nil
	}
	a, err := r.payerAt(rev, date)
	if err != nil {
		return nil, err
	}
	first, next := a.CycleOf(int32(date))
	c := &cycle{first: Date(first), next: Date(next), zone: a.Zone}
	whole := registry.Cycles{Zone: a.Zone, Day: a.CycleDay}
	from, to := whole.Of(int32(date))
	c.whole = int(to - from)
	year, month, _ := Date(from).UTC().Date()
	c.month = 12*year + int(month) - 1
	last := registry.Midnight(a.Zone, next) - 1
	if a, ok := r.view.Account(r.payer, last, rev); ok {
		c.currency, c.kind = a.Currency, a.Kind.String()
	}
	if a, ok := r.view.Account(r.payer, registry.Midnight(a.Zone, first)-1, rev); ok {
		c.changes = a.Currency != c.currency
	}
	if s, ok := r.facts.Statements.At(registry.KindProfile, r.id, "", last, rev); ok {
		if c.profile, err = readStatement[profile](&s.Statement); err != nil {
			return nil, err
		}
	}
	r.cycles[cycleKey{rev, date}] = c
	return c, nil
}

// payerAt returns the payer's account on a date. Before the account begins, it returns the account's first state.
func (r *run) payerAt(rev registry.Revision, date Date) (*registry.Account, error) {
	noon := udr.InstantOf(date.UTC().Add(12 * time.Hour))
	a, ok := r.view.Account(r.payer, noon, rev)
	if ok {
		if exact, there := r.view.Account(r.payer, registry.Midnight(a.Zone, int32(date)), rev); there {
			return exact, nil
		}
		return a, nil
	}
	for at, more := registry.Always, true; more; at, more = r.view.AccountUntil(r.payer, at, rev) {
		if a, ok = r.view.Account(r.payer, at, rev); ok {
			return a, nil
		}
	}
	return nil, fmt.Errorf("account %s does not exist as of registry revision %d", r.id, rev)
}

// after and before return the next and the previous cycle.
func (r *run) after(rev registry.Revision, c *cycle) (*cycle, error)  { return r.cycle(rev, c.next) }
func (r *run) before(rev registry.Revision, c *cycle) (*cycle, error) { return r.cycle(rev, c.first-1) }

// period returns a period of several cycles, which begins or ends with a given cycle, as a range of months.
func (r *run) period(rev registry.Revision, c *cycle, every int, ends bool) (first, last *cycle, err error) {
	first, last = c, c
	for step := c; ; {
		if ends {
			step, err = r.before(rev, step)
		} else {
			step, err = r.after(rev, step)
		}
		if err != nil {
			return nil, nil, err
		}
		switch {
		case ends && step.month > c.month-every:
			first = step
		case !ends && step.month < c.month+every:
			last = step
		default:
			return first, last, nil
		}
	}
}
