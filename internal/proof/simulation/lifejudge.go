package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// byItsLife ends the expected text of a record whose SIM has a life cycle. Its charge must equal the charge in a run
// in which simstate writes nothing; compareOffline compares the two.
const byItsLife = " by the life of its SIM"

// adoptLives takes the charges and events of such records from the log.
func (o *outcome) adoptLives(records []string, b *ratedlog.Batch) error {
	for i, r := range o.records {
		seq, of := strings.CutSuffix(r, byItsLife)
		at := slices.IndexFunc(records, func(r string) bool { return strings.HasPrefix(r, seq+" ") })
		if !of || at < 0 {
			continue
		}
		o.records[i] = records[at]
		for _, data := range b.Rated[at].Events {
			event, err := rating.ParseEvent(data)
			if err != nil {
				return err
			}
			if ofLife(&event) {
				o.events++
			}
		}
	}
	return nil
}

// ofLife reports whether an event follows from the life of its SIM. Events of the limits of billing roots were already
// expected.
func ofLife(e *rating.Event) bool { return e.Name != "usage" && e.Name != "sim" }

// happened is an event of a SIM in the naive model.
type happened struct {
	at    time.Time
	what  string // moved, chosen, or an effect of usage
	state string // chosen
	cause string
}

// naiveLife returns the states of a SIM up to a time, computed day by day, one per line. It does not use facts,
// timers or revisions.
func naiveLife(sim uint32, all []happened, until time.Time) (lines []string) {
	state, cause, used := "in_testing", "assignment", false
	begin := lifeFrom
	said := func() {
		text := " " + state + " " + cause
		at := begin.Format(time.RFC3339Nano)
		if n := len(lines); n > 0 && strings.HasPrefix(lines[n-1], at+" ") {
			lines = lines[:n-1] // two steps at one instant count as one
		}
		lines = append(lines, at+text)
	}
	enter := func(to, why string, at time.Time) {
		state, cause, begin, used = to, why, at, false
		said()
	}
	said()
	days := func(today time.Time) int {
		y, m, d := begin.Date()
		return int(today.Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) / (24 * time.Hour))
	}
	over := func(today time.Time) (to, limit string) {
		switch n := days(today); {
		case state == "in_testing" && n >= 14:
			return "billing_ready", "test_time"
		case state == "billing_ready" && n >= 5 && !used:
			return "in_billing", "window"
		case state == "billing_ready" && n >= 12:
			return "in_billing", "after"
		case state == "suspended" && n >= 4:
			return "in_billing", "suspend_max"
		}
		return "", ""
	}
	happens := func(h happened) {
		inUse := state == "in_testing" || state == "billing_ready" || state == "in_billing"
		switch h.what {
		case "moved":
			enter("in_testing", "assignment", h.at)
		case "chosen":
			enter(h.state, "request", h.at)
		case "emptied":
			switch state {
			case "in_testing":
				enter("billing_ready", h.cause, h.at)
			case "billing_ready":
				enter("in_billing", h.cause, h.at)
			}
		case "limit_passed":
			if inUse {
				enter("suspended", h.cause, h.at)
			}
		case "used":
			used = true
		}
	}
	usage := func(h happened) bool { return h.what != "moved" && h.what != "chosen" }
	for day := lifeFrom; !day.After(until); day = day.AddDate(0, 0, 1) {
		for len(all) > 0 && !all[0].at.After(day) && !usage(all[0]) {
			happens(all[0])
			all = all[1:]
		}
		if to, limit := over(day); to != "" {
			enter(to, fmt.Sprintf("timer:%s:%s:%s", limit, registry.SubjectOf(sim), udr.InstantOf(day)), day)
		}
		for len(all) > 0 && all[0].at.Before(day.AddDate(0, 0, 1)) && !all[0].at.After(until) {
			happens(all[0])
			all = all[1:]
		}
	}
	return lines
}

// judgeLives compares the states in the facts with those of the naive model, and checks that each cause led to
// facts only once.
func (w *world) judgeLives() {
	l := w.lives
	if l == nil {
		return
	}
	if err := w.judgeBars(); err != nil {
		w.fail("limits: %v", err)
		return
	}
	used, err := w.usedLives()
	if err != nil {
		w.fail("lives: %v", err)
		return
	}
	for sim := uint32(firstLife); sim <= lastLife; sim++ {
		all := append(l.chosen(sim), used[sim]...)
		inOrder(all)
		want := naiveLife(sim, all, lifeEnd)
		if got := l.states(sim); !slices.Equal(got, want) {
			w.fail("SIM %d is\n  %s\nand should be\n  %s%s", sim, strings.Join(got, "\n  "), strings.Join(want, "\n  "), l)
			return
		}
	}
	known := map[string]registry.Revision{}
	for _, c := range l.changes {
		for i := range c.Causes {
			cause := c.Causes[i].Cause
			if before, twice := known[cause]; twice {
				w.fail("cause %s made facts in revision %d and in revision %d", cause, before, c.Revision)
				return
			}
			known[cause] = c.Revision
		}
	}
}

// states returns the states of a SIM that hold, one per line.
func (l *lives) states(sim uint32) (lines []string) {
	told := l.told[sim]
	for i, f := range told {
		if i+1 < len(told) && told[i+1].From == f.From || f.State == registry.Withdrawn {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %s %s", f.From.Time().UTC().Format(time.RFC3339Nano), f.Name, plainCause(f.Cause)))
	}
	return lines
}

// String lists all statements about the SIMs and all wishes of users, for display.
func (l *lives) String() string {
	if l == nil {
		return ""
	}
	text := "\nfacts:"
	for sim := uint32(firstLife); sim <= lastLife; sim++ {
		for _, f := range l.told[sim] {
			text += fmt.Sprintf("\n  SIM %d at %s, known from %d: %s %d %s", sim, f.From, f.Known, f.Name, f.State, f.Cause)
		}
	}
	for _, n := range l.wishes {
		text += fmt.Sprintf("\n%s, known from %d: SIM %d at %s: state %q, owner %d, taken back %v", n.cause, n.known, n.sim, n.at, n.state,
			n.owner, n.takenBack)
	}
	return text
}

// plainCause returns a cause without the key of a request, and without the reason that a repeated cause contains.
func plainCause(cause string) string {
	cause, _, _ = strings.Cut(cause, " after ")
	for _, kind := range []string{"request", "assignment"} {
		if strings.HasPrefix(cause, kind+":") {
			return kind
		}
	}
	return cause
}

// chosen returns the choices of users for a SIM that were not withdrawn, in order.
func (l *lives) chosen(sim uint32) (all []happened) {
	states, owners := map[udr.Instant]wish{}, map[udr.Instant]wish{}
	for _, n := range l.wishes {
		switch {
		case n.sim != sim:
		case n.owner != 0:
			owners[n.at] = n
		default:
			states[n.at] = n
		}
	}
	for at, n := range states {
		if !n.takenBack {
			all = append(all, happened{at: at.Time().UTC(), what: "chosen", state: n.state})
		}
	}
	owner := firstOwner(sim)
	for _, at := range slices.Sorted(maps.Keys(owners)) {
		if n := owners[at]; !n.takenBack {
			if n.owner != owner {
				all = append(all, happened{at: at.Time().UTC(), what: "moved"})
			}
			owner = n.owner
		}
	}
	return all
}

// owner returns the owner of a SIM at a time, as known at a revision.
func (l *lives) owner(sim uint32, at udr.Instant, revision registry.Revision) uint32 {
	last := map[udr.Instant]wish{}
	for _, n := range l.wishes {
		if n.sim == sim && n.owner != 0 && n.known <= revision && n.at <= at {
			last[n.at] = n
		}
	}
	owner := firstOwner(sim)
	for _, from := range slices.Sorted(maps.Keys(last)) {
		if !last[from].takenBack {
			owner = last[from].owner
		}
	}
	return owner
}

// judgeBars checks that each threshold of a limit acted once in its period, that simstate has recorded the thresholds
// that slow down SIMs, and that they no longer apply at the end.
func (w *world) judgeBars() error {
	l, acted, bars := w.lives, map[string]bool{}, 0
	err := w.events(func(file string, seq uint64, e *rating.Event) error {
		if e.Kind != rating.LimitPassed && e.Kind != rating.LimitThrottles && e.Kind != rating.LimitSuspends {
			return nil
		}
		once := fmt.Sprintf("%s %s at %v of %+v", e.Kind, e.Name, e.Threshold, e.Counter)
		if acted[once] {
			return fmt.Errorf("%s happened twice, the second time in record %d of %s", once, seq, file)
		}
		acted[once] = true
		if e.Kind != rating.LimitThrottles {
			return nil
		}
		cause := fmt.Sprintf("usage:%s:%d:throttle:%s:%d", file, seq, e.Name, e.Account)
		if b, known := l.rows.bars[cause]; !known || b.SIM != e.SIM || b.Until != e.Until {
			return fmt.Errorf("simstate has %+v instead of a bar by %s until %s", b, cause, e.Until)
		}
		bars++
		return nil
	})
	if err != nil {
		return err
	}
	if bars != len(l.rows.bars) {
		return fmt.Errorf("simstate has %d bars, %d happened", len(l.rows.bars), bars)
	}
	for sim, slow := range l.rows.slow {
		if slow {
			return fmt.Errorf("SIM %d is still slow at the end, when all periods are over", sim)
		}
	}
	return nil
}

// events calls do for each event of the messages of the rated logs that count.
func (w *world) events(do func(file string, seq uint64, e *rating.Event) error) error {
	var u udr.Usage
	for p := range partitions {
		for i := range w.judged[p].counts {
			b, err := w.judged[p].batch(i)
			if err != nil {
				return err
			}
			for _, r := range b.Rated {
				if len(r.Events) == 0 {
					continue
				}
				if err := udr.ParseUsage(r.Usage, &u); err != nil {
					return err
				}
				for _, m := range r.Events {
					event, err := rating.ParseEvent(m)
					if err == nil {
						err = do(b.File.String(), u.Seq, &event)
					}
					if err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// usedLives returns the effects of usage on SIMs, from the messages of the rated logs that count.
func (w *world) usedLives() (map[uint32][]happened, error) {
	kinds := map[rating.EventKind]life.EventKind{rating.FirstUse: life.Used, rating.LifeExhausted: life.Emptied,
		rating.LimitSuspends: life.LimitPassed}
	all := map[uint32][]happened{}
	err := w.events(func(file string, seq uint64, event *rating.Event) error {
		if kind, ok := kinds[event.Kind]; ok && event.SIM >= firstLife {
			all[event.SIM] = append(all[event.SIM], happened{at: event.At.Time().UTC(), what: kind.String(),
				cause: fmt.Sprintf("usage:%s:%d:%s", file, seq, kind)})
		}
		return nil
	})
	return all, err
}

func inOrder(all []happened) {
	order := []string{"moved", "chosen", "used", "emptied", "limit_passed"}
	slices.SortStableFunc(all, func(a, b happened) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(slices.Index(order, a.what), slices.Index(order, b.what)))
	})
}

// withoutStates returns the same installation as if simstate had never written anything: it has only the
// choices of users.
func (l *lives) withoutStates(quiet *world) *lives {
	q := newLives(quiet)
	q.r, q.wishes = l.r, l.wishes
	for i, c := range l.changes {
		states := c.States
		c.States = nil
		for _, f := range states {
			switch cause := causeOf(&c, f.Cause); {
			case !life.AutomaticCause(cause):
				c.States = append(c.States, f)
			case f.Origin != registry.Stated && q.stands(f.SIM, f.From):
				// Users withdrew their statement for this instant, and the other fact replaced it.
				f.StateValue = registry.StateValue{State: registry.Withdrawn}
				c.States = append(c.States, f)
			}
		}
		q.commit(c, l.levels[i])
	}
	return q
}

// stands reports whether a SIM has a statement for an instant that was not withdrawn.
func (l *lives) stands(sim uint32, at udr.Instant) (stands bool) {
	for _, f := range l.told[sim] {
		if f.From == at {
			stands = f.State != registry.Withdrawn
		}
	}
	return stands
}

// livesCopy is a backup of the control store's data about SIMs and their states.
type livesCopy struct {
	changes []registry.Changes
	levels  []uint64
	wishes  []wish
	rows    lifeRows
	at      [partitions]control.SinkPosition
}

func (l *lives) copy() livesCopy {
	return livesCopy{slices.Clone(l.changes), slices.Clone(l.levels), slices.Clone(l.wishes), l.rows.clone(), l.at}
}

// mayGoBack reports whether no file is pinned to a revision that the backup lacks. If one is, the marks of
// the stores stop an installation.
func (l *lives) mayGoBack(to *livesCopy) bool {
	return !slices.ContainsFunc(l.w.files, func(f *file) bool { return f.revision > uint64(len(to.changes)) })
}

// goBack restores a backup.
func (l *lives) goBack(to *livesCopy) {
	w, former := l.w, newLives(l.w)
	former.r, former.asked = l.r, l.asked
	for i, c := range to.changes {
		former.commit(c, to.levels[i])
	}
	former.wishes, former.rows, former.at = to.wishes, to.rows, to.at
	*l = *former
	w.revision, w.changed = uint64(len(l.changes)), w.changed[:len(l.changes)]
}
