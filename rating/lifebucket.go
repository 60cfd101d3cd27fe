package rating

import (
	"math"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// A life bucket is the test quota or the first-use threshold of a SIM under its payer. They belong to no billing
// cycle: neither a corrected date nor a return to the payer refills them. They cover only charges of the SIM's own
// account; accounts above pay by their own plans.

// The names of life buckets in draws.
const (
	testQuota      = "test quota"
	beforeFirstUse = "before first use"
	notBilledYet   = "not billed before first use" // for classes whose units do not end the state
)

// lifeIDs are the counter ids of a class, for the quota and for the threshold.
type lifeIDs [2]uint64

// lifeBucket returns the counter of the SIM's life bucket for a class.
func (e *Engine) lifeBucket(sim uint32, class int32) CounterKey {
	for int(class) >= len(e.lifeIDs) {
		name := e.catalogue.names[len(e.lifeIDs)]
		e.lifeIDs = append(e.lifeIDs, lifeIDs{hashName("test quota of " + name), hashName("first use of " + name)})
	}
	id := e.lifeIDs[class][0]
	if e.state.Usage() == life.FirstUse {
		id = e.lifeIDs[class][1]
	}
	return CounterKey{ID: mixID(mixID(id, e.root()), e.state.payer.number), Owner: sim, Kind: SIMLife | ofRoot}
}

// useFirst records the first use of a SIM in a state that waits for usage.
func (e *Engine) useFirst(c *Counters, u *udr.Usage, res *Result) {
	s := &e.state
	if u.Quantity == 0 || s.Usage() != life.FirstUse || e.did(didUse|didEmpty) || e.outdone(u.At) {
		return
	}
	e.live(c, u.SIM, u.At, didUse, res)
	e.turn(life.Used, u.At)
	res.Events = append(res.Events, Event{Kind: FirstUse, Name: s.Rules.Lifecycle.Name, Account: s.payer.number, SIM: u.SIM, At: u.At,
		Counter: e.lifeLog(u.SIM)})
}

// drawLife covers up to want units by the life bucket that the SIM's state has for the class. The record that empties
// the bucket ends the state at the record's start, so units that the bucket does not cover have their price.
func (e *Engine) drawLife(ch *Charge, c *Counters, u *udr.Usage, class int32, want int64, res *Result) (covered int64) {
	s := &e.state
	units, free, counted := s.Bucket(u.Class)
	if !counted {
		if !free {
			return 0
		}
		ch.Draws = append(ch.Draws, Draw{Bucket: notBilledYet, Kind: SIMLife, Owner: u.SIM, Size: want, Drawn: want})
		return want
	}
	if s.Usage() == life.FirstUse && !s.Waits() {
		return 0 // the first use ends the state; useFirst records it
	}
	k := e.lifeBucket(u.SIM, class)
	entry := c.entry(k)
	before := entry.folded.Plus(entry.pending)
	used := before.Units()
	drawn := max(0, min(want, units-used))
	if drawn > 0 {
		e.add(entry, k, UnitsValue(drawn), res)
	}
	if free {
		name := testQuota
		if s.Usage() == life.FirstUse {
			name = beforeFirstUse
		}
		ch.Draws = append(ch.Draws, Draw{Bucket: name, Kind: SIMLife, Owner: u.SIM, Size: units, Before: used, Drawn: drawn})
		covered = drawn
	}
	if used+drawn >= units && e.empties(c, u, units, used) {
		e.live(c, u.SIM, u.At, didEmpty, res)
		e.turn(life.Emptied, u.At)
		res.Events = append(res.Events, Event{Kind: LifeExhausted, Name: s.Rules.Lifecycle.Name + "/" + u.Class, Account: s.payer.number,
			SIM: u.SIM, At: u.At, Counter: k, Threshold: UnitsValue(units), Before: before, After: UnitsValue(max(used, units))})
	}
	return covered
}

// empties reports whether a record that leaves a life bucket empty ends the state. The record that takes the last
// units ends the state. If the SIM enters such a state a second time, the first record that finds the bucket empty
// ends it.
func (e *Engine) empties(c *Counters, u *udr.Usage, units, used int64) bool {
	if e.outdone(u.At) {
		return false
	}
	if used < units {
		return true
	}
	until := udr.Instant(math.MaxInt64)
	if units == 0 {
		until = u.At // any usage ends the state, so an earlier record ends it earlier
	}
	e.lived(c, u.SIM, e.state.From, until)
	return !e.did(didEmpty)
}

// lifts reports whether the rules of the SIM's state lift limits at the time of a record. A setting from the start of
// the state does not count if the current settings lack it.
func (s *simState) lifts(at udr.Instant, stated bool, book *life.Book) bool {
	if !s.known || s.Rules.Lifecycle == nil {
		return false
	}
	lifecycle := s.Rules.Lifecycle
	if ref := s.Rules.Ref; stated && ref.Overrides != "" {
		ref.Overrides = ""
		if plain, err := book.Resolve(ref, s.From, s.payer.facts.Zone); err == nil {
			lifecycle = plain
		}
	}
	facts := s.payer.facts
	cycles := registry.Cycles{Zone: facts.Zone, Day: facts.CycleDay}
	_, next := cycles.Of(registry.LocalDate(facts.Zone, s.From))
	return lifecycle.Override.Lifts(s.From, registry.Midnight(facts.Zone, next), at)
}
