package ledger

import (
	"context"
	"encoding/hex"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/rating"
	"ratemill/udr"
)

// The checkpoint entries of version 1, as that version wrote them: key, then value. Checkpoints outlive a change of the
// program, so these are read for ever.
var version1 = []struct{ what, key, value string }{
	{"counter", "63" + "01" + "0000002a" + "00004e20" + "00000000000000ff" + "0000000000000003", "01" + "0000000000000064" + "0000000000000000" + "00000000000003e8"},
	{"file", "66" + "0102030405060708090a0b0c0d0e0f10" + "0000000000000003", "01" + "0000000000000064" + "0000000000000007" + "0000000000000009"},
	{"keys", "73" + "0000000000000001" + "00000010" + "00" + "00000000" + "0000000000000003", "01" + "0000000000000064" + "0000000069c00000" + "0000000000093a80" + "0102030405060708090a0b0c"},
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
		require.NoError(t, o.restoreEntry(&broker.Message{Key: key, Value: value}, &low), e.what)
	}
	v, at := o.state.counters.Settled(rating.CounterKey{Kind: rating.SIMUnits, Owner: 42, Cycle: 20000, ID: 255})
	require.EqualValues(t, 1000, v.Units())
	require.EqualValues(t, 100, at)
	high, closed := o.state.decided(udr.FileID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	require.EqualValues(t, 7, high)
	require.True(t, closed)
	require.True(t, o.state.seen.Has(hour{source: 1, hour: 16}, udr.DuplicateKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}))
	require.Equal(t, lowWater{next: 100, input: 49, epoch: 2}, low)
	require.Len(t, o.older, 4, "entries of epoch 3 are to be buried by epoch 4")

	key, err := hex.DecodeString("6c0000000000000003")
	require.NoError(t, err)
	err = o.restoreEntry(&broker.Message{Key: key, Value: []byte{2, 0, 0, 0, 0, 0, 0, 0, 1}}, &low)
	require.ErrorContains(t, err, "run the newer one", "an entry of a later version stops the restore")
	err = o.restoreEntry(&broker.Message{Key: []byte("z\x00\x00\x00\x00\x00\x00\x00\x03"), Value: value(1)}, &low)
	require.ErrorContains(t, err, "kind 'z' is not known to this program; run the newer one", "so does one of a kind that only a later version has")
	err = o.restoreEntry(&broker.Message{Key: []byte("l\x00\x00\x00\x00\x00\x00\x00\x09"), Value: value(1, 1, 1)}, &low)
	var fenced *FencedError
	require.ErrorAs(t, err, &fenced)
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
		s.Add(h, k, int64(i), 3600)
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
	s.forget(50_000+3600, func(blockID) { dropped++ })
	require.Zero(t, s.Len(), "nothing came for as long as keys are kept")
	require.NotZero(t, dropped)
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

func ownerOf(l logs, epoch int64) *Owner {
	return &Owner{Topics: broker.TopicsUnder("test"), Broker: l, Clock: still{}, Log: slog.New(slog.DiscardHandler), Progress: &Progress{}, SweepEvery: time.Hour,
		NextEpoch: func(context.Context) (int64, error) { return epoch, nil }}
}
