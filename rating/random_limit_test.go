package rating_test

import (
	"fmt"
	"math/rand"
	"slices"
)

var limitNames = []string{"much", "dear", "shut", "pooled", "wide"}

// randomLimits are limits of all kinds: one that only tells of usage, one of cost, one that blocks, one of a pool, one of a tree.
func randomLimits(r *rand.Rand, class string, zones []string) (limits []naiveLimit) {
	limits = []naiveLimit{
		{Name: "much", Per: pick(r, "sim", "account"), Classes: []string{class}, Usage: randomQuantity(r, class, 500),
			Actions: []string{"event"}},
		{Name: "dear", Per: pick(r, "sim", "account"), Cost: fmt.Sprintf("%d.5 EUR", r.Intn(30)), Actions: []string{"event"},
			From: pick(r, "", "2026-02-01")},
		{Name: "shut", Per: pick(r, "sim", "account", "tree"), Classes: []string{class}, Usage: randomQuantity(r, class, 2000)},
		{Name: "pooled", Per: "pool", Pool: pick(r, "pool", "reserve"), Classes: []string{class}, Usage: randomQuantity(r, class, 500),
			Actions: []string{"notify"}, At: []string{"33 %", "100 %", "250 %"}},
		{Name: "wide", Per: "tree", Classes: []string{class}, Cost: fmt.Sprintf("0.%03d EUR", 1+r.Intn(999))},
	}
	if r.Intn(3) == 0 { // a version
		again := limits[0]
		again.From, again.Usage = "2026-02-07", randomQuantity(r, class, 1000)
		limits = append(limits, again)
	}
	for i := range limits {
		l := &limits[i]
		l.Period = pick(r, "", "", "hour", "day", "week", "cycle")
		if r.Intn(2) == 0 {
			l.Zones = some(r, zones...)
		}
		if len(l.Actions) > 0 {
			continue
		}
		l.Actions = pick(r, []string{"block"}, []string{"notify", "block", "throttle"})
		if r.Intn(2) == 0 {
			l.Over = randomPrice(r, class)
		}
		switch {
		case slices.Contains(l.Actions, "notify") && r.Intn(2) == 0:
			l.At = pick(r, []string{"50 %", "80 %"}, []string{"1 %", "100 %", "101 %"})
		case r.Intn(3) == 0:
			l.Thresholds, l.Actions = []naiveThreshold{{"30 %", []string{"throttle"}}, {"70 %", []string{"notify", "block"}},
				{"90 %", []string{"block"}}}, nil
		}
	}
	return limits
}

// randomSettings are what the settings of accounts and SIMs say of limits.
func randomSettings(r *rand.Rand, w *world) {
	setting := func() settingLine {
		return settingLine{Override: pick(r, "", "disabled", "permanent", "current_cycle", "current_cycle")}
	}
	times := []string{"2025-12-20T10:00:00Z", "2026-01-31T22:15:00Z", "2026-02-06T22:00:00Z", "2026-03-29T00:30:00Z", "2026-10-25T00:10:00Z"}
	for _, from := range times {
		if r.Intn(2) == 0 {
			s := setting()
			s.From, s.Account = from, w.Accounts[r.Intn(len(w.Accounts))].ID
			w.Settings = append(w.Settings, s)
		}
		if r.Intn(3) == 0 {
			s := setting()
			s.From, s.SIM = from, uint32(1+r.Intn(4))
			w.Settings = append(w.Settings, s)
		}
	}
}
