package registry

import (
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"ratemill/udr"
)

// identifiers maps identifiers to SIMs and back.
//
// Nearly all identifiers are digits that fit into a 64-bit word, which is their key. Other identifiers (EIDs of
// 32 digits, names) are found by hash and then compared.
type identifiers struct {
	digits    [udr.Name + 1]table
	texts     [udr.Name + 1]table // hash to index+1 in named
	named     blocks[textName]
	lists     blocks[listEntry]
	histories [][]namedKnown
}

// reference is the SIM of an identifier: a single fact or a history.
type reference struct {
	sim  uint32 // 0: free slot
	when uint32 // a moment's number, or history|index
}

type namedKnown struct {
	from  udr.Instant
	known Revision
	sim   uint32
	state State
}

type textName struct {
	text string
	reference
}

// listEntry is one identifier of a SIM and takes 16 bytes.
type listEntry struct {
	key  uint64 // the packed identifier, or its index in named
	next uint32
	kind udr.IDKind
	text bool
}

// pack returns the digits of value as a 64-bit word. Different values have different words, because a leading 1 marks
// the length. ICCIDs of 20 digits all begin with 89 (ITU-T E.118), so their words omit these two digits and set a
// high bit.
func pack(value string) (key uint64, ok bool) {
	var mark uint64
	if len(value) > 18 {
		if len(value) > 20 || value[0] != '8' || value[1] != '9' {
			return 0, false
		}
		mark, value = 1<<63, value[2:]
	}
	if value == "" {
		return 0, false
	}
	key = 1
	for i := 0; i < len(value); i++ {
		digit := value[i] - '0'
		if digit > 9 {
			return 0, false
		}
		key = key*10 + uint64(digit)
	}
	return mark | key, true
}

func unpack(key uint64) string {
	if key&(1<<63) == 0 {
		return strconv.FormatUint(key, 10)[1:]
	}
	return "89" + strconv.FormatUint(key&^(1<<63), 10)[1:]
}

// find returns the slot with the SIM of an identifier, or nil.
func (ids *identifiers) find(id udr.Identifier) *reference {
	if id.Kind > udr.Name {
		return nil
	}
	if key, ok := pack(id.Value); ok {
		return ids.digits[id.Kind].find(key)
	}
	// If two texts have the same hash, which is unlikely, they are stored under consecutive hashes.
	for key := xxhash.Sum64String(id.Value); ; key++ {
		index := ids.texts[id.Kind].find(key)
		if index == nil {
			return nil
		}
		if name := ids.named.at(index.sim - 1); name.text == id.Value {
			return &name.reference
		}
	}
}

// place returns the slot for the SIM of an identifier, creating it if needed, and the form in which lists
// contain the identifier.
func (ids *identifiers) place(id udr.Identifier) (*reference, listEntry) {
	if key, ok := pack(id.Value); ok {
		return ids.digits[id.Kind].place(key), listEntry{key: key, kind: id.Kind}
	}
	for key := xxhash.Sum64String(id.Value); ; key++ {
		index := ids.texts[id.Kind].place(key)
		if index.sim == 0 {
			index.sim = ids.named.add(textName{text: id.Value}) + 1
		}
		if name := ids.named.at(index.sim - 1); name.text == id.Value {
			return &name.reference, listEntry{key: uint64(index.sim - 1), kind: id.Kind, text: true}
		}
	}
}

func (ids *identifiers) sim(m *moments, id udr.Identifier, at udr.Instant, rev Revision) (uint32, bool) {
	sim, _, ok := ids.holder(m, id, at, rev)
	return sim, ok
}

// holder returns the SIM of an identifier, and whether several facts about the identifier are known.
func (ids *identifiers) holder(m *moments, id udr.Identifier, at udr.Instant, rev Revision) (sim uint32, several, ok bool) {
	ref := ids.find(id)
	if ref == nil {
		return 0, false, false
	}
	if ref.when&history == 0 {
		if when := &m.pairs[ref.when]; when.from <= at && when.known <= rev {
			return ref.sim, false, true
		}
		return 0, false, false
	}
	facts := ids.histories[ref.when&^history]
	for i := len(facts) - 1; i >= 0; i-- {
		f := &facts[i]
		if f.from > at || f.known > rev {
			continue
		}
		switch f.state {
		case Holds, AfterEnd:
			return f.sim, true, true
		case Ended:
			return 0, true, false
		}
		for i > 0 && facts[i-1].from == f.from {
			i--
		}
	}
	return 0, true, false
}

// newest returns the newest revision, not after rev, with a fact about an identifier; 0 for none.
func (ids *identifiers) newest(m *moments, ref *reference, rev Revision) (said Revision) {
	if ref.when&history == 0 {
		if known := m.pairs[ref.when].known; known <= rev {
			return known
		}
		return 0
	}
	for i := range ids.histories[ref.when&^history] {
		if known := ids.histories[ref.when&^history][i].known; known <= rev {
			said = max(said, known)
		}
	}
	return said
}

func (ids *identifiers) add(m *moments, sims *sims, f *IdentifierFact, known Revision) {
	ref, entry := ids.place(f.Identifier)
	ids.list(sims, f.SIM, entry)
	if ref.sim == 0 && f.State == Holds {
		*ref = reference{f.SIM, m.number(f.From, known)}
		return
	}
	if ref.sim == 0 || ref.when&history == 0 {
		var facts []namedKnown
		if ref.sim != 0 {
			when := m.pairs[ref.when]
			if when == (moment{f.From, known}) && f.State == Holds {
				ref.sim = f.SIM
				return
			}
			facts = append(facts, namedKnown{when.from, when.known, ref.sim, Holds})
		}
		ref.when = history | uint32(len(ids.histories))
		ids.histories = append(ids.histories, facts)
	}
	ref.sim = f.SIM
	facts := ids.histories[ref.when&^history]
	at := len(facts)
	for at > 0 && facts[at-1].from > f.From {
		at--
	}
	fact := namedKnown{f.From, known, f.SIM, f.State}
	if at > 0 && facts[at-1].from == f.From && facts[at-1].known == known {
		facts[at-1] = fact
		return
	}
	ids.histories[ref.when&^history] = slices.Insert(facts, at, fact)
}

// said returns the latest fact about an identifier that begins exactly at a time.
func (ids *identifiers) said(m *moments, id udr.Identifier, at udr.Instant) (namedKnown, bool) {
	ref := ids.find(id)
	if ref == nil {
		return namedKnown{}, false
	}
	if ref.when&history == 0 {
		when := m.pairs[ref.when]
		return namedKnown{when.from, when.known, ref.sim, Holds}, when.from == at
	}
	facts := ids.histories[ref.when&^history]
	for i := len(facts) - 1; i >= 0; i-- {
		if facts[i].from == at {
			return facts[i], true
		}
	}
	return namedKnown{}, false
}

// decided returns the beginning of the fact that decides, at a time, to which SIM an identifier refers, if any.
func (ids *identifiers) decided(m *moments, id udr.Identifier, at udr.Instant) udr.Instant {
	ref := ids.find(id)
	if ref == nil {
		return math.MinInt64
	}
	if ref.when&history == 0 {
		if from := m.pairs[ref.when].from; from <= at {
			return from
		}
		return math.MinInt64
	}
	facts := ids.histories[ref.when&^history]
	for i := len(facts) - 1; i >= 0; i-- {
		if facts[i].from > at {
			continue
		}
		if facts[i].state != Withdrawn {
			return facts[i].from
		}
		for i > 0 && facts[i-1].from == facts[i].from {
			i--
		}
	}
	return math.MinInt64
}

// before returns the SIM and the beginning of the last fact not after a time, even if that fact has ended or
// was withdrawn.
func (ids *identifiers) before(m *moments, id udr.Identifier, at udr.Instant) (sim uint32, when udr.Instant) {
	ref := ids.find(id)
	if ref == nil {
		return 0, 0
	}
	if ref.when&history == 0 {
		if from := m.pairs[ref.when].from; from <= at {
			return ref.sim, from
		}
		return 0, 0
	}
	facts := ids.histories[ref.when&^history]
	for i := len(facts) - 1; i >= 0; i-- {
		if facts[i].from <= at {
			return facts[i].sim, facts[i].from
		}
	}
	return 0, 0
}

// list adds an identifier to a SIM's list, once.
func (ids *identifiers) list(sims *sims, sim uint32, entry listEntry) {
	next := &sims.entry(sim).names
	for *next != 0 {
		e := ids.lists.at(*next - 1)
		if e.key == entry.key && e.kind == entry.kind && e.text == entry.text {
			return
		}
		next = &e.next
	}
	*next = ids.lists.add(entry) + 1
}

// of appends the identifiers that referred to a SIM at a time.
func (ids *identifiers) of(m *moments, sims *sims, sim uint32, at udr.Instant, rev Revision, dst []udr.Identifier) []udr.Identifier {
	before := len(dst)
	dst = ids.ever(sims, sim, dst)
	named := dst[:before]
	for _, id := range dst[before:] {
		if holder, ok := ids.sim(m, id, at, rev); ok && holder == sim {
			named = append(named, id)
		}
	}
	return named
}

// ever appends the identifiers that referred to a SIM at any time.
func (ids *identifiers) ever(sims *sims, sim uint32, dst []udr.Identifier) []udr.Identifier {
	if sim == 0 || sim > sims.count || sims.blocks[sim/simBlock] == nil {
		return dst
	}
	for next := sims.blocks[sim/simBlock][sim%simBlock].names; next != 0; {
		e := ids.lists.at(next - 1)
		next = e.next
		id := udr.Identifier{Kind: e.kind}
		if e.text {
			id.Value = ids.named.at(uint32(e.key)).text
		} else {
			id.Value = unpack(e.key)
		}
		dst = append(dst, id)
	}
	return dst
}

// table is an open-addressing hash table of words. It is split into parts, and grows one part at a time by half,
// so that growing neither delays readers for long nor needs twice the memory.
type table struct{ parts [256]part }

type part struct {
	slots []slot
	used  int
}

type slot struct {
	key uint64
	reference
}

// spread is 2^64 divided by the golden ratio: it distributes consecutive numbers evenly.
const spread = 0x9E3779B97F4A7C15

func (t *table) find(key uint64) *reference {
	hash := key * spread
	slots := t.parts[hash>>56].slots
	if len(slots) == 0 {
		return nil
	}
	if s := probe(slots, key, hash); s.sim != 0 {
		return &s.reference
	}
	return nil
}

// place returns the slot of a key. If its sim is 0, the caller sets it.
func (t *table) place(key uint64) *reference {
	hash := key * spread
	p := &t.parts[hash>>56]
	if len(p.slots) > 0 {
		if s := probe(p.slots, key, hash); s.sim != 0 {
			return &s.reference
		}
	}
	if p.used*5 >= len(p.slots)*4 {
		grown := make([]slot, max(16, len(p.slots)+len(p.slots)/2))
		for _, s := range p.slots {
			if s.sim != 0 {
				*probe(grown, s.key, s.key*spread) = s
			}
		}
		p.slots = grown
	}
	p.used++
	s := probe(p.slots, key, hash)
	s.key = key
	return &s.reference
}

// probe returns the slot of a key, or the free slot for it.
func probe(slots []slot, key, hash uint64) *slot {
	high, _ := bits.Mul64(hash<<8, uint64(len(slots)))
	for i := int(high); ; {
		s := &slots[i]
		if s.key == key || s.sim == 0 {
			return s
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
}

// blocks is a list whose elements never move.
type blocks[T any] struct {
	full  [][]T
	count uint32
}

const blockSize = 1 << 12

func (b *blocks[T]) at(i uint32) *T { return &b.full[i/blockSize][i%blockSize] }

func (b *blocks[T]) add(value T) uint32 {
	if int(b.count/blockSize) == len(b.full) {
		b.full = append(b.full, make([]T, blockSize))
	}
	b.count++
	*b.at(b.count - 1) = value
	return b.count - 1
}
