package rating

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/literal"
	"ratemill/udr"
)

// Units that buckets do not cover are charged at the price for units or at the prices of steps. Steps are graduated
// prices, which depend on the units counted before.
var usage = adjustment{
	price:      compileSteps,
	perSession: perSessionSteps,
	recompute:  recomputeSteps,
	explain: func(x *explanation) {
		word := "price"
		if len(x.c.Draws) > 0 {
			word = "overage"
		}
		for i := range x.c.Lines {
			l := &x.c.Lines[i]
			switch {
			case l.Kind != LineUsage:
			case l.Model == byPackage:
				x.line(word, x.packageWords(l))
			case l.Model == byVolume:
				x.line(word, x.volumeWords(l))
			default:
				x.line(word, x.stepWords(l))
			}
		}
	},
}

type priceStep struct {
	from  int64
	price decimal.D
	per   int64
}

func compileSteps(s *saying) {
	d, pr := s.priceDoc, s.price
	compileCount(s)
	var given []string
	for _, x := range []struct {
		name string
		said bool
	}{{"price", d.Price != nil}, {"steps", len(d.Steps) > 0}, {"package", d.Package != nil}, {"volume", len(d.Volume) > 0}} {
		if x.said {
			given = append(given, x.name)
		}
	}
	switch {
	case len(given) == 0 && d.Pass != nil:
		pr.steps = []priceStep{{per: 1}} // the pass covers all of a record that begins at this price
	case len(given) == 0:
		s.list.Errorf(s.at, "a price of class %s has neither price nor steps, package or volume; write price: free if it costs nothing",
			s.class.Value)
	case len(given) > 1 && given[0] == "price" && given[1] == "steps":
		s.list.Errorf(s.at, "price and steps exclude each other; make the price the first step")
	case len(given) > 1:
		s.list.Errorf(s.at, "%s exclude each other; write one of them", strings.Join(given, " and "))
	case d.Price != nil:
		pr.steps = []priceStep{{0, d.Price.price, d.Price.per}}
	case d.Package != nil:
		compilePackage(s)
	case len(d.Volume) > 0:
		compileVolume(s)
	}
	steps := slices.Concat(d.Steps, d.Volume)
	for i, x := range steps {
		if i == 0 && x.From.Value != 0 {
			s.list.Errorf(x.pos, "the first step must begin at 0")
		}
		if i > 0 && x.From.Value <= steps[i-1].From.Value {
			s.list.Errorf(x.pos, "steps must be in rising order; this one begins at %d, the one before at %d", x.From.Value,
				steps[i-1].From.Value)
		}
		pr.steps = append(pr.steps, priceStep{x.From.Value, x.Price.price, x.Price.per})
	}
	if pr.model == byPackage {
		return
	}
	for _, x := range pr.steps {
		den := lcm(s.pc.den, uint64(x.per))
		if den == 0 {
			s.list.Errorf(s.at, "the prices of class %s are per too many different numbers of units; use one number, such as 1 MB, "+
				"for all", s.class.Value)
			continue
		}
		s.pc.den = den
		if !s.rounded && !(exactFor(x, pr.increment.initial) && exactFor(x, pr.increment.then)) {
			s.list.Warnf(s.at, "%s for %d is not exact: the price of an increment of %d needs more than 12 decimals. The remainder "+
				"below them is recorded with each charge; say how amounts are rounded, as in round: { scale: 6 }",
				x.price, x.per, pr.increment.then)
		}
	}
}

// exactFor reports whether a number of units at a price costs an amount of no more than 12 decimals.
func exactFor(s priceStep, quantity int64) bool {
	_, _, below, err := s.price.Price(quantity, uint64(s.per), decimal.Exact)
	return err == nil && below == decimal.Fraction{}
}

func perSessionSteps(_ *planClass, x *price) string {
	switch {
	case x.count != countRecord:
	case x.model == byPackage:
		return "a package for a record"
	case len(x.steps) > 1:
		return "steps for a record"
	}
	return ""
}

// steps prices the units from at to stop; priced is the number of units of this record that were priced before.
func (e *Engine) steps(t *tier, ch *Charge, p *price, at, stop, priced int64, c *Counters, u *udr.Usage, sum *amount, res *Result) error {
	from, count := priced, CounterKey{}
	switch {
	case p.over != "":
		from = 0
	case p.spending != nil:
		return e.bySpend(t, ch, p, at, stop, c, u, res)
	case p.count != countRecord:
		from, count = e.countUnits(t, p, stop-at, c, u, res)
	}
	if t.class.credit && p.given != 0 {
		units := stop - at
		if u.Quantity < 0 {
			units = -units
		}
		e.rememberPriced(t, p, units, c, u, res)
	}
	if from < 0 || from > math.MaxInt64-literal.MaxQuantity*2 {
		return suspend("quantity", "the count of price %s of plan %s is out of range: %d units in one %s", p.name, t.plan.name, from, p.period)
	}
	switch p.model {
	case byPackage:
		return e.packages(t, ch, p, at, stop, from, u, sum)
	case byVolume:
		line := Line{Slice: p.slice, At: at, From: from, Quantity: stop - at}
		return e.volume(t, ch, p, p.stepAt(from+stop-at), line, reached{count: count, clock: t.clock}, c, u, res)
	}
	i := 0
	for i+1 < len(p.steps) && p.steps[i+1].from <= from {
		i++
	}
	for ; at < stop; i++ {
		s := &p.steps[i]
		n := stop - at
		if i+1 < len(p.steps) {
			n = min(n, p.steps[i+1].from-from)
		}
		whole, _, below, err := s.price.Price(n, uint64(s.per), truncate)
		if err == nil {
			err = sum.add(whole, below)
		}
		if err != nil {
			return tooMuch(t, u)
		}
		l := added(&ch.Lines)
		l.Over, l.Slice, l.At, l.From, l.Quantity = p.over, p.slice, at, from, n
		l.Price, l.Per, l.Amount, l.Below = s.price, s.per, whole, below.Num
		at, from = at+n, from+n
	}
	return nil
}

// countUnits adds n units to the count of a price, and returns the count before them. A credit takes off at most the units
// counted in its period.
func (e *Engine) countUnits(t *tier, p *price, n int64, c *Counters, u *udr.Usage, res *Result) (from int64, count CounterKey) {
	var w tally
	e.countOf(&w, t, p, u)
	k, entry, value := e.counter(c, &w, res)
	from = value.Units()
	if u.Quantity < 0 {
		from, n = max(0, from-n), -min(n, from)
	}
	e.add(entry, k, UnitsValue(n), res)
	if crossing(p.thresholds, from, from+max(n, -n)) {
		e.repriced = append(e.repriced, reached{count: k, clock: t.clock})
	}
	return from, k
}

func tooMuch(t *tier, u *udr.Usage) error {
	return suspend("amount", "%d %s at the prices of plan %s exceed the largest possible amount; correct the quantity or the plan",
		u.Quantity, u.Unit, t.plan.name)
}

func recomputeSteps(r *recomputation) error {
	before := &r.Before
	at, n := before.Rounded-before.Quantity, 0
	for i := range r.Draws {
		at += r.Draws[i].Drawn
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		if l.Kind != LineUsage {
			continue
		}
		if n++; l.At != at || l.Quantity <= 0 || l.Per < 1 {
			return wrong("step %d begins at %d, not at %d", n, l.At, at)
		}
		at += l.Quantity
		if l.Model == byPackage {
			if exact := l.packagesAgain(); l.From < 0 || exact.Cmp(rational(l.Amount)) != 0 {
				return wrong("packages of %d for %d after %d cost %s, not %s", l.Per, l.Quantity, l.From, exact.FloatString(12), l.Amount)
			}
			r.sum.Add(r.sum, rational(l.Amount))
			continue
		}
		exact := new(big.Rat).Mul(rational(l.Price), big.NewRat(l.Quantity, l.Per))
		stated := rational(l.Amount)
		if l.Below != 0 {
			stated.Add(stated, belowRational(decimal.Fraction{Num: l.Below, Den: uint64(l.Per)}))
		}
		if exact.Cmp(stated) != 0 {
			return wrong("%d at %s / %d is %s, not %s", l.Quantity, l.Price, l.Per, exact.FloatString(14), l.Amount)
		}
		if l.Model == byVolume {
			r.exact.Add(r.exact, exact)
			r.settled.Add(r.settled, r.volumeAgain(l))
			continue
		}
		r.sum.Add(r.sum, exact)
	}
	if at -= before.Rounded - before.Quantity; at != r.Rounded {
		return wrong("buckets and steps have %d units of %d", at, r.Rounded)
	}
	return nil
}
