package rating

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"ratemill/decimal"
	"ratemill/udr"
)

// Session is what one account was charged for the parts of a session so far.
type Session struct {
	Quantity int64 // as used
	Rounded  int64 // whole increments that were begun
	Priced   int64 // of these, the units that no bucket covered

	Sum     decimal.D        // fee and steps of all parts, at most the cap
	Below   decimal.Fraction // what lies below 12 decimals of it
	Charged decimal.D        // the sum of the totals

	Last   int64  // when its last part began, in Unix seconds
	Within uint32 // for how many seconds after that it is remembered
}

// over says that the session ended before a part that begins at a time.
func (s *Session) over(at int64) bool { return at > s.Last+int64(s.Within) }

// older says that s is what the session was before it became t. A session only grows, and one that begins anew under the
// same key is later.
func (s *Session) older(t *Session) bool {
	order := cmp.Or(cmp.Compare(s.Last, t.Last), cmp.Compare(s.Quantity, t.Quantity), cmp.Compare(s.Within, t.Within))
	if order == 0 { // an earlier part without units, by a version that rounds otherwise
		return s.Charged.Less(t.Charged) || s.Charged == t.Charged && s.Sum.Less(t.Sum)
	}
	return order < 0
}

// SessionKey names what one account pays for one session by one plan.
type SessionKey struct {
	ID  uint64 // hash of the source's key, and of billing root, account, plan and class
	SIM uint32
}

// SessionState says what a session has become with a batch.
type SessionState struct {
	Key     SessionKey
	Session Session
}

// Sessions are the open sessions of one partition, in two parts as its Counters: the settled one is a fold of the rated
// log, the speculative one, which is small, is what was rated but is not acknowledged yet. Both hold what a session is,
// not what was added to it: applying a state again, or one that is older, changes nothing.
//
// A session takes 52 bytes, and 5 to 9 in an index that finds them. What has no room in 52 bytes, because amounts or
// fractions of them are very large, lies aside.
type Sessions struct {
	shards  [sessionShards]sessionShard
	len     int
	dirty   []SessionKey // in the order they became so; the first `taken` are done
	taken   int
	newest  int64 // when the newest part of any session began
	pending map[SessionKey]pendingSession
	aside   map[SessionKey][]byte
}

type pendingSession struct {
	Session
	uses   int32  // batches that have it and are not settled
	result uint32 // the Result that index belongs to
	index  uint32 // of this session in it
}

const (
	sessionShardBits = 4
	sessionShards    = 1 << sessionShardBits
	sessionChunk     = 128

	numberBits = 24 // of an index entry: which slot, from 1; the rest is a part of the hash
	numberMask = 1<<numberBits - 1
)

type sessionShard struct {
	index  []uint32 // a power of two, or none; 0 is free
	chunks [][]sessionSlot
	slots  uint32   // that were ever taken
	free   []uint32 // of these, those that were given back
	len    int
}

type sessionSlot struct {
	id   [2]uint32
	sim  uint32
	last uint32
	data [36]byte // a flag byte, and what packSession writes
}

const (
	slotDirty = 1 << iota // changed since it was last taken, and in Sessions.dirty
	slotAside             // the state lies in Sessions.aside
)

func (s *sessionSlot) key() SessionKey {
	return SessionKey{ID: uint64(s.id[0])<<32 | uint64(s.id[1]), SIM: s.sim}
}

func (k SessionKey) hash() uint64 { return hashKey(k.ID, uint64(k.SIM)) }

func (h *sessionShard) slot(number uint32) *sessionSlot {
	return &h.chunks[(number-1)/sessionChunk][(number-1)%sessionChunk]
}

func (s *Sessions) shard(hash uint64) *sessionShard { return &s.shards[hash>>(64-sessionShardBits)] }

// tag is the part of a hash that an index entry keeps, so that nearly every slot that is looked at is the right one.
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

// enter finds or makes the slot of k.
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

// reindex makes the index anew, of n entries.
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

// Get is what a session is, with what is not settled yet.
func (s *Sessions) Get(k SessionKey) (session Session, known bool) {
	if len(s.pending) > 0 {
		if p, ok := s.pending[k]; ok {
			return p.Session, true
		}
	}
	return s.Settled(k)
}

// Settled is what a session is as the rated log has it.
func (s *Sessions) Settled(k SessionKey) (session Session, known bool) {
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

// Apply folds what a session has become into the settled part, unless that has it, or something newer, already.
func (s *Sessions) Apply(state *SessionState) {
	if s.set(state) {
		if slot := s.find(state.Key); slot.data[0]&slotDirty == 0 {
			slot.data[0] |= slotDirty
			s.dirty = append(s.dirty, state.Key)
		}
	}
}

// Restore sets a session from a checkpoint, unless something newer is known. It does not become dirty.
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

// expect keeps what a session has become by a record that was rated, and adds it to the batch's result.
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

// Settle is Apply for the sessions of a batch that was rated here.
func (s *Sessions) Settle(states []SessionState) {
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

// Len is the number of sessions.
func (s *Sessions) Len() int { return s.len }

// Range calls f for each session's settled state, in no order, until f says false.
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

// Dirty is the number of sessions that changed since they were last taken.
func (s *Sessions) Dirty() int { return len(s.dirty) - s.taken }

// TakeDirty hands the first n dirty sessions to f, oldest first, and marks them clean.
func (s *Sessions) TakeDirty(n int, f func(k SessionKey, session *Session)) {
	var session Session // f's, so that a sweep makes one
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

// Newest is when the newest part of any session began, in Unix seconds.
func (s *Sessions) Newest() int64 { return s.newest }

// Forget removes the sessions that are over at a time, but for those that are dirty or have a speculative part, calling f
// for each.
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

// longestPacked is the most that pack writes.
const longestPacked = 1 + 5 + 10*10

const (
	packedNegative = 1 << iota // more was charged than the sum is
	packedBelow
)

// pack appends the state but for Last.
func (s *Session) pack(dst []byte) []byte {
	flags := byte(0)
	rest, err := s.Sum.Sub(s.Charged)
	if err != nil { // both are amounts of one sign, so this cannot be
		rest = decimal.Zero
	}
	if rest.Sign() < 0 {
		flags, rest = flags|packedNegative, rest.Neg()
	}
	if s.Below.Num != 0 {
		flags |= packedBelow
	}
	dst = append(dst, flags)
	hi, lo := s.Sum.Parts()
	restHi, restLo := rest.Parts()
	for _, n := range [...]uint64{uint64(s.Within), uint64(s.Quantity), uint64(s.Rounded - s.Quantity), uint64(s.Rounded - s.Priced), uint64(hi), lo, uint64(restHi), restLo} {
		dst = binary.AppendUvarint(dst, n)
	}
	if flags&packedBelow != 0 {
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(s.Below.Num)), s.Below.Den)
	}
	return dst
}

func (s *Session) unpack(b []byte) {
	flags := b[0]
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
}

// sessionID is the id of a session for an account below a root; class is the plan's class.
func sessionID(key *udr.SessionKey, root, account uint32, class uint64) uint64 {
	id := mix(binary.LittleEndian.Uint64(key[:8]), class^uint64(binary.LittleEndian.Uint32(key[8:])))
	return mix(id, uint64(root)<<32|uint64(account))
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return hi ^ lo
}
