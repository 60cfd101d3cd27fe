package rater

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"ratemill/internal/safeguard"
	"ratemill/udr"
)

// Seen remembers the duplicate keys of rated records, so that it recognises a record that is sent again: a record
// with the same values in the source's key fields and the same time of use. A key is remembered for the source's
// window, counted from the last time that its record arrived.
//
// Keys are stored in blocks: one for each source and hour of use, split by the key's first bits as it grows, so that a
// block stays small enough for a checkpoint entry and for insertion into a sorted array. 12 bytes per key and less than
// a third of slack keep it below 16. A record that is sent again has the same time of use, so only one block is
// searched.
type Seen struct {
	hours map[hour]*hourBlocks
	dirty []blockID
	last  int64 // end of the latest hour of use, in Unix seconds
	size  int   // keys in a block before it is split; 0 is blockSize
	old   bool  // keys of an earlier version, which stay unchanged in the checkpoints
}

type hour struct {
	source uint64 // hash of the source's name
	hour   int32  // of use, since 1970
}

type hourBlocks struct {
	bits    uint8 // number of first bits of the key that choose the block
	blocks  []block
	touched int64 // Unix seconds of the last key's arrival
	within  int64 // seconds for which keys are remembered
}

type block struct {
	keys  []udr.DuplicateKey // sorted
	dirty bool
}

// blockID identifies a block in checkpoints.
type blockID struct {
	hour
	bits  uint8
	index uint32
}

const blockSize = 1024 // 12 KB in a checkpoint

// dated returns the key of a record by its fields and its time of use. Keys are hashes, so mixing in the time keeps
// them distinct.
func dated(key udr.DuplicateKey, at udr.Instant) udr.DuplicateKey {
	first := mix(uint64(at))
	binary.BigEndian.PutUint64(key[:8], binary.BigEndian.Uint64(key[:8])^first)
	binary.BigEndian.PutUint32(key[8:], binary.BigEndian.Uint32(key[8:])^uint32(mix(first)))
	return key
}

// mix is the last step of xxHash, which maps no two words to the same word.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 14029467366897019727
	h ^= h >> 29
	h *= 1609587929392839161
	return h ^ h>>32
}

// hourOf returns the hour by which seen finds the blocks for a record of a source that was used at an instant.
func hourOf(source string, at udr.Instant) hour {
	return hour{xxhash.Sum64String(source), int32(int64(at) / 3_600_000_000_000)}
}

// Has reports whether a key was added.
func (s *Seen) Has(h hour, key udr.DuplicateKey) bool {
	b := s.hours[h]
	if b == nil {
		return false
	}
	_, found := b.blocks[b.index(key)].find(key, b.bits)
	return found
}

// Again remembers the key of a repeated record: its window restarts. Not every arrival is recorded, so that the
// hours of a file that is read repeatedly are not written each time; forget allows for that.
func (s *Seen) Again(h hour, key udr.DuplicateKey, arrived, within int64) {
	if !s.Has(h, key) {
		s.Add(h, key, arrived, within)
		return
	}
	if !safeguard.On(safeguard.KeysRenewed) {
		return
	}
	b := s.hours[h]
	if arrived = s.arrival(h, arrived); within <= b.within && arrived-b.touched <= b.within/renewed {
		return
	}
	b.touched, b.within = max(b.touched, arrived), max(b.within, within)
	s.mark(h, b, b.index(key))
}

// renewed is the part of a window after which a further arrival is recorded.
const renewed = 8

// Add remembers a key that arrived at a time (Unix seconds) for a number of seconds.
func (s *Seen) Add(h hour, key udr.DuplicateKey, arrived, within int64) {
	if b, i, added := s.add(h, key, arrived, within); added {
		s.mark(h, b, i)
		s.splitIfFull(h, b, i)
	}
}

// restore adds the keys of a checkpoint's block to the present blocks, which may be divided differently. The keys are
// already in the checkpoint.
func (s *Seen) restore(id blockID, touched, within int64, keys []byte) {
	for ; len(keys) >= len(udr.DuplicateKey{}); keys = keys[len(udr.DuplicateKey{}):] {
		if b, i, added := s.add(id.hour, udr.DuplicateKey(keys), touched, within); added {
			s.splitIfFull(id.hour, b, i)
		}
	}
}

func (s *Seen) add(h hour, key udr.DuplicateKey, arrived, within int64) (b *hourBlocks, i int, added bool) {
	b = s.hours[h]
	if b == nil {
		if s.hours == nil {
			s.hours = map[hour]*hourBlocks{}
		}
		b = &hourBlocks{blocks: make([]block, 1)}
		s.hours[h] = b
	}
	b.touched, b.within = max(b.touched, s.arrival(h, arrived)), max(b.within, within)
	i = b.index(key)
	blk := &b.blocks[i]
	at, found := blk.find(key, b.bits)
	if found {
		return b, i, false
	}
	if len(blk.keys) == cap(blk.keys) { // grow by an eighth: the slack bounds the memory per key
		blk.keys = append(make([]udr.DuplicateKey, 0, len(blk.keys)+2+len(blk.keys)/8), blk.keys...)
	}
	blk.keys = slices.Insert(blk.keys, at, key)
	return b, i, true
}

func (s *Seen) splitIfFull(h hour, b *hourBlocks, i int) {
	if len(b.blocks[i].keys) > cmp.Or(s.size, blockSize) && b.bits < 24 {
		s.split(h, b)
	}
}

func (s *Seen) mark(h hour, b *hourBlocks, i int) {
	if !b.blocks[i].dirty && !s.old {
		b.blocks[i].dirty = true
		s.dirty = append(s.dirty, blockID{h, b.bits, uint32(i)})
	}
}

// split halves every block. Checkpoint entries of the former blocks stay true statements, because keys are only
// added.
func (s *Seen) split(h hour, b *hourBlocks) {
	old := b.blocks
	b.bits++
	b.blocks = make([]block, 2*len(old))
	for _, o := range old {
		for i, k := range o.keys {
			if n := b.index(k); len(b.blocks[n].keys) == 0 {
				b.blocks[n].keys = slices.Clone(o.keys[i:b.end(o.keys, i, n)])
			}
		}
	}
	for i := range b.blocks {
		if len(b.blocks[i].keys) > 0 {
			s.mark(h, b, i)
		}
	}
}

// end returns the index after the last of the sorted keys, from i on, that belong to block n.
func (b *hourBlocks) end(keys []udr.DuplicateKey, i, n int) int {
	for i < len(keys) && b.index(keys[i]) == n {
		i++
	}
	return i
}

func (b *hourBlocks) index(key udr.DuplicateKey) int {
	return int(binary.BigEndian.Uint32(key[:4]) >> (32 - uint(b.bits)) & (1<<b.bits - 1))
}

// find returns the position of a key, or the position at which to insert it, in a block whose keys share the given
// number of first bits. Keys are hashes, so the bits that follow give the approximate position. From there, the
// search takes larger and larger steps until it has passed the key, then halves the range (BenchmarkSeen: 440 → 340
// ns).
func (b *block) find(key udr.DuplicateKey, shared uint8) (int, bool) {
	lo, hi := 0, len(b.keys)
	guess, _ := bits.Mul64(binary.BigEndian.Uint64(key[:8])<<shared, uint64(hi))
	for at, step := int(guess), near; lo < hi; step *= 2 {
		if less(&b.keys[at], &key) {
			lo = at + 1
			at += step
		} else {
			hi = at
			at -= step
		}
		if at < lo || at >= hi {
			at = int(uint(lo+hi) >> 1)
		}
	}
	return lo, lo < len(b.keys) && b.keys[lo] == key
}

// near is the length of the first step of a search: about the error of the estimate in a block of hundreds of
// keys.
const near = 4

func less(a, b *udr.DuplicateKey) bool {
	x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	return x < y || x == y && binary.BigEndian.Uint32(a[8:]) < binary.BigEndian.Uint32(b[8:])
}

// Len returns the number of keys.
func (s *Seen) Len() int {
	n := 0
	for _, b := range s.hours {
		for i := range b.blocks {
			n += len(b.blocks[i].keys)
		}
	}
	return n
}

// arrival returns the time at which a record arrived. A clock may be behind, so a record's arrival never counts
// as earlier than its time of use, or than the arrival of earlier records.
func (s *Seen) arrival(h hour, arrived int64) int64 {
	s.last = max(s.last, (int64(h.hour)+1)*3600)
	if !safeguard.On(safeguard.KeysByUsage) {
		return arrived
	}
	return max(arrived, s.last)
}

// forget drops the hours for which no record has arrived for as long as their keys are remembered. Hours that are not
// in a checkpoint yet wait. A clock alone is not enough, because it may be ahead: usage of a later time must also
// have arrived.
func (s *Seen) forget(now, newest int64, dropped func(blockID)) {
	if safeguard.On(safeguard.KeysByUsage) {
		now = min(now, newest)
	}
	for h, b := range s.hours {
		if now-b.touched <= b.within+b.within/renewed || slices.ContainsFunc(b.blocks, func(b block) bool { return b.dirty }) {
			continue
		}
		for n := range b.bits + 1 {
			for i := range uint32(1) << n {
				dropped(blockID{h, n, i})
			}
		}
		delete(s.hours, h)
	}
	// The ids of former blocks that a sweep wrote before they were split stay here. If their hour is used again,
	// the sweep that deletes them would first rewrite them.
	s.dirty = slices.DeleteFunc(s.dirty, func(id blockID) bool { return s.hours[id.hour] == nil })
}

// now returns the blocks with the keys of a former block: the block itself, or the blocks into which
// it was split since then.
func (s *Seen) now(id blockID) (blocks []blockID) {
	b := s.hours[id.hour]
	switch {
	case b == nil || b.bits < id.bits:
		return nil // forgotten since
	case !safeguard.On(safeguard.SplitBlocks) && b.bits != id.bits:
		return nil
	}
	deeper := b.bits - id.bits
	for i := range uint32(1) << deeper {
		blocks = append(blocks, blockID{id.hour, b.bits, id.index<<deeper | i})
	}
	return blocks
}

// take returns the content of a block, which then counts as written; ok is false if the block was written after
// its last change.
func (s *Seen) take(id blockID) (b *hourBlocks, keys []udr.DuplicateKey, ok bool) {
	b = s.hours[id.hour]
	block := &b.blocks[id.index]
	if !block.dirty {
		return nil, nil, false
	}
	block.dirty = false
	return b, block.keys, true
}
