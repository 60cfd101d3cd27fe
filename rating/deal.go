package rating

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// Deal prices are a plan that replaces another plan, the one that it extends, for some accounts. SIMs and accounts
// keep their plan; the catalogue alone determines the deal. It uses the counters of the plan that it replaces, so
// no counter starts at zero when the deal begins or ends.

// deal is a plan for some accounts.
type deal struct {
	of, plan int32 // families: the replaced plan and the deal's plan
	kind     string
	accounts []string
	named    []diag.Text // positions of the account names in the first version
}

// dealt checks the accounts that a plan of deal prices names.
func (x *extension) dealt(d *planDoc) bool {
	errors := x.list.Errors()
	if d.Extends.For == nil {
		if d.Extends.Until.Kind != literal.Always {
			x.list.Errorf(d.Extends.Until.Pos, "until needs for: only deal prices can end, because SIMs would be left without a plan")
		}
		return x.list.Errors() == errors
	}
	for _, base := range x.of[d.Extends.Extends.Value] {
		if base.Extends.For != nil {
			x.list.Errorf(d.Extends.Extends.Pos, "plan %s is itself a deal for certain accounts, so no other plan can replace it; extend plan %s",
				base.Name.Value, base.Extends.Extends.Value)
			break
		}
	}
	for _, other := range x.of[d.Name.Value] {
		if other.Extends.For == nil || other.Extends.Extends.Value != d.Extends.Extends.Value {
			x.list.Errorf(d.Name.Pos, "plan %s is a deal in place of plan %s, but another version of it is not; give the deal "+
				"a name of its own", d.Name.Value, d.Extends.Extends.Value)
			break
		}
	}
	return x.list.Errors() == errors
}

// counter returns the plan whose name appears in the names of a plan's counters.
func (d *planDoc) counter() string {
	if d.Extends.For != nil {
		return d.Extends.Extends.Value
	}
	return d.Name.Value
}

// compileDeals finds the plans for certain accounts, and reports accounts that have two deals.
func (c *compiler) compileDeals() {
	type claim struct {
		of, whom string
	}
	first := map[claim]diag.Text{}
	versions := map[string][]*forDoc{}
	for _, doc := range c.planDocs {
		for_ := doc.Extends.For
		own, ok := c.plans.find(doc.Name.Value)
		of, known := c.plans.find(doc.Extends.Extends.Value)
		if for_ == nil || !ok || !known {
			continue
		}
		if before := versions[doc.Name.Value]; slices.Contains(before, for_) {
			continue
		} else if len(before) > 0 && !before[0].same(for_) {
			c.list.Errorf(for_.pos, "another version of plan %s is a deal for other accounts; give the new deal its own name", doc.Name.Value)
			continue
		}
		again := len(versions[doc.Name.Value]) > 0
		versions[doc.Name.Value] = append(versions[doc.Name.Value], for_)
		if again {
			continue
		}
		x := deal{of: of, plan: own, kind: for_.Kind}
		whom := for_.Accounts
		if for_.Kind != "" {
			whom = []diag.Text{{Value: "accounts of kind " + for_.Kind, Pos: for_.pos}}
		}
		for _, t := range whom {
			k := claim{doc.Extends.Extends.Value, t.Value}
			if other, twice := first[k]; twice {
				c.list.Errorf(t.Pos, "plan %s already replaces plan %s for %s; an account can have one deal for a plan", other.Value, k.of,
					t.Value)
			}
			first[k] = doc.Name
			if for_.Kind == "" {
				x.accounts, x.named = append(x.accounts, t.Value), append(x.named, t)
			}
		}
		c.deals = append(c.deals, x)
	}
}

func (f *forDoc) same(o *forDoc) bool {
	return f.Kind == o.Kind && sortedWords(f.Accounts) == sortedWords(o.Accounts)
}

// dealsOf returns the deals that name an account, how many these are, and then the deals for its kind.
func (c *Catalogue) dealsOf(facts *registry.Account) (all []deal, named int) {
	var ofKind []deal
	for _, d := range c.deals {
		if slices.Contains(d.accounts, facts.ID) {
			all = append(all, d)
		}
		if d.kind == facts.Kind.String() {
			ofKind = append(ofKind, d)
		}
	}
	return append(all, ofKind...), len(all)
}

// dealt returns the plan that replaces a plan for the account at an index of the path. The deal may name the account,
// the nearest account above it, or its kind. Only a deal that names a reseller applies to it. Accounts below a
// reseller never inherit a deal from above the reseller.
func (e *Engine) dealt(place int, family int32, at udr.Instant) int32 {
	clock := e.path[place].clock
	for i, p := range e.path[place:] {
		if i > 0 && (p.facts.Kind == registry.ResellerAccount || e.path[place].facts.Kind == registry.ResellerAccount) {
			break // resellers buy and sell at their own prices
		}
		if plan, ok := e.among(p.deals[:p.named], clock, family, at); ok {
			return plan
		}
	}
	p := e.path[place]
	if plan, ok := e.among(p.deals[p.named:], clock, family, at); ok {
		return plan
	}
	return family
}

// among returns the plan of a deal in force that replaces a plan.
func (e *Engine) among(deals []deal, clock *zoneClock, family int32, at udr.Instant) (int32, bool) {
	for i := range deals {
		if deals[i].of == family {
			if p, _, _ := e.catalogue.plans.list[deals[i].plan].at(clock, at); p != nil && !p.ended {
				return deals[i].plan, true
			}
		}
	}
	return 0, false
}

// InPlaceOf returns the plan that a deal replaces; for any other plan, it returns the plan itself.
func (c *Catalogue) InPlaceOf(plan string) string {
	if n, ok := c.plans.find(plan); ok {
		for i := range c.deals {
			if c.deals[i].plan == n {
				return c.plans.list[c.deals[i].of].name
			}
		}
	}
	return plan
}

// Deal is a plan of deal prices, its accounts, and the plan that it replaces.
type Deal struct {
	Plan, Of string
	Kind     string
	Accounts []string
	Named    []diag.Text // positions of the account names in the catalogue
}

// Deals returns the deal prices of the catalogue.
func (c *Catalogue) Deals() (list []Deal) {
	for _, d := range c.deals {
		list = append(list, Deal{c.plans.list[d.plan].name, c.plans.list[d.of].name, d.kind, d.accounts, d.named})
	}
	return list
}

// dealWords explains for which accounts a plan replaces another; "" if it is not a deal.
func (x *explanation) dealWords() string {
	p := x.plan()
	if p == nil || p.counter == p.name {
		return ""
	}
	n, _ := x.names.Catalogue.plans.find(p.name)
	for _, d := range x.names.Catalogue.deals {
		if d.plan == n {
			whom := strings.Join(d.accounts[:min(len(d.accounts), 4)], ", ")
			if d.kind != "" {
				whom = "accounts of kind " + d.kind
			} else if len(d.accounts) > 4 {
				whom += ", …"
			}
			return fmt.Sprintf("%s in place of plan %s, for %s", p.name, p.counter, whom)
		}
	}
	return ""
}

// withDeals makes a plan keep sessions if one of its deals keeps them, and vice versa, because a session
// continues when a deal begins or ends.
func (c *compiler) withDeals(family int32) (versions []*plan) {
	of := family
	for _, d := range c.deals {
		if d.plan == family {
			of = d.of
		}
	}
	versions = slices.Clone(c.plans.list[of].versions)
	for _, d := range c.deals {
		if d.of == of {
			versions = append(versions, c.plans.list[d.plan].versions...)
		}
	}
	return versions
}

// followDeals gives the inherited buckets and prices of a deal the counters of the plan that it replaces. Inherited
// names may be older than the deal, so they cannot be followed in the deal's own versions.
func (c *compiler) followDeals() {
	for _, d := range c.deals {
		of, own := c.plans.list[d.of], c.plans.list[d.plan]
		for i, p := range own.versions {
			var base *plan
			for j := range of.versions {
				if of.since[j].Order() <= own.since[i].Order() {
					base = of.versions[j]
				}
			}
			if base == nil {
				continue
			}
			for j := range p.included {
				b := &p.included[j]
				for k := range base.included {
					if x := &base.included[k]; x.name == b.name && x.formerly == b.formerly {
						b.counted = x.counted
						c.recount("plan "+of.name, b)
					}
				}
			}
			for n := range min(len(p.classes), len(base.classes)) {
				if p.classes[n] != nil && base.classes[n] != nil {
					takeCounters(p.classes[n].prices, base.classes[n].prices)
				}
			}
		}
	}
}

func takeCounters(prices, from []price) {
	for i := range prices {
		p := &prices[i]
		for j := range from {
			if x := &from[j]; p.id != 0 && x.id != 0 && x.own == p.own && x.former == p.former && x.count == p.count {
				p.key, p.id, p.before = x.key, x.id, x.before
			}
		}
	}
}
