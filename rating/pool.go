package rating

import (
	"slices"
	"strconv"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
)

// shareDoc is the document of a share plan. draw.go draws on its buckets, and poolsize.go computes their size.
type shareDoc struct {
	Name         diag.Text         `yaml:"share_plan,required" doc:"Name of the share plan; accounts refer to it." example:"fleet-3g"`
	From         since             `yaml:"from" doc:"Local date or instant from which this version is in force. If omitted, it has always been in force."`
	Level        levelText         `yaml:"level" default:"account" doc:"Account that owns the buckets. account: the one that has the plan. parent: its parent, so that all children that have the plan share the buckets. reseller: the nearest reseller, which is the account itself or one above it. top: the billing root. A number: the account that many levels below the top. If there is no such account above, the buckets belong to the account that has the plan." example:"parent"`
	Activation   diag.Text         `yaml:"activation" default:"sold" enum:"sold|participation" doc:"sold: an account has the plan if the registry assigns it. participation: it also has it while it has a SIM with one of plans or service_types, in a state of contributes_in."`
	Period       diag.Text         `yaml:"period" default:"cycle" enum:"cycle|day|week|month|contract year" doc:"Period after which the buckets are full again: a billing cycle of the account that owns them, a local day, a week from Monday, a calendar month, or a year of the account's contract." example:"week"`
	Priority     int               `yaml:"priority" doc:"Share plans with a lower number are drawn first, those with the same number in the order of the account." example:"10"`
	Growth       diag.Text         `yaml:"growth" default:"fixed" enum:"fixed|variable|peak" doc:"fixed: the buckets have the same size however many SIMs draw on them. variable: each contributing SIM adds its contribution for its days. peak: the contributions of the largest number of SIMs that contribute at one time in the cycle are added."`
	Join         diag.Text         `yaml:"join" default:"prorated" enum:"prorated|whole" doc:"With growth: variable, the contribution of a SIM that joins or leaves within the cycle. prorated: for its days. whole: all of it."`
	Units        diag.Text         `yaml:"units" default:"prorated" enum:"prorated|full" doc:"Units of a bucket if the account has the plan on only some days of the cycle. prorated: its share of the days, rounded down to whole units. full: all of them."`
	Plans        []diag.Text       `yaml:"plans" doc:"Price plans whose usage participates. If plans and service_types are both omitted, all participate." example:"[fleet]"`
	ServiceTypes []diag.Text       `yaml:"service_types" doc:"Price plans whose usage participates, by their service_type." example:"[tracking]"`
	Contribute   []contributionDoc `yaml:"contributions" doc:"Units that SIMs add to the buckets, by price plan."`
	In           []diag.Text       `yaml:"contributes_in" doc:"Names of the states in which a SIM contributes; by default all states of core active. A SIM without a state contributes." example:"[in_billing]"`
	Buckets      []bucketDoc       `yaml:"buckets,required" doc:"The buckets, drawn in this order."`
}

// contributionDoc is the part of the document that defines the units that a SIM adds to a bucket.
type contributionDoc struct {
	Plan        diag.Text `yaml:"plan" doc:"Price plan of the SIM; it takes precedence over a service type." example:"tracker"`
	ServiceType diag.Text `yaml:"service_type" doc:"Instead of plan: all price plans of this service_type." example:"tracking"`
	Bucket      diag.Text `yaml:"bucket" doc:"Name of the bucket; optional if the share plan has only one." example:"data"`
	Units       quantity  `yaml:"units,required" doc:"Units that one SIM adds in each cycle." example:"50 MB"`
}

// growth is the way in which the buckets of a share plan grow with its SIMs.
type growth uint8

const (
	fixed    growth = iota
	variable        // by SIM-days, or by the SIMs that joined
	peak            // by the largest number of SIMs at one time
)

var growthNames = []string{"fixed", "variable", "peak"}

// share is a version of a share plan.
type share struct {
	name          string
	at            diag.Pos // position of its level, or of its name if it has no level
	named         diag.Pos // of its name
	level         level
	participation bool // activated by it
	period        period
	priority      int
	growth        growth
	whole         bool // a SIM that joins or leaves adds all of its contribution
	full          bool // the buckets are not prorated
	listed        bool // the share plan names the participating plans
	plans         []bool
	groups        []contribution // that SIMs make
	groupsOf      [][]uint16     // by plan family: indexes in groups, counted from 1
	in            []string       // states in which a SIM contributes; if it is empty, those with core state active
	buckets       []bucket
}

// contribution is the units that a SIM adds to a bucket.
type contribution struct {
	bucket int
	units  int64
}

func (s *share) takes(plan int32) bool {
	return !s.listed || int(plan) < len(s.plans) && s.plans[plan]
}

// of returns the contributions of SIMs with a plan, as indexes in groups, counted from 1.
func (s *share) of(plan int32) []uint16 {
	if plan < 0 || int(plan) >= len(s.groupsOf) {
		return nil
	}
	return s.groupsOf[plan]
}

// sized reports whether the size of the buckets depends on SIMs or days.
func (s *share) sized() bool { return s.growth != fixed || !s.full }

// bySIM reports whether the size depends on SIMs, and not only on the accounts that have the plan.
func (s *share) bySIM() bool { return s.growth != fixed || s.participation }

// level tells which account owns the buckets: the account that has the share plan, or an account above it.
type level struct {
	kind  levelKind
	depth int // of atDepth
}

type levelKind uint8

const (
	ofAccount levelKind = iota
	ofParent
	ofReseller
	ofTop
	atDepth
)

var levelNames = []string{"account", "parent", "reseller", "top"}

func (l level) String() string {
	if l.kind == atDepth {
		return strconv.Itoa(l.depth)
	}
	return levelNames[l.kind]
}

// owner returns the index of the account that owns the buckets of the account at another index. Both are indexes in a
// path of accounts up to the billing root.
func (l level) owner(place, length int, at func(place int) *registry.Account) int {
	switch l.kind {
	case ofParent:
		return min(place+1, length-1)
	case ofTop:
		return length - 1
	case ofReseller:
		for i := place; i < length; i++ {
			if at(i).Kind == registry.ResellerAccount {
				return i
			}
		}
	case atDepth:
		if up := at(place).Level - l.depth; up > 0 {
			return place + up
		}
	}
	return place
}

// levelText is a level as written in a document.
type levelText struct {
	level
	Pos diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (t *levelText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	t.Pos = n.Pos
	if !d.Want(n, diag.Scalar, "a level") {
		return
	}
	if i := slices.Index(levelNames, n.Text); i >= 0 {
		t.kind = levelKind(i)
		return
	}
	depth, err := strconv.Atoi(n.Text)
	if err != nil || depth < 0 || depth > 32 {
		d.Errorf(n.Pos, "level is one of account, parent, reseller, top, or a number of levels below the top, not %s", n.Text)
		return
	}
	t.kind, t.depth = atDepth, depth
}

// JSONSchema returns the schema of the level's allowed words.
func (levelText) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"enum": []any{"account", "parent", "reseller", "top"}},
		map[string]any{"type": "integer", "minimum": 0, "maximum": 32}}}
}

func (c *compiler) compileShares() {
	types := c.serviceTypes()
	for _, doc := range c.shareDocs {
		c.joinable("share plan", doc.Name)
		s := &share{name: doc.Name.Value, level: doc.Level.level, at: doc.Name.Pos, named: doc.Name.Pos, priority: doc.Priority,
			participation: doc.Activation.Value == "participation", growth: growth(max(0, slices.Index(growthNames, doc.Growth.Value))),
			whole: doc.Join.Value == "whole", full: doc.Units.Value == "full", listed: len(doc.Plans)+len(doc.ServiceTypes) > 0}
		s.period = period(max(0, slices.Index(periodNames, doc.Period.Value)))
		if doc.Level.Pos.File != nil {
			s.at = doc.Level.Pos
		}
		for _, p := range doc.Plans {
			if i, ok := c.planNamed(p); ok {
				s.plans = marked(s.plans, i)
			}
		}
		for _, t := range doc.ServiceTypes {
			for _, i := range c.plansOf(t, types) {
				s.plans = marked(s.plans, i)
			}
		}
		for i := range c.deals {
			if d := &c.deals[i]; s.listed && s.takes(d.of) {
				s.plans = marked(s.plans, d.plan)
			}
		}
		var plans []*plan
		for i, f := range c.plans.list {
			if s.takes(int32(i)) {
				plans = append(plans, f.versions...)
			}
		}
		c.warnZones(doc.Buckets, plans, "the plans that draw on "+s.name)
		s.buckets = c.buckets(doc.Buckets, "pool "+s.name, s.name, AccountUnits, s.growth != fixed)
		c.setLeast(s.buckets, plans)
		c.compileOverage(doc, s, plans)
		for _, state := range doc.In {
			s.in = append(s.in, state.Value)
		}
		c.compileGrowth(doc, s, types)
		versioned(c, &c.shares, "share plan", doc.Name, doc.From, s)
	}
	for _, f := range c.shares.list {
		c.participation = c.participation || slices.ContainsFunc(f.versions, func(s *share) bool { return s.participation })
		c.above = c.above || slices.ContainsFunc(f.versions, func(s *share) bool { return s.level.kind != ofAccount })
		c.prioritised = c.prioritised || slices.ContainsFunc(f.versions, func(s *share) bool { return s.priority != 0 })
	}
}

func (c *compiler) planNamed(name diag.Text) (int32, bool) {
	i, ok := c.plans.find(name.Value)
	if !ok {
		c.list.Errorf(name.Pos, "unknown plan %s%s", name.Value, orKnown(name.Value, c.plans.names()))
	}
	return i, ok
}

func marked(set []bool, i int32) []bool {
	for int(i) >= len(set) {
		set = append(set, false)
	}
	set[i] = true
	return set
}

// serviceTypes returns the plans of each service type.
func (c *compiler) serviceTypes() map[string][]int32 {
	types, of := map[string][]int32{}, map[int32]diag.Text{}
	for _, doc := range c.planDocs {
		i, ok := c.plans.find(doc.Name.Value)
		if !ok {
			continue
		}
		first, known := of[i]
		switch {
		case !known:
			of[i] = doc.ServiceType
			if doc.ServiceType.Value != "" && doc.Extends.For == nil { // no SIM has the plan of a deal
				types[doc.ServiceType.Value] = append(types[doc.ServiceType.Value], i)
			}
		case first.Value != doc.ServiceType.Value:
			c.list.Errorf(doc.Name.Pos, "plan %s has service_type %q in this version, and %q in another; all versions of a plan have one "+
				"service type", doc.Name.Value, doc.ServiceType.Value, first.Value)
		}
	}
	return types
}

func (c *compiler) plansOf(t diag.Text, types map[string][]int32) []int32 {
	plans := types[t.Value]
	if len(plans) == 0 {
		var known []string
		for name := range types {
			known = append(known, name)
		}
		slices.Sort(known)
		c.list.Errorf(t.Pos, "no plan has the service type %s%s", t.Value, orKnown(t.Value, known))
	}
	return plans
}

// compileGrowth reads the contributions of a share plan, and refuses contradictions.
func (c *compiler) compileGrowth(doc *shareDoc, s *share, types map[string][]int32) {
	units := map[int32][]int64{} // by plan family and bucket; -1 if no contribution is set
	said := map[int32][]bool{}   // whether the plan itself sets the contribution
	for i := range doc.Contribute {
		d := &doc.Contribute[i]
		b := c.contributesTo(d, s)
		plans := []int32{}
		switch {
		case d.Plan.Value != "" && d.ServiceType.Value != "":
			c.list.Errorf(d.ServiceType.Pos, "a contribution is for a plan or a service type, not both; write two contributions")
			continue
		case d.Plan.Value != "":
			if p, ok := c.planNamed(d.Plan); ok {
				plans = append(plans, p)
			}
			if of := c.InPlaceOf(d.Plan.Value); of != d.Plan.Value {
				c.list.Errorf(d.Plan.Pos, "plan %s is a deal in place of plan %s, and contributions depend on the plans that SIMs have; write %s",
					d.Plan.Value, of, of)
			}
		case d.ServiceType.Value != "":
			plans = c.plansOf(d.ServiceType, types)
		default:
			c.list.Errorf(d.Units.Pos, "a contribution needs the plan or the service_type of the SIMs that contribute")
			continue
		}
		if b < 0 || d.Units.Value < 0 {
			if d.Units.Value < 0 {
				c.list.Errorf(d.Units.Pos, "a contribution must be 0 or more")
			}
			continue
		}
		for _, p := range plans {
			if !s.takes(p) {
				c.list.Errorf(d.Units.Pos, "plan %s contributes to share plan %s, but its usage does not participate: add it to plans",
					c.plans.list[p].name, s.name)
			}
			if units[p] == nil {
				units[p], said[p] = slices.Repeat([]int64{-1}, len(s.buckets)), make([]bool, len(s.buckets))
			}
			itself := d.Plan.Value != ""
			if units[p][b] >= 0 && said[p][b] == itself {
				c.list.Errorf(d.Units.Pos, "plan %s contributes to bucket %s already", c.plans.list[p].name, s.buckets[b].name)
			}
			if units[p][b] < 0 || itself {
				units[p][b], said[p][b] = d.Units.Value, itself
			}
		}
	}
	for p := range int32(len(c.plans.list)) {
		for b, n := range units[p] {
			if n > 0 {
				s.contributes(p, contribution{b, n})
			}
		}
	}
	c.checkGrowth(doc, s)
}

// contributes adds a contribution of the SIMs with a plan. Plans with the same contribution share a group.
func (s *share) contributes(plan int32, x contribution) {
	g := slices.Index(s.groups, x)
	if g < 0 {
		g = len(s.groups)
		s.groups = append(s.groups, x)
	}
	for int(plan) >= len(s.groupsOf) {
		s.groupsOf = append(s.groupsOf, nil)
	}
	s.groupsOf[plan] = append(s.groupsOf[plan], uint16(g+1))
}

// contributesTo returns the index of the bucket to which a contribution adds, -1 if there is none.
func (c *compiler) contributesTo(d *contributionDoc, s *share) int {
	var names []string
	for i := range s.buckets {
		names = append(names, s.buckets[i].name)
	}
	b := slices.Index(names, d.Bucket.Value)
	switch {
	case d.Bucket.Value == "" && len(names) == 1:
		b = 0
	case d.Bucket.Value == "" && len(names) > 1:
		c.list.Errorf(d.Units.Pos, "share plan %s has several buckets; name one, as in bucket: %s", s.name, names[0])
	case b < 0 && len(names) > 0:
		c.list.Errorf(d.Bucket.Pos, "share plan %s has no bucket %s%s", s.name, d.Bucket.Value, orKnown(d.Bucket.Value, names))
	}
	if b >= 0 && d.Units.Unit != literal.AnyUnit {
		if unit := c.Catalogue.unitOf(s.buckets[b].classes); unit != literal.AnyUnit && unit != d.Units.Unit {
			c.list.Errorf(d.Units.Pos, "bucket %s holds %s, not %s", s.buckets[b].name, literal.UnitName(unit), literal.UnitName(d.Units.Unit))
		}
	}
	return b
}

func (c *compiler) checkGrowth(doc *shareDoc, s *share) {
	switch {
	case s.growth == fixed && len(doc.Contribute) > 0:
		c.list.Errorf(doc.Contribute[0].Units.Pos, "share plan %s has contributions, but its growth is fixed; write growth: variable, or "+
			"growth: peak", s.name)
	case s.growth != fixed && len(doc.Contribute) == 0:
		c.list.Errorf(doc.Growth.Pos, "share plan %s grows, but no plan contributes to it; write contributions: [{ plan: NAME, units: 50 MB }], "+
			"or growth: fixed", s.name)
	case s.growth != fixed && len(s.groups) == 0 && !c.list.HasErrors():
		c.list.Warnf(doc.Growth.Pos, "share plan %s grows, but nobody contributes to it: each contribution is 0", s.name)
	}
	if s.whole && s.growth != variable {
		c.list.Errorf(doc.Join.Pos, "join determines what a SIM adds that joins or leaves within the cycle, so it needs growth: variable")
	}
	if s.participation && !s.listed {
		c.list.Errorf(doc.Activation.Pos, "activation: participation needs plans or service_types; otherwise every account with a SIM has "+
			"share plan %s", s.name)
	}
	if len(s.in) > 0 && !s.bySIM() {
		c.list.Errorf(doc.In[0].Pos, "contributes_in names states of SIMs that contribute, so it needs growth: variable or growth: peak")
	}
	for i := range s.buckets {
		b := &s.buckets[i]
		grows := slices.ContainsFunc(s.groups, func(g contribution) bool { return g.bucket == i })
		switch {
		case b.size == 0 && !grows && len(s.groups) > 0:
			c.list.Errorf(b.at, "bucket %s of share plan %s has no units, and nobody contributes to it", b.name, s.name)
		case s.growth != fixed && !grows && len(s.groups) > 0:
			c.list.Warnf(b.at, "nobody contributes to bucket %s, so it does not grow", b.name)
		}
	}
}

// checkContributesIn finds the states that share plans name.
func (c *compiler) checkContributesIn() {
	for _, doc := range c.shareDocs {
		for _, s := range doc.In {
			if known := c.life.States(); !slices.Contains(known, s.Value) {
				c.list.Errorf(s.Pos, "no state model has a state %s%s", s.Value, orKnown(s.Value, known))
			}
		}
	}
}
