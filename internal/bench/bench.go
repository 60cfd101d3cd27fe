// Package bench is how ratemill's speed is measured: processor time instead of the clock's, since the machine is seldom
// ours alone.
//
// It owns what benchmarks share. The benchmarks stand beside the code that they measure; internal/bench/table runs all
// of them and makes the table of docs/performance.md.
package bench

import (
	"syscall"
	"testing"
	"time"
)

// CPU begins to measure and gives the function that reports what the benchmark used from here on, of all threads, the
// garbage collector's too: cpu-ns/record, when an operation is so many records.
func CPU(b *testing.B, records int) (report func()) {
	began := Used()
	return func() {
		b.ReportMetric(float64(Used()-began)/float64(b.N)/float64(records), "cpu-ns/record")
	}
}

// Used is the processor time that this process took so far.
func Used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // for oneself it cannot fail
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
