package life_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// world is random lifecycles over the model connected.
type world struct {
	t     *testing.T
	book  *life.Book
	zone  *time.Location
	rules []life.Rules
	naive map[*life.Lifecycle]naiveRules
}

func randomWorld(t *testing.T, r *rand.Rand) *world {
	w := &world{t: t, naive: map[*life.Lifecycle]naiveRules{}}
	var err error
	w.zone, err = time.LoadLocation([]string{"Europe/Madrid", "UTC", "America/New_York"}[r.IntN(3)])
	require.NoError(t, err)
	var docs []any
	var all []naiveRules
	for i := range 2 {
		n := naiveRules{testDays: r.IntN(4) * 3, after: r.IntN(3) * 10, suspendDays: r.IntN(3) * 4, threshold: r.IntN(2) == 0,
			testNext: []string{"in_billing", "suspended", "billing_ready"}[r.IntN(3)], suspendThen: []string{"in_billing", "retired"}[r.IntN(2)]}
		if n.after > 0 && r.IntN(2) == 0 {
			n.window = 1 + r.IntN(n.after)
		}
		text := fmt.Sprintf("lifecycle: l%d\nstates: connected\ndefault: inventory\ntest: { quota: { data: 1 MB }, next: %s", i, n.testNext)
		if n.testDays > 0 {
			text += fmt.Sprintf(", time: %d d", n.testDays)
		}
		text += " }\nfirst_use: { to: in_billing"
		if n.threshold {
			text += ", threshold: 1 MB"
		}
		if n.after > 0 {
			text += fmt.Sprintf(", after: %d d", n.after)
		}
		if n.window > 0 {
			text += fmt.Sprintf(", window: %d d", n.window)
		}
		text += " }\n"
		if n.suspendDays > 0 {
			text += fmt.Sprintf("suspend: { max: %d d, then: %s }\n", n.suspendDays, n.suspendThen)
		}
		docs = append(docs, document(t, "l.yaml", []byte(text))...)
		all = append(all, n)
	}
	var list diag.List
	w.book, list = life.Compile(docs, classUnit)
	require.NoError(t, list.Err())
	for i, n := range all {
		ref, err := w.book.Rules(life.Settings{Lifecycle: fmt.Sprint("l", i)}, 1, w.zone)
		require.NoError(t, err)
		c, err := w.book.Resolve(ref, 1, w.zone)
		require.NoError(t, err)
		w.rules = append(w.rules, life.Rules{Ref: ref, Lifecycle: c, Zone: w.zone})
		w.naive[c] = n
	}
	return w
}

var states = []string{"inventory", "in_testing", "billing_ready", "in_billing", "suspended", "retired"}

// history is what happens to a SIM in two months: at most one event at an instant.
func (w *world) history(r *rand.Rand) (events []life.Event) {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, w.zone)
	at := map[udr.Instant]bool{}
	for i := range 2 + r.IntN(12) {
		when := udr.InstantOf(begin.Add(time.Duration(r.IntN(60*24)) * time.Hour))
		if r.IntN(3) == 0 { // when time limits are due
			when = udr.InstantOf(begin.AddDate(0, 0, r.IntN(60)))
		}
		if i == 0 {
			when = udr.InstantOf(begin.Add(-time.Hour))
		}
		if at[when] {
			continue
		}
		at[when] = true
		e := life.Event{At: when, Kind: life.EventKind(r.IntN(int(life.LimitPassed) + 1)), Cause: fmt.Sprint("request:", i)}
		if i == 0 {
			e.Kind = life.Assigned
		}
		if e.Kind == life.Left && r.IntN(3) > 0 || e.Kind == life.AccountTerminated && r.IntN(3) > 0 {
			e.Kind = life.Set
		}
		if e.Kind == life.Set || e.Kind == life.Assigned {
			e.Rules, e.State = w.rules[r.IntN(2)], states[r.IntN(len(states))]
			if e.Kind == life.Assigned {
				e.Keep = r.IntN(2) == 0
			}
		}
		switch {
		case e.Kind >= life.Used:
			e.Cause = fmt.Sprint("usage:f:", i)
		case e.Kind >= life.AccountTerminated && e.Kind <= life.AccountResumed:
			e.Cause = fmt.Sprint("cascade:", i, ":acme")
		}
		events = append(events, e)
	}
	owned := false // nobody can leave who is not there
	gone := map[udr.Instant]bool{}
	for _, e := range sortedEvents(events) {
		gone[e.At] = e.Kind == life.Left && !owned
		if e.Kind == life.Left || e.Kind == life.Assigned {
			owned = e.Kind == life.Assigned
		}
	}
	return slices.DeleteFunc(events, func(e life.Event) bool { return gone[e.At] })
}

const histories = 200

func TestRandomHistoriesGiveTheStatesOfTheNaiveModel(t *testing.T) {
	for seed := range seeds.Each(t, histories, histories) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := randomWorld(t, r)
		events := w.history(r)
		end := time.Date(2026, 6, 1, 0, 0, 0, 0, w.zone)
		stays := life.States(events, udr.InstantOf(end))
		for i := range 40 {
			at := time.Date(2026, 3, 1, 0, 0, 0, 0, w.zone).Add(time.Duration(r.IntN(90*24)) * time.Hour)
			state := ""
			if s := life.At(stays, udr.InstantOf(at)); s != nil {
				state = s.State
			}
			require.Equal(t, naive(events, w.naive, w.zone, at), state, "seed %d, query %d at %s\n%v", seed, i, at, words(events))
		}
	}
}

// Events (moves, chosen states, suspensions of the account, usage) become known in any order, one by one, so most of them
// late, and timers are looked at in between at any time. The facts that are stated, never removed, say the same in the end.
func TestRandomHistoriesGiveTheSameStatesInWhateverOrderTheyBecomeKnown(t *testing.T) {
	for seed := range seeds.Each(t, histories, histories) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := randomWorld(t, r)
		events := w.history(r)
		end := udr.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, w.zone))
		reg, causes, why := registry.New(), map[string]bool{}, map[told]string{}
		facts := func() (facts []life.Told) {
			v := reg.View()
			defer v.Close()
			for _, f := range v.States(1, nil) {
				facts = append(facts, life.Told{KnownState: f, Cause: why[told{f.From, f.Known}]})
			}
			return facts
		}
		say := func(known []life.Event, takenBack []udr.Instant, until udr.Instant, cause string, news ...life.Event) {
			owned, rest := ownedOf(append(slices.Clone(known), news...))
			news = slices.DeleteFunc(slices.Clone(news), func(e life.Event) bool { return e.Kind != life.Set && e.Kind != life.Assigned })
			stated, err := w.book.Events(facts(), owned)
			require.NoError(t, err)
			all := slices.DeleteFunc(append(rest, stated...), func(e life.Event) bool {
				again := func(n life.Event) bool { return n.Kind == e.Kind && n.At == e.At }
				return e.Kind == life.Assigned && slices.ContainsFunc(news, again) || e.Kind == life.Set && slices.Contains(takenBack, e.At)
			})
			follows := life.Change(facts(), life.States(append(all, news...), until), 1,
				life.Reason{Cause: cause, Used: func(c string) bool { return causes[c] }})
			changes := registry.Changes{Revision: reg.Revision() + 1}
			life.Add(&changes, follows)
			for _, c := range changes.Causes {
				require.False(t, causes[c.Cause], "cause %s is used twice", c.Cause)
				causes[c.Cause] = true
			}
			if len(follows) > 0 {
				require.NoError(t, reg.Apply(&changes))
			}
			for _, f := range follows {
				why[told{f.From, changes.Revision}] = f.Cause
			}
		}
		var known []life.Event
		for i, n := range r.Perm(len(events)) {
			say(known, nil, udr.InstantOf(time.Date(2026, 3, 1+r.IntN(90), 0, 0, 0, 0, w.zone)), events[n].Cause, events[n])
			known = append(known, events[n])
			if r.IntN(3) == 0 { // mistakes: they are stated, and taken back
				var wrong []life.Event
				var takenBack []udr.Instant
				for _, e := range w.history(r) {
					e.Cause += fmt.Sprint(":wrong:", i)
					if !slices.ContainsFunc(events, func(o life.Event) bool { return o.At == e.At }) {
						wrong, takenBack = append(wrong, e), append(takenBack, e.At)
					}
				}
				say(known, nil, end, fmt.Sprint("request:wrong:", i), wrong...)
				say(known, takenBack, end, fmt.Sprint("request:right:", i))
			}
		}
		say(known, nil, end, "request:timers")
		v := reg.View()
		held := registry.Held(v.States(1, nil), reg.Revision())
		v.Close()
		stays := life.States(events, end)
		require.Len(t, held, len(stays), "seed %d\n%v", seed, words(events))
		for i, f := range held {
			require.Equal(t, stays[i].From, f.From, "seed %d\n%v", seed, words(events))
			require.Equal(t, stays[i].State, f.Name, "seed %d at %s\n%v", seed, f.From, words(events))
			require.Equal(t, stays[i].Core(), f.Core)
		}
		w.sameFromFacts(seed, events, facts(), stays, end)
	}
}

type told struct {
	from  udr.Instant
	known registry.Revision
}

// sameFromFacts checks that the facts with their causes say all that people stated, and all that is charged.
func (w *world) sameFromFacts(seed uint64, events []life.Event, facts []life.Told, stays []life.Stay, end udr.Instant) {
	owned, again := ownedOf(events)
	stated, err := w.book.Events(facts, owned)
	require.NoError(w.t, err)
	replayed := life.States(append(again, stated...), end)
	said, err := w.book.Stays(facts, owned)
	require.NoError(w.t, err)
	require.Len(w.t, replayed, len(stays), "seed %d\n%v", seed, words(events))
	require.Len(w.t, said, len(stays), "seed %d\n%v", seed, words(events))
	for i := range stays {
		of := func(s life.Stay) string {
			return fmt.Sprintln(s.From, s.State, s.Rules.Ref.Plain(), s.Before, s.By, s.Limit, s.Since, s.Free)
		}
		require.Equal(w.t, of(stays[i]), of(replayed[i]), "seed %d, stay %d\n%v", seed, i, words(events))
		require.Equal(w.t, of(stays[i]), of(said[i]), "seed %d, stay %d\n%v", seed, i, words(events))
	}
}

// ownedOf are the accounts that assignments are to, each of its own payer, and the events that are neither that nor
// states that somebody chose. Half an hour later the SIM moves to another account of the same payer: that changes nothing.
func ownedOf(events []life.Event) (owned []life.Owned, rest []life.Event) {
	for _, e := range sortedEvents(events) {
		switch e.Kind {
		case life.Assigned:
			within := life.Owned{From: e.At, Payer: "payer " + e.Cause, Rules: e.Rules}
			owned = append(owned, within)
			within.From += udr.Instant(30 * time.Minute)
			owned = append(owned, within)
		case life.Left:
			owned = append(owned, life.Owned{From: e.At})
		case life.Set:
		default:
			rest = append(rest, e)
		}
	}
	return owned, rest
}

func sortedEvents(events []life.Event) []life.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b life.Event) int { return cmp.Compare(a.At, b.At) })
}

// Rating knows the facts that people and accounts stated, and what it rated itself; simstate may be stopped. The state
// that it works out for a record is the one of the facts that simstate writes later.
func TestTheEffectiveStateIsThatOfTheFactsThatALateConsumerWrites(t *testing.T) {
	for seed := range seeds.Each(t, histories, histories) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := randomWorld(t, r)
		events := w.history(r)
		end := udr.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, w.zone))
		stays := life.States(events, end)
		var stated []life.Stay // simstate writes the others
		for _, s := range stays {
			if s.By != life.ByUse && s.By != life.ByLimit {
				stated = append(stated, s)
			}
		}
		reg, changes := registry.New(), registry.Changes{Revision: 1}
		life.Add(&changes, life.Change(nil, stated, 1, life.Reason{}))
		require.NoError(t, reg.Apply(&changes))
		v, reader := reg.View(), life.NewReader(w.book)
		for i, s := range stated {
			until := end
			if i+1 < len(stated) {
				until = stated[i+1].From
			}
			for range 10 {
				at := s.From + udr.Instant(r.Int64N(int64(until-s.From)))
				var usage []life.Event
				for _, e := range sortedEvents(events) {
					if e.Kind >= life.Used && e.At >= s.From && e.At <= at {
						usage = append(usage, e)
					}
				}
				stay, ok, err := reader.State(v, 1, at, 1, w.zone, usage)
				require.NoError(t, err)
				require.Equal(t, s.State != "", ok)
				require.Equal(t, life.At(stays, at).State, stay.State, "seed %d at %s\n%v", seed, at, words(events))
			}
		}
		v.Close()
	}
}

func words(events []life.Event) (text string) {
	for _, e := range events {
		text += fmt.Sprintf("%s %s %s keep=%v %s\n", e.At, e.Kind, e.State, e.Keep, e.Cause)
	}
	return text
}
