package rating

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// A discount reduces the cost of units by a percentage. The percentage depends on the units or the spend that an
// account or a tree has reached in a period.
//
// A discount by units splits the record that crosses a threshold: the units below the threshold get the discount
// of the step before. A discount by spend is determined before the record and applies to the whole record,
// because otherwise the record's own cost would affect its discount. A discount on the whole also changes
// earlier charges: its prices work like volume prices, which correct those charges (volume.go).
var discounted = adjustment{
	class:     compileDiscounts,
	price:     discountPrice,
	recompute: discountAgain,
	explain:   explainDiscount,
}

type discountsDoc struct {
	Steps   []discountDoc `yaml:"reached,required" doc:"The discounts, each with the count from which it applies."`
	Counted diag.Text     `yaml:"counted" default:"account" enum:"account|tree" doc:"Whose usage is counted: the paying account's, or that of a tree, as for prices."`
	Period  diag.Text     `yaml:"period" default:"cycle" enum:"day|week|cycle|contract year" doc:"Period for which it is counted, by the clock of the account." example:"contract year"`
	Count   diag.Text     `yaml:"count" doc:"Name of a count that the discounts of several classes of the plan share." example:"data-and-messages"`
	Whole   bool          `yaml:"whole" doc:"true: earlier charges of the period get the discount too; the record that reaches the threshold carries the correction."`
	pos     diag.Pos
}

type discountDoc struct {
	From reachedText `yaml:"from,required" doc:"Threshold of the discount: units that buckets did not cover, or their cost before discounts." example:"1 GB"`
	Off  offText     `yaml:"off,required" doc:"Discount on the price of units, in percent." example:"5 %"`
	pos  diag.Pos
}

func (x *discountsDoc) Check(n *diag.Node, _ *diag.Decoder) { x.pos = n.Pos }
func (x *discountDoc) Check(n *diag.Node, _ *diag.Decoder)  { x.pos = n.Pos }

// reachedText is a number of units or an amount of money: 1 GB, 100 EUR.
type reachedText struct {
	units quantity
	spend moneyText
}

// UnmarshalNode implements diag.Unmarshaler.
func (r *reachedText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	_, word, _ := strings.Cut(n.Text, " ")
	if len(word) == 3 && strings.ToUpper(word) == word {
		r.spend.UnmarshalNode(n, d)
		return
	}
	r.units.UnmarshalNode(n, d)
}

// JSONSchema returns the schema of a single value, such as 1 GB or 100 EUR.
func (reachedText) JSONSchema() map[string]any { return literal.Single() }

// offText is a percentage with up to 4 decimals, stored in millionths.
type offText struct{ millionths int64 }

const allOff = 1_000_000

// UnmarshalNode implements diag.Unmarshaler.
func (o *offText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if !d.Want(n, diag.Scalar, "a percentage") {
		return
	}
	text, percent := strings.CutSuffix(n.Text, "%")
	off, err := decimal.Parse(strings.TrimSpace(text))
	if err == nil {
		off, err = off.Mul(decimal.FromInt(allOff / 100))
	}
	whole, exact := off.Int64()
	if !percent || err != nil || !exact || whole < 1 || whole > allOff {
		d.Errorf(n.Pos, "%q is not a discount; write more than 0 %% and up to 100 %%, with at most 4 decimals, such as 12.5 %%", n.Text)
		return
	}
	o.millionths = whole
}

// JSONSchema returns the schema of a percentage such as 5 %.
func (offText) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?%$`}
}

// discount is a discount of a class.
type discount struct {
	name   string // of its count
	id     uint64
	count  counted
	period period
	spend  bool // it counts money
	whole  bool
	unit   udr.Unit
	at     diag.Pos
	steps  []discountStep

	// The units or spends at which the price of earlier usage of the count changes, because in another version of the plan
	// the discounts are on the whole.
	thresholds []int64
	spends     []decimal.D
}

type discountStep struct {
	units int64
	spend decimal.D
	off   int64     // millionths
	part  decimal.D // of a price
}

// reached returns the step for a count, nil below the first step, and the number of units left until the next
// step.
func (d *discount) reached(units int64) (s *discountStep, left int64) {
	left = math.MaxInt64
	for i := range d.steps {
		if d.steps[i].units > units {
			return s, d.steps[i].units - units
		}
		s = &d.steps[i]
	}
	return s, left
}

// reachedBy returns the step for a spend, nil below the first step.
func (d *discount) reachedBy(spend decimal.D) (s *discountStep) {
	for i := range d.steps {
		if spend.Less(d.steps[i].spend) {
			break
		}
		s = &d.steps[i]
	}
	return s
}

func compileDiscounts(s *saying) {
	doc, name := s.classDoc.Discounts, "the discounts of class "+s.class.Value
	id := "discount " + s.plan.counter + "/" + s.class.Value
	if doc == nil {
		doc, name, id = s.doc.Discounts, "the discounts of the plan", "discount "+s.plan.counter
	}
	if doc == nil {
		return
	}
	if doc.Count.Value != "" {
		name, id = "count "+doc.Count.Value, "discounts "+s.plan.counter+"/"+doc.Count.Value
	}
	d := s.plan.discounts[doc]
	if d == nil {
		d = s.compileDiscount(doc, name)
		d.id = s.id(doc.pos, id)
		if s.plan.discounts == nil {
			s.plan.discounts = map[*discountsDoc]*discount{}
		}
		for _, o := range s.plan.discounts {
			if o.id == d.id && !o.countsAs(d) {
				s.refuse(doc.Count.Pos, "the discounts on line %d count something else under the name %s; they need the same "+
					"counted, period, whole and unit", o.at.Line, doc.Count.Value)
			}
		}
		s.plan.discounts[doc] = d
	}
	s.pc.discount = d
	if credit := s.classDoc.Negative; credit.Value != "" && !d.whole { // volume.go reports it for discounts on the whole
		s.list.Errorf(credit.Pos, "credits and discounts exclude each other: a credit could not know which discount applied "+
			"to the units that it takes back."+
			" Remove the discounts, or give credits their own class without discounts")
	}
	if unit := s.units[s.classes[s.class.Value]]; !sameUnit(unit, d.unit) {
		s.list.Errorf(doc.pos, "discounts begin at a number of %s, but class %s counts %s; write discounts at the classes to which they apply",
			literal.UnitName(d.unit), s.class.Value, literal.UnitName(unit))
	}
}

// countsAs reports whether two discounts can share a count.
func (d *discount) countsAs(o *discount) bool {
	return o.count == d.count && o.period == d.period && o.spend == d.spend && o.whole == d.whole && sameUnit(o.unit, d.unit)
}

func sameUnit(a, b udr.Unit) bool { return a == b || a == literal.AnyUnit || b == literal.AnyUnit }

func (s *saying) compileDiscount(doc *discountsDoc, name string) *discount {
	d := &discount{name: name, count: countAccount, whole: doc.Whole, unit: literal.AnyUnit, at: doc.pos}
	if doc.Counted.Value == "tree" {
		d.count = countTree
	}
	if doc.Period.Value != "" {
		d.period = period(max(0, slices.Index(periodNames, doc.Period.Value)))
	}
	for i := range doc.Steps {
		x := &doc.Steps[i]
		money := x.From.spend.Currency != ""
		step := discountStep{units: x.From.units.Value, spend: x.From.spend.Amount, off: x.Off.millionths}
		step.part, _ = decimal.FromInt(step.off).Div(decimal.FromInt(allOff)) // has 6 decimals
		if i == 0 {
			d.spend = money
		}
		switch before := len(d.steps) - 1; {
		case money != d.spend:
			s.list.Errorf(x.pos, "discounts count either units or money; this one and the first differ")
		case money && s.plan.currency != "" && x.From.spend.Currency != s.plan.currency:
			s.list.Errorf(x.From.spend.Pos, "the discount begins at an amount of %s, but the plan charges %s", x.From.spend.Currency,
				s.plan.currency)
		case !money && !sameUnit(d.unit, x.From.units.Unit):
			s.list.Errorf(x.From.units.Pos, "from is in %s here, and in %s before", literal.UnitName(x.From.units.Unit), literal.UnitName(d.unit))
		case before >= 0 && step.units <= d.steps[before].units && !d.steps[before].spend.Less(step.spend):
			s.list.Errorf(x.pos, "discounts must be in rising order; this one does not begin above the one before")
		case before >= 0 && step.off <= d.steps[before].off:
			s.list.Errorf(x.pos, "discounts must rise; this one is %s, and the one before is %s", percentWords(step.off),
				percentWords(d.steps[before].off))
		}
		if x.From.units.Value != 0 {
			d.unit = x.From.units.Unit
		}
		d.steps = append(d.steps, step)
	}
	if len(d.steps) == 0 {
		s.list.Errorf(doc.pos, "the discounts have no steps; write reached: [{ from: 1 GB, off: 5 %% }]")
	}
	return d
}

func discountPrice(s *saying) {
	d, p := s.pc.discount, s.price
	if d == nil {
		return
	}
	if p.model == byVolume {
		s.list.Errorf(s.at, "volume prices and discounts exclude each other: write the lower prices as steps of the volume")
		return
	}
	for i := range p.steps {
		for j := range d.steps {
			if _, err := p.steps[i].price.Mul(d.steps[j].part); err != nil {
				s.list.Errorf(s.at, "%s of the price %s has more than 12 decimals; write the price for more units, or a discount of fewer decimals",
					percentWords(d.steps[j].off), p.steps[i].price)
				return
			}
		}
	}
	if d.whole {
		discountWhole(s)
	}
}

// discountWhole turns the price and its discounts into volume prices.
func discountWhole(s *saying) {
	d, p := s.pc.discount, s.price
	const because = ": the record that reaches a discount corrects what earlier records paid"
	switch {
	case len(p.steps) == 0:
		return // reported already
	case p.model != byStep || len(p.steps) > 1:
		s.list.Errorf(s.at, "a discount with whole: true and steps or packages exclude each other%s. Write one price, or remove whole", because)
		return
	case p.shared != "":
		s.list.Errorf(s.at, "a discount with whole: true counts by itself, but this price shares count %s; remove one of the two", p.shared)
		return
	}
	if s.pc.capped {
		s.list.Errorf(s.at, "a discount with whole: true and the cap of a record exclude each other%s. Remove the cap of class %s, or whole",
			because, s.class.Value)
	}
	if m := s.priceDoc.Minimum.Minimum.ofRecord(); m != nil {
		s.list.Errorf(m.Pos, "a discount with whole: true and the minimum of a record exclude each other%s. Remove the minimum, or whole",
			because)
	}
	p.model, s.pc.volume = byVolume, true
	p.count, p.period, p.shared, p.id = d.count, d.period, d.name, d.id
	full := p.steps[0]
	if d.spend {
		p.spending = &spending{full: full, from: []decimal.D{decimal.Zero}}
	}
	for i := range d.steps {
		x := &d.steps[i]
		step := full
		step.from = x.units
		off, err := full.price.Mul(x.part)
		if err == nil {
			step.price, err = full.price.Sub(off)
		}
		switch {
		case err != nil:
			return // reported already
		case x.units == 0 && x.spend.IsZero():
			p.steps[0] = step
		default:
			p.steps = append(p.steps, step)
			if d.spend {
				p.spending.from = append(p.spending.from, x.spend)
			}
		}
	}
}

// lessened returns a price after each discount of the class, starting with the price without a discount.
func (p *planClass) lessened(price decimal.D) []decimal.D {
	all := []decimal.D{price}
	for i := 0; p.discount != nil && i < len(p.discount.steps); i++ {
		if off, err := price.Mul(p.discount.steps[i].part); err == nil {
			all = append(all, off)
		}
	}
	return all
}

// discount counts the units of a record at a price of the plan, or their cost, and subtracts the discount that this
// count has reached.
func (e *Engine) discount(t *tier, ch *Charge, c *Counters, u *udr.Usage, sum *amount, res *Result) error {
	d := t.class.discount
	if d.whole {
		return nil
	}
	units, cost, lines := int64(0), amount{den: sum.den}, len(ch.Lines)
	for i := range lines {
		if l := &ch.Lines[i]; l.discountable() {
			units += l.Quantity
			if err := cost.add(l.Amount, decimal.Fraction{Num: l.Below, Den: uint64(l.Per)}); err != nil {
				return tooMuch(t, u)
			}
		}
	}
	if units == 0 {
		return nil
	}
	w := tally{id: d.id, kind: AccountUnits, payer: t.payer}
	if d.spend {
		w.kind = AccountCost
	}
	if d.count == countTree {
		w.id, w.payer = mixID(d.id, ofTree), e.top(t, u)
	}
	e.during(&w, d.period, u.At)
	k, entry, value := e.counter(c, &w, res)
	if d.spend {
		spent, err := value.Cost()
		if err != nil {
			return tooMuch(t, u)
		}
		e.add(entry, k, CostValue(cost.whole), res)
		if after, err := spent.Add(cost.whole); err != nil {
			return tooMuch(t, u)
		} else if crossingSpend(d.spends, spent, after) {
			e.repriced = append(e.repriced, reached{count: portionsOf(k), clock: t.clock, spend: k})
		}
		if s := d.reachedBy(spent); s != nil {
			for i := range lines {
				if l := ch.Lines[i]; l.discountable() {
					if err := ch.lessen(&l, s, l.At, l.Quantity, Line{Spent: spent}, sum); err != nil {
						return tooMuch(t, u)
					}
				}
			}
		}
		return nil
	}
	from := value.Units()
	if from < 0 || from > math.MaxInt64-literal.MaxQuantity*2 {
		return suspend("quantity", "%s of plan %s is out of range: %d units in one %s", d.name, t.plan.name, from, d.period)
	}
	e.add(entry, k, UnitsValue(units), res)
	if crossing(d.thresholds, from, from+units) {
		e.repriced = append(e.repriced, reached{count: k, clock: t.clock})
	}
	for i := range lines {
		l := ch.Lines[i]
		for at, end := l.At, l.At+l.Quantity; at < end && l.discountable(); {
			s, left := d.reached(from)
			n := min(left, end-at)
			if s != nil {
				if err := ch.lessen(&l, s, at, n, Line{From: from}, sum); err != nil {
					return tooMuch(t, u)
				}
			}
			at, from = at+n, from+n
		}
	}
	return nil
}

// discountable reports whether the line has units at a price of the plan. The price of a limit or pool for usage
// over it has no discount.
func (l *Line) discountable() bool { return l.Kind == LineUsage && l.Over == "" }

// lessen subtracts a step's percentage of the price of n units of a line, from the record's unit at on, from the
// sum.
func (c *Charge) lessen(l *Line, s *discountStep, at, n int64, x Line, sum *amount) error {
	price, err := l.Price.Mul(s.part)
	if err != nil {
		return err
	}
	times, per := n, uint64(l.Per)
	if l.Model == byPackage {
		times, per = packages(l.From+at-l.At, n, l.Per), 1
	}
	whole, _, below, err := price.Price(times, per, truncate)
	if err != nil || whole.IsZero() && below.Num == 0 {
		return err
	}
	x.Kind, x.At, x.Quantity, x.Price, x.Per, x.Off = LineDiscount, at, n, price, l.Per, s.off
	x.Amount, x.Below = whole, below.Num
	c.Lines = append(c.Lines, x)
	return sum.take(whole, below)
}

// take subtracts from the sum; it is the opposite of add.
func (a *amount) take(d decimal.D, f decimal.Fraction) (err error) {
	if f.Num != 0 {
		num := uint64(f.Num) * (a.den / f.Den)
		if a.num < num {
			a.num += a.den
			if a.whole, err = a.whole.Sub(smallest); err != nil {
				return err
			}
		}
		a.num -= num
	}
	a.whole, err = a.whole.Sub(d)
	return err
}

// discountAgain recomputes each discount from the price of units in the charge, and checks that no unit has more
// than one discount.
func discountAgain(r *recomputation) error {
	end := int64(math.MinInt64)
	for i := range r.Lines {
		l := &r.Lines[i]
		if l.Kind != LineDiscount {
			continue
		}
		of := slices.IndexFunc(r.Lines, func(x Line) bool {
			return x.discountable() && x.At <= l.At && l.At-x.At <= x.Quantity-l.Quantity
		})
		if l.Off < 1 || l.Off > allOff || l.Quantity < 1 || l.At < end || of < 0 {
			return wrong("a discount of %s is on %d units from %d on, which pay no price or have another one", percentWords(l.Off), l.Quantity, l.At)
		}
		end = l.At + l.Quantity
		x := &r.Lines[of]
		off := new(big.Rat).Mul(rational(x.Price), big.NewRat(l.Off, allOff))
		if off.Cmp(rational(l.Price)) != 0 || l.Per != x.Per {
			return wrong("%s of %s / %d is not %s / %d", percentWords(l.Off), x.Price, x.Per, l.Price, l.Per)
		}
		if x.Model == byPackage {
			off.Mul(off, new(big.Rat).SetInt64(packages(x.From+l.At-x.At, l.Quantity, x.Per)))
		} else {
			off.Mul(off, big.NewRat(l.Quantity, l.Per))
		}
		stated := rational(l.Amount)
		if l.Below != 0 {
			stated.Add(stated, belowRational(decimal.Fraction{Num: l.Below, Den: uint64(l.Per)}))
		}
		if off.Cmp(stated) != 0 {
			return wrong("a discount of %s on %d units is %s, not %s", percentWords(l.Off), l.Quantity, off.FloatString(14), l.Amount)
		}
		r.sum.Sub(r.sum, off)
	}
	return nil
}

func explainDiscount(x *explanation) {
	pc := x.planClass()
	for i := range x.c.Lines {
		switch l := &x.c.Lines[i]; {
		case l.Kind == LineDiscount:
			text := fmt.Sprintf("%s off %s: %s", l.Percent(), Units(l.Quantity, x.u.Unit), x.money(l.Amount.Neg()))
			switch {
			case !l.Spent.IsZero():
				text += fmt.Sprintf(", after %s spent before", x.money(l.Spent))
			case l.From > 0:
				text += fmt.Sprintf(", after %s counted before", Units(l.From, x.u.Unit))
			}
			if l.Below != 0 {
				text += "; and " + reduced(l.Below, l.Per) + " of the 12th decimal"
			}
			x.line("discount", text)
		case l.Model == byVolume && pc != nil && pc.discount != nil && pc.discount.whole:
			s, _ := pc.discount.reached(l.From + l.Quantity)
			if pc.discount.spend {
				s = pc.discount.reachedBy(l.Spent)
			}
			if s != nil {
				x.line("discount", percentWords(s.off)+" off is in the price, also for units counted before")
			}
		}
	}
}

// Percent returns the discount as text: 12.5 %.
func (l *Line) Percent() string { return percentWords(l.Off) }

// percentWords returns millionths as a percentage: 12.5 %.
func percentWords(millionths int64) string {
	text := strconv.FormatInt(millionths/10_000, 10)
	if rest := millionths % 10_000; rest != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%04d", rest), "0")
	}
	return text + " %"
}

// discountPlaces returns the places of a class's discounts. Discounts on the whole have the places of price steps
// instead.
func (p *planClass) discountPlaces(class string, all []Place) []Place {
	for i := 0; p.discount != nil && !p.discount.whole && i < len(p.discount.steps); i++ {
		all = append(all, discountPlace(class, p.discount.steps[i].off))
	}
	return all
}

func discountPlace(class string, off int64) Place {
	return Place{"discount", class + ": " + percentWords(off) + " off"}
}

// discountCounts warns of discounts whose count begins at zero.
func (s *succession) discountCounts(old, now *plan) {
	for _, d := range sortedDiscounts(now) {
		for _, o := range sortedDiscounts(old) {
			switch differs := o.count != d.count || o.period != d.period || o.spend != d.spend; {
			case o.id == d.id && differs:
				s.list.Warnf(d.at, "%s count %s from here on, and %s in %s: they begin at 0", d.name, d.words(), o.words(), s.former)
			case o.id == d.id, differs || !sameUnit(o.unit, d.unit), has(old, d), has(now, o):
			default:
				s.list.Warnf(d.at, "this version starts 1 counter anew: %s begin at 0, and %s of %s are gone. If it is the same "+
					"count, give it the same name and place", d.name, o.name, s.former)
			}
		}
	}
}

func (c *compiler) eachDiscount(do func(*discount)) {
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for _, d := range p.discounts {
				do(d)
			}
		}
	}
}

func has(p *plan, d *discount) bool {
	return slices.ContainsFunc(sortedDiscounts(p), func(o *discount) bool { return o.id == d.id })
}

func (d *discount) words() string {
	what := "units"
	if d.spend {
		what = "spend"
	}
	return fmt.Sprintf("%s of the %s by %s", what, d.count, d.period)
}

// sortedDiscounts returns the discounts of a plan, one for each count, in the order of the document.
func sortedDiscounts(p *plan) (all []*discount) {
	for _, d := range p.discounts {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *discount) int { return a.at.Line - b.at.Line })
	var once []*discount
	for _, d := range all {
		if !slices.ContainsFunc(once, func(o *discount) bool { return o.id == d.id }) {
			once = append(once, d)
		}
	}
	return once
}
