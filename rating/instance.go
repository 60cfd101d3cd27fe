package rating

import (
	"strconv"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// Customers buy packages and add-ons on top of a plan. Facts of the registry name them, and documents of the
// catalogue define their content.

type packageDoc struct {
	Name        diag.Text   `yaml:"package,required" doc:"Name of the package; accounts and SIMs buy it by this name." example:"travel-eu"`
	From        since       `yaml:"from" doc:"Local date or instant from which this version is sold. If omitted, it has always been sold. A package keeps the version of its purchase." example:"2026-02-01"`
	Until       since       `yaml:"until" doc:"Local date or instant from which this version is no longer sold; purchases stay valid." example:"2026-05-01"`
	For         *buyersDoc  `yaml:"for" doc:"To whom it is sold. If omitted, all accounts can buy it."`
	PerAccount  int         `yaml:"per_account" doc:"How many of it an account and its SIMs can ever buy together, such as 1 for a trial." example:"1"`
	Environment string      `yaml:"environment" default:"production" enum:"production|sandbox" doc:"Environment in which it is sold; a sandbox package is only for payers whose billing profile has environment: sandbox."`
	Price       *moneyText  `yaml:"price" doc:"Price, charged once at the purchase. If omitted, the package is free of charge." example:"9.90 EUR"`
	FirstPrice  *moneyText  `yaml:"first_price" doc:"Price of the purchase, if price is what each renewal costs; 0 EUR for a free trial." example:"0 EUR"`
	Buckets     []bucketDoc `yaml:"buckets,required" doc:"Its buckets of units, drawn in this order."`
	Valid       validity    `yaml:"valid,required" doc:"How long its units can be drawn: hours, days, or months, by the clock of the account." example:"30 d"`
	Begins      string      `yaml:"begins" default:"purchase" enum:"purchase|first_use" doc:"When that time begins: at the purchase, or with the first usage that draws on it."`
	BeginWithin validity    `yaml:"begin_within" default:"12 months" doc:"With begins: first_use, how long after the purchase the first use may come." example:"6 months"`
	Cap         percent     `yaml:"cap" doc:"Percentage of each bucket's units that is free in addition, in total, after the bucket is used up and after the package has expired." example:"10 %"`
	ReadOnlyFor validity    `yaml:"read_only_for" default:"30 d" doc:"How long after its end the cap can be drawn and the package is shown as expired; after that, it is inactive." example:"30 d"`
	Renewal     string      `yaml:"renewal" default:"profile" enum:"profile|never|on_expiry|on_use_up" doc:"Renewal, unless the purchase sets it: as prepaid_renewal of the payer's billing profile states, never, when the package expires, or when a bucket is used up." example:"on_expiry"`
	AtMost      *int        `yaml:"renew_at_most" default:"10" doc:"How often it renews on use-up in a billing cycle, 1 to 100; the field then determines what happens to usage beyond that." example:"3"`
	Then        string      `yaml:"then" default:"priced" enum:"priced|blocked" doc:"Treatment of usage in its classes and zones that nothing covers any more: priced by the plan, or suspended (code package) until something covers it or the package is cancelled."`
	Use         string      `yaml:"use" default:"last" enum:"first|last" doc:"first: drawn before the plan's included units. last: drawn after the included units and the pools."`
	Priority    int         `yaml:"priority" doc:"If there are several packages, the one with the smallest number is drawn first; among equal ones, the one that ends first, then the one that was bought first." example:"1"`
}

// Check implements the checks of diag.Decode.
func (p *packageDoc) Check(n *diag.Node, d *diag.Decoder) {
	if m := n.Member("begin_within"); m != nil && p.Begins != "first_use" {
		d.Errorf(m.Pos, "begin_within bounds the first use, so it needs begins: first_use")
	}
	p.checkOffer(n, d)
	if m := n.Member("renewal"); m != nil && p.Renewal == "on_expiry" && p.Begins == "first_use" {
		d.Errorf(m.Pos, "a package that begins with its first use cannot renew on expiry, because invoices compute renewals without usage; "+
			"write begins: purchase, or renewal: on_use_up")
	}
	if m := n.Member("renew_at_most"); m != nil && p.AtMost != nil && (*p.AtMost < 1 || *p.AtMost > mostRenewals) {
		d.Errorf(m.Pos, "a package renews at most 1 to %d times in a billing cycle, not %d; write renewal: never if it does not renew",
			mostRenewals, *p.AtMost)
	}
	if m := n.Member("renew_at_most"); m != nil && p.Renewal == "never" {
		d.List.Warnf(m.Pos, "renew_at_most changes nothing, because the package never renews; remove it, or write renewal: on_use_up")
	}
	if len(p.Buckets) == 0 && n.Member("buckets") != nil {
		d.Errorf(p.Name.Pos, "package %s has no buckets, so it gives nothing", p.Name.Value)
	}
}

// Check implements the checks of diag.Decode.
func (a *addonDoc) Check(n *diag.Node, d *diag.Decoder) {
	if len(a.Buckets) == 0 && n.Member("buckets") != nil {
		d.Errorf(a.Name.Pos, "add-on %s has no buckets; one without units needs no document, only a part with its price", a.Name.Value)
	}
}

type addonDoc struct {
	Name    diag.Text   `yaml:"addon,required" doc:"Name of the add-on in accounts and SIMs; a part with of: { addon: NAME } gives its price." example:"extra-data"`
	From    since       `yaml:"from" doc:"Local date or instant from which this version is in force. If omitted, it has always been in force."`
	Buckets []bucketDoc `yaml:"buckets,required" doc:"Units that it gives in each cycle, drawn in this order; a quantity above 1 multiplies them."`
	Use     string      `yaml:"use" default:"last" enum:"first|last" doc:"first: drawn before the plan's included units. last: drawn after the included units and the pools."`
}

// validity is a length of time: hours, days or months.
type validity struct {
	hours, days, months int
	pos                 diag.Pos
}

const longestValidity = 12 // months

func (v *validity) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	v.pos = n.Pos
	if !d.Want(n, diag.Scalar, "a length of time") {
		return
	}
	number, unit, _ := strings.Cut(strings.TrimSpace(n.Text), " ")
	i, err := strconv.Atoi(number)
	most := map[string]int{"h": 24 * 366, "d": 366, "month": longestValidity, "months": longestValidity}[unit]
	if err != nil || i < 1 || i > most {
		d.Errorf(n.Pos, "%q is not a length of time; write hours, days or months, at most a year, as in 1 h, 30 d, 3 months", n.Text)
		return
	}
	switch unit {
	case "h":
		v.hours = i
	case "d":
		v.days = i
	default:
		v.months = i
	}
}

// JSONSchema returns the schema of a single value, such as 30 d.
func (validity) JSONSchema() map[string]any { return map[string]any{"type": "string"} }

func (v validity) orElse(other validity) validity {
	if v.hours+v.days+v.months == 0 {
		return other
	}
	return v
}

// after returns the end of a length of time that begins at an instant: hours are exact, while days and months end at
// the same local time.
func (v validity) after(begin udr.Instant, zone *time.Location) udr.Instant {
	if v.hours > 0 {
		return begin + udr.Instant(v.hours)*udr.Instant(time.Hour)
	}
	t := begin.Time().In(zone)
	y, m, d := t.Date()
	if v.months > 0 {
		last := time.Date(y, m+time.Month(v.months)+1, 0, 0, 0, 0, 0, time.UTC).Day()
		m, d = m+time.Month(v.months), min(d, last)
	}
	return udr.InstantOf(time.Date(y, m, d+v.days, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone))
}

// percent is a percentage such as 10 %.
type percent struct{ of100 int }

func (p *percent) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if !d.Want(n, diag.Scalar, "a percentage") {
		return
	}
	number, ok := strings.CutSuffix(strings.TrimSpace(n.Text), "%")
	i, err := strconv.Atoi(strings.TrimSpace(number))
	if !ok || err != nil || i < 0 || strings.HasPrefix(number, "-") || i > mostCap {
		d.Errorf(n.Pos, "%q is not a percentage from 0 to %d; write 10 %%", n.Text, mostCap)
		return
	}
	p.of100 = i
}

// JSONSchema returns the schema of a single value, such as 10 %.
func (percent) JSONSchema() map[string]any { return map[string]any{"type": "string"} }

const mostCap = 1000

// pack is a version of a package, or of an add-on.
type pack struct {
	name     string
	buckets  []bucket
	addon    bool
	first    bool // the bucket is drawn before included units
	doc      *packageDoc
	valid    validity
	within   validity
	readOnly validity
	onUse    bool // the validity begins with the first use
	blocked  bool
	cap      int
	priority int
	atMost   int // largest number of renewals on use-up in a billing cycle
}

func (c *compiler) compilePackages() {
	var plans []*plan
	for _, f := range c.plans.list {
		plans = append(plans, f.versions...)
	}
	for _, doc := range c.packageDocs {
		c.joinable("package", doc.Name)
		p := &pack{name: doc.Name.Value, doc: doc, first: doc.Use == "first", valid: doc.Valid, onUse: doc.Begins == "first_use",
			within: doc.BeginWithin.orElse(validity{months: longestValidity}), readOnly: doc.ReadOnlyFor.orElse(validity{days: 30}),
			blocked: doc.Then == "blocked", cap: doc.Cap.of100, priority: doc.Priority, atMost: usualRenewals}
		if doc.AtMost != nil {
			p.atMost = *doc.AtMost
		}
		if m := doc.Price; m != nil {
			if m.Currency != "" {
				c.currency(m.Currency, m.Pos)
			}
			if m.Amount.Sign() <= 0 && !c.list.ErrorAt(m.Pos) {
				c.list.Errorf(m.Pos, "the price must be more than 0; leave it out if the package is free of charge")
			}
			c.chargeable(m)
		}
		c.compileOffer(doc)
		p.buckets = c.buckets(doc.Buckets, "package "+p.name, p.name, SIMPackage, false)
		c.warnZones(doc.Buckets, plans, "any plan")
		c.setLeast(p.buckets, plans)
		versioned(c, &c.packages, "package", doc.Name, doc.From, p)
	}
	for _, doc := range c.addonDocs {
		c.joinable("add-on", doc.Name)
		p := &pack{name: doc.Name.Value, addon: true, first: doc.Use == "first"}
		p.buckets = c.buckets(doc.Buckets, "addon "+p.name, p.name, SIMUnits, false)
		c.warnZones(doc.Buckets, plans, "any plan")
		c.setLeast(p.buckets, plans)
		versioned(c, &c.addons, "add-on", doc.Name, doc.From, p)
	}
}

// Package has the terms of a package version that sellers need.
type Package struct {
	Name     string
	Sandbox  bool
	Price    string // an amount; "" if it is free of charge
	Currency string
	OnUse    bool // the validity begins with the first use
	Cap      int
	Blocked  bool

	valid, within, readOnly validity
	buckets                 []Bucket
	atMost                  int
	doc                     *packageDoc
}

// Packages returns the names of the packages, sorted.
func (c *Catalogue) Packages() []string { return c.packages.names() }

// Package returns the version of a package that is sold at a time in a zone; false if none is.
func (c *Catalogue) Package(name string, at udr.Instant, zone *time.Location) (Package, bool) {
	i, ok := c.packages.find(name)
	if !ok {
		return Package{}, false
	}
	p, _, _ := c.packages.list[i].at(newZoneClock(zone, c.dates), at)
	if p == nil {
		return Package{}, false
	}
	x := Package{Name: p.name, Sandbox: p.doc.Environment == "sandbox", OnUse: p.onUse, Cap: p.cap, Blocked: p.blocked, valid: p.valid,
		within: p.within, readOnly: p.readOnly, atMost: p.atMost, doc: p.doc}
	for j := range p.buckets {
		x.buckets = append(x.buckets, c.bucket(&p.buckets[j]))
	}
	if m := p.doc.Price; m != nil {
		x.Price, x.Currency = m.Amount.String(), m.Currency
	}
	return x, true
}

// End returns the end of a package that begins at an instant. If the package begins with its first use and used is
// 0, it returns the latest time of that first use.
func (p *Package) End(bought, used udr.Instant, zone *time.Location) udr.Instant {
	switch {
	case !p.OnUse:
		return p.valid.after(bought, zone)
	case used == 0:
		return p.within.after(bought, zone)
	}
	return p.valid.after(used, zone)
}

// ReadOnlyUntil returns the time until which an ended package is shown as expired.
func (p *Package) ReadOnlyUntil(end udr.Instant, zone *time.Location) udr.Instant {
	return p.readOnly.after(end, zone)
}

// instance is a bought package or add-on that a record may draw on.
type instance struct {
	*pack
	registry.Bought
	sim    bool
	owner  uint32
	payer  *payer
	begin  udr.Instant // 0: not begun
	end    udr.Instant
	over   bool // its validity is over, so only the cap can be drawn
	lapsed bool // nothing can be drawn: the time for which it is shown as expired is over too, or it was never used in time

	renewed renewal
}
