package product

import (
	"ratemill/registry"
	"ratemill/udr"
)

// SIMDays is a number of days on which a SIM was with an account, on a plan and in a state (rule R1).
type SIMDays struct {
	SIM     uint32
	Account string // account of the payer's tier; the lowest account if there are several
	Plan    string // plan by which the payer pays; "" if there is none
	State   string
	Days    int
}

// SIMDays returns the days of a payer's SIMs from one date up to, but not including, another, as known at a revision.
// A SIM appears once for each run of days on which nothing about it changes.
func (e *Engine) SIMDays(payer uint32, from, to Date, rev registry.Revision, give func(SIMDays) error) error {
	id, _ := e.view.AccountID(payer)
	r := &run{Engine: e, Close: Close{Payer: payer, Facts: rev}, payer: payer, id: id, cycles: map[cycleKey]*cycle{},
		windows: map[windowKey][]*window{}, dirt: map[uint32]udr.Instant{}, charged: map[registry.Revision][]oneOff{}}
	c, err := r.cycle(rev, from)
	if err != nil || from >= to {
		return err
	}
	w := &window{run: r, cycle: c, rev: rev, from: from, to: to, tiered: map[tierKey][]tier{}, broken: map[uint32][]Date{}}
	for d := from; d <= to; d++ {
		w.ends = append(w.ends, registry.Midnight(c.zone, int32(d))-1)
	}
	for _, sim := range e.index.of(r.accounts()) {
		r.known, r.states = r.view.Owners(sim, r.known[:0]), r.view.States(sim, r.states[:0])
		s := simFacts{sim: sim, owners: heldOwners(r.known, rev), states: heldStates(r.states, rev)}
		r.stretched = w.stretches(&s, from, to, r.stretched[:0])
		for i := range r.stretched {
			x := &r.stretched[i]
			if x.owner == nil {
				continue
			}
			for _, t := range w.tiers(x.owner.Account, x.owner.Plan, x.lo) {
				if !t.mine {
					continue
				}
				if err := give(SIMDays{sim, t.id, t.plan, x.state, int(x.hi - x.lo)}); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}
