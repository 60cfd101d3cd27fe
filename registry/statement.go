package registry

import (
	"cmp"
	"math"
	"slices"

	"ratemill/diag"
	"ratemill/udr"
)

// statement is the content of a row about a SIM: its owner from one time until another. Statements of a SIM do not
// overlap; a statement without an end is valid until the next one begins. So at each time at most one statement
// begins and at most one ends, and a fact's State records both. After any correction or withdrawal, the registry
// is the same as if it had received only the final statements.
type statement struct {
	since, until udr.Instant
	untilSaid    bool // false if a CSV file has no such column: ends then stay unchanged. If true, a row without until has no end.
	account      uint32
	plan         string

	accountSaid, planSaid bool // false if a CSV file has no such column: the values then stay unchanged
}

// contested is an identifier that referred to another SIM when its row was read. A later row may make it
// available.
type contested struct {
	id           udr.Identifier
	since, until udr.Instant
	sim          uint32
	at           diag.Pos
	claim        bool // sim gets the identifier once it is available; if false, sim has it already and keeps it for longer than stated before
	end          bool // the statement ends at until
}

// following is a row about a SIM that comes after a row with a contested identifier.
type following struct {
	since udr.Instant
	ids   []udr.Identifier
}

// follow remembers a row about a SIM that has a contested identifier, or that comes after such a row.
func (im *importer) follow(sim uint32, ids []udr.Identifier, since udr.Instant, contested bool) {
	if _, ok := im.followings[sim]; !ok && !contested {
		return
	}
	if im.followings == nil {
		im.followings = map[uint32][]following{}
	}
	im.followings[sim] = append(im.followings[sim], following{since, slices.Clone(ids)})
}

// mark is a time at which a statement of a SIM begins or ends.
type mark struct {
	from          udr.Instant
	begins, ends  bool
	account, plan uint32
}

// marks returns the times at which a SIM's statements begin and end, in order, as known now.
func (im *importer) marks(sim uint32) []mark {
	marks := im.marked[:0]
	e := im.r.sims.entry(sim)
	switch {
	case e.when&history == 0 && e.account != 0:
		marks = append(marks, mark{im.r.moments.pairs[e.when].from, true, false, e.account, e.plan})
	case e.when&history != 0:
		facts := im.r.sims.histories[e.when&^history]
		for i, f := range facts {
			if i+1 < len(facts) && facts[i+1].from == f.from || f.state == Withdrawn {
				continue
			}
			marks = append(marks, mark{f.from, f.state.begins(), f.state.ends(), f.account, f.plan})
		}
	}
	im.marked = marks
	return marks
}

// around contains the mark at a time, the last beginning before it, and the first mark and the first
// beginning after it.
type around struct {
	at, before, after, next mark
	is, preceded, followed  bool
	continued               bool // there is a next mark
}

func (im *importer) around(sim uint32, at udr.Instant) (a around) {
	for _, m := range im.marks(sim) {
		switch {
		case m.from == at:
			a.at, a.is = m, true
		case m.from < at:
			// The last beginning before this time is in force unless it has ended since.
			if m.begins {
				a.before, a.preceded = m, true
			} else {
				a.preceded = false
			}
		default:
			if !a.followed {
				a.after, a.followed = m, true
			}
			if m.begins && !a.continued {
				a.next, a.continued = m, true
			}
		}
	}
	return a
}

// state applies a row's statement about a SIM to the registry.
func (im *importer) state(r *row, sim uint32, ids []udr.Identifier, s statement) {
	a := im.around(sim, s.since)
	begun := a.is && a.at.begins
	if !im.complete(r, &s, &a, begun) {
		return
	}
	switch {
	case !begun && a.preceded && a.followed && a.after.ends:
		im.errorf(r.at(firstColumn(r)), "another row gives this SIM%s to account %s until %s, which is after the since of this row: "+
			"correct the until of that row first",
			im.called(sim, s.since, ids), im.accountID(a.before.account), a.after.from)
		return
	case s.until != newest && a.continued && s.until > a.next.from:
		im.errorf(r.at(colUntil), "another row about this SIM%s begins on %s, before this until: set the until to that day "+
			"or earlier, or omit it",
			im.called(sim, s.since, ids), a.next.from)
		return
	}
	// Statements of other rows stay unchanged from their since on.
	afterwards := im.afterwards(sim, &a)
	ended := newest // as stated before
	if begun && a.followed && a.after.ends {
		ended = a.after.from
	}
	until := ended
	if s.untilSaid || s.until != newest {
		until = s.until
	}

	if f, ok := im.r.sims.said(&im.r.moments, sim,
		s.since); !ok || !f.state.begins() || f.account != s.account || im.r.plans.list[f.plan] != s.plan {
		im.choose(func() diag.Pos { return r.at(colPlan) }, s.account, planResource, s.plan, s.since)
	}
	if im.own(sim, s.since, true, a.at.ends, s.account, s.plan) && s.plan == "" {
		im.erase(r, &a, begun)
	}
	if until != ended && ended != newest {
		im.unend(sim, ended, afterwards, a)
	}
	im.claim(r, sim, ids, s.since, until, a.at.ends)
	im.release(sim, ids, s.since, a.at.ends)
	if until != newest {
		im.end(sim, until, afterwards)
		im.forgetEnds(sim, until)
	}
	if a.continued {
		im.keep(sim, a.next.from, afterwards)
		im.forgetEnds(sim, a.next.from)
	}
	im.carry(sim, s.since, afterwards)
	if until > ended {
		im.goesOn(r, sim, ended, until)
	}
}

// own adds the fact about a SIM's owner at a time, unless it is known.
func (im *importer) own(sim uint32, at udr.Instant, begins, ends bool, account uint32, plan string) (added bool) {
	state := stateOf(begins, ends)
	if !begins {
		account, plan = 0, ""
	}
	f, ok := im.r.sims.said(&im.r.moments, sim, at)
	if !ok && state == Withdrawn || ok && f.state == state && (!begins || f.account == account && im.r.plans.list[f.plan] == plan) {
		return false
	}
	fact := OwnershipFact{SIM: sim, From: at, State: state, Account: account, Plan: plan}
	im.r.sims.add(&im.r.moments, &fact, im.r.plans.number(plan), im.changes.Revision)
	im.changes.SIMs = append(im.changes.SIMs, fact)
	im.touch()
	return true
}

// name adds the fact about an identifier at a time, unless it is known.
func (im *importer) name(id udr.Identifier, at udr.Instant, begins, ends bool, sim uint32) {
	state := stateOf(begins, ends)
	f, ok := im.r.identifiers.said(&im.r.moments, id, at)
	if !ok && state == Withdrawn || ok && f.state == state && (!begins || f.sim == sim) {
		return
	}
	fact := IdentifierFact{Identifier: id, From: at, State: state, SIM: sim}
	im.r.identifiers.add(&im.r.moments, &im.r.sims, &fact, im.changes.Revision)
	im.changes.Identifiers = append(im.changes.Identifiers, fact)
	im.touch()
}

// named returns the fact about an identifier that begins exactly at a time.
func (im *importer) named(id udr.Identifier, at udr.Instant) (begins, ends bool, sim uint32) {
	f, ok := im.r.identifiers.said(&im.r.moments, id, at)
	return ok && f.state.begins(), ok && f.state.ends(), f.sim
}

// owned reports whether a SIM has an owner at a time. A SIM without an owner has no identifiers.
func (im *importer) owned(sim uint32, at udr.Instant) bool {
	_, ok := im.r.sims.owner(&im.r.moments, sim, at, im.changes.Revision)
	return ok
}

// holder returns the SIM of an identifier at a time.
func (im *importer) holder(id udr.Identifier, at udr.Instant) (uint32, bool) {
	sim, ok := im.r.identifiers.sim(&im.r.moments, id, at, im.changes.Revision)
	return sim, ok && im.owned(sim, at)
}

func (im *importer) heldAt(sim uint32, at udr.Instant, dst []udr.Identifier) []udr.Identifier {
	return im.r.identifiers.of(&im.r.moments, &im.r.sims, sim, at, im.changes.Revision, dst)
}

// afterwards returns the identifiers of a SIM at the beginning of its next statement.
func (im *importer) afterwards(sim uint32, a *around) []udr.Identifier {
	if !a.continued {
		return nil
	}
	return im.heldAt(sim, a.next.from, nil)
}

// carry handles identifiers that a SIM has newly, again or for longer from a time on. It ends them where later
// statements do not include them: where a later statement has other identifiers of their kind, and where the SIM leaves
// its account. afterwards contains the identifiers that the next statement had before; rows in the files that contain
// identifiers state these themselves. It stops at a statement whose identifiers did not change, so the cost of a
// correction does not depend on the number of later statements.
func (im *importer) carry(sim uint32, since udr.Instant, afterwards []udr.Identifier) {
	rows := im.followings[sim]
	before, passed := afterwards, since
	for _, m := range im.marks(sim) {
		if m.from <= since {
			continue
		}
		if passed > since {
			before = im.unchanged(sim, passed, m.from, before)
		}
		passed = m.from
		i, said := slices.BinarySearchFunc(rows, m.from, func(f following, at udr.Instant) int { return cmp.Compare(f.since, at) })
		if m.ends {
			im.held = im.heldAt(sim, m.from-1, im.held[:0])
			for _, id := range im.held {
				im.endName(sim, m.from, id, m.begins && (slices.Contains(before, id) || said && slices.Contains(rows[i].ids, id)))
			}
		}
		if m.begins {
			others := before
			if said {
				im.release(sim, rows[i].ids, m.from, m.ends)
				others = slices.DeleteFunc(slices.Clone(before), func(id udr.Identifier) bool { return sameKind(rows[i].ids, id) })
			}
			im.keep(sim, m.from, others)
		}
		if m.ends {
			return
		}
		im.held = im.heldAt(sim, m.from, im.held[:0])
		if len(im.held) == len(before) && !slices.ContainsFunc(im.held, func(id udr.Identifier) bool { return !slices.Contains(before, id) }) {
			return
		}
	}
}

// unchanged contains the identifiers that a SIM had at a time before the facts up to passed changed; before contains
// those that it had at passed.
func (im *importer) unchanged(sim uint32, passed, at udr.Instant, before []udr.Identifier) (ids []udr.Identifier) {
	for _, id := range im.heldAt(sim, at, nil) {
		if im.r.identifiers.decided(&im.r.moments, id, at) > passed {
			ids = append(ids, id)
		}
	}
	for _, id := range before {
		if im.r.identifiers.decided(&im.r.moments, id, at) <= passed {
			ids = append(ids, id)
		}
	}
	return ids
}

func sameKind(ids []udr.Identifier, id udr.Identifier) bool {
	return slices.ContainsFunc(ids, func(other udr.Identifier) bool { return other.Kind == id.Kind })
}

// claim gives a SIM the identifiers in a row. ended means that the previous statement ended at the row's since.
func (im *importer) claim(r *row, sim uint32, ids []udr.Identifier, since, until udr.Instant, ended bool) {
	for _, id := range ids {
		holder, held := im.holder(id, since)
		if held && holder == sim {
			continue
		}
		if held || im.laterHolder(id, since, until, sim) != 0 {
			im.contested = append(im.contested, contested{id, since, until, sim, r.at(columnOf(id.Kind)), true, until != newest})
			continue
		}
		_, ends, _ := im.named(id, since)
		if before, had := im.holder(id, since-1); had && before == sim && !ended {
			ends = false // an earlier version of the row had ended the identifier
		}
		im.name(id, since, true, ends, sim)
	}
}

// release ends those identifiers of a SIM that a row omits although the row contains others of the same kind. If
// the previous statement ended at this time, the identifiers ended with it.
func (im *importer) release(sim uint32, ids []udr.Identifier, since udr.Instant, ended bool) {
	im.held = im.heldAt(sim, since, im.held[:0])
	for _, id := range im.held {
		if slices.Contains(ids, id) || !sameKind(ids, id) {
			continue
		}
		begins, ends, _ := im.named(id, since)
		if !begins {
			im.name(id, since, false, true, sim)
			continue
		}
		// An earlier version of the row contained it; the SIM's former identifier continues with another SIM.
		before, had := im.holder(id, since-1)
		im.name(id, since, false, ends || had && before == sim, sim)
	}
}

// end ends a SIM's statement at a time. afterwards contains the SIM's identifiers at the beginning of its next
// statement.
func (im *importer) end(sim uint32, at udr.Instant, afterwards []udr.Identifier) {
	f, ok := im.r.sims.said(&im.r.moments, sim, at)
	begins := ok && f.state.begins()
	im.own(sim, at, begins, true, f.account, im.r.plans.list[f.plan])
	im.held = im.heldAt(sim, at-1, im.held[:0])
	for _, id := range im.held {
		im.endName(sim, at, id, begins && slices.Contains(afterwards, id))
	}
}

// endName ends an identifier of a SIM that leaves its account at a time. again means that the statement that begins
// then contains the identifier too.
func (im *importer) endName(sim uint32, at udr.Instant, id udr.Identifier, again bool) {
	named, _, other := im.named(id, at)
	if !named && again {
		named, other = true, sim
	}
	if !named {
		other = sim
	}
	im.name(id, at, named, true, other)
}

// forgetEnds removes the ends, at a time, of identifiers that no longer refer to a SIM before that time.
func (im *importer) forgetEnds(sim uint32, at udr.Instant) {
	for _, id := range im.r.identifiers.ever(&im.r.sims, sim, nil) {
		begins, ends, holder := im.named(id, at)
		if _, had := im.r.identifiers.sim(&im.r.moments, id, at-1, im.changes.Revision); ends && !had {
			im.name(id, at, begins, false, holder)
		}
	}
}

// unend removes the end of a SIM's statement at a time.
func (im *importer) unend(sim uint32, at udr.Instant, afterwards []udr.Identifier, a around) {
	f, _ := im.r.sims.said(&im.r.moments, sim, at)
	begins := f.state.begins()
	im.own(sim, at, begins, false, f.account, im.r.plans.list[f.plan])
	for _, id := range im.r.identifiers.ever(&im.r.sims, sim, nil) {
		named, ends, other := im.named(id, at)
		if before, had := im.r.identifiers.sim(&im.r.moments, id, at-1, im.changes.Revision); !ends || had && before != sim {
			continue
		}
		// Of each kind of identifier in the statement that begins here, the other identifiers still end.
		released := begins && a.continued && a.next.from == at && !named && sameKind(afterwards, id)
		im.name(id, at, named, released, other)
	}
}

// keep gives a SIM the identifiers that it had at the time of another row about it, from that time on.
func (im *importer) keep(sim uint32, at udr.Instant, afterwards []udr.Identifier) {
	im.held = im.heldAt(sim, at, im.held[:0])
	for _, id := range im.held {
		if !slices.Contains(afterwards, id) && sameKind(afterwards, id) {
			im.name(id, at, false, true, sim)
		}
	}
	for _, id := range afterwards {
		if holder, held := im.r.identifiers.sim(&im.r.moments, id, at, im.changes.Revision); !held || holder != sim {
			_, ends, _ := im.named(id, at)
			im.name(id, at, true, ends, sim)
		}
	}
}

// goesOn checks whether a SIM that leaves later than stated before is still the only SIM with its identifiers.
func (im *importer) goesOn(r *row, sim uint32, ended, until udr.Instant) {
	for _, id := range im.heldAt(sim, ended, nil) {
		if im.laterHolder(id, ended-1, until, sim) != 0 {
			im.contested = append(im.contested, contested{id, ended, until, sim, r.at(colUntil), false, until != newest})
		}
	}
	im.held = im.heldAt(sim, ended-1, im.held[:0])
	for _, id := range im.held {
		if holder, held := im.holder(id, ended); held && holder != sim {
			im.contested = append(im.contested, contested{id, ended, until, sim, r.at(colUntil), false, until != newest})
		}
	}
}

// withdraw withdraws a row's statement about a SIM at the row's since. It withdraws a beginning together with
// its end or, if nothing begins there, an end.
func (im *importer) withdraw(r *row, sim uint32, since udr.Instant) {
	a := im.around(sim, since)
	afterwards := im.afterwards(sim, &a)
	if !a.at.begins {
		im.unend(sim, since, afterwards, a)
		im.carry(sim, since, afterwards)
		im.goesOn(r, sim, since, a.end())
		return
	}
	if a.followed && a.after.ends {
		im.unend(sim, a.after.from, afterwards, a)
	}
	im.own(sim, since, false, a.at.ends, 0, "")
	for _, id := range im.r.identifiers.ever(&im.r.sims, sim, nil) {
		begins, ends, holder := im.named(id, since)
		before, had := im.r.identifiers.sim(&im.r.moments, id, since-1, im.changes.Revision)
		switch {
		case begins && holder == sim:
			im.name(id, since, false, ends, sim)
		case ends && !begins && had && before == sim && !a.at.ends:
			im.name(id, since, false, false, sim) // the row had ended the identifier
		}
	}
	if a.continued {
		im.keep(sim, a.next.from, afterwards)
		im.forgetEnds(sim, a.next.from)
	}
	if a.followed && a.after.ends {
		im.forgetEnds(sim, a.after.from)
	}
	im.carry(sim, since, afterwards)
	if a.preceded && !a.at.ends {
		im.goesOn(r, sim, since, a.end())
	}
}

// end returns the end of a statement that now continues past the time of a.
func (a *around) end() udr.Instant {
	if a.continued {
		return a.next.from
	}
	return newest
}

// checkContested checks contested identifiers a second time after all rows have been read, because the
// SIMs that had them may have left.
func (im *importer) checkContested() {
	for _, c := range im.contested {
		if im.full() {
			return
		}
		holder, held := im.holder(c.id, c.since)
		if held && holder == c.sim && c.claim {
			continue
		}
		when := c.since
		if !held || holder == c.sim {
			holder, when = im.laterHolder(c.id, c.since, c.until, c.sim), c.until
			held = false
		}
		switch {
		case held || holder != 0:
			im.errorf(c.at, "%s %s is the identifier of another SIM%s: an identifier belongs to one SIM at a time; give the other "+
				"SIM's row an until",
				c.id.Kind, c.id.Value, im.called(holder, min(when, math.MaxInt64-1), []udr.Identifier{c.id}))
		default:
			a := im.around(c.sim, c.since)
			afterwards := slices.DeleteFunc(im.afterwards(c.sim, &a), func(id udr.Identifier) bool {
				return id == c.id && im.r.identifiers.decided(&im.r.moments, id, a.next.from) <= c.since
			})
			if c.claim {
				_, ends, _ := im.named(c.id, c.since)
				im.name(c.id, c.since, true, ends, c.sim)
			}
			im.carry(c.sim, c.since, afterwards)
		}
	}
}
