package registry

import (
	"fmt"
	"strings"

	"ratemill/diag"
)

// If a CSV file has no column for a field, the field stays unchanged. An empty cell removes the plan of a SIM, and so
// does a YAML entry without a plan; import warns of both.

// earlier returns the statement about a SIM that was valid before another one.
func (a *around) earlier(begun bool) (m mark, ok bool) {
	switch {
	case begun:
		return a.at, true
	case a.preceded && !a.at.ends:
		return a.before, true
	}
	return m, false
}

// complete fills in the account and the plan of a statement if its file has no columns for them.
func (im *importer) complete(r *row, s *statement, a *around, begun bool) bool {
	if s.accountSaid && s.planSaid {
		return true
	}
	m, ok := a.earlier(begun)
	if ok && !s.planSaid {
		s.plan = im.r.plans.list[m.plan]
	}
	if s.accountSaid {
		return true
	}
	if !ok {
		im.errorf(r.at(firstColumn(r)), "account is missing, and nobody owned this SIM before")
	}
	s.account = m.account
	return ok
}

// erasure counts the SIMs from which rows remove a plan.
type erasure struct {
	first diag.Pos
	sims  int
}

// erase records that a row without a plan removes the SIM's plan.
func (im *importer) erase(r *row, a *around, begun bool) {
	m, ok := a.earlier(begun)
	if !ok || m.plan == 0 {
		return
	}
	plan := im.r.plans.list[m.plan]
	e := im.erased[plan]
	if e == nil {
		e = &erasure{first: r.at(colPlan)}
		im.erased[strings.Clone(plan)] = e
		im.erasedOrder = append(im.erasedOrder, plan)
	}
	e.sims++
}

// tellErased warns of the plans that rows remove from SIMs.
func (im *importer) tellErased() {
	for _, plan := range im.erasedOrder {
		e := im.erased[plan]
		sims := "1 SIM"
		if e.sims > 1 {
			sims = fmt.Sprintf("%d SIMs", e.sims)
		}
		im.list.Warnf(e.first, "plan %s removed from %s: from then on its account's plan prices its usage, if there is one. "+
			"In CSV, omit the column plan to keep plans as they are", shortened(plan), sims)
	}
}
