package rating

import (
	"cmp"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/rules"
	"ratemill/udr"
)

// plan is a version of a price plan.
type plan struct {
	name     string
	counter  string // plan name in the names of its counters: its own, or that of the plan that it replaces
	family   int32  // for share plans: family of the plan that it replaces
	derived  bool   // the plan results from extending another plan
	ended    bool   // the deal ends here: the replaced plan is in force again
	currency string
	slices   []string
	week     *week        // nil without slices
	visited  bool         // slices follow the clock of the visited country
	special  bool         // slices follow that clock or contain holidays
	classes  []*planClass // by class number; nil if the plan has no prices for the class
	included []bucket
	passes   []*pass // the passes that have their own names
	prorate  bool    // a SIM gets included units for the days of the cycle on which it has the plan and is in a state that counts
	// includedIn contains the names of the states that count; if it is empty, those with core state active.
	includedIn []string
	shared     map[string]sharedCount // counts, by name
	discounts  map[*discountsDoc]*discount
}

// planClass is a plan's prices for a usage class.
type planClass struct {
	name    string
	at      diag.Pos
	models  *family[zoneModel] // the plan's zone model; nil for a network price plan
	own     []*zoneModel       // for a network price plan, by slice: one zone for each price valid in the slice
	prices  []price
	when    *conditional // nil if no price has a condition
	usesOwn bool         // the class is in a network price plan whose prices name own networks or numbers
	table   []int32      // by zone and slice; -1 if there is no price. nil for a network price plan
	stride  int32        // number of slices, plus one for any time
	sliced  bool         // at least one price has a slice
	round   decimal.Rounding
	cap     decimal.D
	capped  bool
	volume  bool   // at least one price is a volume price
	credit  bool   // records with a negative quantity are credits
	paid    uint64 // with credits, ids of the counters for each SIM: the charged amount
	drew    uint64 // the units that the SIM drew from a bucket; this id is mixed with the bucket's id

	discount *discount // nil for none
	// den is a common multiple of the quantities in prices: it is the denominator of the part of a sum below 10^-12.
	den     uint64
	session uint64 // id of the stored sessions; 0 if the price of the class is linear in all versions
	steps   bool   // at least one bucket that covers the class has its own increment

	instead []*price // prices of limits and pools that can take the place of the plan's
}

type price struct {
	name   string
	id     uint64 // id of its counter, unless each record is counted by itself
	count  counted
	period period
	shared string // name of the count that it shares with other prices
	model  priceModel

	thresholds []int64   // the numbers of units at which a volume price of the same count changes
	spending   *spending // for a discount by spend with whole: true; otherwise nil
	point      uint64    // hash of its position in the catalogue

	slice     string
	over      string // the limit for whose usage over it this is the price, or the bucket of a pool
	fee       decimal.D
	minimum   decimal.D
	increment increments
	steps     []priceStep
	when      *rules.Condition // nil for none
	where     string           // places of the price, in a network price plan
	adjust    []apply          // its effect on the sum of a record that begins at this price
	origins   []*origin
	pass      *pass
	given     uint64  // id of the counter of units that a SIM paid for, in a class with credits
	stages    []stage // its fees, passes, minimums and caps of periods, in the order in which they apply
	plain     bool    // only units, increments and counts decide the cost of a record, see Engine.charge

	priceIdentity
}

// bucket is a number of units from which usage draws.
type bucket struct {
	name     string
	formerly string
	counted  string // the bucket's name in its counter
	share    string // share plan; empty for included units
	event    string // the bucket's name in events
	id       uint64
	at       diag.Pos
	kind     CounterKind
	size     int64
	unit     udr.Unit
	classes  []bool   // by class number
	zones    []uint64 // bits by global zone number; nil for all zones

	weights   []int64 // by global zone number; nil if a unit takes one unit in every zone
	least     int64   // the smallest weight: if fewer units are left, nothing more can be drawn
	increment int64   // 0: the increment of the price
	prorate   bool
	overage   *price    // price of a pool for units that no bucket covers; nil: the plan's price
	roll      *rollover // nil: the unused units of a cycle expire
}

func (b *bucket) covers(class, zone int32) bool {
	if int(class) >= len(b.classes) || !b.classes[class] {
		return false
	}
	return inZones(b.zones, zone)
}

// priceOf returns the price of a zone in a time slice. A zone of a network price plan has one price.
func (p *planClass) priceOf(zone int32, slice int16) *price {
	if p.own != nil {
		return &p.prices[zone]
	}
	row := zone * p.stride
	if i := p.table[row+int32(slice)]; i >= 0 {
		return &p.prices[i]
	}
	if i := p.table[row]; i >= 0 {
		return &p.prices[i]
	}
	return nil
}

func (c *compiler) compilePlans() {
	for _, doc := range c.planDocs {
		known := len(c.list)
		if doc.Name.Value != "" {
			c.plans.add(doc.Name.Value)
		}
		c.joinable("plan", doc.Name)
		for _, e := range doc.Classes {
			c.joinable("class", e.Key)
			c.declaredClass(e.Key)
			if e.Value != nil {
				c.class(e.Key, c.classUnit(e.Key.Value, e.Value))
			}
		}
		c.again(doc, known)
	}
	for _, doc := range c.planDocs {
		p := &plan{name: doc.Name.Value, counter: doc.counter(), derived: doc.depth > 0, ended: doc.ended, currency: doc.Currency.Value}
		known := len(c.list)
		if p.currency != "" {
			c.currency(p.currency, doc.Currency.Pos)
			c.warnMinor(doc)
		}
		p.prorate = doc.Prorate.Value == "days"
		for _, s := range doc.IncludedIn {
			p.includedIn = append(p.includedIn, s.Value)
		}
		for _, s := range doc.Slices {
			p.slices = append(p.slices, s.Key.Value)
		}
		if p.week = compileWeek(doc.Slices, &c.list); p.week != nil {
			p.week.holidayHours(doc.Slices, c.calendars, &c.list)
			p.visited = doc.SlicesIn.Value == visited
			p.special = p.visited || p.week.holidays != nil
		}
		var models *family[zoneModel]
		if doc.Zones.Value != "" {
			i, ok := c.models.find(doc.Zones.Value)
			if !ok {
				c.list.Errorf(doc.Zones.Pos, "unknown zone model %s%s", doc.Zones.Value, orKnown(doc.Zones.Value, c.models.names()))
				continue
			}
			models = c.models.list[i]
		}
		c.warnTimeZones(doc, models)
		for _, e := range doc.Classes {
			if e.Value == nil {
				c.list.Errorf(e.Key.Pos, "class %s is empty; give it prices", e.Key.Value)
				continue
			}
			n := c.classes[e.Key.Value]
			pc := c.compileClass(doc, p, e.Key, e.Value, models)
			for int(n) >= len(p.classes) {
				p.classes = append(p.classes, nil)
			}
			p.classes[n] = pc
		}
		p.included = c.buckets(doc.Included, "plan "+p.counter, "", SIMUnits, false)
		p.prorateBuckets(doc)
		c.warnZones(doc.Included, []*plan{p}, "plan "+p.name)
		c.warnInert(doc, p)
		c.again(doc, known)
		versioned(c, &c.plans, "plan", doc.Name, doc.From, p)
	}
	c.compileDeals()
	for _, f := range c.plans.list {
		of, _ := c.plans.find(c.InPlaceOf(f.name))
		for _, p := range f.versions {
			p.family = of
		}
	}
}

// again drops findings about terms that a plan inherits from the plan that it extends, because they are already
// reported for that plan.
func (c *compiler) again(doc *planDoc, known int) {
	if doc.depth > 0 {
		c.list = append(c.list[:known:known], c.list[:known].News(c.list[known:])...)
	}
}

func orKnown(name string, known []string) string {
	if hint := diag.Suggest(name, known); hint != "" {
		return hint
	}
	if len(known) == 0 {
		return "; the catalogue has none"
	}
	return "; known: " + strings.Join(known[:min(len(known), 10)], ", ")
}

// classUnit returns the unit of a class's increments and prices.
func (c *compiler) classUnit(name string, doc *classDoc) udr.Unit {
	unit := literal.AnyUnit
	if c.declared != nil {
		if u, ok := c.declared.Units[name]; ok {
			unit = u // the unit used in records
		}
	}
	say := func(u udr.Unit, at diag.Pos, what string) {
		switch {
		case u == literal.AnyUnit:
		case unit == literal.AnyUnit:
			unit = u
		case unit != u:
			c.list.Errorf(at, "%s is in %s, but class %s counts %s", what, literal.UnitName(u), name, literal.UnitName(unit))
		}
	}
	if doc.Increment.given {
		say(doc.Increment.unit, doc.Increment.pos, "the increment")
	}
	for i := range doc.Prices {
		p := &doc.Prices[i]
		if p.Increment.given {
			say(p.Increment.unit, p.Increment.pos, "the increment")
		}
		for _, x := range []*priceText{p.Price, p.Package} {
			if x != nil {
				say(x.unit, x.pos, "the price "+x.text)
			}
		}
		for _, s := range slices.Concat(p.Steps, p.Volume) {
			say(s.From.Unit, s.From.Pos, "from")
			say(s.Price.unit, s.Price.pos, "the price "+s.Price.text)
		}
	}
	return unit
}

func (c *compiler) compileClass(doc *planDoc, p *plan, name diag.Text, cd *classDoc, models *family[zoneModel]) *planClass {
	pc := &planClass{name: name.Value, at: name.Pos, models: models, round: decimal.Exact, stride: int32(len(p.slices) + 1), den: 1}
	said := saying{compiler: c, doc: doc, plan: p, class: name, classDoc: cd, pc: pc}
	for i := range adjustments {
		if read := adjustments[i].class; read != nil {
			read(&said)
		}
	}
	if len(cd.Prices) == 0 {
		c.refuse(name.Pos, "class %s has no prices", name.Value)
	}
	table := newPriceTable(pc, models)
	var own []ownPrice
	var ownNames ownZones
	named, counting := map[string]namedPrice{}, map[uint64]namedPrice{}
	for i := range cd.Prices {
		d := &cd.Prices[i]
		at := d.pos(name.Pos)
		slice := int32(0)
		if d.Slice.Value != "" {
			slice = int32(slices.Index(p.slices, d.Slice.Value)) + 1
			if slice == 0 {
				c.list.Errorf(d.Slice.Pos, "unknown slice %s%s", d.Slice.Value, orKnown(d.Slice.Value, p.slices))
				continue
			}
			pc.sliced = true
		}
		if !c.placed(d, at, models) {
			continue
		}
		c.refersToOwn(&d.Where)
		var zones []string
		for _, z := range d.Zones {
			zones = append(zones, z.Value)
			if _, ok := table.locals[z.Value]; !ok {
				c.list.Errorf(z.Pos, "zone model %s has no zone %s%s", models.name, z.Value, orKnown(z.Value, table.names))
			}
		}
		if models == nil {
			zones = []string{ownNames.name(d, i+1)}
		}
		pr := said.compilePrice(d, at)
		if pr.name == "" {
			pr.name = cmp.Or(strings.Join(zones, ","), "all")
			if d.Slice.Value != "" {
				pr.name += "@" + d.Slice.Value
			}
		}
		c.nameOnce(named, pr.name, namedPrice{d, zones, at})
		if id := pr.id; pr.count != countRecord || pr.remembers() || pc.credit {
			if pr.priceIdentity, pr.id = c.identify(d, "price "+p.counter+"/"+name.Value+"/", zones, models == nil, at); pr.shared != "" {
				pr.id, pr.before = id, nil
			}
			if other, ok := counting[pr.id]; ok && (d.Formerly.Value != "" || other.doc.Formerly.Value != "") {
				c.list.Errorf(at, "this price would share its count with the one on line %d, but each price has its own count: remove "+
					"formerly, or give it another name", other.at.Line)
			}
			if pr.shared == "" {
				counting[pr.id] = namedPrice{d, zones, at}
			}
		}
		pr.at = at
		number := int32(len(pc.prices))
		if models == nil {
			pr.where = d.Where.holds()
		}
		pc.prices = append(pc.prices, pr)
		if !d.When.IsZero() {
			said.compileWhen(d, table, zones, slice, number)
			continue
		}
		if models == nil {
			own = append(own, ownPrice{d, at, slice, number, d.Where.holds(), zones[0]})
			continue
		}
		c.enter(table, zones, slice, number, at)
	}
	if models == nil {
		c.compileNetworks(pc, p, name, own)
		return pc
	}
	for _, z := range table.names {
		row := table.row(z)
		// A zone with a price for any time uses only its own prices; otherwise prices for all zones fill its gaps.
		if row[0] < 0 {
			for s := range row {
				if row[s] < 0 {
					row[s] = table.forAll[s]
				}
			}
		}
		c.warnGaps(p, name, z, row)
	}
	return pc
}

// placed reports whether a price names its place in the way that its plan requires: by zones of the plan's model, or
// directly if the plan has no model.
func (c *compiler) placed(d *priceDoc, at diag.Pos, models *family[zoneModel]) bool {
	switch {
	case models == nil && len(d.Zones) > 0:
		c.list.Errorf(d.Zones[0].Pos, "the plan names no zone model, so its prices cannot name zones; write `zones: MODEL` at the plan, or "+
			"networks, countries, prefixes here")
		return false
	case models != nil && !d.Where.empty():
		c.list.Errorf(at, "the plan uses the zones of model %s; name zones here, and list their networks, countries and prefixes in "+
			"the model", models.name)
		return false
	}
	return true
}

// priceTable is planClass.table under construction.
type priceTable struct {
	*planClass
	locals map[string]int32
	names  []string // of zones
	forAll []int32  // prices that name no zone, by slice
}

func newPriceTable(pc *planClass, models *family[zoneModel]) *priceTable {
	t := &priceTable{planClass: pc, locals: map[string]int32{}, forAll: slices.Repeat([]int32{-1}, int(pc.stride))}
	if models == nil {
		return t
	}
	for _, m := range models.versions {
		for _, z := range m.zones {
			if _, ok := t.locals[z.name]; !ok {
				t.names = append(t.names, z.name)
			}
			t.locals[z.name] = z.local
		}
	}
	pc.table = slices.Repeat([]int32{-1}, len(t.locals)*int(pc.stride))
	return t
}

func (t *priceTable) row(zone string) []int32 {
	return t.table[t.locals[zone]*t.stride : (t.locals[zone]+1)*t.stride]
}

func (c *compiler) enter(t *priceTable, zones []string, slice, number int32, at diag.Pos) {
	put := func(cell *int32, what string) {
		if *cell >= 0 {
			c.list.Errorf(at, "%s already has a price: %s; a zone and slice has one price", what, t.prices[*cell].name)
		}
		*cell = number
	}
	if len(zones) == 0 {
		put(&t.forAll[slice], "every zone")
	}
	for _, z := range zones {
		if _, ok := t.locals[z]; ok {
			put(&t.row(z)[slice], "zone "+z)
		}
	}
}

// namedPrice is a price with a unique name.
type namedPrice struct {
	doc   *priceDoc
	zones []string
	at    diag.Pos
}

// nameOnce reports a price with the same name as another price of its class, because the two would share a
// counter. This also applies to names that come from zones.
func (c *compiler) nameOnce(named map[string]namedPrice, name string, p namedPrice) {
	first, taken := named[name]
	switch {
	case !taken:
		named[name] = p
	case p.doc.Name.Value != "":
		c.list.Errorf(p.at, "a price named %s is already on line %d; each price of a class needs its own name", name, first.at.Line)
	case first.doc.Name.Value == "" && first.doc.Slice.Value == p.doc.Slice.Value && slices.Equal(first.zones, p.zones):
		// Two prices for the same zone and slice are reported when the price is added.
	default:
		c.refuse(p.at, "this price has no name, so it is named %s by its zones and slice, as the one on line %d is already; give it its own name",
			name, first.at.Line)
	}
}

func (c *compiler) warnGaps(p *plan, class diag.Text, zone string, row []int32) {
	if row[0] >= 0 {
		return
	}
	var missing []string
	for s := 1; s < len(row); s++ {
		if row[s] < 0 {
			missing = append(missing, p.slices[s-1])
		}
	}
	if len(missing) == len(row)-1 {
		c.list.Warnf(class.Pos, "class %s has no price in zone %s: its records there go to suspense", class.Value, zone)
		return
	}
	if p.week != nil && slices.Contains(p.week.slice, 0) {
		missing = append(missing, "outside of all slices")
	}
	if len(missing) > 0 {
		c.list.Warnf(class.Pos, "class %s has no price in zone %s for the time %s: its records then go to suspense", class.Value, zone,
			strings.Join(missing, ", "))
	}
}

func (d *priceDoc) pos(fallback diag.Pos) diag.Pos {
	switch {
	case d.Price != nil:
		return d.Price.pos
	case d.Pass != nil:
		return d.Pass.Price.Pos
	case len(d.Steps) > 0:
		return d.Steps[0].pos
	case d.Package != nil:
		return d.Package.pos
	case len(d.Volume) > 0:
		return d.Volume[0].pos
	case len(d.Zones) > 0:
		return d.Zones[0].Pos
	}
	return fallback
}

func (s *saying) compilePrice(d *priceDoc, at diag.Pos) price {
	pr := price{name: d.Name.Value, slice: d.Slice.Value, increment: increments{initial: 1, then: 1}}
	for _, i := range []increments{s.classDoc.Increment, d.Increment} {
		if i.given {
			pr.increment = i
		}
	}
	s.priceDoc, s.at, s.price = d, at, &pr
	pr.origins = d.origins()
	for i := range adjustments {
		if read := adjustments[i].price; read != nil {
			read(s)
		}
	}
	return pr
}
