package simstate

import (
	"context"
	"maps"
	"slices"
	"time"

	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// Seen queries the warehouse for the usage records of SIMs.
type Seen interface {
	// SeenSince returns the SIMs with a usage record at or after a time.
	SeenSince(ctx context.Context, from udr.Instant) (map[uint32]bool, error)
	// LastSeen returns the time of the last record of each given SIM that has one.
	LastSeen(ctx context.Context, sims []uint32) (map[uint32]udr.Instant, error)
	// Registrations returns the numbers of registrations of SIMs from a time on and before another.
	Registrations(ctx context.Context, from, to udr.Instant) (map[uint32]int64, error)
}

// Absence reports that a SIM violates a rule, because expected records are missing.
type Absence struct {
	Name      string
	Event     string
	SIM       uint32
	At        udr.Instant // end of the silent period, or end of the date
	Account   uint32
	Threshold int64
	Counted   int64
	Severity  uint8
}

// Absences queries the warehouse from time to time for SIMs that lack expected records.
type Absences struct {
	Catalogue *rating.Catalogue
	Seen      Seen
	Table     Table
}

const (
	// grace is the time after the end of a date in which registrations of that date may still arrive.
	grace = udr.Instant(6 * time.Hour)
	// mostDays is the largest number of past dates that are counted after an interruption.
	mostDays = 7
	day      = udr.Instant(24 * time.Hour)
)

// expected is a SIM that must meet a rule.
type expected struct {
	sim, account uint32
	since        udr.Instant // time from which it has had both this account and a state for use
}

// watch holds the SIMs of a rule; if the rule counts dates, only the SIMs of one time zone.
type watch struct {
	rule rating.Absence
	zone *time.Location
	sims []expected
	of   map[uint32]int // number of SIMs of each account
}

// watched holds the rules with their SIMs.
func (a *Absences) watched(reg *registry.Registry, now udr.Instant) (all []*watch) {
	view := reg.View() // closed before the query, because an open view would delay loading
	defer view.Close()
	rev := view.Revision()
	rules := map[*time.Location][]rating.Absence{}
	type key struct{ name, event, zone string }
	watches := map[key]*watch{}
	for sim := uint32(1); sim <= view.SIMs(); sim++ {
		own, ok := view.Owner(sim, now, rev)
		if !ok {
			continue
		}
		account, ok := view.Account(own.Account, now, rev)
		if !ok {
			continue
		}
		in, known := rules[account.Zone]
		if !known {
			in = a.Catalogue.Absences(account.Zone, now)
			rules[account.Zone] = in
		}
		if len(in) == 0 {
			continue
		}
		e := expected{sim, own.Account, own.Since}
		if state, ok := view.State(sim, now, rev); ok {
			if view.StateValue(state.Value).Core != registry.Active {
				continue
			}
			e.since = max(e.since, state.Since)
		}
		for i := range in {
			if !in[i].Watches(rating.PlanAt(view, own, account)) {
				continue
			}
			k := key{in[i].Name, in[i].Event, account.Zone.String()}
			w := watches[k]
			if w == nil {
				w = &watch{rule: in[i], zone: account.Zone, of: map[uint32]int{}}
				watches[k] = w
				all = append(all, w)
			}
			w.sims = append(w.sims, e)
			w.of[e.account]++
		}
	}
	return all
}

// found is the result of a warehouse query for a rule.
type found struct {
	all    []Absence
	silent map[string]map[uint32]bool // by rule: all silent SIMs
	days   map[[2]string]int32        // by rule and zone: the date up to which registrations were counted
}

// Ask queries the warehouse at a time, and stores new absences. It reports each silence once until it ends, and each
// date once.
func (a *Absences) Ask(ctx context.Context, db *store.DB, reg *registry.Registry, now udr.Instant) error {
	watches := a.watched(reg, now)
	open, days, err := a.Table.told(ctx, db)
	if err != nil {
		return err
	}
	f := &found{silent: map[string]map[uint32]bool{}, days: map[[2]string]int32{}}
	seen := map[int64]map[uint32]bool{}
	for _, w := range watches {
		if w.rule.Event == rating.EventSilent {
			err = a.silent(ctx, w, now, open[w.rule.Name], seen, f)
		} else {
			err = a.seldom(ctx, w, now, days, f)
		}
		if err != nil {
			return err
		}
	}
	if len(watches) == 0 && len(open) == 0 {
		return nil
	}
	ended := map[string][]uint32{}
	for name, sims := range open {
		for _, sim := range slices.Sorted(maps.Keys(sims)) {
			if !f.silent[name][sim] {
				ended[name] = append(ended[name], sim)
			}
		}
	}
	return db.Change(ctx, "recording silent SIMs", func(tx *store.Tx) error { return a.Table.tell(ctx, tx, f, ended, now) })
}

// silent finds the SIMs without a record for a number of days.
func (a *Absences) silent(ctx context.Context, w *watch, now udr.Instant, open map[uint32]bool, seen map[int64]map[uint32]bool,
	f *found) (err error) {
	length := udr.Instant(w.rule.Least) * day
	from := now - length
	used, asked := seen[w.rule.Least]
	if !asked {
		if used, err = a.Seen.SeenSince(ctx, from); err != nil {
			return err
		}
		seen[w.rule.Least] = used
	}
	if f.silent[w.rule.Name] == nil {
		f.silent[w.rule.Name] = map[uint32]bool{}
	}
	absent := map[uint32]int{}
	var fresh []expected
	var sims []uint32
	for _, e := range w.sims {
		if e.since > from || used[e.sim] {
			continue
		}
		f.silent[w.rule.Name][e.sim] = true
		absent[e.account]++
		if !open[e.sim] {
			fresh, sims = append(fresh, e), append(sims, e.sim)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	last, err := a.Seen.LastSeen(ctx, sims)
	if len(used)+len(last) == 0 {
		return err // nothing was ever rated, so the answer proves nothing about SIMs
	}
	for _, e := range fresh {
		f.all = append(f.all, Absence{Name: w.rule.Name, Event: w.rule.Event, SIM: e.sim, At: max(e.since, last[e.sim]) + length,
			Account: e.account, Threshold: w.rule.Least, Severity: w.rule.SeverityOf(absent[e.account], w.of[e.account])})
	}
	return err
}

// seldom finds the SIMs with too few registrations on dates that have ended.
func (a *Absences) seldom(ctx context.Context, w *watch, now udr.Instant, days map[[2]string]int32, f *found) error {
	newest := registry.LocalDate(w.zone, now-grace) - 1
	place := [2]string{w.rule.Name, w.zone.String()}
	first := newest
	if done, ok := days[place]; ok {
		first = max(done+1, newest-mostDays+1)
	}
	for date := first; date <= newest; date++ {
		from, to := registry.Midnight(w.zone, date), registry.Midnight(w.zone, date+1)
		counts, err := a.Seen.Registrations(ctx, from, to)
		if err != nil {
			return err
		}
		absent := map[uint32]int{}
		var seldom []expected
		for _, e := range w.sims {
			if e.since <= from && counts[e.sim] < w.rule.Least {
				seldom = append(seldom, e)
				absent[e.account]++
			}
		}
		for _, e := range seldom {
			f.all = append(f.all, Absence{Name: w.rule.Name, Event: w.rule.Event, SIM: e.sim, At: to, Account: e.account,
				Threshold: w.rule.Least, Counted: counts[e.sim], Severity: w.rule.SeverityOf(absent[e.account], w.of[e.account])})
		}
	}
	if first <= newest {
		f.days[place] = newest
	}
	return nil
}
