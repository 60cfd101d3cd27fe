package rating_test

import (
	"fmt"
	"testing"
)

// The cost of a record as the world grows: a thousand to ten million SIMs of 10,000 accounts, and two hundred to a
// hundred thousand accounts with a million SIMs. make bench-curves measures it.

func BenchmarkRateSIMs(b *testing.B) {
	for _, sims := range []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(sims), func(b *testing.B) {
			catalogue, reg, usage := benchWorld(b, sims, 10_000)
			benchRate(b, catalogue, reg, usage, 200)
		})
	}
}

func BenchmarkRateAccounts(b *testing.B) {
	for _, accounts := range []int{200, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(accounts), func(b *testing.B) {
			catalogue, reg, usage := benchWorld(b, 1_000_000, accounts)
			benchRate(b, catalogue, reg, usage, 200)
		})
	}
}

func BenchmarkPoolMembers(b *testing.B) {
	for _, members := range []int{1, 10, 100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			catalogue, reg, usage := benchWorld(b, members, 102)
			benchRate(b, catalogue, reg, usage, 200)
		})
	}
}
