// Package histogram counts durations by how long they took, for metrics: without locks, and without a library of metrics in
// the packages that measure.
package histogram

import (
	"sync"
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a histogram's buckets, ascending; one more bucket has what took longer.
type Bounds [12]time.Duration

// Histogram counts durations. The zero Histogram is ready; it is always used with the same bounds.
type Histogram struct {
	buckets [len(Bounds{}) + 1]atomic.Uint64
	sum     atomic.Int64
}

// Observe counts a duration; a negative one, as of two clocks that differ, counts as 0.
func (h *Histogram) Observe(of *Bounds, d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(of) && d > of[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Read is how many durations there were, their sum in seconds, and how many took at most as long as each bound, in seconds.
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

// Set is histograms by a name. The zero Set is ready.
type Set struct{ all sync.Map }

// Of is the histogram of a name.
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
