package registry

import (
	"fmt"
	"slices"
	"sync"

	"ratemill/udr"
)

// Registry is the registry in memory. It is safe for concurrent use: one writer applies change sets while readers
// read through views.
type Registry struct {
	mu       sync.RWMutex
	revision Revision // the newest complete revision

	moments     moments
	plans       values[string]
	companies   map[string][]knownCompany
	accounts    accounts
	sims        sims
	identifiers identifiers
	states      states
	profiles    accountTimes // the times at which accounts have their own billing profiles
	idle        accountTimes // out of business
	customs     customs
	groups      states
	memberships members
	overrides   overrides
	contracts   contracts
	bought      bought
}

type knownCompany struct {
	known Revision
	Company
}

// New returns an empty registry, at revision 0.
func New() *Registry {
	r := &Registry{companies: map[string][]knownCompany{}, bought: bought{}}
	r.plans.number("")
	r.accounts.init()
	return r
}

// Viewed reports whether a view is open; tests use it to check that nothing waits with an open view.
func (r *Registry) Viewed() bool {
	if !r.mu.TryLock() {
		return true
	}
	r.mu.Unlock()
	return false
}

// Revision returns the newest complete revision.
func (r *Registry) Revision() Revision {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.revision
}

// View opens the registry for reading, once per batch, because an open view delays change sets. Close the view before
// you open another one in the same goroutine, and before you wait for anything: a transaction of the control store may
// load change sets, so a goroutine that waits for the store with an open view may wait forever.
func (r *Registry) View() *View {
	r.mu.RLock()
	return &View{r: r}
}

// View is the registry opened for reading. Its lookups take no locks and do not allocate. Each lookup may use any
// revision up to Revision.
type View struct{ r *Registry }

// Close ends the view.
func (v *View) Close() { v.r.mu.RUnlock() }

// Revision returns the newest complete revision.
func (v *View) Revision() Revision { return v.r.revision }

// SIM returns the number of the SIM to which an identifier refers at a time, as known at a revision.
func (v *View) SIM(id udr.Identifier, at udr.Instant, rev Revision) (sim uint32, ok bool) {
	return v.r.identifiers.sim(&v.r.moments, id, at, rev)
}

// Owner returns the owner of a SIM at a time, as known at a revision.
func (v *View) Owner(sim uint32, at udr.Instant, rev Revision) (Ownership, bool) {
	return v.r.sims.owner(&v.r.moments, sim, at, rev)
}

// Account returns the state of an account at a time, as known at a revision.
func (v *View) Account(number uint32, at udr.Instant, rev Revision) (*Account, bool) {
	return v.r.accounts.account(number, at, rev)
}

// AccountUntil returns the first time after at when an account's state may change, as known at a revision; false if it
// never does.
func (v *View) AccountUntil(number uint32, at udr.Instant, rev Revision) (until udr.Instant, ends bool) {
	return v.r.accounts.until(number, at, rev)
}

// Touch reads an account's facts into the processor's cache, so that a call of Account soon afterwards is
// faster. It reports whether the account exists.
func (v *View) Touch(account uint32) bool {
	return int(account) < len(v.r.accounts.only) && v.r.accounts.only[account].account != nil
}

// Root returns the billing root of an account and the partition of its usage.
func (v *View) Root(account uint32, at udr.Instant, rev Revision) (root uint32, partition int, ok bool) {
	version := v.r.accounts.version(account, at, rev)
	return version.root, int(version.partition), version.account != nil
}

// AccountNumber returns the number of the account with an id.
func (v *View) AccountNumber(id string) (uint32, bool) {
	n, ok := v.r.accounts.numbers[id]
	return n, ok
}

// Below adds all accounts that were ever below the given ones.
func (v *View) Below(accounts map[uint32]bool) { v.r.accounts.withDescendants(accounts) }

// AccountID returns the id of the account with a number; the id never changes.
func (v *View) AccountID(number uint32) (string, bool) {
	if int(number) >= len(v.r.accounts.facts) || len(v.r.accounts.facts[number]) == 0 {
		return "", false
	}
	return v.r.accounts.facts[number][0].ID, true
}

// Path appends the accounts from the given one up to its billing root, inclusive.
func (v *View) Path(account uint32, at udr.Instant, rev Revision, dst []uint32) []uint32 {
	for range maxLevels + 1 { // the account itself and all accounts above it
		a, ok := v.r.accounts.account(account, at, rev)
		if !ok {
			break
		}
		dst = append(dst, account)
		if a.Parent == 0 {
			break
		}
		account = a.Parent
	}
	return dst
}

// EverBelow returns the accounts whose parent an account is or was, at any time and as known at any revision.
func (v *View) EverBelow(account uint32) []uint32 {
	return slices.Clone(v.r.accounts.children[account])
}

// PlanName returns the name of the plan with a number.
func (v *View) PlanName(n uint32) string { return v.r.plans.list[n] }

// Company returns the company with an id, as known at a revision.
func (v *View) Company(id string, rev Revision) (Company, bool) {
	facts := v.r.companies[id]
	for i := len(facts) - 1; i >= 0; i-- {
		if facts[i].known <= rev {
			return facts[i].Company, true
		}
	}
	return Company{}, false
}

// SIMs returns the highest number of a SIM, and Accounts that of an account; numbers are assigned
// in sequence from 1.
func (v *View) SIMs() uint32     { return v.r.sims.count }
func (v *View) Accounts() uint32 { return uint32(len(v.r.accounts.timelines) - 1) }

// Identifiers appends the identifiers that referred to a SIM at a time, as known at a revision, in the order in
// which they were registered.
func (v *View) Identifiers(sim uint32, at udr.Instant, rev Revision, dst []udr.Identifier) []udr.Identifier {
	return v.r.identifiers.of(&v.r.moments, &v.r.sims, sim, at, rev, dst)
}

// portion is the number of facts that Apply loads before it lets readers continue; loading them takes some
// milliseconds.
const portion = 8192

// Apply applies a change set. Its revision must be the next one, or the one that Load has begun. Readers continue
// between portions and see the change set only when it is complete.
func (r *Registry) Apply(changes *Changes) error {
	if next := r.Revision() + 1; changes.Revision != next {
		return fmt.Errorf("registry: change set %d does not follow revision %d: read the change sets since %d "+
			"again", changes.Revision, next-1, next-1)
	}
	if err := r.Load(changes); err != nil {
		return err
	}
	r.Publish(changes.Revision)
	return nil
}

// Load applies facts of changes.Revision, which stay invisible until Publish, so that a large change set, or the
// whole registry, can be loaded in parts. Facts of one subject must arrive in the order of their revisions.
// Loading a part a second time changes nothing.
func (r *Registry) Load(changes *Changes) error {
	if err := r.loadAccounts(changes); err != nil {
		return err
	}
	if len(changes.Statements) > 0 {
		r.loadStatements(changes.Statements, changes.Revision)
	}
	for facts := changes.SIMs; len(facts) > 0; {
		n := min(len(facts), portion)
		if err := r.loadSIMs(facts[:n], changes.Revision); err != nil {
			return err
		}
		facts = facts[n:]
	}
	for facts := changes.Identifiers; len(facts) > 0; {
		n := min(len(facts), portion)
		if err := r.loadIdentifiers(facts[:n], changes.Revision); err != nil {
			return err
		}
		facts = facts[n:]
	}
	for facts := changes.States; len(facts) > 0; {
		n := min(len(facts), portion)
		if err := r.loadStates(facts[:n], changes.Revision); err != nil {
			return err
		}
		facts = facts[n:]
	}
	return nil
}

// Publish makes loaded facts visible up to a revision.
func (r *Registry) Publish(revision Revision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revision = max(r.revision, revision)
}

func (r *Registry) loadAccounts(changes *Changes) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes.Companies {
		c.Cause = 0
		r.companies[c.ID] = append(r.companies[c.ID], knownCompany{changes.Revision, c})
	}
	return r.accounts.load(changes.Accounts, changes.Revision)
}

func (r *Registry) loadSIMs(facts []OwnershipFact, known Revision) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		if f.SIM == 0 || f.SIM > maxSIM {
			return fmt.Errorf("registry: revision %d has a SIM numbered %d; numbers go from 1 to %d", known, f.SIM, uint32(maxSIM))
		}
		r.sims.add(&r.moments, f, r.plans.number(f.Plan), known)
		r.memberships.note(r, f.Account, f.SIM, known)
	}
	return nil
}

func (r *Registry) loadIdentifiers(facts []IdentifierFact, known Revision) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		if f.SIM == 0 || f.SIM > maxSIM {
			return fmt.Errorf("registry: revision %d gives %s %q to a SIM numbered %d; numbers go from 1 to %d",
				known, f.Identifier.Kind, f.Identifier.Value, f.SIM, uint32(maxSIM))
		}
		r.identifiers.add(&r.moments, &r.sims, f, known)
	}
	return nil
}
