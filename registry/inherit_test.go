package registry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// An account below another has its parent's currency, zone and cycle day at each time, whatever rows its parent has and
// in whatever order they were imported; its cycles do not overlap, also if it states one of them itself. Its currency
// stays: a change of it begins when the cycle ends that ran by what was known at the import.
func TestAnAccountHasWhatItInheritsAtEachTime(t *testing.T) {
	zones := []string{"UTC", "Europe/Madrid", "America/New_York", "Asia/Tokyo"}
	for seed := range seeds.Each(t, 30, 20) {
		r := rand.New(rand.NewPCG(seed, 6))
		rows := []string{fmt.Sprintf("top,,EUR,%s,%d,\n", zones[r.IntN(4)], 1+r.IntN(31)), "all,top,,,,\n", "below,all,,,,\n",
			"day,top,,,9,\n", "zone,top,,Asia/Tokyo,,\n"}
		day := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
		for range r.IntN(5) {
			day = day.AddDate(0, 0, 2+r.IntN(60))
			rows = append(rows, fmt.Sprintf("top,,EUR,%s,%d,%s\n", zones[r.IntN(4)], 1+r.IntN(31), day.Format(time.DateOnly)))
		}
		const header = "id,parent,currency,zone,cycle_day,since\n"
		once := registry.New()
		take(t, once, header+strings.Join(rows, ""))
		piecemeal := registry.New()
		take(t, piecemeal, header+strings.Join(rows[:5], ""))
		later := slices.Clone(rows[5:])
		r.Shuffle(len(later), func(i, j int) { later[i], later[j] = later[j], later[i] })
		for _, row := range later {
			take(t, piecemeal, header+row)
		}
		last := map[string]int32{}
		for at := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(5 * time.Hour) {
			now := udr.InstantOf(at)
			top := accountAt(t, once, "top", now)
			for _, id := range []string{"top", "all", "below", "day", "zone"} {
				a, b := accountAt(t, once, id, now), accountAt(t, piecemeal, id, now)
				// Plain comparisons first: assertions at each of these times took most of the test's CPU.
				said := func() string { return fmt.Sprintf("seed %d, %s at %s: %v", seed, id, at, rows) }
				if a.Zone != b.Zone {
					require.Equal(t, a.Zone, b.Zone, said())
				}
				if a.Currency != b.Currency || a.CycleDay != b.CycleDay || a.CyclesFrom != b.CyclesFrom || a.Since != b.Since {
					require.Equal(t, []any{a.Currency, a.CycleDay, a.CyclesFrom, a.Since},
						[]any{b.Currency, b.CycleDay, b.CyclesFrom, b.Since}, said())
				}
				if a.Currency != top.Currency {
					require.Equal(t, top.Currency, a.Currency, said())
				}
				date := registry.LocalDate(a.Zone, now)
				first, next := a.CycleOf(date)
				if date < first || next <= date {
					require.Fail(t, "the cycle does not have the day", said())
				}
				if first < last[id] {
					require.Fail(t, "a cycle runs backwards", said())
				}
				last[id] = first
				switch id {
				case "all", "below":
					if a.Zone != top.Zone || a.CycleDay != top.CycleDay || a.CyclesFrom != top.CyclesFrom {
						require.Equal(t, []any{top.Zone, top.CycleDay, top.CyclesFrom}, []any{a.Zone, a.CycleDay, a.CyclesFrom}, said())
					}
				case "day":
					if a.CycleDay != 9 {
						require.Equal(t, 9, a.CycleDay, said())
					}
				case "zone":
					if a.Zone.String() != "Asia/Tokyo" {
						require.Equal(t, "Asia/Tokyo", a.Zone.String(), said())
					}
				}
			}
		}
	}
}

func take(t *testing.T, reg *registry.Registry, accounts string) {
	t.Helper()
	changes, problems := registry.Import(reg, []registry.Input{input("accounts.csv", []byte(accounts))})
	require.False(t, problems.HasErrors(), "%v\n%s", problems.Err(), accounts)
	if !changes.Empty() {
		reg.Publish(changes.Revision)
	}
	again, problems := registry.Import(reg, []registry.Input{input("accounts.csv", []byte(accounts))})
	require.Empty(t, problems)
	require.True(t, again.Empty(), "the second import changes something: %s", describe(again))
}

func accountAt(t *testing.T, reg *registry.Registry, id string, at udr.Instant) *registry.Account {
	v := reg.View()
	defer v.Close()
	number, ok := v.AccountNumber(id)
	require.True(t, ok)
	a, ok := v.Account(number, at, v.Revision())
	require.True(t, ok, id)
	return a
}

// Usage that was rated counts in one cycle for ever: an import changes no cycle that has begun, whatever it corrects,
// withdraws or adds for the past.
func TestNoImportChangesACycleThatHasBegun(t *testing.T) {
	zones := []string{"UTC", "Europe/Madrid", "Asia/Tokyo"}
	refused, taken := 0, 0
	for seed := range seeds.Each(t, 100, 50) {
		r := rand.New(rand.NewPCG(seed, 7))
		const header = "id,parent,currency,zone,cycle_day,since,withdrawn\n"
		day := func() string {
			return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(330)).Format(time.DateOnly)
		}
		known := []string{"", day(), day()}
		history := []*registry.Changes{}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		rows := header + "top,,EUR,UTC,1,,\nall,top,,,,,\nday,top,,,9,,\n"
		type cycle struct {
			account string
			at      time.Time
		}
		rated := map[cycle]int32{}
		for range 10 {
			reg := registry.New()
			for _, c := range history {
				require.NoError(t, reg.Apply(c))
			}
			changes, problems := registry.ImportFor(reg, []registry.Input{input("accounts.csv", []byte(rows))}, nil, udr.InstantOf(now))
			switch {
			case problems.HasErrors():
				refused++
			case !changes.Empty():
				taken++
				history = append(history, changes)
				reg.Publish(changes.Revision)
			}
			if problems.HasErrors() {
				reg = registry.New()
				for _, c := range history {
					require.NoError(t, reg.Apply(c))
				}
			}
			for c, first := range rated {
				a := accountAt(t, reg, c.account, udr.InstantOf(c.at))
				again, _ := a.CycleOf(registry.LocalDate(a.Zone, udr.InstantOf(c.at)))
				require.Equal(t, first, again, "seed %d: %s at %s, after\n%s at %s", seed, c.account, c.at, rows, now)
			}
			// Usage of the last days is rated, and some that comes late.
			for range 6 {
				c := cycle{[]string{"top", "all", "day"}[r.IntN(3)], now.Add(-time.Duration(r.IntN(40*24)) * time.Hour)}
				a := accountAt(t, reg, c.account, udr.InstantOf(c.at))
				rated[c], _ = a.CycleOf(registry.LocalDate(a.Zone, udr.InstantOf(c.at)))
			}
			now = now.Add(time.Duration(r.IntN(50*24)) * time.Hour)
			since := known[r.IntN(len(known))]
			switch account := []string{"top", "all", "day"}[r.IntN(3)]; {
			case r.IntN(4) == 0 && since != "":
				rows = header + fmt.Sprintf("%s,,,,,%s,true\n", account, since)
			case account == "top":
				rows = header + fmt.Sprintf("top,,EUR,%s,%d,%s,\n", zones[r.IntN(3)], 1+r.IntN(31), since)
			default:
				rows = header + fmt.Sprintf("%s,top,,%s,%s,%s,\n", account, []string{"", "UTC"}[r.IntN(2)], []string{"", "9"}[r.IntN(2)],
					since)
			}
		}
	}
	require.Greater(t, taken, 100)
	require.Greater(t, refused, 100)
}
