package registry

import (
	"cmp"
	"slices"

	"ratemill/udr"
)

// timeline contains the final rows about one subject, in the order of since. Rows do not overlap; a row without an
// end is valid until the next one begins. So at each time at most one row begins and at most one ends, and the State
// of a fact records both. After any correction, end or withdrawal, the facts are the same as if only the final rows
// had ever been stated.
type timeline[V comparable] []stated[V]

type stated[V comparable] struct {
	since, until udr.Instant // newest: until the next row begins
	value        V
}

// fact is a fact at a time of a timeline.
type fact[V comparable] struct {
	from  udr.Instant
	state State
	value V // if something begins
}

// timelineOf builds a timeline from the valid facts, in the order of their beginnings.
func timelineOf[V comparable](facts []fact[V]) (t timeline[V]) {
	for _, f := range facts {
		if f.state.ends() && len(t) > 0 && t[len(t)-1].until == newest {
			t[len(t)-1].until = f.from
		}
		if f.state.begins() {
			t = append(t, stated[V]{f.from, newest, f.value})
		}
	}
	return t
}

func (t timeline[V]) find(since udr.Instant) (int, bool) {
	return slices.BinarySearchFunc(t, since, func(s stated[V], since udr.Instant) int { return cmp.Compare(s.since, since) })
}

// before returns the row that is valid just before a time, nil if there is none.
func (t timeline[V]) before(at udr.Instant) *V {
	i, _ := t.find(at)
	if i == 0 || t[i-1].until != newest && t[i-1].until < at {
		return nil
	}
	return &t[i-1].value
}

// overlap is another row that conflicts with a row, because their times overlap.
type overlap struct {
	since, until udr.Instant // times of the other row
	inside       bool        // the row begins within the other row; if false, the other row begins within this one
}

// put adds a row. If until is not given and untilSaid is false, the end of a corrected row stays.
func (t *timeline[V]) put(since, until udr.Instant, untilSaid bool, value V) *overlap {
	i, known := t.find(since)
	if known && !untilSaid && until == newest {
		until = (*t)[i].until
	}
	if i > 0 && (*t)[i-1].until != newest && (*t)[i-1].until > since && !known {
		return &overlap{(*t)[i-1].since, (*t)[i-1].until, true}
	}
	next := i
	if known {
		next++
	}
	if next < len(*t) && until != newest && until > (*t)[next].since {
		return &overlap{since: (*t)[next].since, until: (*t)[next].until}
	}
	row := stated[V]{since, until, value}
	if known {
		(*t)[i] = row
	} else {
		*t = slices.Insert(*t, i, row)
	}
	return nil
}

// withdraw removes the row with a since or, if there is none, the end at that time. It reports whether it
// removed anything.
func (t *timeline[V]) withdraw(since udr.Instant) bool {
	i, known := t.find(since)
	if known {
		*t = slices.Delete(*t, i, i+1)
		return true
	}
	if i > 0 && (*t)[i-1].until == since {
		(*t)[i-1].until = newest
		return true
	}
	return false
}

// facts returns the facts of a timeline, in the order of their beginnings.
func (t timeline[V]) facts() (all []fact[V]) {
	for i, s := range t {
		all = append(all, fact[V]{s.since, stateOf(true, i > 0 && t[i-1].until == s.since), s.value})
		if s.until != newest && (i+1 == len(t) || t[i+1].since != s.until) {
			all = append(all, fact[V]{from: s.until, state: Ended})
		}
	}
	return all
}

// difference returns the facts that turn the valid facts in before into those in after; both are in the order of
// their beginnings.
func difference[V comparable](before, after []fact[V]) (all []fact[V]) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].from < after[0].from:
			all = append(all, fact[V]{from: before[0].from, state: Withdrawn})
			before = before[1:]
		case len(before) == 0 || after[0].from < before[0].from:
			all = append(all, after[0])
			after = after[1:]
		default:
			if before[0] != after[0] {
				all = append(all, after[0])
			}
			before, after = before[1:], after[1:]
		}
	}
	return all
}

// changed returns the facts that lead from the valid facts around a time to a timeline made from them, in which only
// what concerns the row at that time changed. Whether the first row continues another one is not known here, and does
// not change.
func changed[V comparable](before []fact[V], t timeline[V], at udr.Instant) []fact[V] {
	after := t.facts()
	if len(before) > 0 && before[0].from < at && before[0].state.begins() {
		after[0].state = before[0].state
	}
	return difference(before, after)
}

// heldAround returns the valid facts about a SIM's state from the last beginning before a time to the first beginning
// after it. A row at that time reads and changes only these, so its cost does not depend on the number of rows.
func (s *states) heldAround(sim uint32, at udr.Instant, rev Revision) (all []fact[StateValue]) {
	var held []*stateEntry // latest first
	for e := s.first(sim); e != nil; {
		from := e.from
		for e != nil && e.from == from && e.known > rev {
			e = s.next(e)
		}
		if e == nil || e.from != from {
			continue
		}
		last, state := e, s.value(e).State
		for e != nil && e.from == from {
			e = s.next(e)
		}
		if from > at && state.begins() {
			held = held[:0]
		}
		if state != Withdrawn {
			held = append(held, last)
		}
		if from < at && state.begins() {
			break
		}
	}
	for _, e := range slices.Backward(held) {
		f := fact[StateValue]{from: e.from, state: s.value(e).State}
		if f.state.begins() {
			f.value = *s.value(e)
			f.value.State = Holds
		}
		all = append(all, f)
	}
	return all
}

// toldAt returns the States of all facts about a SIM's state for exactly a time, the last known at the end.
func (s *states) toldAt(sim uint32, from udr.Instant) (all []State) {
	for e := s.first(sim); e != nil && e.from >= from; e = s.next(e) {
		if e.from == from {
			all = append(all, s.value(e).State)
		}
	}
	slices.Reverse(all)
	return all
}

// heldFacts returns the valid statements of one kind, subject and name.
func (s *Statements) heldFacts(kind Kind, of, name string, rev Revision) (all []fact[string]) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return stringFacts(HeldStatements(named(s.subjects[subject{kind, of}], name), rev))
}

func stringFacts(held []KnownStatement) (all []fact[string]) {
	for _, f := range held {
		value := string(f.Value)
		if !f.State.begins() {
			value = ""
		}
		all = append(all, fact[string]{f.From, f.State, value})
	}
	return all
}

// heldAround returns the valid statements of one kind, subject and name from the last beginning before a time to the
// first beginning after it. A row at that time reads and changes only these.
func (s *Statements) heldAround(kind Kind, of, name string, at udr.Instant, rev Revision) (all []fact[string]) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	facts := named(s.subjects[subject{kind, of}], name)
	first, _ := beginning(facts, at)
	last := first
	for begun := false; first > 0 && !begun; {
		from, end := facts[first-1].From, first
		for first > 0 && facts[first-1].From == from {
			first--
		}
		begun = beginsIn(facts[first:end], rev)
	}
	for begun := false; last < len(facts) && !begun; {
		from, start := facts[last].From, last
		for last < len(facts) && facts[last].From == from {
			last++
		}
		begun = from > at && beginsIn(facts[start:last], rev)
	}
	return stringFacts(HeldStatements(facts[first:last], rev))
}

// beginsIn reports whether something begins by the last of the statements for one time that is known at a revision.
func beginsIn(facts []KnownStatement, rev Revision) bool {
	for i := range slices.Backward(facts) {
		if facts[i].Known <= rev {
			return facts[i].State.begins()
		}
	}
	return false
}

// toldAt returns the States of all facts about one kind, subject and name for exactly a time, with the last known
// one at the end.
func (s *Statements) toldAt(kind Kind, of, name string, from udr.Instant) (all []State) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	facts := named(s.subjects[subject{kind, of}], name)
	for i, _ := beginning(facts, from); i < len(facts) && facts[i].From == from; i++ {
		all = append(all, facts[i].State)
	}
	return all
}

// tookBack reports whether the row that began at a time was withdrawn, so that only the end of the row before it
// remains there. If the row is withdrawn a second time, this end stays.
func tookBack(told []State) bool {
	n := len(told)
	return n > 1 && told[n-1] == Ended && told[n-2].begins()
}

// told reports whether a statement about one kind, subject and name begins at exactly this time.
func (s *Statements) told(kind Kind, of, name string, from udr.Instant) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, found := beginning(named(s.subjects[subject{kind, of}], name), from)
	return found
}
