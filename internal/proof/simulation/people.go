package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// wish is a change of a SIM that a user requests: a new state or owner from a time on, or the withdrawal of one.
type wish struct {
	sim       uint32
	at        udr.Instant
	state     string // chosen
	owner     uint32 // that gets it
	takenBack bool   // withdraws the choice or the move of that time
	cause     string
	known     registry.Revision
}

// startPeople starts a user who occasionally changes SIMs, also for past times.
func (w *world) startPeople() {
	w.started++
	w.start(fmt.Sprintf("people-%d", w.started), peopleKind, 0, func(ctx context.Context) error {
		l := w.lives
		defer func() { l.asking = false }()
		for ctx.Err() == nil && w.phase == troubled {
			_ = clock{w}.Sleep(ctx, time.Duration(l.r.IntN(800))*time.Millisecond)
			l.asked++
			wish := l.wish()
			wish.cause = fmt.Sprint("request:", l.asked)
			// If there is no answer, the user repeats the request with the same key.
			l.asking = true
			for ctx.Err() == nil {
				err := l.Change(ctx, "changing a SIM", func(tx *lifeTx) error { return l.make(ctx, tx, wish) })
				if err == nil || errors.Is(err, errNothing) || ctx.Err() != nil {
					break
				}
				if !storeUnavailable(err) && !errors.Is(err, control.ErrConflict) {
					return err
				}
				_ = clock{w}.Sleep(ctx, time.Duration(l.r.IntN(600))*time.Millisecond)
			}
			l.asking = false
		}
		return nil
	})
}

// wish returns the next wish of a user.
func (l *lives) wish() wish {
	r := l.r
	days := int(l.w.lifeNow().Sub(lifeFrom)/(24*time.Hour)) + 3
	at := lifeFrom.AddDate(0, 0, 1+r.IntN(days))
	if r.IntN(3) > 0 {
		at = at.Add(time.Duration(1+r.IntN(24*3600-1)) * time.Second)
	}
	if at.After(lifeEnd) {
		at = lifeEnd
	}
	n := wish{sim: firstLife + r.Uint32N(lastLife-firstLife+1), at: udr.InstantOf(at)}
	switch k := r.IntN(10); {
	case k < 3 && len(l.wishes) > 0:
		n = l.wishes[r.IntN(len(l.wishes))]
		n.takenBack = true
	case k < 5 && n.sim != ofRoot6:
		// A SIM that moves below another root restarts its life. A backdated move counts for rating from its
		// revision on, and usage rated earlier keeps its charges (docs/decisions/019). Charges would
		// therefore differ from those of a run without simstate.
		n.at = max(n.at, udr.InstantOf(l.w.lifeNow()))
		n.owner = 12 - l.owner(n.sim, n.at, l.registry.Revision()) // 5 and 7
	default:
		n.state = []string{"suspended", "suspended", "in_billing", "in_billing", "retired"}[r.IntN(5)]
	}
	return n
}

var errNothing = errors.New("nothing to do")

// make carries out a wish as commands do: the change and its effects are one change set.
func (l *lives) make(ctx context.Context, tx *lifeTx, n wish) error {
	facts := &lifeFacts{l: l}
	n.known = l.registry.Revision() + 1
	c := &registry.Changes{Revision: n.known}
	place := c.Because(registry.Cause{Cause: n.cause, Kind: registry.KindState, Subject: registry.SubjectOf(n.sim)})
	told, _ := facts.StatesOf(ctx, tx, []uint32{n.sim}, n.known)
	used, _ := lifeTable{}.Usage(ctx, tx, []uint32{n.sim})
	s, err := l.judging(n.known, func(k *simstate.Lives) (simstate.Judged, error) {
		now := udr.InstantOf(l.w.lifeNow())
		switch {
		case n.owner != 0:
			f := registry.OwnershipFact{SIM: n.sim, From: n.at, Account: n.owner, Plan: "life", Cause: place}
			if n.takenBack {
				f.State, f.Account, f.Plan = registry.Withdrawn, 0, ""
			}
			c.SIMs = append(c.SIMs, f)
			k.Coming = map[uint32][]registry.OwnershipFact{n.sim: {f}}
			return k.Judge(n.sim, told[n.sim], used[n.sim], now, n.cause)
		case n.takenBack:
			gone := life.Told{KnownState: registry.KnownState{StateFact: registry.StateFact{SIM: n.sim, From: n.at,
				StateValue: registry.StateValue{State: registry.Withdrawn}}, Known: n.known}, Cause: n.cause}
			c.States = append(c.States, gone.StateFact)
			c.States[0].Cause = place
			return k.Judge(n.sim, withTold(told[n.sim], gone), used[n.sim], now, n.cause)
		}
		return l.choose(k, n, told[n.sim], used[n.sim], now)
	})
	if err != nil {
		return err
	}
	places := map[string]uint32{n.cause: place}
	for _, f := range s.Facts {
		if f.From == n.at {
			c.States = slices.DeleteFunc(c.States, func(gone registry.StateFact) bool { return gone.From == n.at }) // another state is there
		}
		if places[f.Cause] == 0 {
			places[f.Cause] = c.Because(registry.Cause{Cause: f.Cause, Kind: registry.KindState, Subject: registry.SubjectOf(n.sim)})
		}
		f.StateFact.Cause = places[f.Cause]
		c.States = append(c.States, f.StateFact)
	}
	if len(c.SIMs)+len(c.States) == 0 {
		return errNothing
	}
	if err := facts.Write(ctx, tx, c, ""); err != nil {
		return err
	}
	if len(c.Causes) == 0 || c.Causes[0].Cause != n.cause { // the change was made before
		return errNothing
	}
	tx.moves = append(tx.moves, func() { l.wishes = append(l.wishes, n) })
	return lifeTable{}.Follow(ctx, tx, map[uint32]simstate.Judged{n.sim: s}, l.w.lifeNow())
}

// choose sets a state, if the facts known now allow it.
func (l *lives) choose(k *simstate.Lives, n wish, told []life.Told, used []life.Event, now udr.Instant) (s simstate.Judged, err error) {
	rules, err := k.Rules(n.sim, l.owner(n.sim, n.at, k.Revision), n.at)
	if err != nil {
		return s, err
	}
	events, err := k.Events(n.sim, told, used)
	if err != nil {
		return s, err
	}
	step, err := life.Check(life.States(events, max(now, n.at)), rules, life.Ask{To: n.state, At: n.at, By: life.Person})
	if err != nil || step == nil {
		return s, errNothing
	}
	return k.Judge(n.sim, told, used, now, n.cause, life.Event{At: n.at, Kind: life.Set, State: n.state, Rules: rules, Cause: n.cause})
}

// withTold adds a fact to the stated ones, in the order of (From, Known).
func withTold(told []life.Told, f life.Told) (all []life.Told) {
	for i := range told {
		if told[i].From > f.From && (i == 0 || told[i-1].From <= f.From) {
			all = append(all, f)
		}
		all = append(all, told[i])
	}
	if len(told) == 0 || told[len(told)-1].From <= f.From {
		all = append(all, f)
	}
	return all
}
