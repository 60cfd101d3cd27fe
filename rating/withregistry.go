package rating

import (
	"fmt"
	"slices"

	"ratemill/diag"
	"ratemill/registry"
)

// This file contains the parts of a catalogue that check compares with the accounts and SIMs of registry/.

// Pools returns the share plans for the comparison with accounts and SIMs, each with the terms of all its versions.
func (c *Catalogue) Pools() (all []registry.Pool) {
	for _, f := range c.shares.list {
		p := registry.Pool{Name: diag.Text{Value: f.name}, Growing: true, BySIMs: true}
		everybody := false
		for _, s := range f.versions {
			p.Name.Pos = s.named
			p.Growing = p.Growing && s.growth != fixed
			p.BySIMs = p.BySIMs && s.participation
			p.Shared = p.Shared || s.level.kind != ofAccount
			everybody = everybody || !s.listed
			for i := range c.plans.list {
				name := c.plans.list[i].name
				if s.takes(int32(i)) && !slices.Contains(p.Takes, name) {
					p.Takes = append(p.Takes, name)
				}
				if s.gives(int32(i)) && !slices.Contains(p.Contribute, name) {
					p.Contribute = append(p.Contribute, name)
				}
			}
		}
		if everybody {
			p.Takes = nil
		}
		all = append(all, p)
	}
	return all
}

// gives reports whether SIMs with a plan add units.
func (s *share) gives(plan int32) bool {
	return slices.ContainsFunc(s.of(plan), func(g uint16) bool { return s.groups[g-1].units > 0 })
}

// Currencies returns the currencies of each plan's versions and of each limit on cost. For share plans with a list of
// plans, it also returns the plans whose usage draws on them, in any version.
func (c *Catalogue) Currencies() (plans, limits, pools map[string][]string) {
	plans, limits, pools = map[string][]string{}, map[string][]string{}, map[string][]string{}
	add := func(to map[string][]string, name, value string) {
		if value != "" && !slices.Contains(to[name], value) {
			to[name] = append(to[name], value)
		}
	}
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			add(plans, f.name, p.currency)
		}
	}
	for _, f := range c.limits.list {
		for _, m := range f.versions {
			add(limits, f.name, m.currency)
		}
	}
	for _, f := range c.shares.list {
		if slices.ContainsFunc(f.versions, func(s *share) bool { return !s.listed }) {
			continue
		}
		for _, s := range f.versions {
			for i, takes := range s.plans {
				if takes {
					add(pools, f.name, c.plans.list[i].name)
				}
			}
		}
	}
	return plans, limits, pools
}

// CurrencyVersions returns the versions of each plan and of each limit on cost whose versions are not all in one currency.
func (c *Catalogue) CurrencyVersions() (plans, limits map[string][]registry.VersionCurrency) {
	its := func(f *since, currency string) registry.VersionCurrency {
		return registry.VersionCurrency{Currency: currency, Begins: f.Begins, Text: f.Text}
	}
	plans, limits = map[string][]registry.VersionCurrency{}, map[string][]registry.VersionCurrency{}
	names, limitNames, _ := c.Currencies()
	for _, f := range c.plans.list {
		for i, p := range f.versions {
			if len(names[f.name]) > 1 {
				plans[f.name] = append(plans[f.name], its(&f.since[i], p.currency))
			}
		}
	}
	for _, f := range c.limits.list {
		for i, m := range f.versions {
			if len(limitNames[f.name]) > 1 {
				limits[f.name] = append(limits[f.name], its(&f.since[i], m.currency))
			}
		}
	}
	return plans, limits
}

// NamedInConditions returns the accounts, companies, projects and groups whose ids conditions of prices compare with a
// word.
func (c *Catalogue) NamedInConditions() (all []registry.Named) {
	for when := range c.whens {
		c.conditions.Compares(when, func(word string, text diag.Text, begins bool) {
			kind := c.conditionNames[word]
			if kind == 0 || text.Value == "" {
				return
			}
			n := registry.Named{Kind: kind, ID: text, Begins: begins, Says: fmt.Sprintf("%s is never %q here", word, text.Value)}
			if begins {
				n.Says = fmt.Sprintf("%s never begins with %q here", word, text.Value)
			}
			if !slices.Contains(all, n) {
				all = append(all, n)
			}
		})
	}
	return all
}
