package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// Breach is a rule that a change set would break. These rules keep billing simple: who pays for a SIM, and in
// which cycle, depends only on the account and the time.
type Breach struct {
	Kind    Kind
	Subject string
	From    udr.Instant
	Reason  string // the reason for display, with the allowed alternative
}

// Breaches lists all rules that a change set would break.
type Breaches []Breach

func (b Breaches) Error() string {
	var all []string
	for _, one := range b {
		all = append(all, one.Reason)
	}
	return strings.Join(all, "\n")
}

// CheckBounds returns all rules that a change set would break. r and s have loaded the change set but not published
// it yet. A rule that was already broken before the change set is not reported. Without s, it skips the rules that
// need statements. Billing cycles that have begun by now may contain rated usage; if now is 0, none does. CheckBounds
// does not look up which usage is already rated, because a file in progress uses an older revision, and its records
// would have other cycles than later records.
func CheckBounds(r *Registry, s *Statements, changes *Changes, now udr.Instant) Breaches {
	r.mu.RLock()
	defer r.mu.RUnlock()
	b := &bounds{r: r, s: s, a: &r.accounts, changes: changes, rev: changes.Revision, now: now}
	b.twice()
	return b.check()
}

// check returns the breaches, without those of a fact that is stated twice.
func (b *bounds) check() Breaches {
	for _, number := range b.affected() {
		b.account(number)
	}
	b.terminated()
	b.environments()
	b.singleBills()
	slices.SortStableFunc(b.list, func(x, y Breach) int { return cmp.Or(cmp.Compare(x.Subject, y.Subject), cmp.Compare(x.From, y.From)) })
	return b.list
}

type bounds struct {
	r       *Registry
	a       *accounts
	s       *Statements
	changes *Changes
	rev     Revision
	now     udr.Instant
	list    Breaches
}

func (b *bounds) breach(kind Kind, subject string, from udr.Instant, format string, args ...any) {
	b.list = append(b.list, Breach{kind, subject, from, fmt.Sprintf(format, args...)})
}

// affected returns the accounts that the change set changes, and all accounts below them.
func (b *bounds) affected() []uint32 {
	changed := map[uint32]bool{}
	for i := range b.changes.Accounts {
		changed[b.changes.Accounts[i].Number] = true
	}
	for i := range b.changes.Statements {
		if f := &b.changes.Statements[i]; f.Kind == KindStatus || f.Kind == KindProfile {
			if number, ok := b.a.numbers[f.Subject]; ok {
				changed[number] = true
			}
		}
	}
	return b.a.withDescendants(changed)
}

// terms contains the values that may change only at the beginning of a cycle.
type terms struct {
	there    bool
	currency string
	zone     string
	day      int
	parent   uint32
	inherits bool   // the currency is inherited from an account above
	payer    uint32 // the nearest account with a profile, 0 if there is none
	profile  string // its own
}

// changesAnyTime lists the fields of a billing profile that can change within a cycle: they control how to reach an
// account and how much it may owe, but not the amounts that it owes.
var changesAnyTime = [...]string{"billing_address", "cost_centre", "credit_limit", "credit_policy", "custom", "delivery",
	"e_invoice", "emails",
	"language", "payment", "remote_storage"}

// ProfileTerms returns the fields of a billing profile that change only at the beginning of a cycle, as canonical
// JSON.
func ProfileTerms(profile []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(profile, &fields) != nil {
		return string(profile)
	}
	for _, name := range changesAnyTime {
		delete(fields, name)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return string(profile)
	}
	return string(text)
}

// paysSame reports whether the currency is unchanged or inherited. If no account has a profile, an
// account with its own cycles follows the currency of the account above it.
func (t *terms) paysSame(other *terms) bool {
	return t.currency == other.currency || t.inherits && other.inherits && t.payer == 0 && other.payer == 0
}

func (b *bounds) terms(number uint32, at udr.Instant, rev Revision) (t terms) {
	its, ok := b.a.account(number, at, rev)
	if !ok {
		return t
	}
	t = terms{there: true, currency: its.Currency, zone: its.Zone.String(), day: its.CycleDay, parent: its.Parent,
		payer: b.a.profiled(b.s, number, at, rev)}
	f := b.a.fact(number, at, rev)
	t.inherits = f != nil && f.Currency == ""
	if b.s != nil {
		if f, ok := b.s.At(KindProfile, its.ID, "", at, rev); ok {
			t.profile = ProfileTerms(f.Value)
		}
	}
	return t
}

// instants returns the times at which the terms or the status of an account, or of an account above
// it, may change.
func (b *bounds) instants(number uint32) []udr.Instant {
	var all []udr.Instant
	for _, v := range b.a.timelines[number] {
		all = append(all, v.from)
	}
	above := []uint32{number}
	for i := 0; i < len(above); i++ {
		facts := b.a.facts[above[i]]
		for j := range facts {
			if parent := facts[j].Parent; parent != 0 && !slices.Contains(above, parent) {
				above = append(above, parent)
			}
		}
		if b.s == nil || len(facts) == 0 {
			continue
		}
		for _, kind := range []Kind{KindProfile, KindStatus} {
			for _, f := range b.s.Told(kind, facts[0].ID) {
				all = append(all, f.From)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (b *bounds) account(number uint32) {
	if int(number) >= len(b.a.facts) || len(b.a.facts[number]) == 0 {
		return
	}
	id, instants := b.a.facts[number][0].ID, b.instants(number)
	broken := len(b.list)
	b.sparesRated(number, id, instants)
	back := len(b.list) > broken
	for _, at := range instants {
		if !back {
			b.boundary(number, id, at)
		}
		b.likePayer(number, id, at)
		b.status(number, id, at)
	}
}

// boundary checks that changes at a time happen at the beginning of a cycle.
func (b *bounds) boundary(number uint32, id string, at udr.Instant) {
	what := func(rev Revision) string {
		before, after := b.terms(number, at-1, rev), b.terms(number, at, rev)
		var all []string
		switch {
		case !before.there || !after.there:
			return ""
		case before.parent != after.parent:
			all = append(all, "parent")
		}
		if !before.paysSame(&after) {
			all = append(all, "currency")
		}
		if before.payer != 0 && before.payer != after.payer && len(all) == 0 || before.profile != after.profile && before.profile != "" {
			all = append(all, "profile")
		}
		if first, ok := b.a.boundary(number, at, rev); len(all) == 0 || !ok || first == at {
			return ""
		}
		return strings.Join(all, " and ")
	}
	now := what(b.rev)
	if now == "" || now == what(b.rev-1) {
		return
	}
	allowed, _ := b.a.boundary(number, at, b.rev)
	b.breach(KindAccount, id, at, "the %s of account %s would change on %s, within a billing cycle; it can change when the cycle ends, on %s",
		now, id, b.day(number, at), b.day(number, allowed))
}

// sparesRated refuses corrections that change the terms of cycles that may contain rated usage.
func (b *bounds) sparesRated(number uint32, id string, instants []udr.Instant) {
	limit, ok := b.limit(number)
	if !ok {
		return
	}
	for _, at := range instants {
		was, is := b.terms(number, at, b.rev-1), b.terms(number, at, b.rev)
		if was.paysSame(&is) {
			is.currency, is.inherits = was.currency, was.inherits
		}
		if was.payer == 0 { // this is the first profile; before it, no account on the path had one
			is.payer, is.profile = 0, ""
		}
		if at < limit && was.there && !is.there && b.owned(number) {
			b.breach(KindAccount, id, at, "account %s would not exist from %s on, although it had SIMs in billing cycles whose "+
				"usage may be rated; end it with ratemill account status", id, b.day(number, at))
			return
		}
		if at >= limit || !was.there || !is.there || was == is {
			continue
		}
		b.breach(KindAccount, id, at, "the currency, zone, cycle_day, profile or parent of account %s would change on %s, in a billing cycle "+
			"whose usage may be rated; it can change from %s on", id, b.day(number, at), b.day(number, limit))
		return
	}
}

// owned reports whether a SIM was ever assigned to an account, so that an invoice for its usage may exist.
func (b *bounds) owned(account uint32) bool {
	for sim := uint32(1); sim <= b.r.sims.count; sim++ {
		for _, own := range b.r.owners(sim, b.rev) {
			if own.account == account {
				return true
			}
		}
	}
	return false
}

// limit returns the end of an account's last cycle that may contain rated usage, by the cycle rules before the
// change set.
func (b *bounds) limit(number uint32) (udr.Instant, bool) {
	rules, err := b.a.cyclesOf(number, b.rev-1)
	if err != nil || len(rules) == 0 {
		return 0, false
	}
	run := rulesAt(rules, b.now)
	if b.now == 0 || run.Zone == nil {
		return 0, false
	}
	_, next := run.Of(LocalDate(run.Zone, b.now))
	return Midnight(run.Zone, next), true
}

// likePayer checks that an account without a profile has the same currency, zone and cycle day as its payer.
func (b *bounds) likePayer(number uint32, id string, at udr.Instant) {
	other := func(rev Revision) (payer uint32, what string) {
		payer = b.a.profiled(b.s, number, at, rev)
		if payer == 0 || payer == number {
			return 0, ""
		}
		its, of := b.terms(number, at, rev), b.terms(payer, at, rev)
		switch {
		case its.currency != of.currency:
			return payer, fmt.Sprintf("currency %s, but its payer, %%s, has %s", its.currency, of.currency)
		case its.zone != of.zone:
			return payer, fmt.Sprintf("zone %s, but its payer, %%s, has %s", its.zone, of.zone)
		case its.day != of.day:
			return payer, fmt.Sprintf("cycle_day %d, but its payer, %%s, has %d", its.day, of.day)
		}
		return 0, ""
	}
	payer, what := other(b.rev)
	if was, before := other(b.rev - 1); what == "" || was == payer && before == what {
		return
	}
	b.breach(KindAccount, id, at, "account %s has %s from %s on; omit it, or give the account its own profile",
		id, fmt.Sprintf(what, b.a.facts[payer][0].ID), b.day(number, at))
}

// status checks the status of an account against that of its parent.
func (b *bounds) status(number uint32, id string, at udr.Instant) {
	if b.s == nil {
		return
	}
	forbidden := func(rev Revision) (parent, above, its string) {
		a, ok := b.a.account(number, at, rev)
		if !ok || a.Parent == 0 {
			return "", "", ""
		}
		parent = b.a.facts[a.Parent][0].ID
		above, its = StatusOf(b.s, parent, at, rev), StatusOf(b.s, id, at, rev)
		if above == "" || its == "" || slices.Contains(StatusesBelow(above), its) {
			return "", "", ""
		}
		return parent, above, its
	}
	parent, above, its := forbidden(b.rev)
	if _, wasAbove, wasIts := forbidden(b.rev - 1); parent == "" || wasAbove == above && wasIts == its {
		return
	}
	b.breach(KindStatus, id, at, "account %s would be %s from %s on below account %s, which is %s then and only allows "+
		"accounts below it that are %s",
		id, its, b.day(number, at), parent, above, strings.Join(StatusesBelow(above), ", "))
}

// twice checks that the change set does not contain two facts about the same subject with the same beginning.
// Otherwise, one of the two facts would silently replace the other.
func (b *bounds) twice() {
	type key struct {
		kind          Kind
		subject, name string
		from          udr.Instant
	}
	seen := make(map[key]bool, len(b.changes.Statements)+len(b.changes.States))
	again := func(k key) {
		if seen[k] {
			name := ""
			if k.name != "" {
				name = " " + k.name
			}
			b.breach(k.kind, k.subject, k.from, "the change set contains the %s%s of %s twice from %s on", k.kind, name, k.subject, k.from)
		}
		seen[k] = true
	}
	for i := range b.changes.SIMs {
		f := &b.changes.SIMs[i]
		again(key{KindOwnership, SubjectOf(f.SIM), "", f.From})
	}
	for i := range b.changes.States {
		f := &b.changes.States[i]
		again(key{KindState, SubjectOf(f.SIM), "", f.From})
	}
	for i := range b.changes.Statements {
		f := &b.changes.Statements[i]
		again(key{f.Kind, f.Subject, f.Name, f.From})
	}
}

// terminated checks that a terminated account owns no SIM that is not retired. It checks the SIMs that the change set
// moves or whose state it changes, and all SIMs of the accounts that it terminates.
func (b *bounds) terminated() {
	over, ends := b.over()
	if len(over) == 0 {
		return
	}
	sims := map[uint32]bool{}
	for i := range b.changes.SIMs {
		sims[b.changes.SIMs[i].SIM] = true
	}
	for i := range b.changes.States {
		sims[b.changes.States[i].SIM] = true
	}
	if ends {
		for sim := uint32(1); sim <= b.r.sims.count; sim++ {
			sims[sim] = true
		}
	}
	told := map[uint32]int{}
	for _, sim := range slices.Sorted(maps.Keys(sims)) {
		for _, own := range b.r.owners(sim, b.rev) {
			for _, s := range over[own.account] {
				at, ok := b.unretired(sim, max(s.since, own.from), min(s.until, own.until))
				if !ok || told[own.account] == mostUnretired {
					continue
				}
				told[own.account]++
				b.breach(KindOwnership, SubjectOf(sim), at, "SIM %d would belong to account %s, which is terminated, without being retired on %s; "+
					"retire it by then, or move it to another account", sim, b.a.facts[own.account][0].ID, b.day(own.account, at))
			}
		}
	}
}

// mostUnretired is the largest number of an account's SIMs that an error lists.
const mostUnretired = 20

// over returns the times during which accounts are terminated; ends reports whether the change set
// terminates an account.
func (b *bounds) over() (over map[uint32][]span, ends bool) {
	if b.s == nil {
		return nil, false
	}
	over = map[uint32][]span{}
	for id := range b.s.Subjects(KindStatus) {
		number, ok := b.a.numbers[id]
		if !ok {
			continue
		}
		held := HeldStatements(b.s.Told(KindStatus, id), b.rev)
		for i, f := range held {
			if statusIn(f.Value) != StatusTerminated {
				continue
			}
			s := span{since: f.From, until: newest}
			if i+1 < len(held) {
				s.until = held[i+1].From
			}
			over[number] = append(over[number], s)
			ends = ends || f.Known == b.rev
		}
	}
	return over, ends
}

// unretired returns the first time in an interval at which a SIM has no state, or a state that is not final.
func (b *bounds) unretired(sim uint32, from, until udr.Instant) (udr.Instant, bool) {
	at := from
	for at < until {
		state, ok := b.r.states.at(sim, at, b.rev)
		if !ok || b.r.states.values.list[state.Value].Core != Cancelled {
			return at, true
		}
		next, ends := b.r.states.until(sim, at, b.rev)
		if !ends {
			break
		}
		at = next
	}
	return 0, false
}

type owned struct {
	from, until udr.Instant
	account     uint32
}

// owners returns the owners of a SIM over time, as known at a revision.
func (r *Registry) owners(sim uint32, rev Revision) (all []owned) {
	facts := counting(r.sims.told(&r.moments, sim), rev, func(f *told) told { return *f })
	for i, f := range facts {
		if !f.state.begins() {
			continue
		}
		own := owned{f.from, newest, f.account}
		if i+1 < len(facts) {
			own.until = facts[i+1].from
		}
		all = append(all, own)
	}
	return all
}

// day formats a time as a day in the account's zone, or as an instant if it is not midnight there.
func (b *bounds) day(account uint32, at udr.Instant) string {
	if at == Always {
		return "the beginning"
	}
	if a, ok := b.a.account(account, at, b.rev); ok {
		local := at.Time().In(a.Zone)
		if Midnight(a.Zone, LocalDate(a.Zone, at)) == at {
			return local.Format(time.DateOnly)
		}
		return local.Format(time.RFC3339)
	}
	return at.String()
}

// The statuses of an account.
const (
	StatusDraft      = "draft"
	StatusNew        = "new"
	StatusLead       = "lead"
	StatusActive     = "active"
	StatusSuspended  = "suspended"
	StatusTerminated = "terminated"
)

// StatusesBelow returns the statuses that an account can have if its parent has the given status.
func StatusesBelow(parent string) []string {
	switch parent {
	case StatusDraft, StatusNew, StatusTerminated:
		return []string{parent}
	case StatusLead:
		return []string{StatusNew, StatusLead}
	case StatusActive:
		return []string{StatusNew, StatusLead, StatusActive, StatusSuspended, StatusTerminated}
	case StatusSuspended:
		return []string{StatusNew, StatusLead, StatusSuspended, StatusTerminated}
	}
	return nil
}

// StatusOf returns the status of an existing account at a time, as known at a revision. An account without a
// stated status is active, because accounts existed before statuses did. After its last status has ended, it
// has none.
func StatusOf(s *Statements, account string, at udr.Instant, rev Revision) string {
	if f, ok := s.At(KindStatus, account, "", at, rev); ok {
		return statusIn(f.Value)
	}
	for _, f := range s.Told(KindStatus, account) {
		if f.Known <= rev && f.From <= at && f.State != Withdrawn {
			return ""
		}
	}
	return StatusActive
}

func statusIn(value []byte) string {
	s, err := ReadAccountStatus(value)
	if err != nil {
		return ""
	}
	return s.Status
}
