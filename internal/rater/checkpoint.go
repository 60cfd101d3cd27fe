package rater

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
	"ratemill/rating"
	"ratemill/udr"
)

// An entry of the checkpoint topic is a true statement: "with everything up to this offset of the rated log, this part
// of the state has this value". Its key is (part, epoch of the writer); its value begins with a version byte and the
// offset.
const (
	counterEntry = 'c' // a counter
	fileEntry    = 'f' // progress of a file
	seenEntry    = 'd' // a block of duplicate keys
	undatedEntry = 's' // from an earlier version: its keys contain only the hour of use
	partsEntry   = 'p' // the charges for the parts of a session
	lowEntry     = 'l' // the low-water mark: every entry is at least as new as this offset

	entryVersion = 1
)

// entrySizes holds, for each kind, the bytes of the part, of its smallest value, and of each repeated element.
var entrySizes = map[byte]struct{ part, value, more int }{
	counterEntry: {18, 25, 1}, fileEntry: {17, 25, 1}, seenEntry: {18, 25, len(udr.DuplicateKey{})},
	undatedEntry: {18, 25, len(udr.DuplicateKey{})}, lowEntry: {1, 25, 1},
	partsEntry: {13, 9, 1},
}

// lowWater is the position at which replay begins after a restore.
type lowWater struct {
	next  int64 // offset of the rated log
	input int64 // input position of the fold there
	epoch int64 // epoch of the fold there
}

// older is an entry of an older epoch that a restore found; an owner that rewrites its part deletes it with a
// tombstone.
type older struct {
	part  uint64 // hash of the key without epoch
	epoch int64  // 0: buried
}

func (o *Owner) key(part []byte) []byte { return keyOf(part, o.epoch) }

func keyOf(part []byte, epoch int64) []byte {
	if !safeguard.On(safeguard.CheckpointEpochs) {
		epoch = 0
	}
	return binary.BigEndian.AppendUint64(slices.Clip(part), uint64(epoch))
}

func counterPart(k rating.CounterKey) []byte { return k.AppendKey([]byte{counterEntry}) }

// partsPart begins with the SIM, as a counter's key does.
func partsPart(k rating.SessionKey) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32([]byte{partsEntry}, k.SIM), k.ID)
}

func parsePartsPart(part []byte) rating.SessionKey {
	return rating.SessionKey{SIM: binary.BigEndian.Uint32(part[1:]), ID: binary.BigEndian.Uint64(part[5:])}
}

func filePart(id udr.FileID) []byte { return append([]byte{fileEntry}, id[:]...) }

func value(at int64, fields ...int64) []byte {
	v := make([]byte, 1, 9+8*len(fields))
	v[0] = entryVersion
	v = binary.BigEndian.AppendUint64(v, uint64(at))
	for _, f := range fields {
		v = binary.BigEndian.AppendUint64(v, uint64(f))
	}
	return v
}

// sweep writes the changes since the last sweep, a portion at a time, and then the low-water mark. It needs no pause:
// state that changes later is dirty again.
type sweep struct {
	low      lowWater
	counters int // number of dirty counters left to write
	sessions int
	files    []udr.FileID
	blocks   []blockID
	gone     [][]byte // forgotten parts, to be deleted together with the mark; before the mark, their files could arrive again
}

// beginSweep must be called when nothing is in flight, like everything that follows. Changes since the last sweep are
// written before a later sweep forgets them. If one sweep wrote and deleted a part, and the part were used in between,
// that use would be lost.
func (o *Owner) beginSweep(ctx context.Context) error {
	first, end, err := o.Broker.Bounds(ctx, o.Topics.Usage, o.Partition)
	if err != nil {
		return err
	}
	s := &sweep{low: o.lowWater()}
	if o.next >= o.horizon.end {
		// Messages that a mediator sent twice are after the file's end in the topic, and may still be
		// there when the end has been deleted. Everything that was in the topic when the end was
		// deleted is decided, and the low-water mark of this sweep records that.
		o.state.forgetClosed(o.horizon.first, func(id udr.FileID) { s.gone = append(s.gone, filePart(id)) })
		o.horizon = horizon{first, end}
	}
	now := o.Clock.Now().Unix()
	newest := max(o.state.seen.last, o.state.undated.last)
	o.state.seen.forget(now, newest, func(id blockID) { s.gone = append(s.gone, id.part(seenEntry)) })
	o.state.undated.forget(now, newest, func(id blockID) { s.gone = append(s.gone, id.part(undatedEntry)) })
	if today := int32(now / 86400); today > o.lookedAt && o.DaysKept > 0 { // it scans all counters
		// This machine's clock may be ahead, so a cycle must also be old compared with the newest cycle. The low-water
		// mark records what was forgotten, so that no later owner starts such a cycle at zero (docs/decisions/010).
		o.state.counters.Forget(min(today, o.state.counters.Newest())-o.DaysKept, o.daysRolled(), func(k rating.CounterKey) {
			s.gone = append(s.gone, counterPart(k))
		})
		o.lookedAt = today
	}
	o.forgetSessions(now, s)
	slices.SortFunc(s.gone, bytes.Compare)
	s.counters, s.sessions = o.state.counters.Dirty(), o.state.counters.Sessions.Dirty()
	s.files, o.state.dirtyFiles = o.state.dirtyFiles, nil
	s.blocks, o.state.seen.dirty = o.state.seen.dirty, nil
	o.sweeping = s
	return nil
}

// daysRolled returns the number of days for which units are kept longer because they may roll over: the largest number
// of the catalogues by which this owner has rated. An owner that has not rated yet keeps them as long as any catalogue could
// need them.
func (o *Owner) daysRolled() int32 {
	if len(o.engines) == 0 {
		return rating.MostDaysRolled
	}
	return o.rolled
}

// forgetSessions forgets the sessions that are over, once an hour because it scans all of them. As for counters, this
// machine's clock alone is not enough: usage from after the session must also have arrived.
func (o *Owner) forgetSessions(now int64, s *sweep) {
	if now/3600 == o.pastAt {
		return
	}
	o.pastAt = now / 3600
	sessions := &o.state.counters.Sessions
	at := min(now, sessions.Newest())
	if !safeguard.On(safeguard.SessionsByUsage) {
		at = now
	}
	sessions.Forget(at, func(k rating.SessionKey) { s.gone = append(s.gone, partsPart(k)) })
}

// lowered records the newest low-water mark. A restore needs nothing before it.
func (o *Owner) lowered(low lowWater) {
	o.marked = low
	o.Progress.StoredRated.Store(low.next)
	o.Progress.StoredUsage.Store(low.input + 1)
}

// lowWater returns the present mark. Its input position includes skipped input, which the rated log does not
// contain: the usage topic may delete it before anything follows.
func (o *Owner) lowWater() lowWater {
	return lowWater{next: o.known, input: o.next - 1, epoch: o.fold.Epoch}
}

// horizon is the end of the usage topic at a moment.
type horizon struct{ first, end int64 }

// A portion is the content of one append.
const (
	defaultPortion = 4000
	portionBytes   = 512 << 10
)

// continueSweep writes a portion, or the low-water mark when nothing is left. Each statement describes the
// present state, which contains everything up to the last known offset.
func (o *Owner) continueSweep(ctx context.Context) error {
	s, at := o.sweeping, o.known-1
	var entries, graves []broker.Message
	size := 0
	put := func(part, value []byte) {
		entries = append(entries, broker.Message{Key: o.key(part), Value: value})
		size += len(part) + len(value)
		if safeguard.On(safeguard.CheckpointEpochs) {
			graves = o.buryOlder(graves, part)
		}
	}
	portion := cmp.Or(o.Portion, defaultPortion)
	n := min(s.counters, portion)
	s.counters -= n
	o.state.counters.TakeDirty(n, func(k rating.CounterKey, v rating.Value, _ int64) {
		if !safeguard.On(safeguard.AcknowledgedOnly) {
			v = o.state.counters.Get(k)
		}
		put(counterPart(k), value(at, v.Hi, int64(v.Lo)))
	})
	n = min(s.sessions, max(0, portion-len(entries)))
	s.sessions -= n
	o.state.counters.Sessions.TakeDirty(n, func(k rating.SessionKey, session *rating.Session) {
		if !safeguard.On(safeguard.AcknowledgedOnly) {
			*session, _ = o.state.counters.Sessions.Get(k)
		}
		put(partsPart(k), rating.AppendSession(value(at), session))
	})
	for len(s.files) > 0 && len(entries) < portion {
		id := s.files[0]
		s.files = s.files[1:]
		if f := o.state.files[id]; f != nil && f.dirty {
			f.dirty = false
			put(filePart(id), value(at, int64(f.high), f.closed))
		}
	}
	for len(s.blocks) > 0 && len(entries) < portion && size < portionBytes {
		// A block that was split while it waited here is written as the blocks into which it was split: those are dirty
		// for the next sweep, whose low-water mark refers to them.
		for _, id := range o.state.seen.now(s.blocks[0]) {
			if hour, keys, ok := o.state.seen.take(id); ok {
				v := value(at, hour.touched, hour.within)
				for i := range keys {
					v = append(v, keys[i][:]...)
				}
				put(id.part(seenEntry), v)
			}
		}
		s.blocks = s.blocks[1:]
	}
	if len(entries) == 0 && (s.counters > 0 || s.sessions > 0 || len(s.files) > 0 || len(s.blocks) > 0) {
		return nil // all of this portion was written since it changed
	}
	if len(entries) == 0 {
		for ; len(s.gone) > 0 && len(graves) < portion; s.gone = s.gone[1:] {
			graves = o.bury(graves, s.gone[0])
		}
		if !safeguard.On(safeguard.LowMarkAtStart) {
			s.low = o.lowWater()
		}
		put([]byte{lowEntry}, value(s.low.next-1, s.low.input, s.low.epoch, int64(o.state.counters.Forgotten()),
			int64(o.state.counters.Unrolled())))
		if len(s.gone) == 0 {
			o.sweeping = nil
			o.swept = o.Clock.Now()
			o.lowered(s.low)
		}
	}
	// Every append ends with an entry. If the topic's last message were a tombstone, compaction could leave an end
	// that no fetch reaches.
	out := append(graves, entries...)
	unsure := false
	err := o.until(ctx, "write a checkpoint", func() error {
		if unsure && safeguard.On(safeguard.FreshKeys) {
			if err := o.renew(ctx, out); err != nil {
				return err
			}
		}
		_, err := o.Broker.Append(ctx, o.Topics.Checkpoint, o.Partition, out).Wait(ctx)
		unsure = broker.Unavailable(err)
		return err
	})
	if errors.Is(err, broker.ErrTooLarge) {
		return &ratedlog.StoppedError{Topic: o.Topics.Usage, Partition: o.Partition, Offset: o.next, Kind: control.StopOther,
			Reason: fmt.Sprintf("the checkpoint before it cannot be written: %s/%d: %v; set max.message.bytes of the topic and message.max.bytes "+
				"of the brokers to %d or more, then try again",
				o.Topics.Checkpoint, o.Partition, err, broker.MaxMessageBytes)}
	}
	return err
}

// renew takes a new epoch for the entries of an append with an unknown outcome, so that an entry that arrives late
// cannot hide later entries. Entries under one key are thus in the order of the states that they describe.
func (o *Owner) renew(ctx context.Context, out []broker.Message) error {
	before := o.epoch
	at, err := o.mark(ctx)
	if err != nil {
		return err
	}
	ours := o.epoch
	if at < o.known {
		return ratedlog.Shorter(o.Topics.Rated, o.Partition, at, o.known, "decided")
	}
	err = o.catchUp(ctx, at, func(ctx context.Context, m *broker.Message) error {
		epoch, _, _, err := ratedlog.ParseHeader(m.Value)
		if err != nil {
			return o.unreadable(m, err)
		}
		if epoch > before && epoch != ours {
			return o.newer(ctx, m, epoch, before)
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.known, o.fold.Epoch = at+1, ours
	for i := range out {
		if out[i].Value != nil {
			part := out[i].Key[:len(out[i].Key)-8]
			out[i].Key = o.key(part)
			o.older = append(o.older, older{xxhash.Sum64(part), before})
		}
	}
	o.sortOlder()
	return nil
}

// bury appends tombstones for every entry of a part: the owner's own entries, for each of its epochs, and those
// of earlier owners.
func (o *Owner) bury(out []broker.Message, part []byte) []broker.Message {
	for _, epoch := range o.epochs {
		out = append(out, broker.Message{Key: keyOf(part, epoch)})
	}
	return o.buryOlder(out, part)
}

// buryOlder appends tombstones for the entries of this part that earlier owners wrote, to come after this
// owner's own.
func (o *Owner) buryOlder(out []broker.Message, part []byte) []broker.Message {
	h := xxhash.Sum64(part)
	i, _ := slices.BinarySearchFunc(o.older, h, func(e older, h uint64) int { return cmp.Compare(e.part, h) })
	for ; i < len(o.older) && o.older[i].part == h; i++ {
		if o.older[i].epoch != 0 {
			out = append(out, broker.Message{Key: binary.BigEndian.AppendUint64(slices.Clip(part), uint64(o.older[i].epoch))})
			o.older[i].epoch = 0
		}
	}
	return out
}

func (o *Owner) sortOlder() {
	slices.SortFunc(o.older, func(a, b older) int {
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.epoch, b.epoch))
	})
}

// restore reads the checkpoint topic, then replays the rated log from the low-water mark up to its present end. at is
// the offset of this owner's epoch mark.
func (o *Owner) restore(ctx context.Context, at int64) error {
	began := o.Clock.Now()
	o.state, o.fold, o.older, o.stated = newState(o.BlockKeys), ratedlog.NewFold(), nil, statement{at: -1}
	low := lowWater{next: 0, input: -1}
	entries := 0
	err := o.read(ctx, o.Topics.Checkpoint, func(m *broker.Message) error {
		entries++
		return o.restoreEntry(ctx, m, &low)
	})
	if err != nil {
		return err
	}
	o.sortOlder()
	o.fold = ratedlog.Fold{Epoch: low.epoch, Input: low.input}
	if !safeguard.On(safeguard.LowMarkPosition) {
		o.fold.Input = -1
	}
	o.known = low.next
	o.lowered(low)
	first, end, err := o.bounds(ctx, o.Topics.Rated)
	if err != nil {
		return err
	}
	switch {
	case first > at:
		return fmt.Errorf("partition %d was idle for so long that the retention of %s deleted its epoch mark; its owner "+
			"takes the partition again",
			o.Partition, o.Topics.Rated)
	case first > low.next:
		if err := o.onlyMarksAreGone(ctx, low, first); err != nil {
			return err
		}
		o.known = first
	}
	if err := o.keeps(ctx, first, at); err != nil {
		return err
	}
	if err := o.replay(ctx, end); err != nil {
		return err
	}
	o.Log.Info("partition restored", "partition", o.Partition, "epoch", o.epoch, "checkpoint_entries", entries,
		"counters", o.state.counters.Len(), "sessions", o.state.counters.Sessions.Len(), "replayed", end-low.next, "took",
		o.Clock.Now().Sub(began).Round(time.Millisecond))
	return nil
}

// onlyMarksAreGone reports whether the messages that the rated log has deleted after the low-water mark are irrelevant.
// If no usage was sent to the partition since then, they were epoch marks of owners without usage, and repetitions that
// do not count.
func (o *Owner) onlyMarksAreGone(ctx context.Context, low lowWater, first int64) error {
	_, end, err := o.bounds(ctx, o.Topics.Usage)
	if err == nil && end > low.input+1 {
		err = o.gone(&broker.OffsetGoneError{Topic: o.Topics.Rated, Partition: o.Partition, Wanted: low.next, First: first})
	}
	return err
}

func (o *Owner) restoreEntry(ctx context.Context, m *broker.Message, low *lowWater) error {
	if len(m.Key) < 9 {
		return fmt.Errorf("checkpoint %s/%d offset %d: ratemill did not write a key of %d bytes", o.Topics.Checkpoint, o.Partition, m.Offset,
			len(m.Key))
	}
	if m.Value == nil {
		return nil
	}
	part, epoch := m.Key[:len(m.Key)-8], int64(binary.BigEndian.Uint64(m.Key[len(m.Key)-8:]))
	if epoch > o.epoch && safeguard.On(safeguard.NewerEntries) {
		return o.newerEntry(ctx, m, epoch)
	}
	v := m.Value
	if len(v) > 0 && v[0] != entryVersion {
		return fmt.Errorf("checkpoint %s/%d offset %d: this program does not support version %d of an entry; run the newer "+
			"one", o.Topics.Checkpoint,
			o.Partition, m.Offset, v[0])
	}
	if size, known := entrySizes[part[0]]; known && (len(part) != size.part || len(v) < size.value || (len(v)-size.value)%size.more != 0) {
		return fmt.Errorf("checkpoint %s/%d offset %d: ratemill did not write an entry of kind %q with a key of %d bytes and a value of %d",
			o.Topics.Checkpoint, o.Partition, m.Offset, part[0], len(m.Key), len(v))
	}
	field := func(i int) int64 { return int64(binary.BigEndian.Uint64(v[1+8*i:])) }
	if epoch < o.epoch {
		o.older = append(o.older, older{xxhash.Sum64(part), epoch})
	}
	at := field(0)
	if 0 < epoch && epoch <= o.epoch { // true for all entries unless a step is left out
		o.stated.take(at, epoch)
	}
	switch part[0] {
	case counterEntry:
		k, err := rating.ParseKey(part[1:])
		if err != nil {
			return err
		}
		if _, had := o.state.counters.Folded(k); at >= had {
			o.state.counters.Restore(k, rating.Value{Hi: field(1), Lo: uint64(field(2))}, at)
		}
	case fileEntry:
		o.state.restoreFile(udr.FileID(part[1:]), uint64(field(1)), field(2))
	case seenEntry:
		o.state.seen.restore(parseBlock(part), field(1), field(2), v[25:])
	case undatedEntry:
		o.state.undated.restore(parseBlock(part), field(1), field(2), v[25:])
	case partsEntry:
		session, err := rating.ParseSession(v[9:])
		if err != nil {
			return fmt.Errorf("checkpoint %s/%d offset %d: %w", o.Topics.Checkpoint, o.Partition, m.Offset, err)
		}
		o.state.counters.Sessions.Restore(parsePartsPart(part), session)
	case lowEntry:
		if next, input := at+1, field(1); next > low.next || next == low.next && input > low.input {
			*low = lowWater{next: next, input: input, epoch: field(2)}
		}
		if len(v) >= 33 && safeguard.On(safeguard.ForgottenMarked) { // earlier versions of ratemill did not record it
			unrolled := field(3)
			if len(v) >= 41 { // earlier versions kept no units longer to let them roll over
				unrolled = field(4)
			}
			o.state.counters.Forgot(int32(field(3)), int32(unrolled))
		}
	default:
		return fmt.Errorf("checkpoint %s/%d offset %d: this program does not support entries of kind %q; run the newer "+
			"one", o.Topics.Checkpoint,
			o.Partition, m.Offset, part[0])
	}
	return nil
}

func (s *state) restoreFile(id udr.FileID, high uint64, closed int64) {
	f := s.files[id]
	if f == nil {
		f = &file{}
		s.files[id] = f
	}
	f.high, f.closed = max(f.high, high), max(f.closed, closed)
}

// part returns the block's key in checkpoints, without epoch.
func (id blockID) part(kind byte) []byte {
	b := binary.BigEndian.AppendUint64([]byte{kind}, id.source)
	b = binary.BigEndian.AppendUint32(b, uint32(id.hour.hour))
	return binary.BigEndian.AppendUint32(append(b, id.bits), id.index)
}

func parseBlock(part []byte) blockID {
	return blockID{hour{binary.BigEndian.Uint64(part[1:]), int32(binary.BigEndian.Uint32(part[9:]))}, part[13],
		binary.BigEndian.Uint32(part[14:])}
}

// read passes every message of a compacted topic's partition to f, up to an end that no longer moves. If compaction
// removed an entry during the read, a newer message contains it, and that message may be beyond the previous end.
func (o *Owner) read(ctx context.Context, topic string, f func(*broker.Message) error) error {
	next, end, err := o.bounds(ctx, topic)
	for ; err == nil; _, end, err = o.bounds(ctx, topic) {
		if next >= end {
			return nil
		}
		for next < end {
			if err := o.refetch(ctx, topic, next); err != nil {
				return err
			}
			for i := range o.fetched {
				if err := f(&o.fetched[i]); err != nil {
					return err
				}
				next = o.fetched[i].Offset + 1
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if !safeguard.On(safeguard.StandingEnd) {
			return nil
		}
	}
	return err
}
