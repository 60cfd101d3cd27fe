package registry

import (
	"cmp"
	"slices"

	"ratemill/udr"
)

// accountTimes contains the times during which accounts have their own billing profile, or are not in business.
// Rating needs these times for each record: the profile decides who pays for a SIM, and the status decides whether
// packages renew. The other fields of a profile or a status are statements, which a Registry does not contain.
type accountTimes struct {
	accounts [][]accountTime // by account number, each in the order of (from, known)
}

type accountTime struct {
	from  udr.Instant
	known Revision
	state State
}

func (p *accountTimes) loadProfiles(numbers map[string]uint32, statements []Statement, known Revision) {
	for i := range statements {
		s := &statements[i]
		number, ok := numbers[s.Subject]
		if ok && s.Kind == KindProfile {
			p.add(number, accountTime{s.From, known, s.State})
		}
	}
}

// loadIdle records the times during which accounts are not in business: draft, new, lead or terminated.
func (p *accountTimes) loadIdle(numbers map[string]uint32, statements []Statement, known Revision) {
	for i := range statements {
		s := &statements[i]
		number, ok := numbers[s.Subject]
		if !ok || s.Kind != KindStatus {
			continue
		}
		state := s.State
		if status := statusIn(s.Value); state.begins() && (status == StatusActive || status == StatusSuspended) {
			state = Ended
		}
		p.add(number, accountTime{s.From, known, state})
	}
}

func (p *accountTimes) add(number uint32, f accountTime) {
	for int(number) >= len(p.accounts) {
		p.accounts = append(p.accounts, nil)
	}
	at, found := slices.BinarySearchFunc(p.accounts[number], f, func(a, b accountTime) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.known, b.known))
	})
	if found {
		p.accounts[number][at] = f
		return
	}
	p.accounts[number] = slices.Insert(p.accounts[number], at, f)
}

func (p *accountTimes) has(account uint32, at udr.Instant, rev Revision) bool {
	if int(account) >= len(p.accounts) {
		return false
	}
	facts := p.accounts[account]
	for i := len(facts) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.from > at || f.known > rev {
			continue
		}
		if f.state != Withdrawn {
			return f.state.begins()
		}
		for i > 0 && facts[i-1].from == f.from {
			i--
		}
	}
	return false
}

// Profiled reports whether an account has its own billing profile at a time, as known at a revision. The nearest
// account with a profile pays: the account itself or one above it. If there is none, each account pays for
// itself; see Payer.
func (v *View) Profiled(account uint32, at udr.Instant, rev Revision) bool {
	return v.r.profiles.has(account, at, rev)
}

func (r *Registry) loadStatements(statements []Statement, known Revision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(statements, known)
}
