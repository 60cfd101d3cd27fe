package rating

import (
	"cmp"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"time"

	"ratemill/decimal"
	"ratemill/literal"
	"ratemill/udr"
)

// If a count determines the price of units that were counted before, rating keeps portions. A portion holds the units
// of one price and zone that an account pays for in a billing cycle, and the amount charged for them. When the count
// reaches another price, each portion whose cost changes gets a correction, which is a separate charge. The
// correction is charged to that account and to no SIM.
//
// The counters of portions have the owner and the period of their count. A list of the portions is kept beside the
// count: the high half of an entry contains the account, the tier and the first date of the billing cycle, and the low
// half the id of the point.

// point is the position of a portion's price in the catalogue.
type point struct {
	plan    *family[plan]
	version int // from 0
	of      *planClass
	price   *price
	begins  *price // the price at which the records begin; their charges have its name
	model   string
	zone    string
}

// portion contains the keys of a portion's counters.
type portion struct {
	units   CounterKey
	charged CounterKey
}

// reached is a count whose portions must be compared with their current cost.
type reached struct {
	count CounterKey
	clock *zoneClock
	spend CounterKey // for a count of money, the counter that keeps it; count then only locates its portions
}

// The ids of the counters kept beside a count.
const (
	countPortion  = 1<<32 - 2 // the units of a portion, with 1 in the high half
	countPortions = 1<<32 - 3 // the length of the list of portions
	listPortions  = 1<<32 - 4 // the list
)

// mostPortions is the largest number of portions of a count, chosen so that the message of the record that reaches
// a price has room for all corrections.
const mostPortions = 12_000

// pointID returns the id of a price in a zone.
func pointID(p, begins *price, zone uint64) uint64 {
	hi, lo := bits.Mul64(p.point^0x9e3779b97f4a7c15, zone^0xd6e8feb86659fd93)
	return mixID(hi^lo, uint32(begins.point)^uint32(begins.point>>32))
}

// portion returns a tier's portion of a count at a price. A new portion is added to the list.
func (e *Engine) portion(t *tier, p *price, count CounterKey, c *Counters, res *Result) (s portion, err error) {
	id := pointID(p, t.begins, t.model.zones[t.hit.zone].id)
	whose := Value{Hi: int64(uint64(t.payer.number)<<32 | uint64(t.number)<<24 | uint64(uint32(t.payer.cycle)&0xffffff)), Lo: id}
	s = portionOf(count, whose)
	if c.Get(s.units).Hi != 0 {
		return s, nil
	}
	n := count
	n.ID = mixID(count.ID, countPortions)
	length := c.Get(n).Units()
	if length >= mostPortions {
		return s, suspend("quantity", "price %s of plan %s counts the usage of more than %d accounts, prices and zones together, so that the "+
			"record that reaches the next price could not correct them all; count it by account", p.name, t.plan.name, mostPortions)
	}
	e.add(c.entry(n), n, UnitsValue(1), res)
	entry := listed(count, length)
	e.add(c.entry(entry), entry, whose, res)
	e.add(c.entry(s.units), s.units, Value{Hi: 1}, res)
	return s, nil
}

func listed(count CounterKey, i int64) CounterKey {
	count.ID = mixID(mixID(count.ID, listPortions), uint32(i))
	return count
}

func portionOf(count CounterKey, whose Value) portion {
	id := mixID(mixID(count.ID, countPortion), uint32(whose.Lo))
	id = mixID(mixID(id, uint32(whose.Lo>>32)), uint32(uint64(whose.Hi)>>32))
	id = mixID(id, uint32(whose.Hi))
	s := portion{count, count}
	s.units.ID, s.charged.ID = id, id
	s.charged.Kind += AccountCost - AccountUnits
	return s
}

// paid returns the units of a portion, and the amount charged for them.
func (s *portion) paid(c *Counters) (units int64, charged decimal.D) {
	charged, _ = c.Get(s.charged).Cost() // sums of amounts that are already checked
	return int64(c.Get(s.units).Lo), charged
}

func (s *portion) add(e *Engine, c *Counters, units int64, charged decimal.D, res *Result) {
	if units != 0 {
		e.add(c.entry(s.units), s.units, UnitsValue(units), res)
	}
	if !charged.IsZero() {
		e.add(c.entry(s.charged), s.charged, CostValue(charged), res)
	}
}

// reprice corrects the portions of a count whose cost changed.
func (e *Engine) reprice(r *reached, c *Counters, u *udr.Usage, res *Result) error {
	n := r.count
	n.ID = mixID(n.ID, countPortions)
	count, spent := c.Get(r.count).Units(), decimal.Zero
	if r.spend != (CounterKey{}) {
		count = 0
		spent, _ = c.Get(r.spend).Cost() // a sum of amounts that are already checked
	}
	for i := range c.Get(n).Units() {
		whose := c.Get(listed(r.count, i))
		pt := e.catalogue.points[whose.Lo]
		if pt == nil {
			continue // the catalogue no longer has the price, so the charged amount stays
		}
		s := portionOf(r.count, whose)
		units, charged := s.paid(c)
		var step *priceStep
		if pt.price.spending != nil {
			step = pt.price.stepBySpend(spent)
		} else {
			step = pt.price.stepAt(count)
		}
		cost, err := step.cost(units, pt.of.round)
		if err != nil {
			return suspend("amount", "the amount exceeds the largest possible amount; correct plan %s", pt.plan.name)
		}
		if cost == charged {
			continue
		}
		ch := res.addCharge()
		if err := pt.correct(ch, r.clock, whose, step, units, count, charged, cost); err != nil {
			return err
		}
		ch.Lines[0].Spent = spent
		if unit := e.catalogue.units[e.catalogue.classes[ch.Class]]; unit != u.Unit && unit <= udr.Second {
			ch.ClassUnit = classUnit(unit) + 1
		}
		s.add(e, c, 0, ch.Total, res)
		for j := range e.tiers {
			if t := &e.tiers[j]; t.payer.number == ch.Account && t.number == ch.Tier && t.payer.cycle == ch.Cycle {
				t.corrected, _ = t.corrected.Add(ch.Total) // the sum of the charged amounts was checked
			}
		}
	}
	return nil
}

// correct returns the charge that corrects a portion: the cost of its units at a price, minus the charged amount.
func (pt *point) correct(ch *Charge, k *zoneClock, whose Value, step *priceStep, units, count int64, charged, cost decimal.D) (err error) {
	ch.Tier, ch.Account, ch.Cycle = uint8(uint64(whose.Hi)>>24), uint32(uint64(whose.Hi)>>32), int32(uint32(whose.Hi)<<8)>>8
	ch.Class = pt.of.name
	ch.Plan, ch.PlanVersion, ch.PlanSince = pt.plan.name, uint32(pt.version+1), pt.plan.begins(k, pt.version)
	ch.Currency, ch.Price = pt.plan.versions[pt.version].currency, pt.begins.name
	ch.ZoneModel, ch.Zone = pt.model, pt.zone
	ch.Initial, ch.Then = 1, 1
	whole, _, below, err := step.price.Price(units, uint64(step.per), truncate)
	if err != nil {
		return err
	}
	ch.Lines = append(ch.Lines, Line{Kind: LineRepriced, Slice: pt.price.slice, From: count, Quantity: units, Price: step.price, Per: step.per,
		Amount: whole, Below: below.Num}, Line{Kind: LineCharged, Amount: charged})
	ch.Scale, ch.Mode = uint8(pt.of.round.Scale), pt.of.round.Mode
	if ch.Sum, err = whole.Sub(charged); err == nil {
		ch.Total, err = cost.Sub(charged)
	}
	if ch.Below = below; err == nil {
		ch.Rest, err = ch.Sum.Sub(ch.Total)
	}
	return err
}

// Corrects reports whether the charge corrects amounts for units counted before the record, instead of pricing the
// record. Its Class is the class of those units, and it does not contain the record's quantity.
func (c *Charge) Corrects() bool { return c.Class != "" }

// classUnit is the unit of the class that a correction is about: 1 more than the unit, or 0 for the unit of the record.
// A spend may count classes of several units.
type classUnit uint8

const mostClassUnit = classUnit(udr.Second) + 1

// CorrectedUnit returns the unit of the class that a record's correction is about.
func CorrectedUnit(unit uint8, u *udr.Usage) udr.Unit {
	if unit == 0 {
		return u.Unit
	}
	return udr.Unit(unit - 1)
}

// Counts returns what a record's charge contributes to sums by usage class. A correction belongs to the class of
// the units that it corrects, and adds no record and no usage.
func (c *Charge) Counts(u *udr.Usage) (class string, unit udr.Unit, records, quantity int64) {
	return counts(c.Class, c.ClassUnit, u)
}

// Counts does the same for a Charge.
func (a *Amount) Counts(u *udr.Usage) (class string, unit udr.Unit, records, quantity int64) {
	return counts(a.Class, a.ClassUnit, u)
}

func counts(corrects string, unit classUnit, u *udr.Usage) (string, udr.Unit, int64, int64) {
	if corrects != "" {
		return corrects, CorrectedUnit(uint8(unit), u), 0, 0
	}
	return u.Class, u.Unit, 1, u.Quantity
}

// begins returns the start of a version by a clock, 0 if it was always in force.
func (f *family[T]) begins(k *zoneClock, version int) udr.Instant {
	switch s := &f.since[version]; s.Kind {
	case literal.AtInstant:
		return s.At
	case literal.OnDay:
		return k.starts[f.dates[version]]
	}
	return 0
}

// setPoints sets the points of all volume prices.
func (c *compiler) setPoints() {
	c.points = map[uint64]*point{}
	c.eachPrice(func(f *family[plan], version int, pc *planClass, p *price) {
		p.point = hashName(fmt.Sprintf("%s@%d/%s/%s", f.name, f.since[version].Order(), pc.name, cmp.Or(p.key, p.name)))
	})
	for _, f := range c.plans.list {
		for version, p := range f.versions {
			for _, pc := range p.classes {
				if pc == nil || !pc.volume {
					continue
				}
				models := pc.own
				if pc.models != nil {
					models = pc.models.versions
				}
				for _, m := range models {
					for i := range m.zones {
						c.zonePoints(&point{plan: f, version: version, of: pc, model: m.name, zone: m.zones[i].name}, &m.zones[i], pc.inZone(&m.zones[i]))
					}
				}
				for slice := range pc.ownChoices() {
					for _, x := range pc.when.own[slice] {
						z := &x.model.zones[0]
						c.zonePoints(&point{plan: f, version: version, of: pc, zone: z.name}, z, []*price{&pc.prices[x.price]})
					}
				}
			}
		}
	}
}

// zonePoints sets the points of a zone. If a call continues into another time slice, its units there have the price
// of that slice, but its charge has the name of the price at which it begins.
func (c *compiler) zonePoints(at *point, z *zone, all []*price) {
	units := all
	timed := at.of.sliced && c.units[c.classes[at.of.name]] == udr.Second
	if timed && at.of.own != nil {
		units = nil
		for i := range at.of.prices {
			units = append(units, &at.of.prices[i])
		}
	}
	for _, p := range units {
		for _, begins := range all {
			if p.model == byVolume && (p == begins || timed) {
				pt := *at
				pt.price, pt.begins = p, begins
				c.points[pointID(p, begins, z.id)] = &pt
			}
		}
	}
}

// inZone returns the prices of a zone in all time slices, with or without conditions.
func (p *planClass) inZone(z *zone) (all []*price) {
	add := func(x *price) {
		if x != nil && !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	for slice := range int16(p.stride) {
		add(p.priceOf(z.local, slice))
		if p.when != nil && p.when.own == nil {
			for _, i := range p.when.cells[z.local*p.stride+int32(slice)] {
				add(&p.prices[i])
			}
		}
	}
	return all
}

// ownChoices returns the conditional prices of a network price plan, by time slice.
func (p *planClass) ownChoices() [][]ownChoice {
	if p.when == nil {
		return nil
	}
	return p.when.own
}

// The lines of a correction: LineRepriced with the new cost, and LineCharged with the amount charged before.
func (r *recomputation) correctionAgain() error {
	if len(r.Lines) != 2 || r.Lines[0].Kind != LineRepriced || r.Lines[1].Kind != LineCharged || r.Lines[0].Per < 1 ||
		r.Quantity != 0 || r.SIM != 0 {
		return wrong("a correction says what units cost, and what was charged for them before")
	}
	l := &r.Lines[0]
	exact := new(big.Rat).Mul(rational(l.Price), big.NewRat(l.Quantity, l.Per))
	stated := rational(l.Amount)
	if l.Below != 0 {
		stated.Add(stated, belowRational(decimal.Fraction{Num: l.Below, Den: uint64(l.Per)}))
	}
	if exact.Cmp(stated) != 0 {
		return wrong("%d at %s / %d is %s, not %s", l.Quantity, l.Price, l.Per, exact.FloatString(14), l.Amount)
	}
	charged := rational(r.Lines[1].Amount)
	r.exact.Sub(exact, charged)
	r.settled.Sub(roundRational(exact, int(r.Scale), r.Mode), charged)
	return nil
}

// correction explains a correction, which has no usage of its own.
func (x *explanation) correction() string {
	c, u := x.c, *x.u
	u.Class, u.Unit, _, _ = c.Counts(x.u)
	unit := u.Unit
	x.u = &u
	fmt.Fprintf(&x.b, "%s · correction of %s · %s · %s %s\n", x.money(c.Total), c.Class, x.names.account(c.Account),
		localTime(x.u.At, x.zone, time.DateTime), x.zone)
	x.line("zone", c.Zone)
	x.line("plan", x.planWords())
	if l, before := c.line(LineRepriced), c.line(LineCharged); l != nil && before != nil {
		if l.Spent.IsZero() {
			x.line("reached", fmt.Sprintf("%s counted with this record", Units(l.From, unit)))
		} else {
			x.line("reached", fmt.Sprintf("%s spent with this record before discounts", x.money(l.Spent)))
		}
		x.line("now", fmt.Sprintf("in the cycle from %s: ", date(c.Cycle))+
			x.stepWords(&Line{Quantity: l.Quantity, Price: l.Price, Per: l.Per, Amount: l.Amount, Below: l.Below, Slice: l.Slice}))
		x.line("before", x.money(before.Amount)+" were charged for them")
	}
	x.amountWords()
	x.verified()
	return x.b.String()
}
