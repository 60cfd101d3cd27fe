package life

import (
	"slices"
	"strings"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Fact is a new state fact, with the text of its cause.
type Fact struct {
	registry.StateFact
	Cause string
}

// Reason is the cause of a change set: a newly known event, or a request.
type Reason struct {
	Cause string                  // unique
	Used  func(cause string) bool // reports whether a fact with this cause already exists

	// Happened lists the events of the SIM. A withdrawal stores whether the status of the account still
	// had the effect in the withdrawn fact, because rating needs this when it derives the state itself.
	Happened []Event
}

// Change returns the change set that makes a SIM's facts match its states. known contains all facts ever stated
// about the SIM's state; facts with the same time are in the order in which they became known. stays is the result
// of States with the new event. Change withdraws facts that no longer follow from the events. The facts in the
// change set are in the order of their times; it contains none if nothing changes.
//
// Each fact has the cause of its own transition. A cause stays used after its transition is withdrawn. If the
// transition happens a second time, its cause also contains the reason.
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

// happened reports whether an event happened at a time.
func (r *Reason) happened(at udr.Instant, kind EventKind) bool {
	return slices.ContainsFunc(r.Happened, func(e Event) bool { return e.At == at && e.Kind == kind })
}

// accountDid returns the effect of an account's status on a SIM, found from the value of the resulting fact.
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

// of returns the cause of a fact in the change set.
func (r *Reason) of(cause string) string {
	if cause == "" || cause == r.Cause || r.Used == nil || !r.Used(cause) {
		return cause
	}
	return cause + " after " + r.Cause
}

// sameMaker reports whether a stated fact and a derived one have the same maker: a user, usage, an account, or a
// time limit of one kind. If a user chooses a state to which a time limit leads anyway, the fact is stated anew,
// because it is now a choice. If another time limit leads to the state, the fact is also stated anew, because the
// history shows the reason.
func sameMaker(stated, follows string) bool {
	was, before := makerOf(stated)
	is, now := makerOf(follows)
	return was == is && before == now
}

// AutomaticCause reports whether a cause belongs to an automatic transition, which is decided anew when an
// earlier fact changes. Facts with other causes are choices of users or programs.
func AutomaticCause(cause string) bool {
	for _, kind := range []string{"usage:", "timer:", "cascade:"} {
		if strings.HasPrefix(cause, kind) {
			return true
		}
	}
	return false
}

// Add adds facts to a change set, and adds each cause once.
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

// origin returns the origin of a stay's fact. A state that follows a decision at the same instant replaces
// the decision's fact. No other fact records the decision, so the state does not follow from earlier
// facts.
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

// Stay returns the stay that a state fact begins, for Advance. rules is StateValue.Lifecycle, and zone is
// that of the payer. If the catalogue lacks the rules, it returns an error, and the state does not end
// automatically.
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
