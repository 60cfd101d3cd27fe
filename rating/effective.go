package rating

import (
	"math"
	"slices"
	"time"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// simstate derives some state facts from earlier facts, based on what it knows when it writes them. If earlier usage
// is rated after that, such a fact may be wrong until simstate corrects it. If simstate had been slower, the fact
// would not exist yet. The rater therefore derives these facts itself from the fact before them. Its charges then
// depend on the order of the log and on the facts that users stated, not on the speed of simstate.

// effective returns the state of a SIM at a time, derived from the fact in force then. zone is the payer's time
// zone.
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
		events = e.withAccount(v, rev, sim, e.events(fact.Since, v.StateValue(fact.Value).Name, fact.Origin == registry.ByUsage), fact.Since, at)
	}
	return e.states.Of(v, fact, at, zone, events)
}

// again derives the state of a SIM at a time from a fact earlier than the one in force then. It returns false if
// nothing happened between the two facts, so that the later fact stands.
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
	state, byUsage := v.StateValue(base.Value).Name, base.Origin == registry.ByUsage
	if !slices.ContainsFunc(e.happened, func(h happening) bool { return h.at <= fact.Since && e.inStay(&h, base.Since, state, byUsage) }) {
		return life.Stay{}, false
	}
	events := e.withAccount(v, rev, sim, e.events(base.Since, state, byUsage), base.Since, at)
	stay, err := e.states.Of(v, base, at, zone, events)
	return stay, err == nil
}

// withAccount merges the effects of the account's status with those of usage, after one time and up to another. It
// uses e.byAccount and the status changes that had no effect in the state that simstate saw. Usage that was rated
// since then may have ended that state earlier.
func (e *Engine) withAccount(v *registry.View, rev registry.Revision, sim uint32, events []life.Event, from, at udr.Instant) []life.Event {
	e.unheeded = v.Unheeded(sim, from, at, rev, e.unheeded[:0])
	for _, fact := range e.unheeded {
		e.byAccount = append(e.byAccount, life.Event{At: fact.Since, Kind: e.states.ByAccount(v, fact)})
	}
	for _, a := range e.byAccount {
		i := 0
		for i < len(events) && events[i].At < a.At { // at the same instant, usage comes last
			i++
		}
		events = slices.Insert(events, i, a)
	}
	e.happens = events
	return events
}

// mayDiffer reports whether a fact may change when it is derived again with the effects of usage. When simstate
// wrote a fact because of usage, it had seen all usage that was rated before. If this rater does not have the usage
// that caused a fact, that fact and all earlier ones were written below another billing root.
func (e *Engine) mayDiffer(v *registry.View, fact registry.SIMState) bool {
	switch fact.Origin {
	case registry.ByUsage:
		return e.disorder && slices.ContainsFunc(e.happened, func(h happening) bool { return h.at == fact.Since })
	case registry.ByTime, registry.ByAccount:
		// The fact before it has the state that the account's suspension interrupted.
		return len(e.happened) > 0 && e.happened[0].at < fact.Since || e.states.ByAccount(v, fact) == life.AccountSuspended
	}
	return false
}
