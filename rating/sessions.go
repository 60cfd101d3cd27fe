package rating

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"ratemill/decimal"
	"ratemill/udr"
)

// Session is the charge of one account for the parts of a session so far.
type Session struct {
	Quantity int64 // as used
	Rounded  int64 // whole increments begun
	Priced   int64 // number of these units that no bucket covered

	Sum     decimal.D        // fee and price of the units of all parts, at most the cap
	Below   decimal.Fraction // the part of Sum below 12 decimals
	Minimum decimal.D        // the highest minimum of the parts; Sum does not include it
	Charged decimal.D        // sum of the parts' totals

	FeeDue bool // no part so far owed the connect fee, because a pass, or the free units of the SIM's state, covered each of them completely

	Last   int64  // beginning of its last part, in Unix seconds
	Within uint32 // number of seconds after Last for which the session is remembered
}

// over reports whether the session ended before a part that begins at a time.
func (s *Session) over(at int64) bool { return at > s.Last+int64(s.Within) }

// older reports whether s is an earlier state of the session t. A session only grows, and a new session under the
// same key begins later.
func (s *Session) older(t *Session) bool {
	order := cmp.Or(cmp.Compare(s.Last, t.Last), cmp.Compare(s.Quantity, t.Quantity), cmp.Compare(s.Within, t.Within))
	if order == 0 { // an earlier part without units, rated by a version with other rounding
		return s.Charged.Less(t.Charged) || s.Charged == t.Charged && s.Sum.Less(t.Sum)
	}
	return order < 0
}

// SessionKey identifies an account's charges for a session by a plan.
type SessionKey struct {
	ID  uint64 // hash of the source's key, and of billing root, account, plan and class
	SIM uint32
}

// SessionState is the new state of a session after a batch.
type SessionState struct {
	Key     SessionKey
	Session Session
}

// Sessions are the open sessions of one partition. Like Counters, they have two parts: the folded part, computed from
// the rated log, and the small speculative part, which is rated but not acknowledged yet. Both contain the state of a
// session, not additions to it, so applying a state twice, or an older state, changes nothing.
//
// A session takes 52 bytes, plus 5 to 9 bytes in an index. A session that exceeds 52 bytes, because its amounts
// or their fractions are very large, is stored separately.
type Sessions struct {
	shards  [sessionShards]sessionShard
	len     int
	dirty   []SessionKey // in the order of change; the first `taken` are already taken
	taken   int
	newest  int64 // beginning of the newest part among all sessions
	pending map[SessionKey]pendingSession
	aside   map[SessionKey][]byte
}

type pendingSession struct {
	Session
	uses   int32  // number of speculative batches that contain the session
	result uint32 // the Result to which index belongs
	index  uint32 // index of this session in that Result
}

const (
	sessionShardBits = 4
	sessionShards    = 1 << sessionShardBits
	sessionChunk     = 128

	numberBits = 24 // number of bits of an index entry that contain the slot, counted from 1; the rest is a part of the hash
	numberMask = 1<<numberBits - 1
)

type sessionShard struct {
	index  []uint32 // the length is a power of two, or zero; 0 marks a free entry
	chunks [][]sessionSlot
	slots  uint32   // number of slots ever used
	free   []uint32 // those slots that are free
	len    int
}

type sessionSlot struct {
	id   [2]uint32
	sim  uint32
	last uint32
	data [36]byte // a flag byte, and the output of packSession
}

const (
	slotDirty = 1 << iota // changed since it was last taken, and in Sessions.dirty
	slotAside             // the state is in Sessions.aside
)

func (s *sessionSlot) key() SessionKey {
	return SessionKey{ID: uint64(s.id[0])<<32 | uint64(s.id[1]), SIM: s.sim}
}

func (k SessionKey) hash() uint64 { return hashKey(k.ID, uint64(k.SIM)) }

func (h *sessionShard) slot(number uint32) *sessionSlot {
	return &h.chunks[(number-1)/sessionChunk][(number-1)%sessionChunk]
}

func (s *Sessions) shard(hash uint64) *sessionShard { return &s.shards[hash>>(64-sessionShardBits)] }

// tag returns the part of a hash that an index entry contains; because of it, nearly every slot that is
// read is the right one.
func tag(hash uint64) uint32 { return uint32(hash>>(32-sessionShardBits)) &^ numberMask }

func (s *Sessions) find(k SessionKey) *sessionSlot {
	hash := k.hash()
	h := s.shard(hash)
	if len(h.index) == 0 {
		return nil
	}
	mask, wanted := uint64(len(h.index)-1), tag(hash)
	for i := hash & mask; h.index[i] != 0; i = (i + 1) & mask {
		if h.index[i]&^numberMask != wanted {
			continue
		}
		if slot := h.slot(h.index[i] & numberMask); slot.key() == k {
			return slot
		}
	}
	return nil
}

// enter finds or creates the slot of k.
func (s *Sessions) enter(k SessionKey) *sessionSlot {
	if slot := s.find(k); slot != nil {
		return slot
	}
	hash := k.hash()
	h := s.shard(hash)
	if h.len >= len(h.index)-len(h.index)/8 {
		h.reindex(max(16, 2*len(h.index)))
	}
	var number uint32
	if n := len(h.free); n > 0 {
		number, h.free = h.free[n-1], h.free[:n-1]
	} else {
		h.slots++
		number = h.slots
		if int(number-1)/sessionChunk == len(h.chunks) {
			h.chunks = append(h.chunks, make([]sessionSlot, sessionChunk))
		}
	}
	slot := h.slot(number)
	*slot = sessionSlot{id: [2]uint32{uint32(k.ID >> 32), uint32(k.ID)}, sim: k.SIM}
	h.put(hash, number)
	h.len++
	s.len++
	return slot
}

func (h *sessionShard) put(hash uint64, number uint32) {
	mask := uint64(len(h.index) - 1)
	i := hash & mask
	for h.index[i] != 0 {
		i = (i + 1) & mask
	}
	h.index[i] = tag(hash) | number
}

// reindex rebuilds the index for n entries.
func (h *sessionShard) reindex(n int) {
	h.index = make([]uint32, n)
	free := make([]bool, h.slots+1)
	for _, number := range h.free {
		free[number] = true
	}
	for number := uint32(1); number <= h.slots; number++ {
		if !free[number] {
			h.put(h.slot(number).key().hash(), number)
		}
	}
}

// Get returns the state of a session, including speculative changes.
func (s *Sessions) Get(k SessionKey) (session Session, known bool) {
	if len(s.pending) > 0 {
		if p, ok := s.pending[k]; ok {
			return p.Session, true
		}
	}
	return s.Folded(k)
}

// Folded returns the state of a session according to the rated log.
func (s *Sessions) Folded(k SessionKey) (session Session, known bool) {
	slot := s.find(k)
	if slot == nil {
		return Session{}, false
	}
	return s.read(slot), true
}

func (s *Sessions) read(slot *sessionSlot) (session Session) {
	packed := slot.data[1:]
	if slot.data[0]&slotAside != 0 {
		packed = s.aside[slot.key()]
	}
	session.unpack(packed)
	session.Last = int64(slot.last)
	return session
}

// Apply folds the new state of a session into the folded part, unless that has the same or a newer state.
func (s *Sessions) Apply(state *SessionState) {
	if s.set(state) {
		if slot := s.find(state.Key); slot.data[0]&slotDirty == 0 {
			slot.data[0] |= slotDirty
			s.dirty = append(s.dirty, state.Key)
		}
	}
}

// Restore sets a session from a checkpoint, unless a newer state is known. It does not mark the session dirty.
func (s *Sessions) Restore(k SessionKey, session Session) { s.set(&SessionState{k, session}) }

func (s *Sessions) set(state *SessionState) bool {
	slot := s.find(state.Key)
	if slot != nil {
		if known := s.read(slot); !known.older(&state.Session) {
			return false
		}
	} else {
		slot = s.enter(state.Key)
	}
	session := &state.Session
	slot.last = uint32(session.Last)
	var scratch [longestPacked]byte
	packed := session.pack(scratch[:0])
	if slot.data[0]&slotAside != 0 {
		delete(s.aside, state.Key)
		slot.data[0] &^= slotAside
	}
	if copied := copy(slot.data[1:], packed); copied < len(packed) {
		if s.aside == nil {
			s.aside = map[SessionKey][]byte{}
		}
		slot.data[0] |= slotAside
		s.aside[state.Key] = append([]byte(nil), packed...)
	}
	s.newest = max(s.newest, session.Last)
	return true
}

// expect keeps the new state of a session after a rated record, and adds it to the batch's result.
func (s *Sessions) expect(k SessionKey, session *Session, res *Result) {
	if s.pending == nil {
		s.pending = map[SessionKey]pendingSession{}
	}
	p := s.pending[k]
	if p.uses == 0 || p.result != res.number {
		p.uses++
		p.result, p.index = res.number, uint32(len(res.Sessions))
		res.Sessions = append(res.Sessions, SessionState{Key: k})
	}
	p.Session = *session
	res.Sessions[p.index].Session = *session
	s.pending[k] = p
}

// Fold does the same as Apply, for the sessions of a batch that this instance rated.
func (s *Sessions) Fold(states []SessionState) {
	for i := range states {
		state := &states[i]
		s.Apply(state)
		p := s.pending[state.Key]
		if p.uses--; p.uses > 0 {
			s.pending[state.Key] = p
		} else {
			delete(s.pending, state.Key)
		}
	}
}

// Discard drops the speculative part.
func (s *Sessions) Discard() { clear(s.pending) }

// Len returns the number of sessions.
func (s *Sessions) Len() int { return s.len }

// Range calls f for the folded state of each session, in no particular order, until f returns false.
func (s *Sessions) Range(f func(k SessionKey, session *Session) bool) {
	var session Session
	for i := range s.shards {
		h := &s.shards[i]
		for _, entry := range h.index {
			if entry == 0 {
				continue
			}
			slot := h.slot(entry & numberMask)
			if session = s.read(slot); !f(slot.key(), &session) {
				return
			}
		}
	}
}

// Dirty returns the number of sessions that changed since they were last taken.
func (s *Sessions) Dirty() int { return len(s.dirty) - s.taken }

// TakeDirty passes the first n dirty sessions to f, oldest first, and marks them clean.
func (s *Sessions) TakeDirty(n int, f func(k SessionKey, session *Session)) {
	var session Session // passed to f; allocated once per sweep
	for ; n > 0 && s.taken < len(s.dirty); n-- {
		k := s.dirty[s.taken]
		s.taken++
		if slot := s.find(k); slot != nil && slot.data[0]&slotDirty != 0 {
			slot.data[0] &^= slotDirty
			session = s.read(slot)
			f(k, &session)
		}
	}
	if s.taken > len(s.dirty)/2 {
		s.dirty = s.dirty[:copy(s.dirty, s.dirty[s.taken:])]
		s.taken = 0
	}
}

// Newest returns the beginning of the newest part among all sessions, in Unix seconds.
func (s *Sessions) Newest() int64 { return s.newest }

// Forget removes the sessions that have ended by a time, except dirty ones and those with a speculative part, and calls
// f for each.
func (s *Sessions) Forget(at int64, f func(SessionKey)) {
	for i := range s.shards {
		h := &s.shards[i]
		before := len(h.free)
		for _, entry := range h.index {
			if entry == 0 {
				continue
			}
			slot := h.slot(entry & numberMask)
			if slot.data[0]&slotDirty != 0 {
				continue
			}
			k, session := slot.key(), s.read(slot)
			if _, open := s.pending[k]; open || !session.over(at) {
				continue
			}
			f(k)
			delete(s.aside, k)
			h.free = append(h.free, entry&numberMask)
		}
		if gone := len(h.free) - before; gone > 0 {
			h.len -= gone
			s.len -= gone
			h.reindex(len(h.index))
		}
	}
}

// longestPacked is the largest output of pack.
const longestPacked = 1 + 5 + 12*10

const (
	packedNegative = 1 << iota // the charged amount exceeds the sum
	packedBelow
	packedMinimum
	packedFeeDue
)

// pack appends the state without Last.
func (s *Session) pack(dst []byte) []byte {
	flags := byte(0)
	rest, err := s.Sum.Sub(s.Charged)
	if err != nil { // both amounts have the same sign, so this cannot happen
		rest = decimal.Zero
	}
	if rest.Sign() < 0 {
		flags, rest = flags|packedNegative, rest.Neg()
	}
	if s.Below.Num != 0 {
		flags |= packedBelow
	}
	if !s.Minimum.IsZero() {
		flags |= packedMinimum
	}
	if s.FeeDue {
		flags |= packedFeeDue
	}
	dst = append(dst, flags)
	hi, lo := s.Sum.Parts()
	restHi, restLo := rest.Parts()
	for _, n := range [...]uint64{uint64(s.Within), uint64(s.Quantity), uint64(s.Rounded - s.Quantity), uint64(s.Rounded - s.Priced),
		uint64(hi), lo, uint64(restHi), restLo} {
		dst = binary.AppendUvarint(dst, n)
	}
	if flags&packedBelow != 0 {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(s.Below.Num)), s.Below.Den)
	}
	if flags&packedMinimum != 0 {
		hi, lo = s.Minimum.Parts()
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(hi)), lo)
	}
	return dst
}

func (s *Session) unpack(b []byte) {
	flags := b[0]
	s.FeeDue = flags&packedFeeDue != 0
	b = b[1:]
	next := func() uint64 {
		n, size := binary.Uvarint(b)
		b = b[size:]
		return n
	}
	s.Within = uint32(next())
	s.Quantity = int64(next())
	s.Rounded = s.Quantity + int64(next())
	s.Priced = s.Rounded - int64(next())
	hi, lo := next(), next()
	s.Sum, _ = decimal.FromParts(int64(hi), lo)
	hi, lo = next(), next()
	rest, _ := decimal.FromParts(int64(hi), lo)
	if flags&packedNegative != 0 {
		rest = rest.Neg()
	}
	s.Charged, _ = s.Sum.Sub(rest)
	if flags&packedBelow != 0 {
		s.Below.Num = int64(next())
		s.Below.Den = next()
	}
	if flags&packedMinimum != 0 {
		hi, lo = next(), next()
		s.Minimum, _ = decimal.FromParts(int64(hi), lo)
	}
}

// sessionID returns the id of a session for an account below a root; class is the id of the plan's class.
func sessionID(key *udr.SessionKey, root, account uint32, class uint64) uint64 {
	id := mix(binary.LittleEndian.Uint64(key[:8]), class^uint64(binary.LittleEndian.Uint32(key[8:])))
	return mix(id, uint64(root)<<32|uint64(account))
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return hi ^ lo
}
