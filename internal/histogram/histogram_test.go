package histogram

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADurationIsCountedInEveryBucketThatItFits(t *testing.T) {
	bounds := &Bounds{}
	for i := range bounds {
		bounds[i] = time.Duration(i+1) * time.Second
	}
	var s Set
	for _, d := range []time.Duration{-time.Minute, time.Second, 1001 * time.Millisecond, time.Hour} {
		s.Of("a").Observe(bounds, d)
	}
	s.Each(func(name string, h *Histogram) {
		require.Equal(t, "a", name)
		count, sum, atMost := h.Read(bounds)
		require.Equal(t, uint64(4), count)
		require.InDelta(t, 3602.001, sum, 1e-9)
		require.Len(t, atMost, len(bounds))
		require.Equal(t, uint64(2), atMost[1])
		require.Equal(t, uint64(3), atMost[2])
		require.Equal(t, uint64(3), atMost[12])
	})
}
