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

const histories = 300

func TestRandomHistoriesGiveTheStatesOfTheNaiveModel(t *testing.T) {
	for seed := range uint64(histories) {
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

// Events become known in any order, one by one, and timers are looked at in between at any time. The facts that are
// stated, never removed, say the same in the end.
func TestRandomHistoriesGiveTheSameStatesInWhateverOrderTheyBecomeKnown(t *testing.T) {
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := randomWorld(t, r)
		events := w.history(r)
		end := udr.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, w.zone))
		reg, causes, why := registry.New(), map[string]bool{}, map[told]string{}
		say := func(known []life.Event, until udr.Instant, cause string) {
			v := reg.View()
			before := v.States(1, nil)
			v.Close()
			facts := life.Change(before, life.States(known, until), 1, life.Reason{Cause: cause, Used: func(c string) bool { return causes[c] }})
			changes := registry.Changes{Revision: reg.Revision() + 1}
			life.Add(&changes, facts)
			for _, c := range changes.Causes {
				require.False(t, causes[c.Cause], "cause %s is used twice", c.Cause)
				causes[c.Cause] = true
			}
			if len(facts) > 0 {
				require.NoError(t, reg.Apply(&changes))
			}
			for _, f := range facts {
				why[told{f.From, changes.Revision}] = f.Cause
			}
		}
		var known []life.Event
		for i, n := range r.Perm(len(events)) {
			known = append(known, events[n])
			say(known, udr.InstantOf(time.Date(2026, 3, 1+r.IntN(90), 0, 0, 0, 0, w.zone)), events[n].Cause)
			if r.IntN(3) == 0 { // a mistake: it is stated, and taken back
				wrong := known[:len(known):len(known)]
				for _, e := range w.history(r) {
					e.Cause += fmt.Sprint(":wrong:", i)
					wrong = append(wrong, e)
				}
				say(wrong, end, fmt.Sprint("wrong:", i))
				say(known, end, fmt.Sprint("right:", i))
			}
		}
		say(known, end, "timers")
		v := reg.View()
		var facts []life.Told
		for _, f := range v.States(1, nil) {
			facts = append(facts, life.Told{KnownState: f, Cause: why[told{f.From, f.Known}]})
		}
		held := registry.Held(v.States(1, nil), reg.Revision())
		v.Close()
		stays := life.States(events, end)
		require.Len(t, held, len(stays), "seed %d\n%v", seed, words(events))
		for i, f := range held {
			require.Equal(t, stays[i].From, f.From, "seed %d\n%v", seed, words(events))
			require.Equal(t, stays[i].State, f.Name)
			require.Equal(t, stays[i].Core(), f.Core)
		}
		w.sameFromFacts(seed, events, facts, stays, end)
	}
}

type told struct {
	from  udr.Instant
	known registry.Revision
}

// sameFromFacts checks that the facts with their causes say all that people stated, and all that is charged.
func (w *world) sameFromFacts(seed uint64, events []life.Event, facts []life.Told, stays []life.Stay, end udr.Instant) {
	var owned []life.Owned
	var again []life.Event
	for i, e := range sortedEvents(events) {
		switch e.Kind {
		case life.Assigned:
			owned = append(owned, life.Owned{From: e.At, Payer: fmt.Sprint("payer ", i), Rules: e.Rules})
		case life.Left:
			owned = append(owned, life.Owned{From: e.At})
		case life.Set:
		default:
			again = append(again, e)
		}
	}
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

func sortedEvents(events []life.Event) []life.Event {
	return slices.SortedFunc(slices.Values(events), func(a, b life.Event) int { return cmp.Compare(a.At, b.At) })
}

// Rating knows the facts that people and accounts stated, and what it rated itself; simstate may be stopped. The state
// that it works out for a record is the one of the facts that simstate writes later.
func TestTheEffectiveStateIsThatOfTheFactsThatALateConsumerWrites(t *testing.T) {
	for seed := range uint64(histories) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := randomWorld(t, r)
		events := w.history(r)
		end := udr.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, w.zone))
		stays := life.States(events, end)
		for i, s := range stays {
			if s.By == life.ByUse || s.By == life.ByLimit {
				continue // simstate writes it
			}
			facts := life.Change(nil, stays[i:i+1], 1, life.Reason{})
			f := facts[0]
			if f.State == registry.Ended {
				continue
			}
			stay, err := w.book.Stay(f.From, f.Name, f.Lifecycle, w.zone)
			require.NoError(t, err)
			var usage []life.Event
			until := end
			for _, next := range stays[i+1:] {
				if next.By != life.ByUse && next.By != life.ByLimit {
					until = next.From
					break
				}
			}
			for _, e := range events {
				if e.Kind >= life.Used && e.At >= s.From && e.At < until {
					usage = append(usage, e)
				}
			}
			usage = sortedEvents(usage)
			for range 10 {
				at := s.From + udr.Instant(r.Int64N(int64(until-s.From)))
				require.Equal(t, life.At(stays, at).State, life.Advance(stay, usage, at).State, "seed %d at %s\n%v", seed, at, words(events))
			}
		}
	}
}

func words(events []life.Event) (text string) {
	for _, e := range events {
		text += fmt.Sprintf("%s %s %s keep=%v %s\n", e.At, e.Kind, e.State, e.Keep, e.Cause)
	}
	return text
}
