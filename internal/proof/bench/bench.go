// Package bench measures ratemill's speed in processor time instead of wall-clock time, because the machine usually
// runs other work as well.
//
// It owns the shared parts of benchmarks. The benchmarks are beside the code that they measure; internal/proof/bench/table
// runs all of them and makes the table of docs/performance.md.
package bench

import (
	"syscall"
	"testing"
	"time"
)

// CPU starts a measurement and returns the function that reports the processor time since then, over all threads
// including the garbage collector's, as cpu-ns/record for the given number of records per operation.
func CPU(b *testing.B, records int) (report func()) {
	began := Used()
	return func() {
		b.ReportMetric(float64(Used()-began)/float64(b.N)/float64(records), "cpu-ns/record")
	}
}

// Used is the processor time of this process so far.
func Used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // for one's own process it cannot fail
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
