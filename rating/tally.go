package rating

import (
	"math/bits"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// tally identifies what a counter counts: usage or cost under a name, for an account or for one of its SIMs. The
// same name below the same billing root in the same cycle is the same counter. Later corrections about a SIM or an
// account, or moves between accounts, do not restart it at zero. Usage below another root has another counter,
// because it belongs to another customer and to that root's partition.
type tally struct {
	id     uint64   // of the name
	before []uint64 // ids of the name in earlier versions
	kind   CounterKind
	payer  *payer
	sim    uint32 // 0 if the counter is per account
	apart  bool   // the counter of a SIM counts for this account only, not for all accounts that ever pay for the SIM by this plan

	// Only for a counter that is not per billing cycle, see Engine.during:
	period period
	date   int32 // the date on which its period begins
	hour   uint32
}

// ofSIM returns the counter of a tier for a SIM. The SIM's own plan counts under its name alone; accounts above
// may have the same plan, and are counted separately.
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
	if w.period != perCycle {
		k.ID, k.Cycle, k.Kind = mixID(k.ID, uint32(w.period)<<24|w.hour), w.date, k.Kind|spanMarks[w.period]
	}
	return k
}

// inCycle returns the key of the counter with the same name in another cycle.
func (w *tally) inCycle(root uint32, cycle int32) CounterKey {
	k := w.key(root, cycle)
	k.Cycle = cycle
	return k
}

func (e *Engine) root() uint32 { return e.path[len(e.path)-1].number }

func mixID(id uint64, account uint32) uint64 {
	hi, lo := bits.Mul64(id^0xa0761d6478bd642f, uint64(account)^0xe7037ed1a0b428db)
	return max(hi^lo, 1)
}

// counter finds or creates the entry of a counter, and returns the counter's value. On first use, it carries over
// the count that an earlier version of ratemill made in a cycle that has not ended.
func (e *Engine) counter(c *Counters, w *tally, res *Result) (CounterKey, *entry, Value) {
	k := w.key(e.root(), e.cycleOfSIM)
	entry := e.entry(c, k)
	value := entry.folded.Plus(entry.pending)
	if k.Cycle > c.former || value != (Value{}) || w.period != perCycle {
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

// former returns the key that earlier versions used: the plain id if the owner was known to be below the root when
// the cycle began, otherwise the id mixed with the root.
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

// beginning returns a time at which a cycle has begun in all time zones; earlier versions used it.
func beginning(cycle int32) udr.Instant { return udr.Instant(cycle) * udr.Instant(24*time.Hour) }

// simCycle returns the cycle for a SIM's own usage, which is that of its account. A SIM that moves below its root to
// an account with other cycles stays in the current cycle.
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
