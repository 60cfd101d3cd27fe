package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/diag"
)

// keepSessions says which classes of a plan need to know what was charged for the parts of a session before. Where parts
// cost together what one record costs nothing is kept; a version of the plan that is not so needs what came before it.
func (c *compiler) keepSessions(f *family[plan]) {
	for n, name := range c.names {
		kept := slices.ContainsFunc(f.versions, func(p *plan) bool {
			return n < len(p.classes) && p.classes[n] != nil && p.classes[n].unlike(perSession|perAmount) != ""
		})
		if !kept {
			continue
		}
		id := c.id(diag.Pos{}, "session "+f.name+"/"+name)
		for _, p := range f.versions {
			if n < len(p.classes) && p.classes[n] != nil {
				p.classes[n].session = id
			}
		}
	}
}

// What makes parts cost something else than one record.
const (
	perSession = 1 << iota // what the plan says of a record or session
	perAmount              // that amounts are rounded
)

// unlike says what of a class makes the parts of a session cost something else than one record does, "" for nothing.
func (p *planClass) unlike(what int) string {
	switch {
	case what&perSession == 0:
	case p.capped:
		return "a cap"
	}
	for i := range p.prices {
		x := &p.prices[i]
		switch {
		case what&perSession == 0:
		case !x.fee.IsZero():
			return "a fee"
		case x.increment.initial != 1 || x.increment.then != 1:
			return "an increment"
		case len(x.steps) > 1 && p.count == countRecord:
			return "steps for a record"
		}
		for _, s := range x.steps {
			_, rest, below, err := s.price.Price(1, uint64(s.per), decimal.Rounding{Scale: p.round.Scale, Mode: decimal.Down})
			if what&perAmount != 0 && (err != nil || !rest.IsZero() || below != decimal.Fraction{}) {
				return "rounding"
			}
		}
	}
	return ""
}

// PerSession says which plans have something that is charged for a session as a whole, for the classes of usage that
// a source's records can have; nil is for any. It is "" when there are none.
func (c *Catalogue) PerSession(classes []string) string {
	var found []string
	more := 0
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
					if len(found) == 3 {
						more++
					} else {
						found = append(found, fmt.Sprintf("plan %s has %s for %s", f.name, what, name))
					}
					break
				}
			}
		}
	}
	text := strings.Join(found, ", ")
	if more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
