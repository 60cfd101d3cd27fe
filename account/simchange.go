package account

import (
	"fmt"
	"slices"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// SIMFacts are the state facts of the SIMs of a change of status.
type SIMFacts struct {
	Facts []registry.StateFact
	SIMs  map[string]int // how many of each account change their state
	Later int            // how many have a later state already, which stays
}

// SIMFacts computes what a change of status makes of the SIMs that its accounts own at its time. texts are the state models and
// lifecycles of the catalogue.
func (b *Book) SIMFacts(c *StatusChange, when udr.Instant, texts *life.Book) (*SIMFacts, error) {
	f := &SIMFacts{SIMs: map[string]int{}}
	does := map[uint32]SIMAction{}
	for _, s := range c.SIMs {
		if number, ok := b.View.AccountNumber(s.Account); ok {
			does[number] = s.Do
		}
	}
	if len(does) == 0 {
		return f, nil
	}
	var lacking []string
	for sim := uint32(1); sim <= b.View.SIMs(); sim++ {
		own, ok := b.View.Owner(sim, when, b.Revision)
		do := does[own.Account]
		if !ok || do == 0 {
			continue
		}
		fact, changes, err := b.simFact(sim, own.Account, do, when, c.Cause, texts)
		if err != nil {
			if !slices.Contains(lacking, err.Error()) {
				lacking = append(lacking, err.Error())
			}
			continue
		}
		if !changes {
			continue
		}
		id, _ := b.View.AccountID(own.Account)
		f.Facts = append(f.Facts, fact)
		f.SIMs[id]++
		if _, later := b.View.StateUntil(sim, when, b.Revision); later {
			f.Later++
		}
	}
	if len(lacking) > 0 {
		return nil, fmt.Errorf("the states of SIMs cannot follow: %s; put the text back into the catalogue first", list(lacking))
	}
	return f, nil
}

// simFact is what an action makes of one SIM; changes is false if it stays as it is.
func (b *Book) simFact(sim, account uint32, do SIMAction, when udr.Instant, cause string, texts *life.Book) (fact registry.StateFact,
	changes bool, err error) {
	now, ok := b.View.State(sim, when, b.Revision)
	if !ok {
		return fact, false, nil // a SIM without a state: the installation does not use them
	}
	a, _ := b.View.Account(account, when, b.Revision)
	stay, err := b.stay(now, a, texts)
	if err != nil {
		return fact, false, err
	}
	events := []life.Event{{At: when, Kind: life.AccountSuspended, Cause: cause}}
	switch do {
	case RetireSIMs:
		events[0].Kind = life.AccountTerminated
	case RestoreSIMs:
		if stay.Rules.Ref.Way != life.WithAccount {
			return fact, false, nil // it was suspended for a reason of its own, or came later
		}
		events = []life.Event{{At: stay.From, Kind: life.AccountSuspended}, {At: when, Kind: life.AccountResumed, Cause: cause}}
		before, ok := b.View.State(sim, stay.From-1, b.Revision)
		if !ok {
			return fact, false, nil
		}
		if stay, err = b.stay(before, a, texts); err != nil {
			return fact, false, err
		}
	}
	next := life.Advance(stay, events, when)
	value := next.Value()
	if next.From != when || value == *b.View.StateValue(now.Value) {
		return fact, false, nil
	}
	return registry.StateFact{SIM: sim, From: when, StateValue: value, Origin: registry.ByAccount}, true, nil
}

func (b *Book) stay(s registry.SIMState, a *registry.Account, texts *life.Book) (life.Stay, error) {
	v := b.View.StateValue(s.Value)
	return texts.Stay(s.Since, v.Name, v.Lifecycle, a.Zone)
}
