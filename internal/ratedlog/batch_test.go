package ratedlog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/rating"
	"ratemill/udr"
)

// TestAParsedBatchDoesNotKeepTheOnesBefore: a sink parses into one Batch for as long as it runs.
func TestAParsedBatchDoesNotKeepTheOnesBefore(t *testing.T) {
	message := func(records, charges int) []byte {
		usage := udr.AppendUsage(nil, &udr.Usage{Seq: 1, Class: "data", SIM: 9})
		data := AppendHeader(nil, 1, 5, &udr.Batch{File: udr.FileID{1}, Last: 9}, uint64(records))
		for range records {
			data = AppendRated(data, usage, 0, make([]rating.Charge, charges), make([]rating.Event, charges))
		}
		return AppendDeltas(data, make([]rating.Delta, records))
	}
	var b Batch
	for _, size := range [][2]int{{5, 3}, {2, 1}, {1, 0}, {4, 2}, {0, 0}} {
		require.NoError(t, ParseBatch(message(size[0], size[1]), &b))
		require.Len(t, b.Rated, size[0])
		for i, r := range b.Rated[:cap(b.Rated)] {
			charges := 0
			if i < size[0] {
				charges = size[1]
			}
			for j, m := range r.Charges[:cap(r.Charges)] {
				require.Equal(t, j < charges, m != nil, "charge %d of record %d of %v", j, i, size)
			}
			for j, m := range r.Events[:cap(r.Events)] {
				require.Equal(t, j < charges, m != nil, "event %d of record %d of %v", j, i, size)
			}
			require.Equal(t, i < size[0], r.Usage != nil, "usage of record %d of %v", i, size)
		}
		for i, m := range b.Deltas[:cap(b.Deltas)] {
			require.Equal(t, i < size[0], m != nil, "delta %d of %v", i, size)
		}
	}
}
