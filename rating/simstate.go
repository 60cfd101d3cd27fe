package rating

import (
	"time"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// SIMState is the code of records that are suspended because the state of their SIM allows no usage or has no
// rules.
const SIMState = "sim_state"

// simState is the state of the SIM whose usage is rated.
type simState struct {
	life.Stay
	known bool      // the SIM has a state
	payer *payer    // the owner of its life buckets
	free  int64     // units of the record that the life bucket covers
	core  life.Core // of the fact

	next   life.Stay // state after the record began, if the record ended the earlier state
	turned bool
}

// payerNumber returns the number of the payer, 0 for a SIM without states.
func (s *simState) payerNumber() uint32 {
	if s.payer == nil {
		return 0
	}
	return s.payer.number
}

// judge finds the state of the SIM: the state in the facts, advanced by time limits that are due and by the effects
// of usage. Most SIMs are in a state that only an event can end, and then the facts are enough.
func (e *Engine) judge(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage) error {
	fact, known := v.State(u.SIM, u.At, rev)
	if !known {
		if e.state.known {
			e.state = simState{}
		}
		return nil
	}
	e.state.known = true
	payer := e.path[0]
	for _, p := range e.path {
		if v.Profiled(p.number, u.At, rev) {
			payer = p
			break
		}
	}
	e.state.payer, e.state.free, e.state.turned, e.state.core = payer, 0, false, v.StateValue(fact.Value).Core
	var err error
	e.state.Stay, err = e.effective(v, rev, c, u.SIM, fact, u.At, payer.facts.Zone)
	if err != nil && v.StateValue(fact.Value).Lifecycle != "" {
		return suspend(SIMState, "the SIM was %s at %s, but the rules of this state cannot be found: %v; add them to the catalogue, or "+
			"correct the state, and retry", e.state.State, u.At, err)
	}
	if e.state.Usage() == life.Suspense {
		zone := payer.facts.Zone
		return suspend(SIMState, "the SIM was %s since %s (%s), and usage_in of lifecycle %s suspends usage in this state; if the SIM was "+
			"in use rightly, correct its state or usage_in and retry, otherwise drop the record",
			e.state.State, localTime(e.state.From, zone, time.DateTime), zone, e.state.Rules.Lifecycle.Name)
	}
	return nil
}
