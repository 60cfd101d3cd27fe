package rating_test

import (
	"fmt"
	"math/rand"
)

// randomLives gives SIMs states, whose rules end them by time, usage and limits.
func randomLives(r *rand.Rand, s *scenario, classes []string) {
	for i := range 2 {
		c := naiveLifecycle{Name: fmt.Sprint("life", i), States: "connected", Default: "inventory"}
		if r.Intn(4) > 0 {
			c.Test = &naiveTestRule{Time: randomDays(r), Quota: randomUnits(r, classes), Next: pick(r, "in_billing", "billing_ready",
				"suspended", "retired")}
			if c.Test.Time == "" && len(c.Test.Quota) == 0 {
				c.Test.Time = "30 d"
			}
		}
		if r.Intn(4) > 0 {
			c.FirstUse = &naiveFirstUse{Threshold: randomUnits(r, classes), To: "in_billing"}
			c.FirstUse.Before = len(c.FirstUse.Threshold) > 0 && r.Intn(3) == 0
			switch r.Intn(4) {
			case 0:
				c.FirstUse.After = randomDays(r)
			case 1:
				c.FirstUse.Window = randomDays(r)
			case 2:
				c.FirstUse.Window, c.FirstUse.After = "8 d", "29 d"
			}
		}
		if r.Intn(2) == 0 {
			c.Suspend = &naiveSuspend{fmt.Sprintf("%d d", pick(r, 1, 7, 31, 60)), pick(r, "in_billing", "in_billing", "retired")}
		}
		c.Override = pick(r, "", "", "", "permanent", "current_cycle")
		if r.Intn(3) == 0 {
			c.UsageIn = map[string]string{pick(r, "inventory", "suspended", "retired", "in_billing"): "suspense"}
		}
		s.Cycles = append(s.Cycles, c)
	}
	for i := range s.Limits {
		if l := &s.Limits[i]; l.Per == "sim" && len(l.At) == 0 && l.Over == "" && len(l.Thresholds) == 0 {
			l.Actions = pick(r, []string{"event"}, []string{"suspend"}, []string{"event", "suspend"})
		}
	}
	// Usage has some of these times, too.
	times := []string{"2025-12-20T10:00:00Z", "2026-01-01T00:30:00Z", "2026-01-30T23:59:59.999999999Z", "2026-01-31T22:15:00Z",
		"2026-02-06T20:00:00Z", "2026-03-08T03:00:00Z", "2026-03-29T00:30:00Z", "2026-10-24T23:30:00Z"}
	for sim := range uint32(4) {
		r.Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] })
		for _, from := range times[:r.Intn(4)] {
			s.World.States = append(s.World.States, stateLine{SIM: sim + 1, From: from, Late: r.Intn(4) == 0, Lifecycle: pick(r, "life0", "life1"),
				State: pick(r, "inventory", "in_testing", "billing_ready", "in_testing", "billing_ready", "in_billing", "suspended", "retired")})
		}
	}
	for _, a := range s.World.Accounts {
		if r.Intn(3) == 0 {
			from := pick(r, "2025-12-01T00:00:00Z", "2026-02-07T00:00:00Z")
			s.World.Profiles = append(s.World.Profiles, profileLine{Account: a.ID, From: from, Group: pick(r, "strict", "lax")})
			if r.Intn(3) == 0 {
				s.World.Profiles = append(s.World.Profiles, profileLine{Account: a.ID, From: "2026-05-01T00:00:00Z", Group: pick(r, "strict", "lax")})
			}
		}
	}
	s.Groups = []naiveGroup{{"strict", "", 1 + r.Intn(3)}, {"lax", "", r.Intn(2) * 6}, {"lax", "2026-06-01", 1 + r.Intn(12)}}
}

func randomDays(r *rand.Rand) string { return pick(r, "", "1 d", "7 d", "30 d", "31 d") }

func randomUnits(r *rand.Rand, classes []string) map[string]string {
	units := map[string]string{}
	for _, c := range classes {
		if r.Intn(2) == 0 {
			units[c] = randomQuantity(r, c, pick(r, 1, 5, 300))
		}
	}
	return units
}
