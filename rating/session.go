package rating

import (
	"fmt"
	"math/bits"
	"time"

	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// part is a record as a part of its session, for one tier.
type part struct {
	key    SessionKey
	before Session
	after  Session
}

// join finds the sessions that a record is a part of, one for each tier whose plan needs to know: where the price of a
// class is linear, parts cost what the whole costs, whatever came before. A source says by SessionWithin that it delivers
// sessions in parts.
func (e *Engine) join(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage) error {
	if e.parts = e.parts[:0]; cap(e.parts) < len(e.tiers) {
		e.parts = make([]part, 0, 2*len(e.tiers)) // tiers point into it
	}
	for i := range e.tiers {
		t := &e.tiers[i]
		if t.class.session == 0 {
			continue
		}
		if u.SessionKey == (udr.SessionKey{}) {
			if u.Continues {
				return suspend(SessionUnknown, "the record says that it continues a session, but not which one: the source's session key is empty; correct the source's rules and retry")
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
			return suspend(SessionUnknown, "the record continues an unknown session: sessions of the source are remembered for %s after their last part. "+
				"If an earlier part is still to come or in suspense, retry this one after it; to rate it as a session of its own, retry it with rules that do not set continues", span(u.SessionWithin))
		}
	}
	return nil
}

// span is a number of seconds as people write it in a source's document.
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

// SessionUnknown is the code of records that continue a session of which nothing is known.
const SessionUnknown = "session_unknown"

func seconds(at udr.Instant) int64 { return floorDiv(int64(at), int64(time.Second)) }

// began says that a part of which no session is known begins one although it continues one of its carrier's: for as long
// as sessions are remembered before it, there was another payer, plan or root, so that the session ended there.
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
		same = same || number == t.payer.number && plan == t.plan.name
		root, number = number, facts.Parent
	}
	return !same || root != e.root()
}

// beginPart says how many units a part adds to its session. What does not fit into the increments that were begun before
// begins others, by the increment of the price at which the part begins.
func (t *tier) beginPart(ch *Charge, u *udr.Usage, first *price) error {
	ch.Part, ch.Before = true, t.part.before
	before := &ch.Before
	before.Last, before.Within = 0, 0
	quantity := before.Quantity + u.Quantity
	if quantity > maxQuantity {
		return suspend("quantity", "the parts of the session have %d %s together, which is too much; correct the source's session key", quantity, u.Unit)
	}
	ch.Continues = before.Rounded > 0
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

// resume goes on from what the parts before came to, in parts of 10^-12 that can say both: versions of a plan may have prices
// per different numbers of units. What no number of parts can say is cut.
func (a *amount) resume(before *Session) (err error) {
	if f := &before.Below; f.Num != 0 && a.den != f.Den {
		switch {
		case a.den%f.Den == 0:
		case f.Den%a.den == 0:
			a.den = f.Den
		default:
			if den := lcm(a.den, f.Den); den != 0 {
				a.den = den
			}
		}
		hi, lo := bits.Mul64(uint64(f.Num), a.den)
		num, _ := bits.Div64(hi, lo, f.Den)
		*f = decimal.Fraction{Num: int64(num), Den: a.den}
	}
	a.num = uint64(before.Below.Num)
	a.whole, err = a.whole.Add(before.Sum)
	return err
}

// finishPart caps and rounds the session as a whole: the part costs what that is more than was charged, and never less than
// nothing.
func (t *tier) finishPart(ch *Charge, u *udr.Usage, covered int64, sum *amount) (err error) {
	pc, before := t.class, &ch.Before
	if ch.Caps = pc.capped; pc.capped {
		ch.Cap = pc.cap
		if !sum.whole.Less(pc.cap) {
			sum.whole, sum.num = pc.cap, 0
		}
		if sum.less(before) { // a version before had a higher cap
			sum.whole, sum.num = before.Sum, uint64(before.Below.Num)
		}
	}
	var below decimal.Fraction
	if sum.num != 0 {
		below = decimal.Fraction{Num: int64(sum.num), Den: sum.den}
	}
	ch.Scale, ch.Mode = uint8(pc.round.Scale), pc.round.Mode
	total, _, _, err := sum.whole.RoundFraction(below, pc.round)
	if err == nil {
		err = ch.add(before, total, sum)
	}
	if err != nil {
		return suspend("amount", "the amount exceeds the largest possible amount; correct plan %s", t.plan.name)
	}
	t.total = ch.Total
	t.part.after = Session{
		Quantity: before.Quantity + u.Quantity, Rounded: before.Rounded + ch.Rounded, Priced: before.Priced + ch.Rounded - covered,
		Sum: sum.whole, Below: lowestTerms(below), Last: min(max(t.part.before.Last, seconds(u.At), 0), lastSecond), Within: max(t.part.before.Within, u.SessionWithin),
	}
	t.part.after.Charged, err = before.Charged.Add(ch.Total)
	return err
}

// lowestTerms is a fraction that is equal and cannot be reduced, so that the same sum is the same state.
func lowestTerms(f decimal.Fraction) decimal.Fraction {
	if f.Num == 0 {
		return decimal.Fraction{}
	}
	a, b := uint64(f.Num), f.Den
	for b != 0 {
		a, b = b, a%b
	}
	return decimal.Fraction{Num: f.Num / int64(a), Den: f.Den / a}
}

// lastSecond is the last that a session's memory has room for, in 2106.
const lastSecond = 1<<32 - 1

// less says that the sum is less than that of a session.
func (a *amount) less(s *Session) bool {
	return a.whole.Less(s.Sum) || a.whole == s.Sum && a.num < uint64(s.Below.Num)
}

// add says what a part adds to what was charged before: total is that of all parts together, and sum its exact amount.
func (c *Charge) add(before *Session, total decimal.D, sum *amount) (err error) {
	if !total.Less(before.Charged) {
		if c.Total, err = total.Sub(before.Charged); err != nil {
			return err
		}
	}
	if c.Sum, err = sum.whole.Sub(before.Sum); err != nil {
		return err
	}
	num := int64(sum.num) - before.Below.Num
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
