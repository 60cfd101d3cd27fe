package life

import (
	"slices"
	"strings"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Told is a stated fact about a SIM's state, with the text of its cause.
type Told struct {
	registry.KnownState
	Cause string
}

// Owned is the time that a SIM spends with an account, until the next account gets it. If payer is empty, no
// account owns the SIM.
type Owned struct {
	From          udr.Instant
	Payer, Seller string
	Rules         Rules // according to the account's settings at that time
}

// held returns the valid facts in the order of their times. For each time this is the last known fact, unless it is
// withdrawn. told is in the order of (from, known).
func held(told []Told) (facts []Told) {
	for i, f := range told {
		if i+1 < len(told) && told[i+1].From == f.From || f.State == registry.Withdrawn {
			continue
		}
		facts = append(facts, f)
	}
	return facts
}

// arrivals returns the times at which the SIM was assigned to another payer or lost its owner.
func arrivals(owned []Owned) (list []Owned) {
	payer := ""
	for i, o := range owned {
		if i == 0 || o.Payer != payer {
			list = append(list, o)
		}
		payer = o.Payer
	}
	return list
}

// Events returns the decisions about a SIM: its assignments to payers, and its chosen states. States also needs the
// events of its accounts' status and of its usage. told contains all facts ever stated about the SIM's state, in the
// order of (from, known); owned contains its accounts in the order of time. err lists the rules that the catalogue
// lacks.
func (b *Book) Events(told []Told, owned []Owned) (events []Event, err error) {
	assigned := map[udr.Instant]int{}
	for _, o := range arrivals(owned) {
		assigned[o.From] = len(events)
		if o.Payer == "" {
			events = append(events, Event{At: o.From, Kind: Left})
			continue
		}
		events = append(events, Event{At: o.From, Kind: Assigned, Rules: o.Rules})
	}
	for _, f := range held(told) {
		if AutomaticCause(f.Cause) || f.State == registry.Ended {
			continue
		}
		s, failed := b.Stay(f.From, f.Name, f.Lifecycle, zoneAt(owned, f.From))
		if failed != nil && err == nil {
			err = failed
		}
		rules, way := s.Rules, s.Rules.Ref.Way
		rules.Ref = rules.Ref.Plain()
		if i, ok := assigned[f.From]; ok {
			e := &events[i]
			e.State, e.Keep, e.Rules, e.Cause, e.Brought = f.Name, way == Kept, rules, f.Cause, f.Brought
			continue
		}
		events = append(events, Event{At: f.From, Kind: Set, State: f.Name, Rules: rules, Cause: f.Cause, Brought: f.Brought})
	}
	return events, err
}

// Stays returns the states in the facts, for the charges and the history of a SIM. It does not recompute them.
// See Events for the arguments.
func (b *Book) Stays(told []Told, owned []Owned) (stays []Stay, err error) {
	assigned := map[udr.Instant]bool{}
	for _, o := range arrivals(owned) {
		assigned[o.From] = true
	}
	var interrupted string // the state that an account's suspension interrupted
	for _, f := range held(told) {
		before := New
		if n := len(stays); n > 0 && stays[n-1].State != "" {
			before = stays[n-1].State
		}
		if f.State == registry.Ended {
			stays = append(stays, Stay{From: f.From, Before: before, Cause: f.Cause, By: ByAssignment})
			continue
		}
		s, failed := b.Stay(f.From, f.Name, f.Lifecycle, zoneAt(owned, f.From))
		if failed != nil && err == nil {
			err = failed
		}
		s.Before, s.Cause, s.Brought = before, f.Cause, f.Brought
		s.By, s.Limit = makerOf(f.Cause)
		if assigned[f.From] {
			s.Before = New
			if s.By == BySomebody {
				s.By = ByAssignment
			}
		}
		switch back := interrupted != "" && s.By == ByAccount; {
		case s.Rules.Ref.Way == Kept:
			if before == s.State || interrupted == s.State {
				s.Before = s.State
			}
			interrupted = ""
		case s.Rules.Ref.Way == WithAccount:
			if s.Free, interrupted = true, before; s.By != ByAccount { // a user suspended it while its account was suspended
				s.Free, interrupted = false, s.State
			}
		case back && s.State == interrupted:
			s.Free, interrupted = true, ""
		case back && s.Core() != Cancelled:
			s.Before, interrupted = interrupted, "" // a time limit became due meanwhile
		default:
			interrupted = ""
		}
		stays = append(stays, s)
	}
	return stays, err
}

// zoneAt returns the time zone of the payer at a time; UTC before the first account.
func zoneAt(owned []Owned, at udr.Instant) *time.Location {
	for _, o := range slices.Backward(owned) {
		if o.From <= at && o.Rules.Zone != nil {
			return o.Rules.Zone
		}
	}
	if len(owned) > 0 && owned[0].Rules.Zone != nil {
		return owned[0].Rules.Zone
	}
	return time.UTC
}

// MakerOf returns the maker of a transition from the cause of its fact.
func MakerOf(cause string) Maker {
	m, _ := makerOf(cause)
	if strings.HasPrefix(cause, "assignment:") {
		return ByAssignment
	}
	return m
}

// makerOf returns the maker of a transition from the cause of its fact.
func makerOf(cause string) (Maker, Limit) {
	kind, rest, _ := strings.Cut(cause, ":")
	switch kind {
	case "usage":
		return ByUse, NoTimeLimit
	case "cascade":
		return ByAccount, NoTimeLimit
	case "timer":
		limit, _, _ := strings.Cut(rest, ":")
		return ByLimit, Limit(max(0, slices.Index(limits[:], limit)))
	}
	return BySomebody, NoTimeLimit
}
