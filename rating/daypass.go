package rating

import (
	"cmp"
	"math"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// A pass is bought by the first use of a day, week or cycle, and covers units of that time as a bucket does, after
// all buckets. The pass of the price at which a record begins covers the beginning of the record, except units over a
// limit that have a separate price. A pass that covers a whole record also covers its fee. Other buckets do not cover
// the fee: if they did, a longer record could cost less than a shorter one, and a session could cost more in parts
// than as one record.

type passDoc struct {
	Price    due       `yaml:"price,required" doc:"Price of the pass, and how long it lasts: a local day, a week from Monday, or a billing cycle. Each SIM buys its own pass; with { amount: 5, per: day, counted: account } all SIMs of the account share one." example:"1.00 / day"`
	Units    *quantity `yaml:"units" doc:"Units that are free after the first use; beyond them the price or the steps apply. If omitted, all usage during that time is free." example:"500 MB"`
	Name     diag.Text `yaml:"name" doc:"Name of the pass. Prices of the plan with passes of the same name share one pass. If omitted, the price has its own pass." example:"europe"`
	Formerly diag.Text `yaml:"formerly" doc:"Former name of the pass; passes that were bought under it stay bought." example:"eu"`
}

// UnmarshalNode implements diag.Unmarshaler.
func (d *due) UnmarshalNode(n *diag.Node, dec *diag.Decoder) { *d = readDue(n, dec) }

// JSONSchema returns the schema of an amount or its long form.
func (due) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{literal.Single(), diag.Subschema(dueDoc{})}}
}

// pass is a pass of a version of a plan.
type pass struct {
	bucket       // the size of a pass without units is the largest number
	bound  bool  // it has units
	price  stage // what it costs
	own    bool  // the pass belongs to one price and has the price's name
	unit   udr.Unit
}

// readPass reads the pass of a price.
func (s *saying) readPass() {
	d := s.priceDoc.Pass
	if d == nil {
		return
	}
	at := d.Price.Pos
	p := &pass{bucket: bucket{name: d.Name.Value, formerly: d.Formerly.Value, at: at, size: math.MaxInt64, least: 1}, own: d.Name.Value == "",
		unit: literal.AnyUnit}
	if d.Price.record {
		s.list.Errorf(at, "a pass is for a day, a week or a cycle; write price: %s / day", cmp.Or(d.Price.Value, "1.00"))
	}
	if d.Units != nil {
		if p.size, p.bound, p.unit = d.Units.Value, true, d.Units.Unit; p.size <= 0 {
			s.list.Errorf(d.Units.Pos, "a pass of 0 units covers nothing; leave units out if it covers all usage, or write a fee instead")
		}
	}
	priced := s.priceDoc.Price != nil || s.priceDoc.Package != nil || len(s.priceDoc.Steps)+len(s.priceDoc.Volume) > 0
	switch {
	case p.bound && !priced:
		s.list.Errorf(s.at, "usage beyond the units of the pass has no price; write price, or leave units out if all usage is free")
	case !p.bound && priced && s.plan.week == nil: // otherwise a call that begins at another price might pay for this pass
		s.list.Errorf(s.at, "the price never applies, because the pass covers all usage; give the pass units, or remove the price")
	}
	kind, before := SIMUnits, s.stages
	if d.Price.account {
		kind = AccountUnits
	}
	p.kind = kind
	s.stages = nil
	s.stage(stage{kind: PeriodPass, per: d.Price.per, account: d.Price.account, at: at}, d.Price.Text)
	p.price = stage{kind: PeriodPass, per: d.Price.per, account: d.Price.account, at: at}
	if len(s.stages) > 0 { // it costs something
		p.price = s.stages[0]
	}
	s.stages = before
	s.price.pass = p
	if p.own {
		return
	}
	for _, other := range s.plan.passes {
		if other.name != p.name {
			continue
		}
		if s.price.pass = other; !other.same(p) {
			s.list.Errorf(at, "pass %s differs from the one on line %d: prices that share a pass need the same price, time, units and former name",
				p.name, other.at.Line)
		}
		return
	}
	s.plan.passes = append(s.plan.passes, p)
}

func (p *pass) same(o *pass) bool {
	return p.price.price == o.price.price && p.price.per == o.price.per && p.kind == o.kind && p.size == o.size && p.unit == o.unit &&
		p.formerly == o.formerly
}

// namePasses gives passes their names in counters.
func (c *compiler) namePasses() {
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			owner := "pass " + p.counter
			counting := map[string]*pass{}
			for _, x := range p.passes {
				x.counted = cmp.Or(x.formerly, x.name)
				if o := counting[x.counted]; o != nil {
					c.list.Errorf(x.at, "pass %s would share its count with the one on line %d, but each pass has its own count: remove "+
						"formerly, or give it another name", x.name, o.at.Line)
				}
				counting[x.counted] = x
			}
			for n, pc := range p.classes {
				for i := 0; pc != nil && i < len(pc.prices); i++ {
					if x := pc.prices[i].pass; x != nil && x.own {
						x.name, x.counted = pc.prices[i].name, c.names[n]+"/"+pc.prices[i].key
						x.id = c.id(x.at, owner+"/"+x.counted)
						x.event = p.counter + "/" + x.name
					}
				}
			}
		}
		c.follow("pass", "plan "+f.name, len(f.versions), func(i int) (all []naming) {
			owner := "pass " + f.versions[i].counter
			for _, x := range f.versions[i].passes {
				x.id, x.event = c.id(x.at, owner+"/"+x.counted), f.versions[i].counter+"/"+x.name
				all = append(all, naming{x.name, x.formerly, &x.counted, x.at, func() { x.id = c.id(x.at, owner+"/"+x.counted) }})
			}
			return all
		})
	}
}

// usePass draws uncovered units from unit at to unit stop from the pass of the price at which the record begins. It
// buys the pass if the period has none yet.
func (e *Engine) usePass(t *tier, p *pass, at, stop int64, ch *Charge, c *Counters, u *udr.Usage, res *Result) int64 {
	rounded := ch.Rounded
	ch.Rounded = stop
	w := e.stageTally(t, &p.price, p.id, SIMUnits, u)
	drawn := e.draw(t, &p.bucket, p.size, &w, at, ch, c, u, res)
	ch.Rounded = rounded
	d := &ch.Draws[len(ch.Draws)-1]
	d.Pass, d.Period = true, p.price.per
	if !p.bound {
		d.Size = 0
	}
	return drawn
}

// passed returns the draw on a pass, which is always the last draw, or nil if there is none.
func (c *Charge) passed() *Draw {
	if n := len(c.Draws); n > 0 && c.Draws[n-1].Pass {
		return &c.Draws[n-1]
	}
	return nil
}

// buys reports whether a draw on a pass buys the pass or, in a credit, gives it back.
func (d *Draw) buys(credit bool) bool {
	if credit {
		return d.Before == d.Drawn && d.Drawn > 0
	}
	return d.Before == 0 && d.Drawn > 0
}

// free reports whether a pass covers all units of the record up to unit stop, apart from first units that are free
// in the SIM's state. Such a record pays no fee.
func (c *Charge) free(first, stop int64) bool {
	d := c.passed()
	return d != nil && d.Drawn > 0 && first+d.Drawn == stop
}

// buyPass charges the price of the pass to the first record that draws on it.
func (s *stage) buyPass(ch *Charge, credit bool) error {
	d := ch.passed()
	if d == nil || !d.buys(credit) {
		return nil
	}
	return ch.pay(PeriodLine{Kind: PeriodPass, Name: d.Bucket, Period: s.per, Begins: d.Cycle, Counter: d.Kind, Owner: d.Owner,
		Price: s.price, Amount: s.price})
}

// recountPass checks that each line for a pass has a draw that buys the pass.
func (c *Charge) recountPass(credit bool) error {
	n := 0
	for i := range c.Periods {
		if c.Periods[i].Kind != PeriodPass {
			continue
		}
		if d := c.passed(); d == nil || !d.buys(credit) || n > 0 {
			return wrong("it buys the pass %s, on which it does not draw first", c.Periods[i].Name)
		}
		n++
	}
	return nil
}
