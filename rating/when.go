package rating

import (
	"errors"
	"fmt"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/udr"
)

// A price with `when` applies only to records for which its condition holds. Among the prices for a record's zone and
// time, one with a condition takes precedence over one without; if several conditions hold, the first price in the
// list applies.

// conditional holds the prices of a class that have conditions.
type conditional struct {
	prices []int32       // indexes in planClass.prices, in the order of the list
	cells  [][]int32     // conditional prices by zone and slice, like planClass.table; nil for a network price plan
	own    [][]ownChoice // for a network price plan, by slice
}

// ownChoice is a conditional price of a network price plan, with the model of its places. The model's first zone
// holds the places of the price. The second zone contains everything else, so that usage at an unknown place does
// not count as usage elsewhere.
type ownChoice struct {
	price int32
	model *zoneModel
}

// asking is an engine's memory for evaluating conditions.
type asking struct {
	values      *rules.Values
	facts       []Fact   // by slot
	known       []uint64 // by slot: the question for which the slot's fact is valid
	read        []int32  // slots that the current evaluation read
	question    uint64   // number of the current record and tier
	answer      answer
	identifiers []udr.Identifier
	told        []registry.KnownState
}

// beginAsking prepares the evaluation of conditions for a record and a tier.
func (e *Engine) beginAsking(t *tier, u *udr.Usage) {
	if e.values == nil {
		e.values = e.catalogue.conditions.Values()
		n := len(e.catalogue.conditions.Inputs())
		e.facts, e.known = make([]Fact, n), make([]uint64, n)
	}
	e.question++
	e.read = e.read[:0]
	e.answer = answer{Engine: e, tier: t, u: u}
}

// holds reports whether a condition holds.
func (e *Engine) holds(p *price) (bool, error) {
	inputs := e.catalogue.conditions.Inputs()
	for _, slot := range p.when.Reads() {
		if e.known[slot] == e.question {
			continue
		}
		in, a := &inputs[slot], &e.answer
		a.slot, a.kind, a.key = slot, in.Type, in.Key
		e.catalogue.fills[slot](a)
		e.facts[slot].Name = in.Full()
		e.known[slot] = e.question
		e.read = append(e.read, int32(slot))
	}
	holds, err := e.values.Holds(p.when)
	if err == nil {
		return holds, nil
	}
	if why, ok := errors.AsType[*udr.SuspendError](err); ok {
		why.Code = "when"
		why.Reason = fmt.Sprintf("the condition of price %s of plan %s cannot be decided: %s; %s, or correct the fact, and retry", p.name,
			e.answer.tier.plan.name, why.Reason, adviceFor(why.Reason))
	}
	return false, err
}

// adviceFor suggests a wording of a condition that can be decided even without the missing value.
func adviceFor(reason string) string {
	switch {
	case strings.Contains(reason, decimal.ErrDivideByZero.Error()):
		return "test the divisor first, as in x != 0 and y / x > 2"
	case strings.Contains(reason, "has no value"):
		return "write x ?? y or absent(x) for such records"
	}
	return "change the condition"
}

// conditionalPrice returns the price of a record at its beginning: the first price whose condition holds, or else
// the price without a condition.
func (e *Engine) conditionalPrice(t *tier, zone *zone, slice int16, u *udr.Usage, otherwise *price) (*price, error) {
	if t.class.when != nil {
		e.beginAsking(t, u)
		if p, err := e.choose(t, zone, slice, u); p != nil || err != nil {
			return p, err
		}
	}
	if otherwise == nil {
		return nil, e.noPrice(t, zone, slice, u)
	}
	return otherwise, nil
}

// choose returns the conditional price that applies in a time slice, nil if none does. In a network price
// plan, the price has its own zone.
func (e *Engine) choose(t *tier, zone *zone, slice int16, u *udr.Usage) (*price, error) {
	w := t.class.when
	if w.own != nil {
		p, _, _, err := e.chooseOwn(t, slice, u)
		return p, err
	}
	for _, i := range w.cells[zone.local*t.class.stride+int32(slice)] {
		p := &t.class.prices[i]
		if ok, err := e.holds(p); ok || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// chooseOwn does the same as choose for a network price plan. It also returns the model and the zone of the price.
func (e *Engine) chooseOwn(t *tier, slice int16, u *udr.Usage) (*price, *zoneModel, hit, error) {
	for i := range t.class.when.own[slice] {
		c := &t.class.when.own[slice][i]
		found, ok := c.model.lookup(u, t.own)
		if ok && found.zone != 0 {
			continue // elsewhere
		}
		p := &t.class.prices[c.price]
		switch holds, err := e.holds(p); {
		case err != nil:
			return nil, nil, hit{}, err
		case holds && !ok:
			return nil, nil, hit{}, suspend("no_zone", "the place is unknown: the record has no country, and network %q. The "+
				"condition of price %s of plan %s holds, but whether its place matches cannot be known; correct the source's "+
				"rules, or write `unknown: true` or `unknown: false` at the price, and retry", u.Network, p.name, t.plan.name)
		case holds:
			return p, c.model, found, nil
		}
	}
	return nil, nil, hit{}, nil
}

// resolveOwn finds the price and zone of a record in a network price plan with conditions; it returns false if no
// condition holds.
func (e *Engine) resolveOwn(t *tier, u *udr.Usage) (bool, error) {
	e.beginAsking(t, u)
	slice := int16(0)
	if t.class.sliced {
		slice, _ = t.plan.week.at(t.wall.local(u.At))
	}
	p, model, found, err := e.chooseOwn(t, slice, u)
	if p == nil || err != nil {
		return false, err
	}
	t.model, t.hit = model, found
	return true, nil
}

// tellFacts adds the values that the evaluated conditions read to a charge.
func (e *Engine) tellFacts(ch *Charge, p *price) {
	if p.when != nil {
		ch.When = p.when.Text()
	}
	for _, slot := range e.read {
		ch.Facts = append(ch.Facts, e.facts[slot])
	}
}

// untaken names the prices whose conditions did not hold, for a record that has no other price.
func (t *tier) untaken() string {
	if t.class.when == nil {
		return ""
	}
	var names []string
	for _, i := range t.class.when.prices {
		names = append(names, t.class.prices[i].name)
	}
	return "; no condition of the prices with when holds there: " + strings.Join(names[:min(len(names), 5)], ", ")
}

// compileWhen adds a price with a condition. The condition is compiled later, because it may refer to states, which
// are compiled after plans.
func (s *saying) compileWhen(d *priceDoc, table *priceTable, zones []string, slice, number int32) {
	pc := s.pc
	if pc.when == nil {
		pc.when = &conditional{}
	}
	pc.when.prices = append(pc.when.prices, number)
	if d.Name.Value == "" {
		s.list.Errorf(d.When.Pos, "a price with when needs a name: explanations, invoices and counters show it, and other "+
			"prices may have the same zone; write name: … beside it")
	}
	s.pending = append(s.pending, pendingWhen{s.pc, number, d, s.class, s.classDoc.First.Value == "wins"})
	if pc.models == nil {
		if pc.when.own == nil {
			pc.when.own = make([][]ownChoice, pc.stride)
		}
		s.compileOwnWhen(d, zones[0], slice, number)
		return
	}
	if pc.when.cells == nil {
		pc.when.cells = make([][]int32, len(pc.table))
	}
	if len(zones) == 0 {
		zones = table.names
	}
	for _, z := range zones {
		local, ok := table.locals[z]
		if !ok {
			continue
		}
		for at := range pc.stride {
			if slice == 0 || at == slice {
				cell := &pc.when.cells[local*pc.stride+at]
				*cell = append(*cell, number)
			}
		}
	}
}

func (s *saying) compileOwnWhen(d *priceDoc, name string, slice, number int32) {
	m := &zoneModel{anyPeer: newPlaces()}
	m.addZone(zone{name: name, local: number, global: s.zone(name), where: d.Where}, s.at, &s.list, s.stored)
	if d.Where.places() || d.Where.peers() {
		var ignored diag.List
		m.addZone(zone{name: "elsewhere", local: number}, s.at, &ignored, s.stored)
	}
	s.pc.usesOwn = s.pc.usesOwn || m.own
	for at := range s.pc.stride {
		if slice == 0 || at == slice {
			s.pc.when.own[at] = append(s.pc.when.own[at], ownChoice{number, m})
		}
	}
}

// pendingWhen is a condition that is compiled after the states.
type pendingWhen struct {
	pc     *planClass
	number int32
	doc    *priceDoc
	class  diag.Text
	first  bool // the author confirms this order of the prices
}

// compileConditions compiles the conditions of prices, and compares them with each other.
func (c *compiler) compileConditions() {
	var words []rules.Word
	fills, named := map[string]func(*answer){}, map[string]registry.NamedKind{}
	for _, w := range conditionWords(c.plans.names(), c.life.States()) {
		words, fills[w.Name] = append(words, w.Word), w.fill
		if w.of != 0 {
			named[w.Name] = w.of
		}
	}
	c.conditions, c.conditionNames = rules.NewLanguage(words), named
	if c.stored {
		c.conditions.Stored()
	}
	for _, p := range c.pending {
		d := p.doc
		when := c.conditions.Condition(d.When, "when", c.units[c.classes[p.class.Value]], &c.list)
		p.pc.prices[p.number].when = when
		if when == nil {
			continue
		}
		for _, slot := range when.Reads() {
			in := &c.conditions.Inputs()[slot]
			c.readsMore = c.readsMore || in.Key != "" && in.Word.Name == "attr." || unrated[in.Word.Name]
			if in.Word.Name == "on_net" || in.Word.Name == "own_network" {
				c.usesOwn(d.When.Pos, in.Word.Name)
			}
		}
	}
	for _, in := range c.conditions.Inputs() {
		c.fills = append(c.fills, fills[in.Word.Name])
	}
	for _, p := range c.pending {
		if !c.list.HasErrors() {
			c.judgeWhen(&p)
		}
	}
}

// unrated contains the fields of usage that only conditions read. Without such conditions, rating does not parse
// them.
var unrated = map[string]bool{"apn": true, "cell": true, "session": true, "direction": true, "duration": true, "up": true, "down": true}

// ReadsAll reports whether rating by the catalogue needs fields of usage that prices without conditions do not need.
func (c *Catalogue) ReadsAll() bool { return c.readsMore }

// ConditionReads calls read for each word that a condition of a price reads.
func (c *Catalogue) ConditionReads(read func(name string, at diag.Pos)) {
	for when := range c.whens {
		for _, slot := range when.Reads() {
			read(c.conditions.Inputs()[slot].Full(), when.Pos())
		}
	}
}

// whens yields the conditions of all prices. It yields the condition of an inherited price once more
// for each plan that inherits it.
func (c *Catalogue) whens(yield func(*rules.Condition) bool) {
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for _, pc := range p.classes {
				for i := 0; pc != nil && i < len(pc.prices); i++ {
					if when := pc.prices[i].when; when != nil && !yield(when) {
						return
					}
				}
			}
		}
	}
}

// judgeWhen warns of a condition that always or never holds, and compares it with the conditions before it.
func (c *compiler) judgeWhen(p *pendingWhen) {
	l, own := c.conditions, &p.pc.prices[p.number]
	known := map[string]string{"class": p.class.Value}
	at := p.doc.When.Pos
	if can, sure := l.Possible(known, func(h []bool) bool { return h[0] }, own.when); sure && !can {
		c.list.Warnf(at, "this condition never holds, so nothing has price %s: its parts contradict each other", own.name)
		return
	}
	if can, sure := l.Possible(known, func(h []bool) bool { return !h[0] }, own.when); sure && !can {
		c.list.Warnf(at, "this condition always holds; leave when out")
	}
	for _, number := range p.pc.when.prices {
		other := &p.pc.prices[number]
		if number >= p.number {
			break
		}
		if !p.pc.share(number, p.number) {
			continue
		}
		line := other.when.Pos().Line
		if can, sure := l.Possible(known, func(h []bool) bool { return h[1] && !h[0] }, other.when, own.when); sure && !can {
			if p.pc.within(p.number, number) {
				c.list.Warnf(at, "price %s is never taken: whenever its condition holds, so does that of price %s on line %d, which comes first. "+
					"Write it before that one", own.name, other.name, line)
				return
			}
			continue
		}
		if p.first {
			continue
		}
		both, sure := l.Possible(known, func(h []bool) bool { return h[0] && h[1] }, other.when, own.when)
		if both && sure {
			both, sure = l.Possible(known, func(h []bool) bool { return h[0] && !h[1] }, other.when, own.when)
		}
		if both || !sure {
			c.list.Warnf(at, "this condition and that of price %s on line %d may both hold: such usage has price %s, which comes first. "+
				"Write `first: wins` at the class if the order of its prices is meant, or let one condition exclude the other", other.name, line,
				other.name)
			return
		}
	}
}

// share reports whether two prices with conditions may apply to the same record.
func (p *planClass) share(a, b int32) bool { return p.cellsOf(a, b, false) }

// within reports whether a price applies only where another price applies too.
func (p *planClass) within(a, b int32) bool { return p.cellsOf(a, b, true) }

func (p *planClass) cellsOf(a, b int32, all bool) bool {
	var cells [][]int32
	if p.when.own != nil {
		x, y := &p.prices[a], &p.prices[b]
		if all {
			return (x.where == y.where || y.where == "all") && (x.slice == y.slice || y.slice == "")
		}
		return (x.where == y.where || x.where == "all" || y.where == "all") && (x.slice == y.slice || x.slice == "" || y.slice == "")
	}
	cells = p.when.cells
	has := func(cell []int32, n int32) bool {
		for _, x := range cell {
			if x == n {
				return true
			}
		}
		return false
	}
	for _, cell := range cells {
		one, two := has(cell, a), has(cell, b)
		if all && one && !two {
			return false
		}
		if !all && one && two {
			return true
		}
	}
	return all
}
