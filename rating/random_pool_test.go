package rating_test

import (
	"fmt"
	"math/rand"
	"slices"
)

// randomGrowth lets a share plan grow, be activated by participation, or belong to another account.
func randomGrowth(r *rand.Rand, s *scenario, x *naiveShare) {
	for i := range x.Buckets {
		if r.Intn(3) == 0 {
			x.Buckets[i].Overage = randomPrice(r, x.Buckets[i].Classes[0])
		}
	}
	x.Level = pick(r, x.Level, x.Level, "top", "1", "reseller")
	x.Units = pick(r, "", "", "full", "prorated")
	if x.Period = pick(r, "", "", "", "week", "day", "month"); r.Intn(20) == 0 {
		x.Period = "contract year"
	}
	x.Priority = pick(r, 0, 0, 1, 2)
	if len(x.Plans) > 0 && r.Intn(3) == 0 {
		x.Activation = "participation"
	}
	if len(x.Plans) > 0 && r.Intn(4) == 0 && !slices.ContainsFunc(s.Plans, func(p naivePlan) bool { return p.ServiceType != "" }) {
		for i := range s.Plans {
			s.Plans[i].ServiceType = map[string]string{"fleet": "tracking", "wholesale": "carrier"}[s.Plans[i].Name]
		}
	}
	typed := s.Plans[0].ServiceType != ""
	defer x.byService(typed, r)
	if x.Growth = pick(r, "", "fixed", "variable", "variable", "peak"); x.Growth != "variable" && x.Growth != "peak" {
		return
	}
	if x.Growth == "variable" {
		x.Join = pick(r, "", "prorated", "whole")
	}
	if r.Intn(3) == 0 {
		x.In = []string{pick(r, "in_testing", "suspended", "billing_ready"), "in_billing"}
	}
	for i, b := range x.Buckets {
		grows := false
		for _, plan := range []string{"fleet", "wholesale"} {
			if len(x.Plans) > 0 && !slices.Contains(x.Plans, plan) || r.Intn(4) == 0 {
				continue
			}
			c := naiveContribution{Plan: plan, Bucket: b.Bucket, Units: randomQuantity(r, b.Classes[0], 100)}
			if typed && r.Intn(3) == 0 {
				c.Plan, c.ServiceType = "", s.Plans[slices.IndexFunc(s.Plans, func(p naivePlan) bool { return p.Name == plan })].ServiceType
			}
			if r.Intn(3) == 0 && len(x.Contributions) > 0 && x.Buckets[0].Classes[0] == b.Classes[0] {
				c.Units = x.Contributions[0].Units
			}
			x.Contributions = append(x.Contributions, c)
			grows = true
		}
		if grows && r.Intn(2) == 0 {
			x.Buckets[i].Units = ""
		}
	}
	if len(x.Contributions) == 0 {
		x.Growth, x.Join = "fixed", ""
		if x.Activation == "" {
			x.In = nil
		}
	}
}

// randomPools lets accounts get and lose share plans.
func randomPools(r *rand.Rand, w *world) {
	for i := range len(w.Accounts) {
		if r.Intn(3) > 0 {
			continue
		}
		a := w.Accounts[i]
		a.From = fmt.Sprintf("2026-%sZ", pick(r, "01-31T22:30:00", "02-07T00:00:00", "03-29T00:30:00", "03-30T12:00:00", "10-25T00:30:00"))
		a.Share = some(r, "pool", "reserve")
		w.Accounts = append(w.Accounts, a)
	}
}

// byService lets a share plan name a service in place of one of its plans.
func (s *naiveShare) byService(typed bool, r *rand.Rand) {
	if !typed || len(s.Plans) == 0 || r.Intn(3) > 0 {
		return
	}
	s.ServiceTypes = []string{map[string]string{"fleet": "tracking", "wholesale": "carrier"}[s.Plans[0]]}
	s.Plans = s.Plans[1:]
}
