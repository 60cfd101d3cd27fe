package rater

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// The checkpoint entries of version 1, as that version wrote them: key, then value. Later versions must always read
// them.
var version1 = []struct{ what, key, value string }{
	{"counter", "63" + "01" + "0000002a" + "00004e20" + "00000000000000ff" + "0000000000000003", "01" + "0000000000000064" +
		"0000000000000000" + "00000000000003e8"},
	{"file", "66" + "0102030405060708090a0b0c0d0e0f10" + "0000000000000003", "01" + "0000000000000064" + "0000000000000007" +
		"0000000000000009"},
	{"keys", "73" + "0000000000000001" + "00000010" + "00" + "00000000" + "0000000000000003", "01" + "0000000000000064" + "0000000069c00000" +
		"0000000000093a80" + "0102030405060708090a0b0c"},
	{"low-water mark", "6c" + "0000000000000003", "01" + "0000000000000063" + "0000000000000031" + "0000000000000002"},
}

func TestCheckpointEntriesOfVersion1AreRead(t *testing.T) {
	o := &Owner{epoch: 4, state: newState(0)}
	low := lowWater{input: -1}
	for _, e := range version1 {
		key, err := hex.DecodeString(e.key)
		require.NoError(t, err)
		value, err := hex.DecodeString(e.value)
		require.NoError(t, err)
		require.NoError(t, o.restoreEntry(t.Context(), &broker.Message{Key: key, Value: value}, &low), e.what)
	}
	v, at := o.state.counters.Folded(rating.CounterKey{Kind: rating.SIMUnits, Owner: 42, Cycle: 20000, ID: 255})
	require.EqualValues(t, 1000, v.Units())
	require.EqualValues(t, 100, at)
	high, closed := o.state.decided(udr.FileID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	require.EqualValues(t, 7, high)
	require.True(t, closed)
	require.True(t, o.state.undated.Has(hour{source: 1, hour: 16}, udr.DuplicateKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}))
	require.Equal(t, lowWater{next: 100, input: 49, epoch: 2}, low)
	require.Len(t, o.older, 4, "entries of epoch 3 are to be buried by epoch 4")

	key, err := hex.DecodeString("6c0000000000000003")
	require.NoError(t, err)
	err = o.restoreEntry(t.Context(), &broker.Message{Key: key, Value: []byte{2, 0, 0, 0, 0, 0, 0, 0, 1}}, &low)
	require.ErrorContains(t, err, "run the newer one", "an entry of a later version stops the restore")
	err = o.restoreEntry(t.Context(), &broker.Message{Key: []byte("z\x00\x00\x00\x00\x00\x00\x00\x03"), Value: value(1)}, &low)
	require.ErrorContains(t, err, "this program does not support entries of kind 'z'; run the newer one",
		"so does one of a kind that only a later version has")
	err = o.restoreEntry(t.Context(), &broker.Message{Key: []byte("l\x00\x00\x00\x00\x00\x00\x00\x09"), Value: value(1, 1, 1)}, &low)
	var fenced *FencedError
	require.ErrorAs(t, err, &fenced)
}

// TestAnEntryThatNobodyWroteStopsTheRestore: it does not stop the process.
func TestAnEntryThatNobodyWroteStopsTheRestore(t *testing.T) {
	o := &Owner{epoch: 4, state: newState(0)}
	low := lowWater{input: -1}
	for _, e := range version1 {
		key, err := hex.DecodeString(e.key)
		require.NoError(t, err)
		value, err := hex.DecodeString(e.value)
		require.NoError(t, err)
		for _, m := range []broker.Message{
			{Key: key, Value: []byte{}}, {Key: key, Value: value[:9]}, {Key: key, Value: value[:len(value)-1]},
			{Key: append([]byte{key[0]}, key[len(key)-8:]...), Value: value[:9]},
			{Key: slices.Insert(slices.Clone(key), 1, 0), Value: value}, {Key: key[:8], Value: value},
		} {
			require.Error(t, o.restoreEntry(t.Context(), &m, &low), "%s: %x %x", e.what, m.Key, m.Value)
		}
	}
}

// TestSeenHoldsWhatAModelHolds splits blocks many times over.
func TestSeenHoldsWhatAModelHolds(t *testing.T) {
	var s Seen
	model := map[udr.DuplicateKey]bool{}
	h := hourOf("skylink", 1_773_702_602_000_000_000)
	key := func(i int) (k udr.DuplicateKey) {
		x := uint64(i)*0x9e3779b97f4a7c15 + 1
		for j := range k {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			k[j] = byte(x)
		}
		return k
	}
	for i := range 50_000 {
		k := key(i % 40_000)
		require.Equal(t, model[k], s.Has(h, k))
		s.Add(h, k, int64(i), 3600) // a clock that runs behind: it is not before the hour's end
		model[k] = true
	}
	require.Equal(t, len(model), s.Len())
	size := 0
	for _, b := range s.hours {
		for i := range b.blocks {
			size += cap(b.blocks[i].keys) * len(udr.DuplicateKey{})
		}
	}
	require.Less(t, size, 16*len(model), "bytes a key")

	var restored Seen
	for _, was := range s.dirty {
		for _, id := range s.now(was) {
			if hours, keys, ok := s.take(id); ok {
				var raw []byte
				for i := range keys {
					raw = append(raw, keys[i][:]...)
				}
				restored.restore(id, hours.touched, hours.within, raw)
			}
		}
	}
	for k := range model {
		require.True(t, restored.Has(h, k), "a checkpoint of the dirty blocks holds every key")
	}
	dropped := 0
	late := s.last + 3600 + 3600/renewed + 1
	s.forget(late, late-1, func(blockID) { dropped++ })
	s.forget(late-1, late, func(blockID) { dropped++ })
	require.Zero(t, dropped, "a clock that runs ahead forgets nothing, nor does usage of later on")
	s.forget(late, late, func(blockID) { dropped++ })
	require.Zero(t, s.Len(), "nothing came for as long as keys are kept")
	require.NotZero(t, dropped)
}

// TestAKeyIsFoundWhereBinarySearchFindsIt: in blocks of hashes, and in blocks in which the guess is as wrong as
// possible.
func TestAKeyIsFoundWhereBinarySearchFindsIt(t *testing.T) {
	for seed := range seeds.Each(t, 10, 10) {
		keysAreFound(t, rand.New(rand.NewPCG(seed, 2)))
	}
}

func keysAreFound(t *testing.T, random *rand.Rand) {
	kinds := map[string]func(k *udr.DuplicateKey){
		"hashes": func(k *udr.DuplicateKey) {
			binary.BigEndian.PutUint64(k[:], random.Uint64())
			k[11] = byte(random.Uint32())
		},
		"all low": func(k *udr.DuplicateKey) { binary.BigEndian.PutUint32(k[8:], random.Uint32()) },
		"all high": func(k *udr.DuplicateKey) {
			binary.BigEndian.PutUint64(k[:], math.MaxUint64)
			k[8] = byte(random.Uint32())
		},
		"at both ends":  func(k *udr.DuplicateKey) { k[0] = byte(-int(random.Uint32() & 1)); k[11] = byte(random.Uint32()) },
		"ever narrower": func(k *udr.DuplicateKey) { binary.BigEndian.PutUint64(k[:], random.Uint64()>>random.UintN(64)) },
	}
	for kind, fill := range kinds {
		for range 10 {
			shared := uint8(random.UintN(25))
			prefix := uint32(random.Uint64()) &^ (math.MaxUint32 >> shared)
			key := func() (k udr.DuplicateKey) {
				fill(&k)
				first := uint64(prefix)<<32 | binary.BigEndian.Uint64(k[:])>>shared
				binary.BigEndian.PutUint64(k[:], first)
				return k
			}
			b := block{keys: make([]udr.DuplicateKey, random.IntN(1200))}
			for i := range b.keys {
				b.keys[i] = key()
			}
			slices.SortFunc(b.keys, func(x, y udr.DuplicateKey) int { return bytes.Compare(x[:], y[:]) })
			b.keys = slices.Compact(b.keys)
			asked := key()
			for _, k := range append([]udr.DuplicateKey{asked}, b.keys...) {
				want := sort.Search(len(b.keys), func(i int) bool { return bytes.Compare(b.keys[i][:], k[:]) >= 0 })
				at, found := b.find(k, shared)
				require.Equal(t, want, at, "%s: %x among %d keys that share %d bits", kind, k, len(b.keys), shared)
				require.Equal(t, want < len(b.keys) && b.keys[want] == k, found)
			}
		}
	}
}

// TestASweepHoldsTheKeysOfABlockThatWasSplitBeforeItsTurn: its low-water mark says so, and a restore replays nothing
// before it.
func TestASweepHoldsTheKeysOfABlockThatWasSplitBeforeItsTurn(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	h := hourOf("skylink", 1_773_702_602_000_000_000)
	key := func(i int) udr.DuplicateKey { return udr.DuplicateKey{byte(i * 37), byte(i)} }
	add := func(from, to int) {
		for i := from; i < to; i++ {
			o.state.seen.Add(h, key(i), 1_773_700_000, 1e9)
		}
	}
	add(0, blockSize)
	require.NoError(t, o.beginSweep(t.Context()))
	add(blockSize, blockSize+200)
	for o.sweeping != nil {
		require.NoError(t, o.continueSweep(t.Context()))
	}
	next := ownerOf(l, 2)
	require.NoError(t, next.take(t.Context()))
	for i := range blockSize {
		require.True(t, next.state.seen.Has(h, key(i)), "key %d was there when the sweep began", i)
	}
}

// TestKeysOfAnHourThatIsForgottenAndComesAgainAreKept: the sweep that forgets an hour buries its entries at the end, so
// the next sweep must write keys that came meanwhile.
func TestKeysOfAnHourThatIsForgottenAndComesAgainAreKept(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	o.BlockKeys = 2
	require.NoError(t, o.take(t.Context()))
	h := hourOf("skylink", 1_773_702_602_000_000_000)
	add := func(n byte, keys ...byte) {
		for _, k := range keys {
			o.state.seen.Add(h, udr.DuplicateKey{k, n}, o.Clock.Now().Unix(), 3600)
		}
	}
	end := func() {
		for o.sweeping != nil {
			require.NoError(t, o.continueSweep(t.Context()))
		}
	}
	add(1, 0x11, 0x99)
	require.NoError(t, o.beginSweep(t.Context()))
	add(1, 0x22)
	end()
	o.Clock.(*still).at += 3 * 3600
	later := o.Clock.Now().Unix()
	o.state.seen.Add(hourOf("other", udr.Instant(later*1e9)), udr.DuplicateKey{1}, later, 1e9) // usage of that time has come
	require.NoError(t, o.beginSweep(t.Context()))
	require.Equal(t, 1, o.state.seen.Len())
	add(2, 0x11, 0x99, 0x22)
	end()
	require.NoError(t, o.beginSweep(t.Context()))
	end()
	l.compact(o.Topics.Checkpoint)
	next := ownerOf(l, 2)
	require.NoError(t, next.take(t.Context()))
	for _, k := range []byte{0x11, 0x99, 0x22} {
		require.True(t, next.state.seen.Has(h, udr.DuplicateKey{k, 2}), "key %x", k)
	}
}

// sweepNow writes a whole checkpoint if one is due.
func (o *Owner) sweepNow(t *testing.T) {
	if !o.dirty() {
		return
	}
	require.NoError(t, o.beginSweep(t.Context()))
	for o.sweeping != nil {
		require.NoError(t, o.continueSweep(t.Context()))
	}
}

func TestAPartitionWithoutUsageIsTakenForEver(t *testing.T) {
	l := logs{}
	topics := broker.TopicsUnder("test")
	for epoch := range int64(4) {
		o := ownerOf(l, epoch+1)
		require.NoError(t, o.take(t.Context()))
		o.sweepNow(t)
		require.False(t, o.dirty(), "a sweep is not a reason for the next")
		l.forget(topics.Rated, l[topics.Rated].end) // months later
		l.of(topics.Usage)
	}
}

func TestWhatTheRatedLogForgotStopsARestoreUnlessItWasMarksAlone(t *testing.T) {
	l := logs{}
	topics := broker.TopicsUnder("test")
	require.NoError(t, ownerOf(l, 1).take(t.Context()))
	l.forget(topics.Rated, 1) // the mark of an owner that ended before its first checkpoint
	o := ownerOf(l, 2)
	require.NoError(t, o.take(t.Context()), "no usage was ever sent: nothing but marks is gone")
	o.sweepNow(t)
	l.forget(topics.Rated, 2)
	l.Append(t.Context(), topics.Usage, 0, []broker.Message{{Value: []byte("usage")}})
	l.Append(t.Context(), topics.Rated, 0, []broker.Message{{Value: ratedlog.AppendHeader(nil, 2, 0, &udr.Batch{}, 1)}})
	l.forget(topics.Rated, 3) // with what was rated of it
	err := ownerOf(l, 3).take(t.Context())
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, err, &stopped)
	require.Equal(t, topics.Rated, stopped.Topic)
	require.EqualValues(t, 2, stopped.Offset)
	require.ErrorContains(t, err, "no longer has offset 2; its first offset is 3")
}

// TestWhatIsForgottenIsBuried: entries of files, duplicate keys and counters of old cycles leave the checkpoints,
// including the entries of former owners and of an owner's former epochs, and every append ends with an entry that
// compaction keeps.
func TestWhatIsForgottenIsBuried(t *testing.T) {
	l := logs{}
	topics := broker.TopicsUnder("test")
	h := hourOf("skylink", 1_773_702_602_000_000_000)
	today := int32(testNow / 86400)
	old, kept := rating.CounterKey{ID: 1, Owner: 7, Cycle: today - daysKept - 1, Kind: rating.SIMUnits},
		rating.CounterKey{ID: 1, Owner: 7, Cycle: today - daysKept + 1, Kind: rating.SIMUnits}
	current := rating.CounterKey{ID: 1, Owner: 7, Cycle: today, Kind: rating.SIMUnits}
	change := func(o *Owner, n byte) {
		o.state.counters.ApplyAt(rating.Delta{Key: old, Value: rating.UnitsValue(5)}, o.known)
		o.state.counters.ApplyAt(rating.Delta{Key: kept, Value: rating.UnitsValue(5)}, o.known)
		o.state.counters.ApplyAt(rating.Delta{Key: current, Value: rating.UnitsValue(5)}, o.known)
		o.state.advance(udr.FileID{n}, 1, 1)
		o.state.seen.Add(h, udr.DuplicateKey{n}, testNow, 60)
		l.Append(t.Context(), topics.Rated, 0, []broker.Message{{Value: ratedlog.AppendMark(nil, o.epoch)}})
		o.known++
	}
	a := ownerOf(l, 1)
	a.Portion = 1
	require.NoError(t, a.take(t.Context()))
	change(a, 1)
	a.sweepNow(t)
	_, err := a.mark(t.Context()) // as after an append without an answer
	require.NoError(t, err)
	change(a, 2)
	a.sweepNow(t)

	b := ownerOf(l, 3)
	b.Portion = 1
	b.engines = map[string]*rating.Engine{"without rollover": nil}
	require.NoError(t, b.take(t.Context()))
	change(b, 3)
	b.sweepNow(t) // writes the changes, and forgets nothing of them
	require.EqualValues(t, 5*3, settled(b, old))
	require.Contains(t, fmt.Sprint(l.compacted(topics.Checkpoint)), string(counterPart(old)))

	b.Clock.(*still).at += 86400
	newer := blockID{hour: hourOf("other", (testNow+86400)*1e9)}
	b.state.seen.Add(newer.hour, udr.DuplicateKey{9}, testNow+86400, 60)
	l.forget(topics.Usage, 0)
	l.of(topics.Usage).first = 5
	b.horizon = horizon{first: 5}
	b.known++
	b.sweepNow(t)
	require.Zero(t, settled(b, old))
	require.EqualValues(t, 5*3, settled(b, kept))
	for key := range l.compacted(topics.Checkpoint) {
		require.Contains(t, []string{string(counterPart(kept)), string(counterPart(current)), string([]byte{lowEntry}),
			string(newer.part(seenEntry))}, key[:len(key)-8], "what the checkpoints still have")
	}
	c := l.of(topics.Checkpoint)
	for _, n := range c.ends {
		require.NotNil(t, c.kept[n-1].Value, "the last message of an append at offset %d", n-1)
	}
}

// TestAClockThatRunsAheadEmptiesNoPool: an old cycle is forgotten only if usage of a much later cycle has come, too.
func TestAClockThatRunsAheadEmptiesNoPool(t *testing.T) {
	o := ownerOf(logs{}, 1)
	require.NoError(t, o.take(t.Context()))
	k := rating.CounterKey{ID: 1, Owner: 7, Cycle: int32(testNow / 86400), Kind: rating.AccountUnits}
	o.state.counters.ApplyAt(rating.Delta{Key: k, Value: rating.UnitsValue(5)}, o.known)
	o.known++
	o.sweepNow(t)
	o.Clock.(*still).at += 2 * 366 * 86400
	o.known++
	o.sweepNow(t)
	require.EqualValues(t, 5, settled(o, k))
}

func settled(o *Owner, k rating.CounterKey) int64 {
	v, _ := o.state.counters.Folded(k)
	return v.Units()
}

// TestAnOrderIsForWhatCannotBeRead: all owners must reach the same state from the rated log. So an owner that restores
// counts every message that the appending owner counted, even if somebody ordered to skip it for a sink.
func TestAnOrderIsForWhatCannotBeRead(t *testing.T) {
	topics := broker.TopicsUnder("test")
	k := rating.CounterKey{ID: 1, Owner: 7, Cycle: 20500, Kind: rating.SIMUnits}
	batch := func(input int64, file byte, last uint64) []byte {
		return ratedlog.AppendDeltas(ratedlog.AppendHeader(nil, 1, input, &udr.Batch{File: udr.FileID{file}, Last: last}, last),
			[]rating.Delta{{Key: k, Value: rating.UnitsValue(5)}})
	}
	whole, broken := batch(0, 1, 4), batch(1, 2, 6)
	broken = append(broken, wire.AppendBytes(nil, 12, []byte("no delta"))...)
	for what, c := range map[string]struct {
		message []byte
		units   int64
		next    int64
	}{
		"what nobody wrote":      {[]byte("hello"), 5, 1},
		"what cannot be read":    {broken, 5, 2},
		"what a sink cannot use": {batch(1, 2, 6), 10, 2},
	} {
		t.Run(what, func(t *testing.T) {
			l := logs{}
			l.of(topics.Usage).end = 9
			l.Append(t.Context(), topics.Rated, 0, []broker.Message{{Value: whole}, {Value: c.message}})
			orders := []control.Stop{{Topic: topics.Rated, Offset: 1, Kind: control.StopMessage, Hash: control.HashOf(c.message)}}
			o := ownerOf(l, 2)
			err := o.take(t.Context())
			if c.units == 5 {
				var stopped *ratedlog.StoppedError
				require.ErrorAs(t, err, &stopped)
				require.EqualValues(t, 1, stopped.Offset)
			} else {
				require.NoError(t, err)
			}
			o = ownerOf(l, 3)
			o.Skips = func(_ context.Context, topic string) ([]control.Stop, error) {
				if topic == topics.Rated {
					return orders, nil
				}
				return nil, nil
			}
			require.NoError(t, o.take(t.Context()))
			require.Equal(t, c.units, settled(o, k))
			require.Equal(t, c.next, o.next, "usage whose outcome is there is not rated again")
			if c.next == 2 {
				high, _ := o.state.decided(udr.FileID{2})
				require.EqualValues(t, 6, high, "the file goes on after it")
			}
		})
	}
}

func TestWhatTheBrokerDoesNotTakeStopsThePartition(t *testing.T) {
	l := logs{}
	topics := broker.TopicsUnder("test")
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	big := broker.Message{Value: append(ratedlog.AppendHeader(nil, 1, 3, &udr.Batch{}, 1), make([]byte, 100)...)}
	l.of(topics.Rated).most = 50
	o.pending = &request{messages: []broker.Message{big}, results: make([]*rating.Result, 1), bytes: len(big.Value),
		append: broker.Begin(t.Context(), l, topics.Rated, 0, []broker.Message{big})}
	err := o.complete(t.Context())
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, err, &stopped)
	require.Equal(t, topics.Usage, stopped.Topic)
	require.EqualValues(t, 3, stopped.Offset)
	require.ErrorContains(t, err, "max.message.bytes")

	l.of(topics.Checkpoint).most = 1
	require.NoError(t, o.beginSweep(t.Context()))
	require.ErrorAs(t, o.continueSweep(t.Context()), &stopped)
	require.ErrorContains(t, stopped, "test.checkpoint/0")
}

// TestAClockThatIsSetBackDelaysNoCheckpoint: mediation reads from the checkpoints how far rating has come.
func TestAClockThatIsSetBackDelaysNoCheckpoint(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	o.Clock.(*still).at -= 11 * 3600
	require.NoError(t, o.step(t.Context()))
	require.NotNil(t, o.sweeping)
	for o.sweeping != nil {
		require.NoError(t, o.step(t.Context()))
	}
	require.Equal(t, o.Clock.Now(), o.swept)
}
