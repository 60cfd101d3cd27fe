package registry

import (
	"cmp"
	"slices"
	"sync"
)

// members contains the SIMs that each account ever owned, and later changes to them. Only pools that grow with
// their SIMs need it, and it takes no memory before it is first used. After that, it takes 4 bytes for each
// SIM and account, and 16 bytes for each change of a SIM by a change set.
type members struct {
	mu   sync.Mutex // protects the first use by several readers
	made bool
	of   []membership // by account number
}

type membership struct {
	sims []uint32
	news []touch // in the order of the revisions
}

// touch records that a revision changes a SIM.
type touch struct {
	known Revision
	sim   uint32
}

// Members returns the SIMs that an account ever owned, as known at any revision, in the order of their numbers. The
// list belongs to the registry and must not be changed.
func (v *View) Members(account uint32) []uint32 {
	if m := v.members(); int(account) < len(m.of) {
		return m.of[account].sims
	}
	return nil
}

// MembersTold appends the SIMs of accounts whose owner, plan or state changed in the revisions after since, up to
// and including until. A SIM may appear more than once. It covers only the revisions after the first call of
// Members.
func (v *View) MembersTold(accounts []uint32, since, until Revision, dst []uint32) []uint32 {
	m := v.members()
	for _, account := range accounts {
		if int(account) >= len(m.of) {
			continue
		}
		news := m.of[account].news
		from, _ := slices.BinarySearchFunc(news, since+1, func(t touch, known Revision) int { return cmp.Compare(t.known, known) })
		for ; from < len(news) && news[from].known <= until; from++ {
			dst = append(dst, news[from].sim)
		}
	}
	return dst
}

// AccountsTold returns the newest revision that changes an account, whether the revision is complete or not.
func (v *View) AccountsTold() Revision { return v.r.accounts.newest }

// AccountTold returns the newest revision, not after rev, that changed an account directly or through accounts
// above it; 0 if there is none.
func (v *View) AccountTold(account uint32, rev Revision) (told Revision) {
	if int(account) >= len(v.r.accounts.timelines) {
		return 0
	}
	for i := range v.r.accounts.timelines[account] {
		if known := v.r.accounts.timelines[account][i].known; known <= rev {
			told = max(told, known)
		}
	}
	return told
}

// AccountRevisions appends the revisions, not after rev, that changed an account directly or through accounts above
// it, in no particular order.
func (v *View) AccountRevisions(account uint32, rev Revision, dst []Revision) []Revision {
	if int(account) >= len(v.r.accounts.timelines) {
		return dst
	}
	for i := range v.r.accounts.timelines[account] {
		if known := v.r.accounts.timelines[account][i].known; known <= rev && !slices.Contains(dst, known) {
			dst = append(dst, known)
		}
	}
	return dst
}

// EverAbove appends the accounts that were ever above an account, as known at any revision.
func (v *View) EverAbove(account uint32, dst []uint32) []uint32 {
	above := []uint32{account}
	for i := 0; i < len(above); i++ {
		if int(above[i]) >= len(v.r.accounts.facts) {
			continue
		}
		for _, f := range v.r.accounts.facts[above[i]] {
			if f.Parent != 0 && !slices.Contains(above, f.Parent) {
				above = append(above, f.Parent)
			}
		}
	}
	return append(dst, above[1:]...)
}

func (v *View) members() *members {
	m := &v.r.memberships
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.made {
		m.make(v.r)
	}
	return m
}

// make reads all SIMs once. Facts of an incomplete change set appear to readers as later changes.
func (m *members) make(r *Registry) {
	v := &View{r: r}
	m.made = true
	var owners []KnownOwner
	var states []KnownState
	for sim := uint32(1); sim <= r.sims.count; sim++ {
		owners, states = v.Owners(sim, owners[:0]), v.States(sim, states[:0])
		for i := range owners {
			m.owned(owners[i].Account, sim)
		}
		for i := range owners {
			m.told(owners, sim, owners[i].Known, r.revision)
		}
		for i := range states {
			m.told(owners, sim, states[i].Known, r.revision)
		}
	}
}

func (m *members) at(account uint32) *membership {
	for int(account) >= len(m.of) {
		m.of = append(m.of, membership{})
	}
	return &m.of[account]
}

// owned adds a SIM to an account, once.
func (m *members) owned(account, sim uint32) {
	if account == 0 {
		return
	}
	its := m.at(account)
	if n := len(its.sims); n == 0 || its.sims[n-1] < sim {
		its.sims = append(its.sims, sim)
		return
	}
	if at, found := slices.BinarySearch(its.sims, sim); !found {
		its.sims = slices.Insert(its.sims, at, sim)
	}
}

// told records a revision after seen that changes a SIM, for all accounts that ever owned the SIM.
func (m *members) told(owners []KnownOwner, sim uint32, known, seen Revision) {
	if known <= seen {
		return
	}
	for i := range owners {
		a := owners[i].Account
		if a == 0 {
			continue
		}
		its := m.at(a)
		n := len(its.news)
		if n > 0 && its.news[n-1] == (touch{known, sim}) {
			continue
		}
		for n > 0 && its.news[n-1].known > known {
			n--
		}
		its.news = slices.Insert(its.news, n, touch{known, sim})
	}
}

// note adds a fact that was just loaded. The caller holds the lock of the registry.
func (m *members) note(r *Registry, account, sim uint32, known Revision) {
	if !m.made {
		return
	}
	owners := (&View{r: r}).Owners(sim, nil)
	if account != 0 {
		m.owned(account, sim)
	}
	m.told(owners, sim, known, 0)
}
