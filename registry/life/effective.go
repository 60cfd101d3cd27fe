package life

import (
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Reader computes effective states from the registry. It caches the rules of facts, because many SIMs share a
// few rules. Only one goroutine may use it.
type Reader struct {
	book  *Book
	rules []rule // by number of the fact's value
}

// rule contains the rules for a value of facts, for any beginning of the state.
type rule struct {
	value  *registry.StateValue
	ref    Ref
	cycle  *Lifecycle // nil if it depends on the time or is missing
	err    error
	did    EventKind // the effect of the account's status, if the status caused the fact
	plain  bool
	known  bool
	always bool // cycle is right for every beginning
}

// NewReader returns a reader that uses the documents of a catalogue.
func NewReader(b *Book) *Reader { return &Reader{book: b} }

// State returns the effective state of a SIM for a record at a time, as known at a revision. It is the state in the
// facts, advanced by time limits that are due and by events that only rating has seen so far. events lists the
// SIM's usage events since the fact, in order of their times; zone is that of the payer. ok is false if there is no
// fact. If the catalogue lacks the rules to which a fact refers, State returns an error and the state of the fact.
func (r *Reader) State(v *registry.View, sim uint32, at udr.Instant, rev registry.Revision, zone *time.Location,
	events []Event) (s Stay, ok bool, err error) {
	fact, ok := v.State(sim, at, rev)
	if !ok {
		return Stay{}, false, nil
	}
	s, err = r.Of(v, fact, at, zone, events)
	return s, true, err
}

// Of does the same as State for callers that already have the fact.
func (r *Reader) Of(v *registry.View, fact registry.SIMState, at udr.Instant, zone *time.Location, events []Event) (s Stay, err error) {
	rule := r.rule(v, fact.Value)
	s = Stay{From: fact.Since, State: rule.value.Name, Rules: Rules{Ref: rule.ref, Lifecycle: rule.cycle, Zone: zone},
		Brought: rule.value.Brought}
	if fact.Origin == registry.ByUsage {
		s.By = ByUse
	}
	if rule.always && rule.plain && len(events) == 0 {
		return s, rule.err
	}
	err = rule.err
	if s.Since = rule.ref.Since; s.Since == 0 {
		s.Since = registry.LocalDate(zone, s.From)
	}
	if !rule.always && err == nil {
		s.Rules.Lifecycle, err = r.book.Resolve(rule.ref, s.From, zone)
	}
	of := replay{stay: s, begun: true}
	if fact.Origin == registry.Stated && rule.ref.Way == WithAccount { // stated while the account was suspended
		own := s
		own.Rules.Ref = own.Rules.Ref.Plain()
		of.off, of.interrupted = true, &own
	}
	return of.advance(events, at), err
}

// ByAccount returns the effect of the account's status on a SIM, if the status caused the fact; Left for any
// other fact.
func (r *Reader) ByAccount(v *registry.View, fact registry.SIMState) EventKind {
	if fact.Origin != registry.ByAccount {
		return Left
	}
	return r.rule(v, fact.Value).did
}

// rule returns the rules for a value of facts, computed once.
func (r *Reader) rule(v *registry.View, value uint32) *rule {
	for int(value) >= len(r.rules) {
		r.rules = append(r.rules, rule{})
	}
	x := &r.rules[value]
	if x.known {
		return x
	}
	x.known, x.value = true, v.StateValue(value)
	x.did = accountDid(*x.value)
	if x.ref, x.err = ParseRef(x.value.Lifecycle); x.err != nil {
		x.always, x.plain = true, true
		return x
	}
	if x.always = r.book.always(x.ref); x.always {
		if x.cycle, x.err = r.book.Resolve(x.ref, registry.Always, time.UTC); x.err == nil {
			s := Stay{State: x.value.Name, Rules: Rules{Ref: x.ref, Lifecycle: x.cycle, Zone: time.UTC}}
			x.plain = s.Plain()
		} else {
			x.plain = true
		}
	}
	return x
}

// always reports whether a reference means the same rules whenever the state begins. That is so if
// the catalogue has that version and only one version of its model, or has no document of that name.
func (b *Book) always(ref Ref) bool {
	versions := b.cycles[ref.Lifecycle]
	for _, v := range versions {
		if models := b.models[v.doc.States.Value]; v.doc.From.Text == ref.Version {
			return len(models) == 1 && models[0].From.Text == ""
		}
	}
	return len(versions) == 0
}
