// Package histogram counts durations in buckets, for metrics. It needs no locks, and the packages that measure
// need no metrics library.
package histogram

import (
	"sync"
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a histogram's buckets, ascending; one more bucket counts longer durations.
type Bounds [12]time.Duration

// Histogram counts durations. The zero Histogram is ready to use; always use it with the same bounds.
type Histogram struct {
	buckets [len(Bounds{}) + 1]atomic.Uint64
	sum     atomic.Int64
}

// Observe counts a duration; a negative one, from two clocks that differ, counts as 0.
func (h *Histogram) Observe(of *Bounds, d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(of) && d > of[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Read returns the number of durations, their sum in seconds, and for each bound, in seconds, how many were at most
// that long.
func (h *Histogram) Read(of *Bounds) (count uint64, sum float64, atMost map[float64]uint64) {
	atMost = make(map[float64]uint64, len(of))
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < len(of) {
			atMost[of[i].Seconds()] = count
		}
	}
	return count, time.Duration(h.sum.Load()).Seconds(), atMost
}

// Set is a set of named histograms. The zero Set is ready to use.
type Set struct{ all sync.Map }

// Of returns the histogram with a name.
func (s *Set) Of(name string) *Histogram {
	if h, ok := s.all.Load(name); ok {
		return h.(*Histogram)
	}
	h, _ := s.all.LoadOrStore(name, new(Histogram))
	return h.(*Histogram)
}

// Each calls do with each name and its histogram.
func (s *Set) Each(do func(name string, h *Histogram)) {
	s.all.Range(func(name, h any) bool {
		do(name.(string), h.(*Histogram))
		return true
	})
}
