package load

import (
	"math"
	"slices"
	"time"
)

// Percentile returns the smallest of the values that is not exceeded by the given share of them, from 0 to 1.
func Percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(share*float64(len(sorted))))-1))]
}

// Slope returns the slope of the best-fitting straight line; 0 for fewer than two points.
func Slope(x, y []float64) float64 {
	n := float64(len(x))
	if n < 2 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy = sx+x[i], sy+y[i]
	}
	for i := range x {
		sxx += (x[i] - sx/n) * (x[i] - sx/n)
		sxy += (x[i] - sx/n) * (y[i] - sy/n)
	}
	if sxx == 0 {
		return 0
	}
	return sxy / sxx
}
