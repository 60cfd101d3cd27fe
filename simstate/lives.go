package simstate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Lives collects the events of SIMs from the facts of a revision.
type Lives struct {
	View       *registry.View
	Revision   registry.Revision
	Statements *registry.Statements
	Book       *life.Book

	// Coming holds the owners of SIMs from a change set that the view does not contain yet. Each owner
	// replaces or withdraws the fact for the same time.
	Coming map[uint32][]registry.OwnershipFact

	// Leaving holds the SIMs whose own settings that change set ends at a time.
	Leaving map[uint32]udr.Instant

	rules map[ruled]life.Rules // cache of looked-up rules; many SIMs have the same rules
}

// ruled is the cache key of looked-up rules.
type ruled struct {
	settings string
	at       udr.Instant
	zone     *time.Location
}

// Judged is the result of Judge.
type Judged struct {
	Facts []life.Fact // missing facts, in chronological order
	Stays []life.Stay // all states of the SIM up to now, and states chosen for later
	Due   udr.Instant // time of the next change of the state, by a time limit or by a statement about the future; 0 for never

	lives *Lives // the facts on which the decision is based, needed for the network actions of limits
	sim   uint32
}

// Judge returns the missing facts of a SIM: those that follow from its events up to now. stated holds all facts ever
// stated about its state, in the order of (From, Known). used holds the effects of usage, some of which may be new.
// reason is the cause of the new event or request, for changes that have no other cause. news is a requested state,
// or the state that a SIM gets when it moves to another payer. It replaces the statement for the same time.
func (l *Lives) Judge(sim uint32, stated []life.Told, used []life.Event, now udr.Instant, reason string,
	news ...life.Event) (Judged, error) {
	events, err := l.Events(sim, stated, used)
	if err != nil || len(events)+len(news) == 0 && len(stated) == 0 {
		return Judged{lives: l, sim: sim}, err
	}
	events = slices.DeleteFunc(events, func(e life.Event) bool {
		return slices.ContainsFunc(news, func(n life.Event) bool { return n.Kind == e.Kind && n.At == e.At })
	})
	events = append(events, news...)
	until := now
	for i := range events {
		until = max(until, events[i].At)
	}
	s := Judged{Stays: life.States(events, until), lives: l, sim: sim}
	s.Stays = slices.DeleteFunc(s.Stays, func(s life.Stay) bool { return s.From > now && s.By == life.ByLimit })
	for _, later := range life.States(events, until+furthest) {
		if later.From > now {
			s.Due = later.From
			break
		}
	}
	if n := len(s.Stays); n > 0 && s.Stays[n-1].By == life.ByLimit && !safeguard.On(safeguard.DatedByDue) {
		s.Stays[n-1].From = now
	}
	causes := make(map[string]bool, len(stated))
	for i := range stated {
		causes[stated[i].Cause] = safeguard.On(safeguard.CauseAgain)
	}
	s.Facts = life.Change(stated, s.Stays, sim, life.Reason{Cause: reason, Happened: events,
		Used: func(cause string) bool { return causes[cause] }})
	if !safeguard.On(safeguard.OriginStated) {
		for i := range s.Facts {
			s.Facts[i].Origin = registry.Stated
		}
	}
	if !safeguard.On(safeguard.LaterWithdrawn) {
		s.Facts = slices.DeleteFunc(s.Facts, func(f life.Fact) bool { return f.State == registry.Withdrawn })
	}
	return s, nil
}

// furthest is how far into the future Judge looks for the next time limit.
const furthest = udr.Instant(10 * 366 * 24 * time.Hour)

// Events returns the events of a SIM: its owners, the status of their accounts, chosen states, and usage.
func (l *Lives) Events(sim uint32, stated []life.Told, used []life.Event) ([]life.Event, error) {
	periods := l.owned(sim)
	var owned []life.Owned
	var statuses []life.Event
	for i := range periods {
		of := &periods[i]
		o := life.Owned{From: of.Since, Payer: strconv.FormatUint(uint64(of.payer), 10)}
		var err error
		if o.Rules, err = l.Rules(sim, of.Account, of.Since); err != nil {
			return nil, err
		}
		if o.Rules.Lifecycle == nil {
			o.Payer = "" // SIMs of such an account have no states
		}
		owned = append(owned, o)
		if of.Ends && (i+1 == len(periods) || periods[i+1].Since != of.Until) {
			owned = append(owned, life.Owned{From: of.Until})
		}
		var before registry.AccountStatus
		if of.goesOn {
			left, _ := l.View.AccountID(periods[i-1].Account)
			before = l.status(left, of.Since-1)
		}
		statuses = append(statuses, l.statuses(sim, of, before)...)
	}
	var chosen []life.Told // if several facts have the same time, the last one: corrected facts do not return
	for i, f := range stated {
		if (i+1 == len(stated) || stated[i+1].From != f.From) && !strings.HasPrefix(f.Cause, assignment) {
			chosen = append(chosen, f)
		}
	}
	events, err := l.Book.Events(chosen, owned)
	for i := range events {
		if e := &events[i]; (e.Kind == life.Assigned || e.Kind == life.Left) && e.Cause == "" {
			e.Cause = fmt.Sprintf("%s%s:%s", assignment, registry.SubjectOf(sim), e.At)
		}
	}
	return append(append(events, statuses...), used...), err
}

// assignment is the prefix of the cause of a state that nobody chose: the SIM has the state because it was
// assigned to an account.
const assignment = "assignment:"

// ownership is the time that a SIM spends with an account.
type ownership struct {
	registry.Period
	payer  uint32
	goesOn bool // same payer as immediately before, so the state continues
}

func (l *Lives) owned(sim uint32) (all []ownership) {
	for _, p := range l.owners(sim) {
		o := ownership{Period: p, payer: registry.Payer(l.View, l.Statements, p.Account, p.Since, l.Revision)}
		if n := len(all); n > 0 {
			last := &all[n-1]
			o.goesOn = last.payer == o.payer && (!last.Ends || last.Until == o.Since)
		}
		all = append(all, o)
	}
	return all
}

// owners returns the ownerships of a SIM, including those in Coming.
func (l *Lives) owners(sim uint32) (all []registry.Period) {
	for _, p := range l.View.History(sim) {
		if p.Account != 0 && p.Corrected == 0 && p.Known <= l.Revision {
			all = append(all, p)
		}
	}
	for _, f := range l.Coming[sim] {
		all = replaced(all, &f)
	}
	return all
}

// replaced returns the ownerships of a SIM after a fact about one of them. If the fact is withdrawn, the
// previous ownership continues; otherwise it ends where the fact begins.
func replaced(all []registry.Period, f *registry.OwnershipFact) []registry.Period {
	at, found := slices.BinarySearchFunc(all, f.From, func(p registry.Period, from udr.Instant) int { return cmp.Compare(p.Since, from) })
	all = slices.Clone(all)
	its := registry.Period{Account: f.Account, Since: f.From}
	switch {
	case found:
		its.Ends, its.Until = all[at].Ends, all[at].Until
		all = slices.Delete(all, at, at+1)
	case at < len(all):
		its.Ends, its.Until = true, all[at].Since
	}
	if at > 0 {
		before := &all[at-1]
		switch covers := !before.Ends || before.Until > f.From; {
		case f.State == registry.Withdrawn && before.Ends && before.Until == f.From:
			before.Ends, before.Until = its.Ends, its.Until
		case f.State != registry.Withdrawn && covers:
			its.Ends, its.Until = before.Ends, before.Until
			before.Ends, before.Until = true, f.From
		}
	}
	if f.State != registry.Withdrawn {
		all = slices.Insert(all, at, its)
	}
	return all
}

// Rules returns the rules for a SIM of an account at a time, from the settings of the SIM itself and of the nearest
// account with settings. If there are no settings, there are no rules, and the SIMs of such accounts have no
// states.
func (l *Lives) Rules(sim, account uint32, at udr.Instant) (life.Rules, error) {
	rules := life.Rules{Zone: l.zone(account, at)}
	value, ok := l.Settings(sim, account, at)
	if !ok || rules.Zone == nil {
		return rules, nil
	}
	key := ruled{string(value), at, rules.Zone}
	if known, ok := l.rules[key]; ok {
		return known, nil
	}
	settings, list := l.Book.CheckSettings("settings", value, at, rules.Zone)
	if err := list.Err(); err != nil {
		return rules, fmt.Errorf("the settings for SIM %d at %s: %w", sim, at, err)
	}
	var err error
	if rules.Ref, err = l.Book.Rules(settings, at, rules.Zone); err != nil {
		return rules, fmt.Errorf("the settings for SIM %d at %s: %w", sim, at, err)
	}
	if rules.Lifecycle, err = l.Book.Resolve(rules.Ref, at, rules.Zone); err != nil {
		return rules, err
	}
	if l.rules == nil {
		l.rules = map[ruled]life.Rules{}
	}
	l.rules[key] = rules
	return rules, nil
}

// Settings returns the settings for a SIM of an account at a time: its own, or those of the nearest account
// that has some.
func (l *Lives) Settings(sim, account uint32, at udr.Instant) (value []byte, ok bool) {
	if until, leaves := l.Leaving[sim]; !leaves || at < until {
		if s, ok := l.Statements.At(registry.KindSettings, registry.SubjectOf(sim), "", at, l.Revision); ok {
			return s.Value, true
		}
	}
	for _, number := range l.View.Path(account, at, l.Revision, nil) {
		if id, ok := l.View.AccountID(number); ok {
			if s, ok := l.Statements.At(registry.KindSettings, id, "", at, l.Revision); ok {
				return s.Value, true
			}
		}
	}
	return nil, false
}

// zone returns the time zone of an account's payer, in which time limits count days.
func (l *Lives) zone(account uint32, at udr.Instant) *time.Location {
	payer := registry.Payer(l.View, l.Statements, account, at, l.Revision)
	if a, ok := l.View.Account(payer, at, l.Revision); ok {
		return a.Zone
	}
	return nil
}

// statuses returns the effects of an account's status on a SIM while the account owned it. before is the status of
// the previous account, if the SIM left it without a change of its state.
func (l *Lives) statuses(sim uint32, of *ownership, before registry.AccountStatus) (events []life.Event) {
	id, ok := l.View.AccountID(of.Account)
	if !ok {
		return nil
	}
	happens := func(at udr.Instant) {
		now := l.status(id, at)
		e := life.Event{At: at, Cause: fmt.Sprintf("cascade:%s:%s:%s", id, at, registry.SubjectOf(sim))}
		switch {
		case now.Status == registry.StatusTerminated && before.Status != registry.StatusTerminated:
			e.Kind = life.AccountTerminated
			events = append(events, e)
		case now.Status == registry.StatusSuspended && before.Status != registry.StatusSuspended && l.suspends(of.Account, at):
			e.Kind = life.AccountSuspended
			events = append(events, e)
		case now.Status != registry.StatusSuspended && before.Status == registry.StatusSuspended:
			e.Kind = life.AccountResumed
			events = append(events, e)
		}
		before = now
	}
	happens(of.Since)
	for _, at := range l.times(registry.KindStatus, id) {
		if at > of.Since && (!of.Ends || at < of.Until) {
			happens(at)
		}
	}
	return events
}

// times returns the times of the statements about a subject, each once, in order.
func (l *Lives) times(kind registry.Kind, subject string) (at []udr.Instant) {
	for _, s := range l.Statements.Told(kind, subject) {
		if s.Known <= l.Revision {
			at = append(at, s.From)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

func (l *Lives) status(account string, at udr.Instant) (s registry.AccountStatus) {
	if stated, ok := l.Statements.At(registry.KindStatus, account, "", at, l.Revision); ok {
		s, _ = registry.ReadAccountStatus(stated.Value) // the package account wrote the value
	}
	return s
}

// suspends reports whether suspending an account also suspends its SIMs. The nearest account with this setting
// decides.
func (l *Lives) suspends(account uint32, at udr.Instant) bool {
	for _, number := range l.View.Path(account, at, l.Revision, nil) {
		id, _ := l.View.AccountID(number)
		s, ok := l.Statements.At(registry.KindDetails, id, "", at, l.Revision)
		if !ok {
			continue
		}
		if f, err := registry.ReadSIMsFollow(s.Value); err == nil && f.SuspendSIMs != nil {
			return *f.SuspendSIMs
		}
	}
	return true
}
