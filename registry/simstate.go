package registry

import (
	"fmt"
	"slices"

	"ratemill/udr"
)

// StateFact is the state of a SIM from a time on.
type StateFact struct {
	SIM  uint32
	From udr.Instant
	StateValue
	Origin Origin
	Cause  uint32 // index in Changes.Causes, from 1; 0 for none
}

// Origin is the source of a state fact. It shows which facts ratemill can derive anew from newer knowledge.
type Origin uint8

// The origins of state facts.
const (
	Stated    Origin = iota // stated by users and programs, or because an account got the SIM
	ByUsage                 // usage ended the previous state
	ByTime                  // a time limit ended the previous state
	ByAccount               // the status of the account ended the previous state

	// Unheeded marks a withdrawal: the status of the account had the effect in the withdrawn fact, but
	// the previous state now ignores that status. That may change when the state is derived anew.
	Unheeded
)

// StateValue is a state of a state model. Millions of SIMs share a few values.
type StateValue struct {
	State     State
	Name      string // name of the state in its model
	Core      Core
	Lifecycle string // name@version of the document that contains the model and the rules
	Brought   bool   // the SIM was already in this state in another system: ratemill charges neither a transition nor an activation for it
}

// Core is the meaning of a state for packages that do not know its model.
type Core uint8

// The cores of states.
const (
	NoCore    Core = iota
	Prospect       // not in business yet
	Active         // in business
	Suspended      // in business, but without service
	Cancelled      // for ever
)

var cores = [...]string{"", "prospect", "active", "suspended", "cancelled"}

// String returns the core as state models and import files contain it.
func (c Core) String() string { return cores[c] }

// ParseCore parses the output of String.
func ParseCore(text string) (Core, bool) {
	for i, name := range cores {
		if name == text {
			return Core(i), true
		}
	}
	return 0, false
}

// SIMState is the state of a SIM at a time.
type SIMState struct {
	Value uint32 // number for View.StateValue; SIMs in the same state share it
	Since udr.Instant
	Known Revision // revision that stated the fact

	Origin Origin
}

// KnownState is a fact about a SIM's state, with the revision from which it is known.
type KnownState struct {
	StateFact
	Known Revision
}

// states holds the facts about the states of SIMs. Their beginnings differ, so facts cannot share memory: each
// takes 24 bytes. The facts of a SIM form a list, latest beginning first. The first entry is stored by the SIM's
// number, so the usual lookup has one cache miss, while a plain list would have two.
type states struct {
	newest [][]stateEntry // by the SIM's number, in blocks of simBlock
	older  blocks[stateEntry]
	values values[StateValue]
}

type stateEntry struct {
	from  udr.Instant
	known Revision
	value uint32 // number in values, counted from 1; 0: there is no fact
	next  uint32 // number in older, counted from 1, of a fact with an earlier beginning, or with the same beginning and an earlier revision

	origin Origin // takes no extra memory, because the 24 bytes had room for it
}

func (s *states) first(sim uint32) *stateEntry {
	if block := sim / simBlock; int(block) < len(s.newest) && s.newest[block] != nil {
		if e := &s.newest[block][sim%simBlock]; e.value != 0 {
			return e
		}
	}
	return nil
}

func (s *states) next(e *stateEntry) *stateEntry {
	if e.next == 0 {
		return nil
	}
	return s.older.at(e.next - 1)
}

func (s *states) value(e *stateEntry) *StateValue { return &s.values.list[e.value-1] }

func (s *states) add(f *StateFact, known Revision) {
	block := int(f.SIM / simBlock)
	for block >= len(s.newest) {
		s.newest = append(s.newest, nil)
	}
	if s.newest[block] == nil {
		s.newest[block] = make([]stateEntry, simBlock)
	}
	fact := stateEntry{from: f.From, known: known, value: s.values.number(f.StateValue) + 1, origin: f.Origin}
	e := &s.newest[block][f.SIM%simBlock]
	if e.value == 0 {
		*e = fact
		return
	}
	for {
		switch {
		case e.from == fact.from && e.known == known:
			e.value, e.origin = fact.value, fact.origin
			return
		case e.from < fact.from || e.from == fact.from && e.known < known:
			fact.next = s.older.add(*e) + 1
			*e = fact
			return
		case e.next == 0:
			e.next = s.older.add(fact) + 1
			return
		}
		e = s.next(e)
	}
}

func (s *states) at(sim uint32, at udr.Instant, rev Revision) (SIMState, bool) {
	for e := s.first(sim); e != nil; {
		if e.from > at || e.known > rev {
			e = s.next(e)
			continue
		}
		switch s.value(e).State {
		case Holds, AfterEnd:
			return SIMState{e.value - 1, e.from, e.known, e.origin}, true
		case Ended:
			return SIMState{}, false
		}
		from := e.from
		for e != nil && e.from == from {
			e = s.next(e)
		}
	}
	return SIMState{}, false
}

func (s *states) until(sim uint32, at udr.Instant, rev Revision) (until udr.Instant, ends bool) {
	for e := s.first(sim); e != nil && e.from > at; e = s.next(e) {
		if e.known <= rev {
			until, ends = e.from, true
		}
	}
	return until, ends
}

// told appends the facts about a SIM, in the order of (From, Known).
func (s *states) told(sim uint32, dst []KnownState) []KnownState {
	before := len(dst)
	for e := s.first(sim); e != nil; e = s.next(e) {
		dst = append(dst, KnownState{StateFact{SIM: sim, From: e.from, StateValue: *s.value(e), Origin: e.origin}, e.known})
	}
	slices.Reverse(dst[before:])
	return dst
}

// State returns the state of a SIM at a time, as known at a revision.
func (v *View) State(sim uint32, at udr.Instant, rev Revision) (SIMState, bool) {
	return v.r.states.at(sim, at, rev)
}

// AnyStates reports whether any SIM has a state.
func (v *View) AnyStates() bool { return len(v.r.states.values.list) > 0 }

// StateValue returns the value with the number SIMState.Value. It never changes; callers may keep it.
func (v *View) StateValue(n uint32) *StateValue { return &v.r.states.values.list[n] }

// Unheeded appends those effects of the account's status on a SIM, after one time and up to another, that the SIM's
// state ignores. These are the facts withdrawn for that reason.
func (v *View) Unheeded(sim uint32, after, to udr.Instant, rev Revision, dst []SIMState) []SIMState {
	s := &v.r.states
	for e := s.first(sim); e != nil && e.from > after; {
		if e.from > to || e.known > rev {
			e = s.next(e)
			continue
		}
		from, unheeded := e.from, s.value(e).State == Withdrawn && e.origin == Unheeded
		for ; e != nil && e.from == from; e = s.next(e) {
			if unheeded && e.origin == ByAccount {
				dst, unheeded = append(dst, SIMState{e.value - 1, e.from, e.known, e.origin}), false
			}
		}
	}
	return dst
}

// StateUntil returns the first time after at when a SIM's state may change, as known at a revision; false if it never does.
func (v *View) StateUntil(sim uint32, at udr.Instant, rev Revision) (until udr.Instant, ends bool) {
	return v.r.states.until(sim, at, rev)
}

// States appends all facts ever stated about a SIM's states, in the order of their beginnings and, if these are
// equal, of their revisions. Held selects the valid facts among them.
func (v *View) States(sim uint32, dst []KnownState) []KnownState { return v.r.states.told(sim, dst) }

// Held selects the facts of one subject that are valid at a revision, from facts in the order of View.States.
// For each beginning this is the last known fact, unless it is withdrawn.
func Held(facts []KnownState, rev Revision) []KnownState {
	return counting(facts, rev, func(f *KnownState) told { return told{from: f.From, known: f.Known, state: f.State} })
}

// counting selects, in place, the facts of one subject that are valid at a revision. facts are in the order of
// (from, known).
func counting[T any](facts []T, rev Revision, of func(*T) told) []T {
	kept := facts[:0]
	for i := 0; i < len(facts); {
		f := of(&facts[i])
		last := -1
		for ; i < len(facts) && of(&facts[i]).from == f.from; i++ {
			if of(&facts[i]).known <= rev {
				last = i
			}
		}
		if last >= 0 && of(&facts[last]).state != Withdrawn {
			kept = append(kept, facts[last])
		}
	}
	return kept
}

func (r *Registry) loadStates(facts []StateFact, known Revision) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		if f.SIM == 0 || f.SIM > maxSIM {
			return fmt.Errorf("registry: revision %d has the state of a SIM numbered %d; numbers go from 1 to %d", known, f.SIM, uint32(maxSIM))
		}
		r.states.add(f, known)
		r.memberships.note(r, 0, f.SIM, known)
	}
	return nil
}

// values assigns numbers, from 0, to values that repeat.
type values[T comparable] struct {
	numbers map[T]uint32
	list    []T
}

func (n *values[T]) number(value T) uint32 {
	if number, ok := n.numbers[value]; ok {
		return number
	}
	if n.numbers == nil {
		n.numbers = map[T]uint32{}
	}
	number := uint32(len(n.list))
	n.numbers[value] = number
	n.list = append(n.list, value)
	return number
}
