package rating

import (
	"math/bits"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// tally is what a counter counts: usage or cost under a name, of an account or of a SIM of it. It is the same counter
// when the same name is meant below the same billing root in the same cycle: what becomes known later of a SIM or an
// account, or the way that it took, begins no count anew. What is used below another root has a counter of its own,
// since it is counted in that one's partition, and is none of this customer's.
type tally struct {
	id     uint64   // of the name
	before []uint64 // ids that earlier ratemills gave the name
	kind   CounterKind
	payer  *payer
	sim    uint32 // 0 where the account is counted
	apart  bool   // a SIM is counted for this account alone, not for all that ever pay for it by this plan
}

// ofSIM is what a tier counts for a SIM. The SIM's own plan counts by its name alone; accounts above may have the same
// plan, and count for themselves.
func (t *tier) ofSIM(id uint64, sim uint32) tally {
	return tally{id: id, kind: SIMUnits, payer: t.payer, sim: sim, apart: t.number > 0}
}

func (w *tally) key(root uint32, cycleOfSIM int32) CounterKey {
	k := CounterKey{ID: mixID(w.id, root), Owner: w.payer.number, Cycle: w.payer.cycle, Kind: w.kind | ofRoot}
	if w.sim != 0 {
		k.Owner = w.sim
		if w.apart {
			k.ID = mixID(k.ID, w.payer.number)
		} else {
			k.Cycle = cycleOfSIM
		}
	}
	return k
}

func (e *Engine) root() uint32 { return e.path[len(e.path)-1].number }

func mixID(id uint64, account uint32) uint64 {
	hi, lo := bits.Mul64(id^0xa0761d6478bd642f, uint64(account)^0xe7037ed1a0b428db)
	return max(hi^lo, 1)
}

// counter finds or makes the entry of a counter, and says what it holds. What a former ratemill counted in a cycle that
// still runs is carried over when it is asked for first.
func (e *Engine) counter(c *Counters, w *tally, res *Result) (CounterKey, *entry, Value) {
	k := w.key(e.root(), e.cycleOfSIM)
	entry := e.entry(c, k)
	value := entry.settled.Plus(entry.pending)
	if k.Cycle > c.former || value != (Value{}) {
		return k, entry, value
	}
	value = c.Get(e.former(w, w.id, k))
	for _, id := range w.before {
		value = value.Plus(c.Get(e.former(w, id, k)))
	}
	if value != (Value{}) {
		e.add(entry, k, value, res)
	}
	return k, entry, value
}

// former is the key by which former ratemills counted: the plain id for who was below the root when the cycle began, as
// far as was known, else the id with the root.
func (e *Engine) former(w *tally, id uint64, k CounterKey) CounterKey {
	began, whose := beginning(w.payer.cycle), w.payer.number
	if w.sim != 0 && !w.apart {
		owner, _ := e.view.Owner(w.sim, began, e.rev)
		whose = owner.Account
	}
	if home, _, _ := e.view.Root(whose, began, e.rev); home != e.root() {
		id = mixID(id, e.root())
	}
	if w.apart {
		id = mixID(id, w.payer.number)
	}
	return CounterKey{ID: id, Owner: k.Owner, Cycle: w.payer.cycle, Kind: w.kind}
}

// beginning is when a cycle counted as begun in all zones, for former ratemills.
func beginning(cycle int32) udr.Instant { return udr.Instant(cycle) * udr.Instant(24*time.Hour) }

// simCycle is the cycle in which a SIM's own usage counts: that of its account, but a SIM that moves below its root to an
// account whose cycles run otherwise goes on in the cycle that runs.
func simCycle(v *registry.View, rev registry.Revision, sim uint32, owner registry.Ownership, p *payer, at udr.Instant) int32 {
	if at-owner.Since > registry.MoveMatters {
		return p.cycle
	}
	cycles, moved := v.SIMCycles(sim, owner, at, rev)
	if !moved {
		return p.cycle
	}
	first, _ := cycles.Of(registry.LocalDate(cycles.Zone, at))
	return first
}
