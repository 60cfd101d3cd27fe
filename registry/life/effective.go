package life

import (
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Reader gives effective states from the registry. It remembers the rules that facts refer to, because millions of SIMs
// share few; it is for one goroutine.
type Reader struct {
	book  *Book
	rules []rule // by the number of the fact's value
}

// rule is what a value of facts says, whenever the state began.
type rule struct {
	value  *registry.StateValue
	ref    Ref
	cycle  *Lifecycle // nil if it depends on the time, or is missing
	err    error
	did    EventKind // the status of the account, if it made the fact
	plain  bool
	known  bool
	always bool // cycle holds for every beginning
}

// NewReader reads states by the texts of a catalogue.
func NewReader(b *Book) *Reader { return &Reader{book: b} }

// State is the effective state of a SIM for a record at a time, as known at a revision: that of the facts, advanced by
// the time limits that are due and by what rating knows. events are the usage events of the SIM since then, in order,
// with their times; zone is that of the payer. ok is false if no fact says anything. If the catalogue lacks the rules
// that a fact names, err says so, and the state is that of the fact.
func (r *Reader) State(v *registry.View, sim uint32, at udr.Instant, rev registry.Revision, zone *time.Location,
	events []Event) (s Stay, ok bool, err error) {
	fact, ok := v.State(sim, at, rev)
	if !ok {
		return Stay{}, false, nil
	}
	s, err = r.Of(v, fact, at, zone, events)
	return s, true, err
}

// Of is State for those who have the fact already.
func (r *Reader) Of(v *registry.View, fact registry.SIMState, at udr.Instant, zone *time.Location, events []Event) (s Stay, err error) {
	rule := r.rule(v, fact.Value)
	s = Stay{From: fact.Since, State: rule.value.Name, Rules: Rules{Ref: rule.ref, Lifecycle: rule.cycle, Zone: zone},
		Brought: rule.value.Brought}
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
	return Advance(s, events, at), err
}

// ByAccount is what the status of the account did to a SIM, of a fact that it made; Left for another fact.
func (r *Reader) ByAccount(v *registry.View, fact registry.SIMState) EventKind {
	if fact.Origin != registry.ByAccount {
		return Left
	}
	return r.rule(v, fact.Value).did
}

// rule is what a value of facts says; it is worked out once.
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

// always reports whether a reference means the same rules whenever the state began: the catalogue has that version, and
// one version of its model, or has nothing of the name.
func (b *Book) always(ref Ref) bool {
	versions := b.cycles[ref.Lifecycle]
	for _, v := range versions {
		if models := b.models[v.doc.States.Value]; v.doc.From.Text == ref.Version {
			return len(models) == 1 && models[0].From.Text == ""
		}
	}
	return len(versions) == 0
}
