// Package bench measures ratemill's speed in processor time instead of wall-clock time, because the machine usually
// runs other work as well.
//
// It owns the parts that benchmarks share. The benchmarks are beside the code that they measure;
// internal/proof/bench/table runs all of them and creates the table of docs/performance.md.
package bench

import (
	"syscall"
	"testing"
	"time"
)

// CPU starts a measurement and returns a function that reports the processor time since then as cpu-ns/record,
// for the given number of records per operation. It counts all threads, including the garbage collector's.
func CPU(b *testing.B, records int) (report func()) {
	began := Used()
	return func() {
		b.ReportMetric(float64(Used()-began)/float64(b.N)/float64(records), "cpu-ns/record")
	}
}

// Used returns the processor time that this process has used so far.
func Used() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // cannot fail for the own process
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
