package registry

import (
	"slices"

	"ratemill/udr"
)

// moments assigns numbers to the pairs (valid from, known from). Millions of SIMs arrive in few change sets with few
// dates, so a number of four bytes replaces a pair of sixteen.
type moments struct {
	numbers map[moment]uint32
	pairs   []moment
}

type moment struct {
	from  udr.Instant
	known Revision
}

func (m *moments) number(from udr.Instant, known Revision) uint32 {
	key := moment{from, known}
	if n, ok := m.numbers[key]; ok {
		return n
	}
	if m.numbers == nil {
		m.numbers = map[moment]uint32{}
	}
	n := uint32(len(m.pairs))
	m.numbers[key] = n
	m.pairs = append(m.pairs, key)
	return n
}

// history marks a reference to a history. Most entries have a single fact, and store the number of its moment
// instead of a history.
const history = 1 << 31

// maxSIM is the highest number of a SIM. It leaves room for ten years of a very large carrier.
const maxSIM = 1 << 30

// sims contains the owner of each SIM, by its number, in blocks that never move.
type sims struct {
	blocks    [][]simEntry
	count     uint32
	histories [][]ownershipKnown
}

const simBlock = 1 << 14

// simEntry is a SIM with a single fact, or a reference to its history, and takes 16 bytes.
type simEntry struct {
	account uint32
	plan    uint32
	when    uint32 // number of a moment, or history|index; if account is 0, nothing is known
	names   uint32 // the first of the SIM's identifiers in identifiers, 0 for none
}

type ownershipKnown struct {
	from    udr.Instant
	known   Revision
	account uint32
	plan    uint32
	state   State
}

func (s *sims) entry(sim uint32) *simEntry {
	for int(sim/simBlock) >= len(s.blocks) {
		s.blocks = append(s.blocks, nil)
	}
	if s.blocks[sim/simBlock] == nil {
		s.blocks[sim/simBlock] = make([]simEntry, simBlock)
	}
	s.count = max(s.count, sim)
	return &s.blocks[sim/simBlock][sim%simBlock]
}

func (s *sims) owner(m *moments, sim uint32, at udr.Instant, rev Revision) (Ownership, bool) {
	if sim > s.count || s.blocks[sim/simBlock] == nil {
		return Ownership{}, false
	}
	e := &s.blocks[sim/simBlock][sim%simBlock]
	if e.when&history == 0 {
		if e.account == 0 {
			return Ownership{}, false
		}
		when := &m.pairs[e.when]
		if when.from > at || when.known > rev {
			return Ownership{}, false
		}
		return Ownership{Account: e.account, Plan: e.plan, Since: when.from}, true
	}
	facts := s.histories[e.when&^history]
	for i := len(facts) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.from > at || f.known > rev {
			continue
		}
		switch f.state {
		case Holds, AfterEnd:
			return Ownership{Account: f.account, Plan: f.plan, Since: f.from}, true
		case Ended:
			return Ownership{}, false
		}
		for i > 0 && facts[i-1].from == f.from {
			i--
		}
	}
	return Ownership{}, false
}

// KnownOwner is a fact about a SIM's owner, with the revision from which it is known.
type KnownOwner struct {
	From    udr.Instant
	Known   Revision
	State   State
	Account uint32
	Plan    uint32 // number of the plan's name, for View.PlanName
}

// Owners appends all facts ever stated about a SIM's owners, in the order of (From, Known). HeldOwners selects
// the valid facts among them.
func (v *View) Owners(sim uint32, dst []KnownOwner) []KnownOwner {
	s := &v.r.sims
	if sim == 0 || sim > s.count || s.blocks[sim/simBlock] == nil {
		return dst
	}
	e := &s.blocks[sim/simBlock][sim%simBlock]
	if e.when&history == 0 {
		if e.account != 0 {
			when := v.r.moments.pairs[e.when]
			dst = append(dst, KnownOwner{when.from, when.known, Holds, e.account, e.plan})
		}
		return dst
	}
	for _, f := range s.histories[e.when&^history] {
		dst = append(dst, KnownOwner{f.from, f.known, f.state, f.account, f.plan})
	}
	return dst
}

// HeldOwners selects the facts about a SIM's owners that are valid at a revision, from facts in the order of
// View.Owners.
func HeldOwners(facts []KnownOwner, rev Revision) []KnownOwner {
	return counting(facts, rev, func(f *KnownOwner) told { return told{from: f.From, known: f.Known, state: f.State} })
}

// newest returns the newest revision, not after rev, with a fact about a SIM's owner; 0 for none.
func (s *sims) newest(m *moments, sim uint32, rev Revision) (said Revision) {
	if sim > s.count || s.blocks[sim/simBlock] == nil {
		return 0
	}
	e := &s.blocks[sim/simBlock][sim%simBlock]
	if e.when&history == 0 {
		if known := m.pairs[e.when].known; e.account != 0 && known <= rev {
			return known
		}
		return 0
	}
	for i := range s.histories[e.when&^history] {
		if known := s.histories[e.when&^history][i].known; known <= rev {
			said = max(said, known)
		}
	}
	return said
}

func (s *sims) add(m *moments, f *OwnershipFact, plan uint32, known Revision) {
	e := s.entry(f.SIM)
	if e.when&history == 0 && e.account == 0 && f.State == Holds && f.Account != 0 {
		e.account, e.plan, e.when = f.Account, plan, m.number(f.From, known)
		return
	}
	if e.when&history == 0 {
		var facts []ownershipKnown
		if e.account != 0 {
			when := m.pairs[e.when]
			if when == (moment{f.From, known}) && f.State == Holds && f.Account != 0 {
				e.account, e.plan = f.Account, plan
				return
			}
			facts = append(facts, ownershipKnown{when.from, when.known, e.account, e.plan, Holds})
		}
		e.when = history | uint32(len(s.histories))
		s.histories = append(s.histories, facts)
	}
	facts := s.histories[e.when&^history]
	at := len(facts)
	for at > 0 && facts[at-1].from > f.From {
		at--
	}
	fact := ownershipKnown{f.From, known, f.Account, plan, f.State}
	if at > 0 && facts[at-1].from == f.From && facts[at-1].known == known {
		facts[at-1] = fact
		return
	}
	s.histories[e.when&^history] = slices.Insert(facts, at, fact)
}

// said returns the latest fact about a SIM that begins exactly at a time.
func (s *sims) said(m *moments, sim uint32, at udr.Instant) (ownershipKnown, bool) {
	if sim > s.count || s.blocks[sim/simBlock] == nil {
		return ownershipKnown{}, false
	}
	e := &s.blocks[sim/simBlock][sim%simBlock]
	if e.when&history == 0 {
		if when := m.pairs; e.account != 0 && when[e.when].from == at {
			return ownershipKnown{at, when[e.when].known, e.account, e.plan, Holds}, true
		}
		return ownershipKnown{}, false
	}
	facts := s.histories[e.when&^history]
	for i := len(facts) - 1; i >= 0; i-- {
		if facts[i].from == at {
			return facts[i], true
		}
	}
	return ownershipKnown{}, false
}
