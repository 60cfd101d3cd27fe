package registry_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// naiveCycles walks through the days: the cycle that runs ends as it began, and only then the day and zone that were
// asked for last take effect.
func naiveCycles(facts []registry.AccountFact, zones map[string]*time.Location, until time.Time) (beginnings []string) {
	startsOn := func(day time.Time, cycleDay int) bool {
		lastOfMonth := day.AddDate(0, 0, 1).Day() == 1
		return day.Day() == cycleDay || lastOfMonth && day.Day() < cycleDay
	}
	facts = slices.SortedStableFunc(slices.Values(facts), func(a, b registry.AccountFact) int { return cmp.Compare(a.From, b.From) })
	now := facts[0]
	for day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); day.Before(until); day = day.AddDate(0, 0, 1) {
		begins := startsOn(day, now.CycleDay)
		if begins {
			midnight := func(f registry.AccountFact) time.Time {
				return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zones[f.Zone])
			}
			ran := now
			for _, f := range facts {
				// A value asked for on the date itself is already the new one.
				if since := f.From.Time(); since.Before(midnight(ran)) || since.Equal(midnight(f)) {
					now = f
				}
			}
			beginnings = append(beginnings, day.Format(time.DateOnly))
		}
	}
	return beginnings
}

// between says that something is asked for in the hours in which a cycle has begun in one zone, and not in another. It may
// take effect with that cycle or after it.
func between(facts []registry.AccountFact, zones map[string]*time.Location, beginnings []string) bool {
	for _, day := range beginnings {
		begins, err := time.Parse(time.DateOnly, day)
		for _, f := range facts {
			since := f.From.Time()
			if err == nil && since.Sub(begins).Abs() < 16*time.Hour && !since.Equal(time.Date(begins.Year(), begins.Month(), begins.Day(),
				0, 0, 0, 0, zones[f.Zone])) {
				return true
			}
		}
	}
	return false
}

// No two cycles of an account overlap, whatever it asks for and when: each begins where the one before ends.
func TestACycleThatRunsGoesOnToItsEnd(t *testing.T) {
	zones := map[string]*time.Location{}
	names := []string{"UTC", "Europe/Madrid", "America/New_York", "Asia/Tokyo"}
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		zones[name] = zone
	}
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for seed := range seeds.Each(t, 200, 100) {
		r := rand.New(rand.NewPCG(seed, 5))
		fact := func(since time.Time) registry.AccountFact {
			return registry.AccountFact{Number: 1, ID: "a", From: udr.InstantOf(since), Zone: names[r.IntN(4)], Currency: "EUR",
				CycleDay: 1 + r.IntN(31)}
		}
		facts := []registry.AccountFact{fact(time.Unix(0, 0))}
		day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
		for range r.IntN(4) {
			day = day.AddDate(0, 0, 1+r.IntN(50))
			f := fact(day)
			if r.IntN(2) == 0 { // as import writes a date: midnight in the account's zone
				f.From = udr.InstantOf(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zones[f.Zone]))
			} else {
				f.From += udr.Instant(time.Duration(r.IntN(24)) * time.Hour)
			}
			facts = append(facts, f)
		}
		reg := registry.New()
		for i := range facts {
			require.NoError(t, reg.Apply(&registry.Changes{Revision: registry.Revision(i + 1), Accounts: facts[i : i+1]}))
		}
		v := reg.View()
		var got []string
		last := ""
		for at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC); at.Before(until.AddDate(0, 0, -1)); at = at.Add(time.Hour) {
			a, ok := v.Account(1, udr.InstantOf(at), v.Revision())
			require.True(t, ok)
			local := at.In(a.Zone)
			date := int32(time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
			first, next := a.CycleOf(date)
			if date < first || next <= date { // a plain comparison: assertions took most of the test's CPU
				require.Fail(t, "the cycle does not have the day", "seed %d: %d to %d, day %d", seed, first, next, date)
			}
			begins := time.Unix(int64(first)*86400, 0).UTC().Format(time.DateOnly)
			if begins != last {
				require.Greater(t, begins, last, "seed %d: a cycle runs backwards", seed)
				if got, last = append(got, begins), begins; begins < "2026-01-01" {
					got = got[:len(got)-1]
				}
			}
		}
		v.Close()
		want := naiveCycles(facts, zones, until.AddDate(0, 0, -1))
		if n := len(got); n > 0 && got[n-1] >= "2026-12-30" {
			got = got[:n-1]
		}
		if n := len(want); n > 0 && want[n-1] >= "2026-12-30" {
			want = want[:n-1]
		}
		if len(want) > 0 && want[0] == "2026-01-01" && len(got) > 0 && got[0] != "2026-01-01" {
			want = want[1:]
		}
		if between(facts[1:], zones, append(want, got...)) {
			continue
		}
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), "seed %d: %+v", seed, facts)
	}
}
