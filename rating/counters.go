package rating

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"ratemill/decimal"
)

// CounterKind is the kind of a counter: it tells who owns the counter and what it counts.
type CounterKind uint8

// The kinds. SIMs and accounts are identified by their registry numbers.
const (
	SIMUnits       CounterKind = iota + 1 // units used by a SIM: included units, graduated prices, limits
	AccountUnits                          // units used by an account: pools, graduated prices, limits
	SIMCost                               // money charged for a SIM
	AccountCost                           // money charged to an account
	SIMLife                               // units of life buckets and changes of a SIM's state by usage, independent of cycles
	SIMWatch                              // counts of anomaly rules for a SIM, independent of cycles
	SIMPackage                            // units of a SIM's packages and the times at which their validity began, independent of cycles
	AccountPackage                        // units of an account's packages and the times at which their validity began, independent of cycles
)

// ofRoot marks the kind of a counter whose id contains the billing root. In earlier versions of ratemill, the ids
// depended on the root known at the beginning of the cycle, so a correction in the registry restarted counters at
// zero. The kinds of those older counters lack the mark. Engine.former still reads them until their cycles are
// over.
const ofRoot CounterKind = 64

// plain returns the kind without its marks.
func (k CounterKind) plain() CounterKind { return k &^ (ofRoot | ofSpan) }

var kindNames = [...]string{"", "sim units", "account units", "sim cost", "account cost", "sim life", "sim watch", "sim package",
	"account package"}

func (k CounterKind) String() string {
	if int(k.plain()) < len(kindNames) {
		return kindNames[k.plain()]
	}
	return fmt.Sprintf("counter kind %d", uint8(k))
}

// IsCost reports whether the counter's value is money.
func (k CounterKind) IsCost() bool { return k.plain() == SIMCost || k.plain() == AccountCost }

func (k CounterKind) known() bool { return k.plain() > 0 && k.plain() <= AccountPackage }

// PerSIM reports whether the counter's owner is a SIM.
func (k CounterKind) PerSIM() bool {
	return k.plain() == SIMUnits || k.plain() == SIMCost || k.plain() == SIMLife || k.plain() == SIMWatch || k.plain() == SIMPackage
}

// forLife reports whether the counter belongs to the life of a SIM.
func (k CounterKind) forLife() bool { return k.plain() == SIMLife }

// Watches reports whether the counter is the memory of an anomaly rule.
func (k CounterKind) Watches() bool { return k.plain() == SIMWatch }

// inCycle reports whether the counter belongs to a billing cycle. A counter that belongs to no
// cycle is never forgotten.
func (k CounterKind) inCycle() bool { return k.plain() < SIMLife }

// CounterKey identifies a counter. ID is a hash of the name of the bucket, limit or price, so it is the same in every
// catalogue version.
type CounterKey struct {
	ID    uint64
	Owner uint32
	// Cycle is the local date on which the owner's cycle or period begins, in days since 1970-01-01, of which 24 bits
	// are kept; it is 0 for SIMLife and SIMWatch.
	Cycle int32
	Kind  CounterKind
}

// keySize is the length of a key's canonical bytes.
const keySize = 17

// AppendKey appends the key's canonical bytes: kind, owner, cycle, id, big-endian, so they sort by owner.
func (k CounterKey) AppendKey(dst []byte) []byte {
	dst = append(dst, byte(k.Kind))
	dst = binary.BigEndian.AppendUint32(dst, k.Owner)
	dst = binary.BigEndian.AppendUint32(dst, uint32(k.Cycle))
	return binary.BigEndian.AppendUint64(dst, k.ID)
}

// ParseKey parses the output of AppendKey.
func ParseKey(b []byte) (CounterKey, error) {
	if len(b) != keySize {
		return CounterKey{}, fmt.Errorf("a counter's key has %d bytes, not %d", len(b), keySize)
	}
	k := CounterKey{
		Kind: CounterKind(b[0]), Owner: binary.BigEndian.Uint32(b[1:]),
		Cycle: int32(binary.BigEndian.Uint32(b[5:])), ID: binary.BigEndian.Uint64(b[9:]),
	}
	return k, k.check()
}

var errKey = errors.New("a counter's key has an unknown kind, no id, or a cycle that is not a date")

func (k CounterKey) check() error {
	if !k.Kind.known() || k.ID == 0 || k.Cycle < -1<<23 || k.Cycle >= 1<<23 {
		return errKey
	}
	return nil
}

// Value is the value of a counter: a count of units, or an amount of money in units of 10^-12 as in decimal.D, in
// 128 bits of two's complement. Additions do not overflow in practice: the units of a record and the amounts of
// decimal.D are bounded.
type Value struct {
	Hi int64
	Lo uint64
}

// UnitsValue returns the Value of n units.
func UnitsValue(n int64) Value { return Value{n >> 63, uint64(n)} }

// CostValue returns the Value of an amount of money.
func CostValue(d decimal.D) Value {
	hi, lo := d.Parts()
	return Value{hi, lo}
}

// Units returns the value as a count; if it exceeds int64, it returns the largest int64.
func (v Value) Units() int64 {
	switch {
	case v.Hi == 0 && v.Lo <= math.MaxInt64, v.Hi == -1 && v.Lo > math.MaxInt64:
		return int64(v.Lo)
	case v.Hi < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// Cost returns the value as money, or decimal.ErrRange if it has more than 26 digits before the point.
func (v Value) Cost() (decimal.D, error) { return decimal.FromParts(v.Hi, v.Lo) }

// Plus is v + w.
func (v Value) Plus(w Value) Value {
	lo, carry := bits.Add64(v.Lo, w.Lo, 0)
	return Value{v.Hi + w.Hi + int64(carry), lo}
}

// Less reports whether v < w.
func (v Value) Less(w Value) bool { return v.Hi < w.Hi || v.Hi == w.Hi && v.Lo < w.Lo }

// Neg is -v.
func (v Value) Neg() Value {
	lo, borrow := bits.Sub64(0, v.Lo, 0)
	return Value{-v.Hi - int64(borrow), lo}
}

// Delta is the amount that one rated batch adds to one counter.
type Delta struct {
	Key   CounterKey
	Value Value
}

// Counters are the usage counters of the SIMs and accounts of one partition. The rater that owns the partition owns
// its counters; they are not safe for concurrent use.
//
// Each counter has two parts. The folded part is the sum of the deltas in the rated log, and only it goes into
// checkpoints: Range, TakeDirty, ApplyAt, Restore. The speculative part is rated usage that the log has not
// acknowledged yet. Rate adds to it, Fold moves it to the folded part when the log acknowledges the append, and
// Discard drops all of it. Get returns the sum of both parts.
//
// An entry is one cache line: a table of 10 M counters has 11 to 23 M slots of 64 bytes each. The table is split
// into shards that grow separately, so no record waits until 10 M entries are moved.
type Counters struct {
	Sessions Sessions // that are open

	shards [shardCount]shard
	len    int
	dirty  []CounterKey // in the order of change; the first `taken` entries are already taken
	taken  int
	result uint32 // number of the last Result passed to Begin
	former int32  // the newest cycle that has counters without the mark ofRoot

	forgotten int32 // cycles that began before this date are no longer counted
	unrolled  int32 // no units roll over from cycles that began before this date, which is not after forgotten
	lives     bool  // there are counters that belong to the lives of SIMs
}

const (
	shardBits  = 7
	shardCount = 1 << shardBits

	dirty    = 1 // the counter changed since it was last taken, and is in Counters.dirty
	flagBits = 1
)

type shard struct {
	entries []entry // the length is a power of two, or zero
	len     int
}

type entry struct {
	id      uint64 // 0: the slot is free
	rest    uint64 // owner, cycle, kind
	folded  Value
	pending Value
	at      int64  // offset of the last folded delta, shifted by flagBits; dirty below
	result  uint32 // the Result to which index belongs
	index   uint32 // index of this counter's delta in that Result
}

func (k CounterKey) packed() uint64 {
	return uint64(k.Owner)<<32 | uint64(uint32(k.Cycle)&0xffffff)<<8 | uint64(k.Kind)
}

func unpack(id, rest uint64) CounterKey {
	return CounterKey{ID: id, Owner: uint32(rest >> 32), Cycle: int32(uint32(rest)) >> 8, Kind: CounterKind(rest)}
}

func hashKey(id, rest uint64) uint64 {
	hi, lo := bits.Mul64(id^0x9e3779b97f4a7c15, rest^0xd6e8feb86659fd93)
	h := hi ^ lo
	h ^= h >> 32
	return h * 0x9e3779b97f4a7c15
}

// NewCounters returns empty counters.
func NewCounters() *Counters {
	return &Counters{former: math.MinInt32, forgotten: math.MinInt32, unrolled: math.MinInt32}
}

func (c *Counters) find(k CounterKey) *entry {
	rest := k.packed()
	h := hashKey(k.ID, rest)
	s := &c.shards[h>>(64-shardBits)]
	if len(s.entries) == 0 {
		return nil
	}
	mask := uint64(len(s.entries) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		e := &s.entries[i]
		if e.id == k.ID && e.rest == rest {
			return e
		}
		if e.id == 0 {
			return nil
		}
	}
}

// entry finds or creates the entry of k. The pointer is valid until the next call.
func (c *Counters) entry(k CounterKey) *entry {
	rest := k.packed()
	h := hashKey(k.ID, rest)
	s := &c.shards[h>>(64-shardBits)]
	if s.len >= len(s.entries)-len(s.entries)/8 {
		s.resize(max(8, 2*len(s.entries)))
	}
	e := s.slot(h, k.ID, rest)
	if e.id == 0 {
		if k.Kind&ofRoot == 0 {
			c.former = max(c.former, k.Cycle)
		}
		if k.Kind.forLife() {
			c.lives = true
		}
		e.id, e.rest, e.at = k.ID, rest, -1<<flagBits
		s.len++
		c.len++
	}
	return e
}

func (s *shard) slot(h, id, rest uint64) *entry {
	mask := uint64(len(s.entries) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		e := &s.entries[i]
		if e.id == 0 || (e.id == id && e.rest == rest) {
			return e
		}
	}
}

func (s *shard) resize(n int) {
	old := s.entries
	s.entries = make([]entry, n)
	for i := range old {
		if e := &old[i]; e.id != 0 {
			*s.slot(hashKey(e.id, e.rest), e.id, e.rest) = *e
		}
	}
}

// Get returns the counter's value, including speculative additions.
func (c *Counters) Get(k CounterKey) Value {
	if e := c.find(k); e != nil {
		return e.folded.Plus(e.pending)
	}
	return Value{}
}

// Folded returns the counter's value according to the rated log, and the offset of its last delta, or -1
// if it has none.
func (c *Counters) Folded(k CounterKey) (v Value, at int64) {
	if e := c.find(k); e != nil {
		return e.folded, e.at >> flagBits
	}
	return Value{}, -1
}

// Add adds a value to the speculative part.
func (c *Counters) Add(k CounterKey, v Value) { c.entry(k).add(v) }

func (e *entry) add(v Value) { e.pending = e.pending.Plus(v) }

// ApplyAt folds a delta of the message at offset into the folded part, but only if offset is beyond the counter's
// last offset. Otherwise the counter already contains the delta. The deltas of a message must contain each counter at
// most once, like Result.Deltas.
func (c *Counters) ApplyAt(d Delta, offset int64) bool { return c.apply(c.entry(d.Key), &d, offset) }

func (c *Counters) apply(e *entry, d *Delta, offset int64) bool {
	if offset <= e.at>>flagBits {
		return false
	}
	e.folded = e.folded.Plus(d.Value)
	if e.at&dirty == 0 {
		c.dirty = append(c.dirty, d.Key)
	}
	e.at = offset<<flagBits | dirty
	return true
}

// Fold does the same as ApplyAt for a delta of this instance's own Rate: it moves the delta from
// the speculative to the folded part.
func (c *Counters) Fold(d Delta, offset int64) bool {
	e := c.entry(d.Key)
	e.pending = e.pending.Plus(d.Value.Neg())
	return c.apply(e, &d, offset)
}

// FoldAll folds the deltas of one of this instance's own batches, which the log acknowledged at offset.
func (c *Counters) FoldAll(deltas []Delta, offset int64) {
	for _, d := range deltas {
		c.Fold(d, offset)
	}
}

// Discard drops every speculative part, as if usage since the last acknowledged append had not been rated. It scans
// all counters: maintaining a list of the affected ones would cost time for each record, and the list would almost
// never be read.
func (c *Counters) Discard() {
	for i := range c.shards {
		for j := range c.shards[i].entries {
			c.shards[i].entries[j].pending = Value{}
		}
	}
}

// Restore sets a counter to its value in a checkpoint, which includes all deltas up to offset at. It does not
// mark the counter dirty.
func (c *Counters) Restore(k CounterKey, v Value, at int64) {
	e := c.entry(k)
	e.folded, e.at = v, at<<flagBits|e.at&dirty
}

// Len returns the number of counters.
func (c *Counters) Len() int { return c.len }

// Range calls f for each counter's folded value, in no particular order, until f returns false.
func (c *Counters) Range(f func(k CounterKey, v Value, at int64) bool) {
	for i := range c.shards {
		for j := range c.shards[i].entries {
			if e := &c.shards[i].entries[j]; e.id != 0 && !f(unpack(e.id, e.rest), e.folded, e.at>>flagBits) {
				return
			}
		}
	}
}

// Dirty returns the number of counters that changed since they were last taken. A sweep first calls Dirty and then
// takes that many counters; later changes are queued behind them.
func (c *Counters) Dirty() int { return len(c.dirty) - c.taken }

// TakeDirty passes the first n dirty counters to f, oldest first, and marks them clean. f must not change counters.
func (c *Counters) TakeDirty(n int, f func(k CounterKey, v Value, at int64)) {
	for ; n > 0 && c.taken < len(c.dirty); n-- {
		k := c.dirty[c.taken]
		c.taken++
		if e := c.find(k); e != nil && e.at&dirty != 0 {
			e.at &^= dirty
			f(k, e.folded, e.at>>flagBits)
		}
	}
	if c.taken > len(c.dirty)/2 {
		c.dirty = c.dirty[:copy(c.dirty, c.dirty[c.taken:])]
		c.taken = 0
	}
}

// Newest returns the latest cycle with counters, 0 if there are none.
func (c *Counters) Newest() (cycle int32) {
	c.Range(func(k CounterKey, _ Value, _ int64) bool {
		cycle = max(cycle, k.Cycle)
		return true
	})
	return cycle
}

// Forgotten returns a date: counters of cycles that began before it have been forgotten, except those of units that may
// roll over.
func (c *Counters) Forgotten() int32 { return c.forgotten }

// Unrolled returns a date, at most that of Forgotten: all counters of cycles that began before it have been forgotten, so
// no units roll over from these cycles.
func (c *Counters) Unrolled() int32 { return c.unrolled }

// Forgot records that counters were forgotten, now or earlier, up to the dates of Forgotten and Unrolled.
func (c *Counters) Forgot(before, unrolled int32) {
	c.forgotten, c.unrolled = max(c.forgotten, before), max(c.unrolled, unrolled)
}

// Forget removes the counters of cycles that began before the given day, except dirty ones and those with a speculative
// part. It calls f for each, so that their checkpoint entries can be deleted. The counter of a week, month or year is
// kept as long as usage of a cycle that is still kept may need it. The units of a SIM in a cycle are kept for the given
// number of days longer, because they may roll over to a cycle that is still kept (Catalogue.DaysRolled).
func (c *Counters) Forget(before, rolled int32, f func(CounterKey)) {
	c.Forgot(before, before-rolled)
	past := func(e *entry) bool {
		k := unpack(e.id, e.rest)
		longer := k.Kind.daysLonger()
		if k.Kind&^ofRoot == SIMUnits {
			longer = rolled
		}
		return k.Cycle < before-longer && k.Kind.inCycle() && e.at&dirty == 0 && e.pending == Value{}
	}
	for i := range c.shards {
		s := &c.shards[i]
		n := 0
		for j := range s.entries {
			if e := &s.entries[j]; e.id != 0 && past(e) {
				n++
			}
		}
		if n == 0 {
			continue
		}
		old := s.entries
		left := s.len - n
		size := 8
		for size-size/8 <= left {
			size *= 2
		}
		s.entries = make([]entry, size)
		for j := range old {
			e := &old[j]
			if e.id == 0 {
				continue
			}
			if past(e) {
				f(unpack(e.id, e.rest))
				continue
			}
			*s.slot(hashKey(e.id, e.rest), e.id, e.rest) = *e
		}
		s.len = left
		c.len -= n
	}
}
