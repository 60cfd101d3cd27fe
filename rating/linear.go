package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
)

// keepSessions marks the classes of a plan for which rating needs the charges of earlier parts of a session. It
// keeps no session if all parts together always cost as much as one record. It needs the earlier parts if a single
// version of the plan requires them. together contains the versions of the plan and those of the deals that
// replace it.
func (c *compiler) keepSessions(f *family[plan], together []*plan) {
	for n, name := range c.names {
		kept := slices.ContainsFunc(together, func(p *plan) bool {
			return n < len(p.classes) && p.classes[n] != nil && p.classes[n].unlike(perSession|perAmount) != ""
		})
		if !kept {
			continue
		}
		id := c.id(diag.Pos{}, "session "+c.InPlaceOf(f.name)+"/"+name)
		for _, p := range f.versions {
			if n < len(p.classes) && p.classes[n] != nil {
				p.classes[n].session = id
			}
		}
	}
}

// The reasons why the parts of a session may cost more or less than one record.
const (
	perSession = 1 << iota // the plan has conditions per record or session
	perAmount              // amounts are rounded
)

// unlike returns the reason why the parts of a session in a class may cost more or less than one record, "" if
// there is none.
func (p *planClass) unlike(what int) string {
	if what&perSession != 0 && p.steps {
		return "a bucket with an increment"
	}
	for i := range p.prices {
		x := &p.prices[i]
		if what&perSession != 0 {
			for j := range adjustments {
				if names := adjustments[j].perSession; names != nil {
					if name := names(p, x); name != "" {
						return name
					}
				}
			}
			if x.increment.initial != 1 || x.increment.then != 1 {
				return "an increment"
			}
		}
		if what&perAmount != 0 && p.rounds(x) {
			return "rounding"
		}
	}
	for _, x := range p.instead {
		if what&perAmount != 0 && p.rounds(x) {
			return "rounding"
		}
	}
	return ""
}

// rounds reports whether amounts at a price are rounded.
func (p *planClass) rounds(x *price) bool {
	if x.model == byVolume {
		return false // shares are rounded in the same way however the session is divided
	}
	for _, s := range x.steps {
		per := uint64(s.per)
		if x.model == byPackage {
			per = 1
		}
		for _, price := range p.lessened(s.price) {
			_, rest, below, err := price.Price(1, per, decimal.Rounding{Scale: p.round.Scale, Mode: decimal.Down})
			if err != nil || !rest.IsZero() || below != (decimal.Fraction{}) {
				return true
			}
		}
	}
	return false
}

// PerSession lists the plans that charge something per session, for the usage classes that a source's records can
// have; nil allows any class. It returns "" if there are no such plans.
func (c *Catalogue) PerSession(classes []string) string {
	type charge struct{ plan, what string }
	var found []charge
	of := map[charge][]string{} // the classes
	for _, f := range c.plans.list {
		for n, name := range c.names {
			if classes != nil && !slices.Contains(classes, name) {
				continue
			}
			for _, p := range f.versions {
				if n >= len(p.classes) || p.classes[n] == nil {
					continue
				}
				if what := p.classes[n].unlike(perSession); what != "" {
					x := charge{f.name, what}
					if of[x] == nil {
						found = append(found, x)
					}
					of[x] = append(of[x], name)
					break
				}
			}
		}
	}
	var texts []string
	for _, x := range found[:min(len(found), 3)] {
		names, last := of[x][:len(of[x])-1], of[x][len(of[x])-1]
		if len(names) > 0 {
			last = strings.Join(names, ", ") + " and " + last
		}
		texts = append(texts, fmt.Sprintf("plan %s has %s for %s", x.plan, x.what, last))
	}
	text := strings.Join(texts, "; ")
	if more := len(found) - len(texts); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}
