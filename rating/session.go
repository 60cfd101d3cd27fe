package rating

import (
	"fmt"
	"time"

	"ratemill/decimal"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// part is a record as a part of its session, at one tier.
type part struct {
	key    SessionKey
	before Session
	after  Session
}

// join finds the sessions of a record, one for each tier whose plan needs them. With a linear price, the parts cost
// as much as the whole session, so rating does not need the earlier parts. SessionWithin is set if the source
// delivers sessions in parts.
func (e *Engine) join(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage) error {
	if e.parts = e.parts[:0]; cap(e.parts) < len(e.tiers) {
		e.parts = make([]part, 0, 2*len(e.tiers)) // tiers contain pointers into it
	}
	for i := range e.tiers {
		t := &e.tiers[i]
		if t.class.session == 0 {
			continue
		}
		if u.SessionKey == (udr.SessionKey{}) {
			if u.Continues {
				return suspend(SessionUnknown, "the record continues a session, but the source's session key is empty, so its "+
					"session is unknown; correct the source's rules and retry")
			}
			return nil
		}
		e.parts = append(e.parts, part{key: SessionKey{ID: sessionID(&u.SessionKey, e.root(), t.payer.number, t.class.session), SIM: u.SIM}})
		p := &e.parts[len(e.parts)-1]
		t.part = p
		before, known := c.Sessions.Get(p.key)
		switch {
		case known && !before.over(seconds(u.At)):
			p.before = before
		case u.Continues && !e.began(v, rev, t, u):
			return suspend(SessionUnknown, "the record continues an unknown session: sessions of the source are remembered for %s "+
				"after their last part. "+
				"If an earlier part is still to come or in suspense, retry this one after it; to rate it as its own session, retry it with rules "+
				"that do not set continues", span(u.SessionWithin))
		}
	}
	return nil
}

// span returns a number of seconds in the notation of a source's document.
func span(seconds uint32) string {
	for _, unit := range []struct {
		name    string
		seconds uint32
	}{{"d", daySeconds}, {"h", 3600}, {"m", 60}} {
		if seconds >= unit.seconds && seconds%unit.seconds == 0 {
			return fmt.Sprint(seconds/unit.seconds, unit.name)
		}
	}
	return fmt.Sprint(seconds, "s")
}

// SessionUnknown is the code of records that continue an unknown session.
const SessionUnknown = "session_unknown"

func seconds(at udr.Instant) int64 { return floorDiv(int64(at), int64(time.Second)) }

// began reports whether a part of an unknown session begins a new session for rating, although the carrier's session
// continues. This happens if the payer, plan or root changed within the time for which rating remembers sessions,
// because the change ended the earlier session.
func (e *Engine) began(v *registry.View, rev registry.Revision, t *tier, u *udr.Usage) bool {
	then := u.At - udr.Instant(u.SessionWithin)*udr.Instant(time.Second)
	owner, ok := v.Owner(u.SIM, then, rev)
	if !ok {
		return true
	}
	same, root := false, uint32(0)
	for number := owner.Account; number != 0; {
		facts, ok := v.Account(number, then, rev)
		if !ok {
			return true
		}
		plan := facts.Plan
		if number == owner.Account && owner.Plan != 0 {
			plan = v.PlanName(owner.Plan)
		}
		same = same || number == t.payer.number && plan == t.plan.counter
		root, number = number, facts.Parent
	}
	return !same || root != e.root()
}

// beginPart computes the number of units that a part adds to its session. Units that do not fit into increments
// that are already begun start new increments. The price at the beginning of the part sets the length of these.
func (t *tier) beginPart(ch *Charge, u *udr.Usage, first *price) error {
	ch.Part, ch.Before = true, t.part.before
	before := &ch.Before
	before.Last, before.Within = 0, 0
	quantity := before.Quantity + u.Quantity
	if quantity > literal.MaxQuantity {
		return suspend("quantity", "the parts of the session have %d %s together, which is too much; correct the source's session key",
			quantity, u.Unit)
	}
	ch.Continues = before.Rounded > 0 && !before.FeeDue
	switch beyond := quantity - before.Rounded; {
	case before.Rounded == 0:
		ch.Rounded = first.increment.round(quantity)
	case beyond > 0:
		ch.Rounded = (beyond + first.increment.then - 1) / first.increment.then * first.increment.then
	default:
		ch.Rounded = 0
	}
	return nil
}

// finishPart rounds the session as a whole: the part costs the difference from the amount already charged, but at
// least zero. If a session begins with a free part, the fee is charged with the first part that is not free.
func (t *tier) finishPart(ch *Charge, u *udr.Usage, first *price, covered int64, sum *amount) (err error) {
	pc, before, raised := t.class, &ch.Before, sum.raised()
	ch.Scale, ch.Mode = uint8(pc.round.Scale), pc.round.Mode
	total, _, _, err := raised.whole.RoundFraction(raised.below(), pc.round)
	if err == nil {
		err = ch.add(before, total, &raised)
	}
	if err != nil {
		return suspend("amount", "the amount exceeds the largest possible amount; correct plan %s", t.plan.name)
	}
	t.total = ch.Total
	t.part.after = Session{
		Quantity: before.Quantity + u.Quantity, Rounded: before.Rounded + ch.Rounded, Priced: before.Priced + ch.Rounded - covered,
		Sum: sum.whole, Below: lowestTerms(sum.below()), Minimum: sum.least, Last: min(max(t.part.before.Last, seconds(u.At), 0),
			lastSecond), Within: max(t.part.before.Within, u.SessionWithin),
	}
	t.part.after.FeeDue = t.free && t.part.after.Rounded > 0 &&
		(before.FeeDue || before.Rounded == 0 && !first.fee.IsZero())
	t.part.after.Charged, err = before.Charged.Add(ch.Total)
	return err
}

// lastSecond is the last second that a stored session can represent, in 2106.
const lastSecond = 1<<32 - 1

// add computes the increase over the amount charged before; total is the rounded amount of all parts together, and
// sum the exact amount.
func (c *Charge) add(before *Session, total decimal.D, sum *amount) (err error) {
	if !total.Less(before.Charged) {
		if c.Total, err = total.Sub(before.Charged); err != nil {
			return err
		}
	}
	start := amount{whole: before.Sum, num: uint64(before.Below.Num), den: sum.den, least: before.Minimum}
	start = start.raised()
	if c.Sum, err = sum.whole.Sub(start.whole); err != nil {
		return err
	}
	num := int64(sum.num) - int64(start.num)
	if num < 0 {
		num += int64(sum.den)
		if c.Sum, err = c.Sum.Sub(smallest); err != nil {
			return err
		}
	}
	if num != 0 {
		c.Below = decimal.Fraction{Num: num, Den: sum.den}
	}
	c.Rest, err = c.Sum.Sub(c.Total)
	return err
}
