package life

import (
	"slices"
	"strings"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Fact is a state fact to be stated, with the text of its cause.
type Fact struct {
	registry.StateFact
	Cause string
}

// Reason is what makes a change set: the event that became known, or the request.
type Reason struct {
	Cause string                  // unique
	Used  func(cause string) bool // whether a fact has a cause already

	// Happened is what happened to the SIM. A withdrawal tells whether the status of the account still did what the withdrawn
	// fact said: rating needs that if it works the state out again.
	Happened []Event
}

// Change is the change set that brings a SIM's facts to its states. known are all facts that were ever stated of the
// SIM's state, those of one time in the order in which they became known; stays are what States gives with the new
// event. Facts that no longer follow are withdrawn. The facts are in the order of their times; none is there if nothing
// changes.
//
// Each fact has the cause of its own transition. Causes stay used when a transition is withdrawn, so one that follows
// again has a cause that names the reason too.
func Change(known []Told, stays []Stay, sim uint32, reason Reason) (facts []Fact) {
	holds := map[udr.Instant]Told{}
	byAccount := map[udr.Instant]EventKind{}
	for _, f := range known {
		holds[f.From] = f
		if f.State != registry.Withdrawn && MakerOf(f.Cause) == ByAccount {
			byAccount[f.From] = accountDid(f.StateValue)
		}
	}
	subject := registry.SubjectOf(sim)
	for i := range stays {
		s := &stays[i]
		value := s.value()
		before, stated := holds[s.From]
		delete(holds, s.From)
		cause := s.cause(subject)
		if stated && before.StateValue == value && sameMaker(before.Cause, cause) {
			continue
		}
		facts = append(facts, Fact{registry.StateFact{SIM: sim, From: s.From, StateValue: value, Origin: s.origin()}, reason.of(cause)})
	}
	for from, f := range holds {
		origin := registry.Stated
		if kind := byAccount[from]; kind != Left && reason.happened(from, kind) {
			origin = registry.Unheeded
		}
		if f.State != registry.Withdrawn || f.Origin == registry.Unheeded && origin != registry.Unheeded {
			facts = append(facts, Fact{registry.StateFact{SIM: sim, From: from, StateValue: registry.StateValue{State: registry.Withdrawn},
				Origin: origin}, reason.Cause})
		}
	}
	slices.SortFunc(facts, func(a, b Fact) int { return int(max(-1, min(1, a.From-b.From))) })
	return facts
}

// happened reports whether something happened at a time.
func (r *Reason) happened(at udr.Instant, kind EventKind) bool {
	return slices.ContainsFunc(r.Happened, func(e Event) bool { return e.At == at && e.Kind == kind })
}

// accountDid is what the status of the account did to a SIM, by the value of the fact that it made.
func accountDid(value registry.StateValue) EventKind {
	ref, err := ParseRef(value.Lifecycle)
	switch {
	case err == nil && ref.Way == WithAccount:
		return AccountSuspended
	case value.Core == Cancelled:
		return AccountTerminated
	}
	return AccountResumed
}

// of is the cause of a fact in the change set.
func (r *Reason) of(cause string) string {
	if cause == "" || cause == r.Cause || r.Used == nil || !r.Used(cause) {
		return cause
	}
	return cause + " after " + r.Cause
}

// sameMaker reports whether a fact that was stated and one that follows are made by the same: somebody, usage, an
// account, a time limit of one kind. A state that somebody chooses where a time limit leads to it anyway is stated
// again: it is a choice now. So is one to which another time limit leads, because the history says why.
func sameMaker(stated, follows string) bool {
	was, before := makerOf(stated)
	is, now := makerOf(follows)
	return was == is && before == now
}

// AutomaticCause reports whether a cause is that of an automatic transition, which is judged again when something
// before it changes. Facts with other causes are what somebody chose.
func AutomaticCause(cause string) bool {
	for _, kind := range []string{"usage:", "timer:", "cascade:"} {
		if strings.HasPrefix(cause, kind) {
			return true
		}
	}
	return false
}

// Add adds facts to a change set, each cause once.
func Add(changes *registry.Changes, facts []Fact) {
	places := map[string]uint32{}
	for _, f := range facts {
		if f.Cause != "" {
			place, ok := places[f.Cause]
			if !ok {
				place = changes.Because(registry.Cause{Cause: f.Cause, Kind: registry.KindState, Subject: registry.SubjectOf(f.SIM)})
				places[f.Cause] = place
			}
			f.StateFact.Cause = place
		}
		changes.States = append(changes.States, f.StateFact)
	}
}

// value encodes a stay as the value of a fact.
func (s *Stay) value() registry.StateValue {
	if s.State == "" {
		return registry.StateValue{State: registry.Ended}
	}
	ref := s.Rules.Ref
	ref.Since = 0
	if s.Rules.Zone != nil && s.Since != registry.LocalDate(s.Rules.Zone, s.From) {
		ref.Since = s.Since
	}
	return registry.StateValue{Name: s.State, Core: s.Core(), Lifecycle: ref.String(), Brought: s.Brought}
}

// origin is where the fact of a stay comes from. What follows at the instant of a decision takes its place, and no other
// fact tells the decision, so it does not follow from the facts before.
func (s *Stay) origin() registry.Origin {
	if s.decided {
		return registry.Stated
	}
	return s.By.origin()
}

func (s *Stay) cause(subject string) string {
	if s.By != ByLimit {
		return s.Cause
	}
	t := Timer{Limit: s.Limit, Due: s.From}
	return t.Cause(subject)
}

// Stay is the stay that a state fact begins, for Advance. rules is StateValue.Lifecycle, zone that of the payer. If the
// catalogue lacks the rules, err says so, and nothing ends the state by itself.
func (b *Book) Stay(from udr.Instant, state, rules string, zone *time.Location) (Stay, error) {
	s := Stay{From: from, State: state, Rules: Rules{Zone: zone}, Since: registry.LocalDate(zone, from)}
	ref, err := ParseRef(rules)
	if err != nil {
		return s, err
	}
	if ref.Since != 0 {
		s.Since = ref.Since
	}
	s.Rules.Ref = ref
	s.Rules.Lifecycle, err = b.Resolve(ref, from, zone)
	return s, err
}
