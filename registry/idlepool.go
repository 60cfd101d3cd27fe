package registry

import (
	"slices"
	"strings"

	"ratemill/diag"
)

// Pool contains the facts about a share plan with which check detects that the plan has no effect.
type Pool struct {
	Name       diag.Text
	Growing    bool     // its size depends on the SIMs that contribute
	Contribute []string // plans whose SIMs contribute to the pool
	Shared     bool     // accounts share its buckets, which an owner above them has
	Takes      []string // plans whose usage draws on the pool; empty for all plans
	BySIMs     bool     // an account has the pool while one of its SIMs participates
}

// idlePools warns of pools to which no SIM contributes, and of pools that accounts get through participating SIMs
// if no SIM participates.
func (t *tariffs) idlePools(im *importer) {
	if !im.partial || len(t.pairs) == 0 || len(t.Pools) == 0 {
		return
	}
	have := map[string][]string{} // plans of each account's SIMs
	var all []string
	for _, key := range t.pairs {
		for _, plan := range t.plansOf(key[0], key[1]) {
			if !slices.Contains(have[key[0]], plan) {
				have[key[0]] = append(have[key[0]], plan)
			}
			if !slices.Contains(all, plan) {
				all = append(all, plan)
			}
		}
	}
	slices.Sort(all)
	for i := range t.Pools {
		p := &t.Pools[i]
		if p.BySIMs && len(p.Takes) > 0 && len(all) > 0 && !meet(p.Takes, all) {
			im.list.Warnf(p.Name.Pos, "no SIM takes part in share plan %s: the SIMs in registry/ have the plans %s, and SIMs "+
				"with %s would take part",
				shortened(p.Name.Value), strings.Join(all, ", "), strings.Join(p.Takes, ", "))
			continue
		}
		if p.Growing {
			t.contributes(im, p, have)
		}
	}
}

// contributes warns of a growing pool to which none of its SIMs contributes.
func (t *tariffs) contributes(im *importer, p *Pool, have map[string][]string) {
	var together []string
	for _, id := range t.order {
		if slices.Contains(t.accounts[id].names[sharePlanName], p.Name.Value) {
			together = append(together, have[id]...)
		}
	}
	slices.Sort(together)
	together = slices.Compact(together)
	for _, id := range t.order {
		a := t.accounts[id]
		i := slices.Index(a.names[sharePlanName], p.Name.Value)
		plans := have[id]
		if p.Shared {
			plans = together
		}
		if i < 0 || len(plans) == 0 || meet(plans, p.Contribute) {
			continue
		}
		plans = slices.Compact(slices.Sorted(slices.Values(plans)))
		im.list.Warnf(a.at[sharePlanName][i], "no SIM contributes to pool %s of account %s, so it does not grow: its SIMs "+
			"have the plans %s, and SIMs with %s would "+
			"contribute", shortened(p.Name.Value), shortened(id), strings.Join(plans, ", "), strings.Join(p.Contribute, ", "))
	}
}

// plansOf returns the plans by which a SIM's usage is rated: its own plan, or those of the nearest
// account that has one.
func (t *tariffs) plansOf(account, plan string) []string {
	if plan != "" {
		return []string{plan}
	}
	for depth := 0; depth < 64; depth++ {
		a := t.accounts[account]
		if a == nil {
			return nil
		}
		if len(a.names[planName]) > 0 || len(a.above) == 0 {
			return a.names[planName]
		}
		account = a.above[0]
	}
	return nil
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}
