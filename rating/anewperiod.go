package rating

import (
	"slices"
	"strings"
)

// periods compares the fees, passes, minimums and caps of days, weeks and cycles in a class and its prices. If a cap
// per day becomes a cap per week, the week counts from 0.
func (s *succession) periods(old, now *planClass, class string) {
	told := map[uint64]bool{}
	for i := range now.prices {
		p := &now.prices[i]
		for j := range old.prices {
			o := &old.prices[j]
			if o.id != p.id && !(len(o.stages) > 0 && len(p.stages) > 0 && (o.stages[0].class || p.stages[0].class)) {
				continue
			}
			for k := range p.stages {
				x := &p.stages[k]
				if before := x.before(o.stages); before != nil && !told[x.id] && (x.class || o.id == p.id) {
					told[x.id] = true
					s.list.Warnf(x.at, "this version starts 1 counter anew: the %s of class %s counts per %s, but per %s in %s. The count begins "+
						"at 0 in the current %s", x.kind, class, x.length(), before.length(), s.former, x.per)
				}
			}
		}
	}
}

// before returns the stage of the earlier version that a stage replaces. It is nil if the stage continues
// that count or replaces no stage.
func (x *stage) before(stages []stage) (before *stage) {
	for i := range stages {
		switch o := &stages[i]; {
		case o.kind == PeriodPass || o.kind != x.kind || o.class != x.class:
		case o.id == x.id:
			return nil
		case before == nil:
			before = o
		}
	}
	return before
}

func (x *stage) length() string {
	if x.account {
		return x.per.String() + " of the account"
	}
	return x.per.String()
}

// passes compares the passes that prices share and the passes of single prices.
func (s *succession) passes(old, now *plan) {
	before, after := old.allPasses(), now.allPasses()
	has := func(all []*pass, p *pass) int {
		return slices.IndexFunc(all, func(o *pass) bool { return o.id == p.id })
	}
	for _, p := range after {
		if i := has(before, p); i >= 0 {
			if o := before[i]; o.price.per != p.price.per || o.kind != p.kind {
				s.list.Warnf(p.at, "this version starts 1 counter anew: pass %s is for a %s, but for a %s in %s; it is bought "+
					"again in the current %s",
					p.name, p.price.length(), o.price.length(), s.former, p.price.per)
			}
			continue
		}
		var gone []string
		for _, o := range before {
			if has(after, o) < 0 && !o.own && !p.own {
				gone = append(gone, o.counted)
			}
		}
		if len(gone) > 0 {
			s.list.Warnf(p.at, "this version starts 1 counter anew: pass %s is bought again in the current %s and replaces %s in %s. If it is the "+
				"same pass, write `formerly: %s`", p.name, p.price.per, strings.Join(gone, " and "), s.former, gone[0])
		}
	}
}

// allPasses returns the passes of a version of a plan, each once.
func (p *plan) allPasses() (all []*pass) {
	for _, pc := range p.classes {
		for i := 0; pc != nil && i < len(pc.prices); i++ {
			if x := pc.prices[i].pass; x != nil && !slices.Contains(all, x) {
				all = append(all, x)
			}
		}
	}
	return all
}
