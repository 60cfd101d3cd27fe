package registry

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ratemill/udr"
)

// maxLevels is the largest depth of the tree of accounts.
const maxLevels = 32

// accounts holds the stated facts and the timelines derived from them. When an account moves, the root and level of the
// accounts below it change too, so an account's timeline has an entry for each beginning and revision at which anything
// up to the root changed. Lookups then need not walk up the tree.
type accounts struct {
	numbers   map[string]uint32
	facts     [][]accountKnown   // by number: stated facts, in the order of (From, known)
	timelines [][]accountVersion // by number: derived timelines, in the same order
	only      []accountVersion   // by number: the timeline's only entry if it has one, which saves a lookup
	children  map[uint32][]uint32
	zones     map[string]*time.Location
	newest    Revision // newest revision that changes one of the accounts
}

type accountKnown struct {
	AccountFact
	known Revision
}

type accountVersion struct {
	from      udr.Instant
	known     Revision
	account   *Account // nil: not there
	root      uint32   // root and the following fields are copied from account, so that a lookup touches one cache line less
	partition int32
}

func version(from udr.Instant, known Revision, account *Account) accountVersion {
	v := accountVersion{from: from, known: known, account: account}
	if account != nil {
		v.root, v.partition = account.Root, int32(account.Partition)
	}
	return v
}

func (a *accounts) init() {
	a.numbers = map[string]uint32{}
	a.children = map[uint32][]uint32{}
	a.zones = map[string]*time.Location{}
	a.facts = make([][]accountKnown, 1)
	a.timelines = make([][]accountVersion, 1)
	a.only = make([]accountVersion, 1)
}

func (a *accounts) account(number uint32, at udr.Instant, rev Revision) (*Account, bool) {
	v := a.version(number, at, rev)
	return v.account, v.account != nil
}

var noAccount accountVersion

func (a *accounts) version(number uint32, at udr.Instant, rev Revision) *accountVersion {
	if int(number) >= len(a.timelines) {
		return &noAccount
	}
	if only := &a.only[number]; only.account != nil {
		if only.from <= at && only.known <= rev {
			return only
		}
		return &noAccount
	}
	timeline := a.timelines[number]
	for i := len(timeline) - 1; i >= 0; i-- {
		if v := &timeline[i]; v.from <= at && v.known <= rev {
			return v
		}
	}
	return &noAccount
}

func (a *accounts) until(number uint32, at udr.Instant, rev Revision) (until udr.Instant, ends bool) {
	if int(number) < len(a.timelines) {
		for _, v := range a.timelines[number] {
			if v.from > at && v.known <= rev {
				return v.from, true
			}
		}
	}
	return 0, false
}

func (a *accounts) load(facts []AccountFact, known Revision) error {
	if len(facts) == 0 {
		return nil
	}
	a.newest = max(a.newest, known)
	changed := map[uint32]bool{}
	for _, f := range facts {
		if err := a.add(f, known); err != nil {
			return err
		}
		changed[f.Number] = true
	}
	for _, number := range a.withDescendants(changed) {
		if err := a.derive(number, known); err != nil {
			return err
		}
	}
	return nil
}

func (a *accounts) add(f AccountFact, known Revision) error {
	f.Cause = 0 // the cause is an index in its change set and has no meaning here
	if f.Zone != "" || f.Parent == 0 && f.State != Withdrawn {
		if _, err := a.zone(f.Zone); err != nil {
			return fmt.Errorf("registry: account %s: %w", f.ID, err)
		}
	}
	if other, ok := a.numbers[f.ID]; ok && other != f.Number {
		return fmt.Errorf("registry: account %s has number %d, and revision %d gives %d", f.ID, other, known, f.Number)
	}
	if f.Number == 0 || int(f.Number) > len(a.facts)+1<<20 {
		return fmt.Errorf("registry: revision %d numbers account %s %d, out of sequence", known, f.ID, f.Number)
	}
	for int(f.Number) >= len(a.facts) {
		a.facts = append(a.facts, nil)
		a.timelines = append(a.timelines, nil)
		a.only = append(a.only, accountVersion{})
	}
	a.numbers[f.ID] = f.Number
	at, _ := slices.BinarySearchFunc(a.facts[f.Number], f.From, func(k accountKnown, from udr.Instant) int {
		if k.From <= from {
			return -1
		}
		return 1
	})
	if facts := a.facts[f.Number]; at > 0 && facts[at-1].From == f.From && facts[at-1].known == known {
		facts[at-1] = accountKnown{f, known}
	} else {
		a.facts[f.Number] = slices.Insert(facts, at, accountKnown{f, known})
	}
	if f.Parent != 0 && !slices.Contains(a.children[f.Parent], f.Number) {
		a.children[f.Parent] = append(a.children[f.Parent], f.Number)
	}
	return nil
}

func (a *accounts) zone(name string) (*time.Location, error) {
	if zone, ok := a.zones[name]; ok {
		return zone, nil
	}
	zone, err := loadZone(name)
	if err == nil {
		a.zones[name] = zone
	}
	return zone, err
}

// fact returns a stated fact of an account, without the values inherited from the accounts above.
func (a *accounts) fact(number uint32, at udr.Instant, rev Revision) *accountKnown {
	if int(number) >= len(a.facts) {
		return nil
	}
	facts := a.facts[number]
	for i := len(facts) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.From > at || f.known > rev {
			continue
		}
		if f.State != Withdrawn {
			return f
		}
		for i > 0 && facts[i-1].From == f.From {
			i--
		}
	}
	return nil
}

// withDescendants returns the changed accounts and all accounts that were ever below them, in the order of their
// numbers.
func (a *accounts) withDescendants(changed map[uint32]bool) []uint32 {
	var all []uint32
	for number := range changed {
		all = append(all, number)
	}
	for i := 0; i < len(all); i++ {
		for _, child := range a.children[all[i]] {
			if !changed[child] {
				changed[child] = true
				all = append(all, child)
			}
		}
	}
	slices.Sort(all)
	return all
}

// derive extends the timeline of an account with the effects of a revision.
func (a *accounts) derive(number uint32, known Revision) error {
	a.only[number] = accountVersion{}
	defer func() {
		if timeline := a.timelines[number]; len(timeline) == 1 {
			a.only[number] = timeline[0]
		}
	}()
	rules, err := a.cyclesOf(number, known)
	if err != nil {
		return err
	}
	for _, from := range a.beginnings(number, rules) {
		now, err := a.resolve(number, from, known, rules)
		if err != nil {
			return err
		}
		before, _ := a.account(number, from, known)
		if sameAccount(before, now) {
			continue
		}
		timeline := a.timelines[number]
		at := len(timeline)
		for at > 0 && timeline[at-1].from > from {
			at--
		}
		if at > 0 && timeline[at-1].from == from && timeline[at-1].known == known {
			timeline[at-1] = version(from, known, now)
			continue
		}
		a.timelines[number] = slices.Insert(timeline, at, version(from, known, now))
	}
	return nil
}

// beginnings returns, in order, the times at which an account or one above it changed, in the current facts and in
// those known earlier.
func (a *accounts) beginnings(number uint32, rules []cycles) []udr.Instant {
	var all []udr.Instant
	for _, v := range a.timelines[number] {
		all = append(all, v.from)
	}
	for _, c := range rules {
		all = append(all, c.from)
	}
	above := []uint32{number}
	for i := 0; i < len(above); i++ {
		if int(above[i]) >= len(a.facts) {
			continue
		}
		for _, f := range a.facts[above[i]] {
			all = append(all, f.From)
			if f.Parent != 0 && !slices.Contains(above, f.Parent) {
				above = append(above, f.Parent)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// resolve returns the account with its root and level; nil if it does not exist at that time.
func (a *accounts) resolve(number uint32, at udr.Instant, rev Revision, rules []cycles) (*Account, error) {
	f := a.fact(number, at, rev)
	if f == nil {
		return nil, nil
	}
	run := rulesAt(rules, at)
	account := &Account{
		Number: f.Number, ID: f.ID, Company: f.Company, Project: f.Project, Kind: f.Kind, Parent: f.Parent, Root: f.Number,
		Currency: f.Currency, Zone: run.Zone, CycleDay: run.Day, CyclesFrom: run.From, Plan: f.Plan,
		SharePlans: f.SharePlans, Limits: f.Limits, Partition: f.Partition, Since: f.From,
	}
	for top := f; top.Parent != 0; account.Level++ {
		if account.Level == maxLevels {
			return nil, fmt.Errorf("registry: account %s is more than %d levels below its billing root, or above itself: "+
				"change a parent on the way up", f.ID, maxLevels)
		}
		parent := a.fact(top.Parent, at, rev)
		if parent == nil {
			// If the parent does not exist yet, the account has no parent and no partition until then.
			return nil, nil
		}
		top = parent
		account.Root, account.Partition = top.Number, top.Partition
		account.Currency = cmp.Or(account.Currency, top.Currency)
	}
	return account, nil
}

func sameAccount(a, b *Account) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.SharePlans, x.Limits, y.SharePlans, y.Limits = nil, nil, nil, nil
	return x.Company == y.Company && x.Project == y.Project && x.Kind == y.Kind && x.Parent == y.Parent && x.Root == y.Root &&
		x.Level == y.Level &&
		x.Currency == y.Currency && x.Zone == y.Zone && x.CycleDay == y.CycleDay && x.CyclesFrom == y.CyclesFrom && x.Plan == y.Plan &&
		x.Partition == y.Partition && x.Since == y.Since &&
		slices.Equal(a.SharePlans, b.SharePlans) && slices.Equal(a.Limits, b.Limits)
}
