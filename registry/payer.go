package registry

import (
	"slices"

	"ratemill/udr"
)

// Payer returns the account that pays for an account at a time, as known at a revision: the nearest account with a
// billing profile, itself or above. If there is none, each account pays for itself. It returns 0 if the account
// does not exist then.
func Payer(v *View, s *Statements, account uint32, at udr.Instant, rev Revision) uint32 {
	return v.r.accounts.payer(s, account, at, rev)
}

func (a *accounts) payer(s *Statements, account uint32, at udr.Instant, rev Revision) uint32 {
	if _, ok := a.account(account, at, rev); !ok {
		return 0
	}
	if payer := a.profiled(s, account, at, rev); payer != 0 {
		return payer
	}
	return account
}

// profiled returns the nearest account with a billing profile, itself or above; 0 if there is none.
func (a *accounts) profiled(s *Statements, account uint32, at udr.Instant, rev Revision) uint32 {
	for level := 0; s != nil && level <= maxLevels; level++ {
		its, ok := a.account(account, at, rev)
		if !ok {
			return 0
		}
		if _, ok := s.At(KindProfile, its.ID, "", at, rev); ok {
			return account
		}
		if account = its.Parent; account == 0 {
			break
		}
	}
	return 0
}

// Seller returns the account that sells to an account at a time: the nearest account above that is a reseller, or
// whose company is a reseller or an operator. 0 means the operator of the installation, which has no account.
func Seller(v *View, account uint32, at udr.Instant, rev Revision) uint32 {
	its, ok := v.Account(account, at, rev)
	for level := 0; ok && its.Parent != 0 && level < maxLevels; level++ {
		if its, ok = v.Account(its.Parent, at, rev); !ok {
			break
		}
		if its.Kind == ResellerAccount {
			return its.Number
		}
		if c, known := v.Company(its.Company, rev); known && (c.Kind == Reseller || c.Kind == Operator) {
			return its.Number
		}
	}
	return 0
}

// Boundary returns the first instant at or after a time at which a billing cycle of an account begins. At that
// instant, the account's currency, zone, cycle day, profile and parent may change. An account that begins at
// that time also begins a cycle. It returns false if the account does not exist.
func (v *View) Boundary(account uint32, at udr.Instant, rev Revision) (udr.Instant, bool) {
	return v.r.accounts.boundary(account, at, rev)
}

func (a *accounts) boundary(account uint32, at udr.Instant, rev Revision) (udr.Instant, bool) {
	rules, err := a.cyclesOf(account, rev)
	if err != nil || len(rules) == 0 || rules[0].from > at {
		return 0, false
	}
	if a.fact(account, at-1, rev) == nil {
		return at, true
	}
	running := rulesAt(rules, max(rules[0].from, at-1))
	if running.Zone == nil {
		return 0, false
	}
	if slices.ContainsFunc(rules, func(c cycles) bool { return c.from == at }) {
		return at, true
	}
	date := LocalDate(running.Zone, at)
	first, next := running.Of(date)
	if first == date && Midnight(running.Zone, date) == at {
		return at, true
	}
	end := Midnight(running.Zone, next)
	for _, c := range rules {
		if c.from > at && c.from < end {
			return c.from, true
		}
	}
	return end, true
}
