package rating

import (
	"math"
	"slices"
	"time"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// A state fact that follows from others says what simstate knew when it wrote the fact. If usage of an earlier time came
// to be rated since, the fact may be wrong until simstate corrects it. If simstate had been slower, the fact would not
// be there yet. So the rater works such facts out again from the fact before them: what it charges depends on the
// order of the log and on what people stated, and not on how fast simstate is.

// effective is the state of a SIM at a time, from the fact that holds then. zone is that of the payer.
func (e *Engine) effective(v *registry.View, rev registry.Revision, c *Counters, sim uint32, fact registry.SIMState, at udr.Instant,
	zone *time.Location) (life.Stay, error) {
	e.lived(c, sim, fact.Since, at)
	if fact.Origin != registry.Stated && (e.disorder || e.earlier && fact.Origin != registry.ByUsage) {
		if stay, ok := e.again(v, rev, c, sim, fact, at, zone); ok {
			return stay, nil
		}
	}
	var events []life.Event
	if len(e.happened) > 0 {
		e.byAccount = e.byAccount[:0]
		events = e.withAccount(v, rev, sim, e.events(fact.Since, v.StateValue(fact.Value).Name), fact.Since, at)
	}
	return e.states.Of(v, fact, at, zone, events)
}

// again works out the state of a SIM at a time from an earlier fact than the one that holds then; false if that fact
// stands, because nothing happened between.
func (e *Engine) again(v *registry.View, rev registry.Revision, c *Counters, sim uint32, fact registry.SIMState, at udr.Instant,
	zone *time.Location) (life.Stay, bool) {
	e.lived(c, sim, math.MinInt64, at)
	base := fact
	e.byAccount = e.byAccount[:0]
	for e.mayDiffer(v, base) {
		before, ok := v.State(sim, base.Since-1, rev)
		if !ok {
			return life.Stay{}, false
		}
		if base.Origin == registry.ByAccount {
			e.byAccount = append(e.byAccount, life.Event{At: base.Since, Kind: e.states.ByAccount(v, base)})
		}
		base = before
	}
	state := v.StateValue(base.Value).Name
	if !slices.ContainsFunc(e.happened, func(h happening) bool { return h.at <= fact.Since && e.inStay(&h, base.Since, state) }) {
		return life.Stay{}, false
	}
	events := e.withAccount(v, rev, sim, e.events(base.Since, state), base.Since, at)
	stay, err := e.states.Of(v, base, at, zone, events)
	return stay, err == nil
}

// withAccount adds what the status of the account did to what usage did, after one time up to another: e.byAccount, and what the
// SIM's state did not heed when simstate judged it. Usage that came to be rated since may have ended that state earlier.
func (e *Engine) withAccount(v *registry.View, rev registry.Revision, sim uint32, events []life.Event, from, at udr.Instant) []life.Event {
	e.unheeded = v.Unheeded(sim, from, at, rev, e.unheeded[:0])
	for _, fact := range e.unheeded {
		e.byAccount = append(e.byAccount, life.Event{At: fact.Since, Kind: e.states.ByAccount(v, fact)})
	}
	for _, a := range e.byAccount {
		i := 0
		for i < len(events) && events[i].At < a.At { // of one instant, usage comes last
			i++
		}
		events = slices.Insert(events, i, a)
	}
	e.happens = events
	return events
}

// mayDiffer reports whether a fact may say something else if it is worked out again with what usage did. Of usage whose
// fact is there, simstate knew all that came to be rated before it. A fact whose usage is not known here was made below
// another billing root, and all before it too.
func (e *Engine) mayDiffer(v *registry.View, fact registry.SIMState) bool {
	switch fact.Origin {
	case registry.ByUsage:
		return e.disorder && slices.ContainsFunc(e.happened, func(h happening) bool { return h.at == fact.Since })
	case registry.ByTime, registry.ByAccount:
		// The state that a suspension of the account interrupted is in the fact before it.
		return len(e.happened) > 0 && e.happened[0].at < fact.Since || e.states.ByAccount(v, fact) == life.AccountSuspended
	}
	return false
}
