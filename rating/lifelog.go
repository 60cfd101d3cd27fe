package rating

import (
	"slices"

	"ratemill/registry/life"
	"ratemill/udr"
)

// The rater remembers what usage did to the states of SIMs: it wrote it down as events, but the facts that follow from
// them come later. The memory is counters, so the log, checkpoints and restores keep it like any other. For each SIM,
// below each billing root, they are a list of instants, the latest first. The first has a fixed key. The key of each
// other follows from the instant before it in the list.

// did is what usage did at an instant: bits, whether an earlier instant follows in the list, in the first entry whether
// anything was added to the list at or before an instant that it had already, and above them a hash of the state in which the
// usage found the SIM, and of its payer then: a move that is dated back may give that instant to another. A fact that begins at that
// instant may be the one that followed from it. Then its state is another one, and the usage does nothing to it once more.
type did uint64

const (
	didUse did = 1 << iota // life.Used, life.Emptied and life.LimitPassed
	didEmpty
	didPass
	earlier
	disorder

	didBits = 8
)

// in is what was done in a state below a payer.
func (d did) in(state string, payer uint32) did {
	return d | did(mixID(hashName(state), payer))<<didBits
}

// doneIn reports whether it was done in a state below a payer.
func (d did) doneIn(state string, payer uint32) bool {
	return d>>didBits == did(mixID(hashName(state), payer))<<didBits>>didBits
}

// instantValue packs an entry of the list into the value of a counter.
func instantValue(at udr.Instant, what did) Value { return Value{int64(at), uint64(what)} }

func (v Value) instant() (at udr.Instant, what did) { return udr.Instant(v.Hi), did(v.Lo) }

// happening is something that usage did.
type happening struct {
	at   udr.Instant
	what did
}

// inStay reports whether it happened after a stay in a state began, or as it began, in that state and below the payer of then.
func (e *Engine) inStay(h *happening, from udr.Instant, state string) bool {
	return h.at > from || h.at == from && h.what.doneIn(state, e.payerAt(from))
}

// payerAt is the number of the account that paid for the SIM of lived at a time: the nearest with a billing profile, or its own.
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

// before is the key of the entry that follows the one of an instant.
func (k CounterKey) before(at udr.Instant) CounterKey {
	k.ID = mixID(mixID(k.ID, uint32(at)), uint32(at>>32))
	return k
}

// lived lists what usage did to a SIM from one instant to another, both included, in order. e.earlier says whether it did
// something before, and e.disorder whether something came to be rated later than what usage did at that instant or a later one.
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

// events are what lived found, as far as it is within a stay in a state. They are valid until the next call.
func (e *Engine) events(from udr.Instant, state string) []life.Event {
	e.happens = e.happens[:0]
	for i := range e.happened {
		h := &e.happened[i]
		if !e.inStay(h, from, state) {
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

// did reports whether one of some things is among what lived found, within the stay.
func (e *Engine) did(what did) bool {
	for i := range e.happened {
		if h := &e.happened[i]; h.what&what != 0 && e.inStay(h, e.state.From, e.state.State) {
			return true
		}
	}
	return false
}

// outdone reports whether usage at a time ended the state before that of the SIM, which so began at that time. Of two
// steps at one instant there is one, so further usage at that instant does nothing to the state.
func (e *Engine) outdone(at udr.Instant) bool {
	for i := range e.happened {
		if h := &e.happened[i]; h.at == at && !h.what.doneIn(e.state.State, e.state.payerNumber()) {
			return true
		}
	}
	return false
}

// live remembers that usage did something to a SIM in its state.
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
