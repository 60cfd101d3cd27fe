package rating

import (
	"fmt"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// Units that roll over stay in the counter of their own cycle, and records of later cycles draw them from there. So
// the units of a cycle are given only once, in whatever order its own late usage and the usage of later cycles are
// rated. See docs/decisions/023-units-that-roll-over-stay-in-their-cycle.md.

// rolloverDoc defines how many unused units of a cycle roll over, and for how long.
type rolloverDoc struct {
	Cycles int       `yaml:"cycles,required" doc:"Number of later cycles in which a unit can still be drawn, 1 to 12. The plan's version at the time of the record determines it." example:"1"`
	AtMost *quantity `yaml:"at_most" doc:"Maximum number of units of one cycle that later cycles can draw; by default, all that are left." example:"2 MB"`
	Use    string    `yaml:"use" default:"first" enum:"first|last" doc:"first: units that rolled over are drawn before those of the running cycle, the oldest first. last: they are drawn after them."`
	pos    diag.Pos
}

// Check implements the checks of diag.Decode.
func (r *rolloverDoc) Check(n *diag.Node, d *diag.Decoder) {
	r.pos = n.Pos
	if m := n.Member("cycles"); m != nil && (r.Cycles < 1 || r.Cycles > mostRolled) {
		d.Errorf(m.Pos, "cycles is %d; units can roll over for 1 to %d cycles", r.Cycles, mostRolled)
	}
	if r.AtMost != nil && r.AtMost.Value <= 0 {
		d.Errorf(r.AtMost.Pos, "at_most is 1 or more; leave rollover out if nothing rolls over")
	}
}

// mostRolled is the largest number of former cycles on which a record can draw.
const mostRolled = 12

// DaysRolled returns the number of days by which a cycle may begin before one to which its units roll over, by the
// catalogue's longest rollover; 0 if no units roll over.
func (c *Catalogue) DaysRolled() int32 { return 31 * int32(c.rolled) }

// MostDaysRolled is the largest possible result of Catalogue.DaysRolled.
const MostDaysRolled = 31 * mostRolled

// rollover contains the terms of a bucket for the unused units of a cycle.
type rollover struct {
	cycles int
	atMost int64  // 0: all
	id     uint64 // id of the counter of the cycle's units that later cycles drew
	last   bool
}

func (c *compiler) compileRollover(doc *bucketDoc, b *bucket, owner string) {
	r := doc.Rollover
	if r == nil {
		return
	}
	b.roll = &rollover{cycles: r.Cycles, last: r.Use == "last"}
	c.rolled = max(c.rolled, r.Cycles)
	b.roll.id = c.id(b.at, carriedName(owner, b.counted))
	if r.AtMost == nil {
		return
	}
	c.sameUnit(r.AtMost, doc, "at_most")
	if r.AtMost.Value >= doc.Units.Value {
		c.list.Warnf(r.AtMost.Pos, "bucket %s never leaves more than its %d units, so at_most changes nothing; leave it out, or lower it",
			b.name, doc.Units.Value)
	}
	b.roll.atMost = r.AtMost.Value
}

func carriedName(owner, counted string) string { return "rollover of " + owner + "/" + counted }

// formerCycle is an earlier cycle that may have unused units.
type formerCycle struct {
	day  int32 // local date on which it began
	size int64 // the size that the last record of that cycle would see

	whole    int64
	days, of int64
}

// formerCycles returns the earlier cycles whose units can roll over to the record, the newest first. There is no gap
// between them, and the SIM had the plan at the end of each.
func (e *Engine) formerCycles(t *tier, b *bucket, c *Counters, u *udr.Usage) ([]formerCycle, error) {
	e.rolled = e.rolled[:0]
	day, begin := t.payer.cycle, t.payer.start
	if t.number == 0 && e.cycleOfSIM != t.payer.cycle { // the SIM moved to another account, and stays in the current cycle
		owner, _ := e.view.Owner(u.SIM, u.At, e.rev)
		cycles, _ := e.view.SIMCycles(u.SIM, owner, u.At, e.rev)
		day, begin = e.cycleOfSIM, registry.Midnight(cycles.Zone, e.cycleOfSIM)
	}
	for len(e.rolled) < b.roll.cycles {
		then := begin - 1
		if _, ok := e.hadPlan(e.view, e.rev, t, u.SIM, then); !ok {
			break
		}
		owner, _ := e.view.Owner(u.SIM, then, e.rev)
		number := owner.Account
		if t.number > 0 {
			number = t.payer.number
		}
		facts, _ := e.view.Account(number, then, e.rev)
		f := formerCycle{}
		if cycles, moved := e.view.SIMCycles(u.SIM, owner, then, e.rev); moved && t.number == 0 {
			f.day, _ = cycles.Of(registry.LocalDate(cycles.Zone, then))
			begin = registry.Midnight(cycles.Zone, f.day)
		} else if facts == t.payer.facts {
			f.day, begin = t.payer.cycleBefore(begin)
		} else {
			f.day, _ = facts.CycleOf(registry.LocalDate(facts.Zone, then))
			begin = registry.Midnight(facts.Zone, f.day)
		}
		if f.day == day {
			continue // the date begins earlier in the time zone in which the SIM was
		}
		if day = f.day; f.day < c.unrolled {
			return nil, suspend(Late, "units of its billing cycle roll over from the cycle that began on %s, whose counters are "+
				"forgotten: only cycles that began on %s or later are counted. Charge it by hand if it is to be paid, and drop it",
				date(f.day), date(c.unrolled))
		}
		family := t.plan.family
		if len(e.catalogue.deals) > 0 {
			family = e.dealt(int(t.number), family, then)
		}
		plan, _, _ := e.catalogue.plans.list[family].at(e.clock(facts.Zone), then)
		if plan == nil {
			break
		}
		former := plan.bucketOf(b.id)
		if former == nil || former.unit != b.unit {
			break
		}
		f.size = former.size
		if former.prorate {
			e.shareThen(&f, t, plan, c, u, then, facts)
		}
		e.rolled = append(e.rolled, f)
	}
	return e.rolled, nil
}

func (p *plan) bucketOf(id uint64) *bucket {
	for i := range p.included {
		if p.included[i].id == id {
			return &p.included[i]
		}
	}
	return nil
}

// cycleBefore returns the cycle that ends where another begins, by the account's current cycle rules.
func (p *payer) cycleBefore(end udr.Instant) (day int32, start udr.Instant) {
	k := &p.before[0]
	if k.end != end {
		if k = &p.before[1]; k.end != end {
			p.before[0], k = p.before[1], &p.before[1]
			k.end = end
			k.day, k.start, _ = p.clock.cycle(end-1, p.facts)
		}
	}
	return k.day, k.start
}

// cycleSpan is a cycle of an account.
type cycleSpan struct {
	start, end udr.Instant
	day        int32
}

// shareThen returns the share of a prorated bucket that a record at the end of a former cycle would see.
func (e *Engine) shareThen(f *formerCycle, t *tier, p *plan, c *Counters, u *udr.Usage, then udr.Instant, payer *registry.Account) {
	of, s := *t, &e.state
	of.plan = p
	first, next := payer.CycleOf(registry.LocalDate(payer.Zone, then))
	f.of, f.whole = int64(next-first), f.size
	owner, _ := e.view.Owner(u.SIM, u.At, e.rev)
	if e.unchanged(e.view, e.rev, registry.Midnight(payer.Zone, first+1)-1, u.At, owner.Since) {
		if !s.known || p.counts(&s.Stay, s.core) {
			f.days = f.of
		}
		f.size = partOf(f.size, f.days, f.of)
		return
	}
	for day := first; day < next; day++ {
		if end := registry.Midnight(payer.Zone, day+1) - 1; e.counted(e.view, e.rev, c, &of, u.SIM, min(end, then)) {
			f.days++
		}
	}
	f.size = partOf(f.size, f.days, f.of)
}

// drawRolled draws unused units of former cycles, the oldest first, and returns the number of covered units of the
// record.
func (e *Engine) drawRolled(t *tier, b *bucket, at int64, ch *Charge, c *Counters, u *udr.Usage, res *Result) (int64, error) {
	former, err := e.formerCycles(t, b, c, u)
	if err != nil {
		return at, err
	}
	for i := len(former) - 1; i >= 0 && at < ch.Rounded; i-- {
		f := &former[i]
		w := t.ofSIM(b.id, u.SIM)
		if f.day <= c.former {
			e.carryOver(w, f.day, c, res)
		}
		k := w.inCycle(e.root(), f.day)
		w.id = b.roll.id
		bound := w.inCycle(e.root(), f.day)
		used, carried, atMost := c.Get(k).Units(), c.Get(bound).Units(), f.size
		if b.roll.atMost > 0 {
			atMost = b.roll.atMost
		}
		left := min(f.size-used, atMost-carried)
		if left <= 0 && !e.giving.on {
			continue
		}
		d := Draw{Bucket: b.name, Kind: SIMUnits, Owner: k.Owner, Cycle: k.Cycle, Size: f.size, Before: used, AtMost: atMost,
			Carried: carried}
		if f.of != 0 && f.days != f.of {
			d.Whole, d.Days, d.Of = f.whole, uint32(f.days), uint32(f.of)
		}
		if e.giving.on {
			ch.Draws = append(ch.Draws, d)
			e.candidate(t, b, k, bound, ch)
			continue
		}
		at += b.take(t, &d, left, at, ch, u)
		ch.Draws = append(ch.Draws, d)
		if d.Drawn > 0 {
			if t.class.credit {
				e.rememberDraw(t, k, true, d.Taken(), c, u, res)
			}
			e.add(c.entry(k), k, UnitsValue(d.Taken()), res)
			e.add(c.entry(bound), bound, UnitsValue(d.Taken()), res)
		}
	}
	return at, nil
}

// carryOver carries over the count that an earlier version of ratemill made in a former cycle.
func (e *Engine) carryOver(w tally, cycle int32, c *Counters, res *Result) {
	running, p := e.cycleOfSIM, *w.payer
	p.cycle, w.payer, e.cycleOfSIM = cycle, &p, cycle
	e.counter(c, &w, res)
	e.cycleOfSIM = running
}

// Rolled reports whether the units rolled over from the cycle of the draw.
func (d *Draw) Rolled() bool { return d.AtMost > 0 && d.Package == "" }

// rolledWords describes a draw on units that rolled over.
func (x *explanation) rolledWords(d *Draw, name, size, whose string) string {
	text := fmt.Sprintf("%s, rolled over from the cycle from %s: %s of %s used before %s", name, date(d.Cycle), Grouped(d.Before), size, whose)
	if d.AtMost < d.Size {
		text += fmt.Sprintf(", %s of the %s that later cycles may draw were drawn", Grouped(d.Carried), Units(d.AtMost, x.u.Unit))
	}
	return text + "; "
}
