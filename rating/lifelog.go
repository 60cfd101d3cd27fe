package rating

import (
	"slices"

	"ratemill/registry/life"
	"ratemill/udr"
)

// The rater remembers the effects of usage on the states of SIMs. It also writes them as events, but the facts that
// follow from these events arrive later. The memory consists of counters, so the log, checkpoints and restores keep
// it like any other counter. For each SIM below each billing root, these counters form a list of instants, the
// latest first. The first entry has a fixed key. The key of every other entry follows from the instant of the entry
// before it.

// did holds the effects of usage at an instant. Its low bits are the effects, and whether an earlier instant follows
// in the list. In the first entry, another bit is set if something was added at or before an instant that was
// already in the list. The high bits are a hash of the SIM's state and payer at that instant, because a backdated
// move may assign the instant to another payer. A fact that begins at that instant may result from the usage.
// Its state then differs, so the usage does not affect the state a second time.
type did uint64

const (
	didUse did = 1 << iota // life.Used, life.Emptied and life.LimitPassed
	didEmpty
	didPass
	earlier
	disorder

	didBits = 8
)

// in returns the effects together with the hash of a state and its payer.
func (d did) in(state string, payer uint32) did {
	return d | did(mixID(hashName(state), payer))<<didBits
}

// doneIn reports whether the usage happened in a given state and below a given payer.
func (d did) doneIn(state string, payer uint32) bool {
	return d>>didBits == did(mixID(hashName(state), payer))<<didBits>>didBits
}

// instantValue packs an entry of the list into the value of a counter.
func instantValue(at udr.Instant, what did) Value { return Value{int64(at), uint64(what)} }

func (v Value) instant() (at udr.Instant, what did) { return udr.Instant(v.Hi), did(v.Lo) }

// happening is one effect of usage on the state of a SIM.
type happening struct {
	at   udr.Instant
	what did
}

// inStay reports whether the effect happened during a stay in a state, including its start, and below the payer
// of that time. byUsage means that usage began the stay: the effect at its start is the reason for the stay, although
// its hash may be that of the same state, if the record was rated before an earlier decision became known.
func (e *Engine) inStay(h *happening, from udr.Instant, state string, byUsage bool) bool {
	return h.at > from || h.at == from && !byUsage && h.what.doneIn(state, e.payerAt(from))
}

// payerAt returns the number of the account that paid at a time for the SIM of lived: the nearest account with a
// billing profile, or the SIM's own account.
func (e *Engine) payerAt(at udr.Instant) uint32 {
	owner, _ := e.view.Owner(e.livedSIM, at, e.rev)
	for number := owner.Account; number != 0; {
		facts, ok := e.view.Account(number, at, e.rev)
		if !ok {
			break
		}
		if e.view.Profiled(number, at, e.rev) {
			return number
		}
		number = facts.Parent
	}
	return owner.Account
}

var lifeLogID = hashName("life of a SIM")

func (e *Engine) lifeLog(sim uint32) CounterKey {
	return CounterKey{ID: mixID(lifeLogID, e.root()), Owner: sim, Kind: SIMLife | ofRoot}
}

// before returns the key of the entry that follows the entry of an instant.
func (k CounterKey) before(at udr.Instant) CounterKey {
	k.ID = mixID(mixID(k.ID, uint32(at)), uint32(at>>32))
	return k
}

// lived lists the effects of usage on a SIM between two instants, inclusive, in order. It sets e.earlier
// if there are effects before the first instant, and e.disorder if usage was rated after the effects of usage at the
// same or a later instant.
func (e *Engine) lived(c *Counters, sim uint32, from, to udr.Instant) {
	e.happened, e.earlier, e.disorder, e.livedSIM = e.happened[:0], false, false, sim
	if !c.lives {
		return
	}
	first := e.lifeLog(sim)
	for k := first; ; {
		at, what := c.Get(k).instant()
		e.disorder = e.disorder || what&disorder != 0
		if e.earlier = what != 0 && at < from; what == 0 || e.earlier {
			break
		}
		if at <= to {
			e.happened = append(e.happened, happening{at, what})
		}
		if what&earlier == 0 {
			break
		}
		k = first.before(at)
	}
	slices.Reverse(e.happened)
}

// events returns the results of lived that are within a stay in a state. They are valid until the next call.
func (e *Engine) events(from udr.Instant, state string, byUsage bool) []life.Event {
	e.happens = e.happens[:0]
	for i := range e.happened {
		h := &e.happened[i]
		if !e.inStay(h, from, state, byUsage) {
			continue
		}
		for _, kind := range [...]struct {
			bit  did
			kind life.EventKind
		}{{didUse, life.Used}, {didEmpty, life.Emptied}, {didPass, life.LimitPassed}} {
			if h.what&kind.bit != 0 {
				e.happens = append(e.happens, life.Event{At: h.at, Kind: kind.kind})
			}
		}
	}
	return e.happens
}

// did reports whether the results of lived contain one of the given effects within the stay.
func (e *Engine) did(what did) bool {
	for i := range e.happened {
		if h := &e.happened[i]; h.what&what != 0 && e.inStay(h, e.state.From, e.state.State, e.state.By == life.ByUse) {
			return true
		}
	}
	return false
}

// outdone reports whether the SIM's state began because usage at this very instant ended the state before it. At
// most one transition happens at an instant, so further usage at that instant does not change the state.
func (e *Engine) outdone(at udr.Instant) bool {
	if e.state.From == at && e.state.By == life.ByUse {
		return true
	}
	for i := range e.happened {
		if h := &e.happened[i]; h.at == at && !h.what.doneIn(e.state.State, e.state.payerNumber()) {
			return true
		}
	}
	return false
}

// live records an effect of usage on a SIM in its current state.
func (e *Engine) live(c *Counters, sim uint32, at udr.Instant, what did, res *Result) {
	first := e.lifeLog(sim)
	what = what.in(e.state.State, e.state.payerNumber())
	for k := first; ; {
		v := c.Get(k)
		then, done := v.instant()
		switch {
		case done == 0:
			e.set(c, k, v, instantValue(at, what), res)
		case then == at:
			e.set(c, k, v, instantValue(at, done|what&(1<<didBits-1)), res)
		case then < at: // the entry moves behind the new one
			e.set(c, k, v, instantValue(at, what|earlier|done&disorder), res)
			moved := first.before(at)
			e.set(c, moved, c.Get(moved), v, res)
		case done&earlier == 0:
			e.set(c, k, v, instantValue(then, done|earlier), res)
			last := first.before(then)
			e.set(c, last, c.Get(last), instantValue(at, what), res)
		default:
			k = first.before(then)
			continue
		}
		if k != first || done != 0 && then >= at {
			v := c.Get(first)
			then, done := v.instant()
			e.set(c, first, v, instantValue(then, done|disorder), res)
		}
		return
	}
}

// set changes the value of a counter.
func (e *Engine) set(c *Counters, k CounterKey, before, after Value, res *Result) {
	if change := after.Plus(before.Neg()); change != (Value{}) {
		e.add(c.entry(k), k, change, res)
	}
}
