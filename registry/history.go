package registry

import (
	"cmp"
	"slices"

	"ratemill/udr"
)

// Period is a fact about a SIM for a range of time: its owner, or one of its identifiers. If Corrected is set,
// the Period was valid until that later revision replaced or withdrew the fact.
type Period struct {
	Identifier udr.Identifier // empty if the fact is about an owner
	Account    uint32
	Plan       uint32 // number of the plan's name, for View.PlanName
	Since      udr.Instant
	Until      udr.Instant // where Ends
	Ends       bool
	Known      Revision // revision that stated the beginning
	EndKnown   Revision // revision that stated the end
	Corrected  Revision // revision that withdrew or replaced the fact; 0 if the fact is valid
}

// told contains the parts of a fact about a SIM that a history needs. The fact assigns an account and a plan to
// a SIM, or a SIM to an identifier.
type told struct {
	from    udr.Instant
	known   Revision
	state   State
	account uint32 // number of the account or, for an identifier, of the SIM to which it referred
	plan    uint32
}

// EverNamed returns the SIMs to which an identifier referred at any time, as known at any revision, each once, in
// the order of their numbers.
func (v *View) EverNamed(id udr.Identifier) (sims []uint32) {
	for _, f := range v.r.identifiers.told(&v.r.moments, id) {
		if f.account != 0 {
			sims = append(sims, f.account)
		}
	}
	slices.Sort(sims)
	return slices.Compact(sims)
}

// History lists all facts ever stated about a SIM: its owners, then each of its identifiers, in the order of their
// beginnings.
func (v *View) History(sim uint32) (all []Period) {
	all = periods(v.r.sims.told(&v.r.moments, sim), func(told) bool { return true })
	for _, id := range v.r.identifiers.ever(&v.r.sims, sim, nil) {
		named := periods(v.r.identifiers.told(&v.r.moments, id), func(f told) bool { return f.account == sim })
		for i := range named {
			named[i].Identifier, named[i].Account = id, 0
		}
		all = append(all, named...)
	}
	return all
}

// SIMsOf appends the SIMs that an account owned at a time, as known at a revision. It scans every SIM.
func (v *View) SIMsOf(account uint32, at udr.Instant, rev Revision, dst []uint32) []uint32 {
	for sim := uint32(1); sim <= v.SIMs(); sim++ {
		if own, ok := v.Owner(sim, at, rev); ok && own.Account == account {
			dst = append(dst, sim)
		}
	}
	return dst
}

// periods builds periods from facts in the order of (from, known). Of facts with the same beginning, the last
// one is valid.
func periods(facts []told, of func(told) bool) (all []Period) {
	for i, f := range facts {
		if !f.state.begins() || !of(f) {
			continue
		}
		p := Period{Account: f.account, Plan: f.plan, Since: f.from, Known: f.known}
		if i+1 < len(facts) && facts[i+1].from == f.from {
			p.Corrected = facts[i+1].known
			all = append(all, p)
			continue
		}
		for j := i + 1; j < len(facts); j++ {
			if last := j+1 == len(facts) || facts[j+1].from != facts[j].from; last && facts[j].state != Withdrawn {
				for j > i+1 && facts[j-1].from == facts[j].from && facts[j-1].state != Withdrawn {
					j-- // the next fact was corrected, but the end of this one was not
				}
				p.Until, p.Ends, p.EndKnown = facts[j].from, true, facts[j].known
				break
			}
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b Period) int { return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Known, b.Known)) })
	return all
}

// told lists the facts about a SIM's owners.
func (s *sims) told(m *moments, sim uint32) (all []told) {
	if sim == 0 || sim > s.count || s.blocks[sim/simBlock] == nil {
		return nil
	}
	e := &s.blocks[sim/simBlock][sim%simBlock]
	if e.when&history == 0 {
		if e.account != 0 {
			when := m.pairs[e.when]
			all = append(all, told{when.from, when.known, Holds, e.account, e.plan})
		}
		return all
	}
	for _, f := range s.histories[e.when&^history] {
		all = append(all, told{f.from, f.known, f.state, f.account, f.plan})
	}
	return all
}

// told lists the facts about an identifier.
func (ids *identifiers) told(m *moments, id udr.Identifier) (all []told) {
	ref := ids.find(id)
	switch {
	case ref == nil || ref.sim == 0:
		return nil
	case ref.when&history == 0:
		when := m.pairs[ref.when]
		return append(all, told{when.from, when.known, Holds, ref.sim, 0})
	}
	for _, f := range ids.histories[ref.when&^history] {
		all = append(all, told{f.from, f.known, f.state, f.sim, 0})
	}
	return all
}

// StatePeriod is a state of a SIM for a range of time.
type StatePeriod struct {
	Period
	Value StateValue
}

// StateHistory lists all facts ever stated about the states of a SIM, in the order of their beginnings.
func (v *View) StateHistory(sim uint32) (all []StatePeriod) {
	known := v.r.states.told(sim, nil)
	facts := make([]told, len(known))
	for i, f := range known {
		facts[i] = told{f.From, f.Known, f.State, uint32(i), 0}
	}
	for _, p := range periods(facts, func(told) bool { return true }) {
		value := known[p.Account].StateValue
		p.Account = 0
		all = append(all, StatePeriod{p, value})
	}
	return all
}

// AccountPeriod is a stated fact about an account for a range of time.
type AccountPeriod struct {
	Period
	Fact AccountFact
}

// AccountHistory lists all facts ever stated about an account, in the order of their beginnings.
func (v *View) AccountHistory(number uint32) (all []AccountPeriod) {
	if int(number) >= len(v.r.accounts.facts) {
		return nil
	}
	known := v.r.accounts.facts[number]
	facts := make([]told, len(known))
	for i, f := range known {
		facts[i] = told{f.From, f.known, f.State, uint32(i), 0}
	}
	for _, p := range periods(facts, func(told) bool { return true }) {
		fact := known[p.Account].AccountFact
		p.Account = 0
		all = append(all, AccountPeriod{p, fact})
	}
	return all
}

// StatementPeriod is a statement for a range of time.
type StatementPeriod struct {
	Period
	Statement
}

// History lists all statements ever made about a subject, by kind and name, in the order of their beginnings.
func (s *Statements) History(of string) (all []StatementPeriod) {
	for _, kind := range StatementKinds {
		for known := s.Told(kind, of); len(known) > 0; {
			its := named(known, known[0].Name)
			known = known[len(its):]
			facts := make([]told, len(its))
			for i, f := range its {
				facts[i] = told{f.From, f.Known, f.State, uint32(i), 0}
			}
			for _, p := range periods(facts, func(told) bool { return true }) {
				statement := its[p.Account].Statement
				p.Account = 0
				all = append(all, StatementPeriod{p, statement})
			}
		}
	}
	return all
}

// CompanyTold is a company as a revision stated it.
type CompanyTold struct {
	Company
	Known, Corrected Revision
}

// CompanyHistory lists all facts ever stated about a company.
func (v *View) CompanyHistory(id string) (all []CompanyTold) {
	for i, f := range v.r.companies[id] {
		c := CompanyTold{Company: f.Company, Known: f.known}
		if i+1 < len(v.r.companies[id]) {
			c.Corrected = v.r.companies[id][i+1].known
		}
		all = append(all, c)
	}
	return all
}
