package rater

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/udr"
)

// Failures that the simulation once found, each as the shortest schedule that shows it.

// feed is the usage topic, filled as a mediator fills it.
type feed struct {
	t *testing.T
	l logs
	w world
}

func (f *feed) send(follows, last uint64, end bool) {
	b := udr.Batch{File: udr.FileID{1}, Follows: follows, Last: last, Pin: udr.Pin{Source: "s", Rules: "r", Registry: 1,
		Catalogue: f.w.catalogue.Version()}}
	if end {
		b.End = &udr.FileEnd{Records: last}
	}
	message := udr.AppendBatchHeader(nil, &b)
	if !end {
		message = udr.AppendBatchUsage(message, &udr.Usage{Seq: last, Class: "data", Unit: udr.Octet, Quantity: 1,
			At: udr.InstantOf(noon{}.Now()), SIM: 1, Account: 1, Root: 1, Country: "DE"})
	}
	f.l.Append(f.t.Context(), broker.TopicsUnder("test").Usage, 0, []broker.Message{{Value: message}})
}

// owner is an owner that has taken the partition.
func (f *feed) owner(epoch int64) *Owner {
	o := ownerOf(f.l, epoch)
	o.Reference = f.w
	require.NoError(f.t, o.take(f.t.Context()))
	return o
}

// rateAll rates all usage in the topic.
func (f *feed) rateAll(o *Owner) {
	for o.next < f.l.of(o.Topics.Usage).end || o.pending != nil {
		require.NoError(f.t, o.step(f.t.Context()))
	}
}

func TestWhatStandsBeforeAMessageThatStopsIsRated(t *testing.T) {
	f := &feed{t, logs{}, oneSIM(t)}
	f.send(0, 1, false)
	f.send(5, 6, false) // a gap, in the same request
	o := ownerOf(f.l, 1)
	o.Reference = f.w
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, o.Run(t.Context()), &stopped)
	require.EqualValues(t, 1, stopped.Offset)
	rated := f.l[o.Topics.Rated].kept
	require.Len(t, rated, 2, "the epoch mark, and the first message's outcome")
	_, input, mark, err := ratedlog.ParseHeader(rated[1].Value)
	require.NoError(t, err)
	require.False(t, mark)
	require.Zero(t, input)
}

func TestTheEndOfAFileThatCameTwiceIsNoGapWhenTheFirstIsForgotten(t *testing.T) {
	f := &feed{t, logs{}, oneSIM(t)}
	f.send(0, 1, false)
	f.send(1, 1, true)
	a := f.owner(1)
	f.rateAll(a)
	a.sweepNow(t)
	f.send(1, 1, true) // by a mediator whose answer was lost
	f.l.forget(a.Topics.Usage, 2)
	for range 2 { // sweeps, while the repetition is not decided
		require.NoError(t, a.beginSweep(t.Context()))
		for a.sweeping != nil {
			require.NoError(t, a.continueSweep(t.Context()))
		}
	}
	f.l.compact(a.Topics.Checkpoint)
	b := f.owner(2)
	f.rateAll(b)
	require.EqualValues(t, 3, b.next, "it is known as a repetition")
	require.Len(t, f.l[b.Topics.Rated].kept, 4, "two epoch marks, a batch and its end")
	for range 2 {
		b.sweepNow(t)
		b.known++
	}
	require.Empty(t, b.state.files, "and then the file is forgotten")
}

func TestOfTwoLowWaterMarksAtOneOffsetTheOneWithMoreInputIsTaken(t *testing.T) {
	for _, inputs := range [][2]int64{{4, 7}, {7, 4}} {
		o := &Owner{epoch: 9, state: newState(0)}
		low := lowWater{input: -1}
		for i, input := range inputs {
			require.NoError(t, o.restoreEntry(t.Context(), &broker.Message{Key: keyOf([]byte{lowEntry}, int64(i+1)), Value: value(20, input, 1)},
				&low))
		}
		require.Equal(t, lowWater{next: 21, input: 7, epoch: 1}, low)
	}
}

func TestAnOwnerThatTakesANewEpochStopsAtWhatNobodyCanRead(t *testing.T) {
	l := logs{}
	o := ownerOf(l, 1)
	require.NoError(t, o.take(t.Context()))
	l.Append(t.Context(), o.Topics.Rated, 0, []broker.Message{{Value: []byte("hello")}})
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, o.renew(t.Context(), nil), &stopped)
	require.EqualValues(t, 1, stopped.Offset)
	o.Skips = func(context.Context, string) ([]control.Stop, error) {
		return []control.Stop{{Offset: 1, Kind: control.StopMessage, Hash: stopped.Hash()}}, nil
	}
	var err error
	o.log, err = o.reader()
	require.NoError(t, err)
	require.NoError(t, o.orders(t.Context()))
	require.NoError(t, o.renew(t.Context(), nil))
}
