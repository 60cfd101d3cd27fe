// Package seeds provides the seeds of random tests: fixed seeds for every run, and fresh seeds for this run only. A
// test with only fixed seeds proves nothing about all other seeds.
//
// It owns the choice of the fresh seed and how users learn it. It does not own the use of a seed.
//
// The environment variable SEED sets the fresh seed to that of another run, and so replays the run:
//
//	SEED=1785339264103 go test ./rating -run TestEngineAgreesWithTheNaiveRater
//
// If it is not set, the seed is the time. `make test` sets it for the whole suite, so that go test does not use cached
// results of another seed.
package seeds

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// fresh is one number for the process, so that a test can be replayed without knowing which tests ran before it.
var fresh = sync.OnceValues(func() (uint64, error) {
	text := os.Getenv("SEED")
	if text == "" {
		return uint64(time.Now().UnixMilli()), nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("SEED=%s: the seed of a random test is a whole number from 0 to 18446744073709551615", text)
	}
	return n, nil
})

// Fresh returns the first fresh seed of this run. The test's log contains it.
func Fresh(t testing.TB) uint64 {
	t.Helper()
	n, err := fresh()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("fresh seeds from %d on; SEED=%d takes the same", n, n)
	return n
}

// Each returns fixed seeds from 1 on, followed by as many fresh seeds. If the test fails, its log shows the seed;
// with SEED=n that seed is the first of the fresh seeds.
func Each(t testing.TB, fixed, fresh int) iter.Seq[uint64] {
	t.Helper()
	first := Fresh(t)
	return func(yield func(uint64) bool) {
		var now uint64
		running := false
		t.Cleanup(func() {
			if t.Failed() && running {
				t.Logf("failed with seed %d; to replay it: SEED=%d go test -run '^%s$'", now, now, t.Name())
			}
		})
		take := func(first uint64, n int) bool {
			for i := range uint64(n) {
				now, running = first+i, true
				if !yield(now) {
					return false
				}
			}
			running = t.Failed() // a failed assertion that let the test continue: the last seed is a guess, but better than none
			return true
		}
		if take(1, fixed) {
			take(first, fresh)
		}
	}
}
