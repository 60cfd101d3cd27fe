package rating

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/rules"
	"ratemill/udr"
)

// Fact is the value of a condition's word for a record.
type Fact struct {
	Name   string
	Kind   FactKind
	Unit   udr.Unit // of a quantity
	Absent bool     // the word had no value
	Text   string
	Number int64 // value of an int, a quantity or a time; 1 for yes
}

// FactKind is the type of a fact.
type FactKind = rules.Kind

const mostFactKind = rules.Table

// Value returns the value for display.
func (f *Fact) Value() string {
	switch {
	case f.Absent:
		return "absent"
	case f.Kind == rules.Bool && f.Number != 0:
		return "yes"
	case f.Kind == rules.Bool:
		return "no"
	case f.Kind == rules.Time:
		return udr.Instant(f.Number).Time().Format(time.RFC3339)
	case f.Kind == rules.Quantity:
		return Units(f.Number, f.Unit)
	case f.Kind == rules.Int:
		return strconv.FormatInt(f.Number, 10)
	}
	return f.Text
}

func (f *Fact) words() string {
	switch {
	case f.Absent, f.Kind == rules.Int, f.Kind == rules.Time, f.Kind == rules.Quantity:
		return f.Name + " is " + f.Value()
	case f.Kind == rules.Bool:
		return f.Name + ": " + f.Value()
	case f.Text == "":
		return f.Name + " is empty"
	}
	return f.Name + " is " + strconv.Quote(f.Text)
}

// reask evaluates a condition a second time, from the facts of a charge alone. ok is false if a word that it reads
// is not among the facts.
func reask(condition string, facts []Fact) (holds, ok bool) {
	words := make([]rules.Word, len(facts))
	unit := udr.Count
	for i := range facts {
		f := &facts[i]
		if words[i] = (rules.Word{Name: f.Name, Type: rules.Type{Kind: f.Kind, Unit: f.Unit}}); f.Kind == rules.Quantity && f.Name == "quantity" {
			unit = f.Unit
		}
	}
	l := rules.NewLanguage(words)
	var list diag.List
	c := l.Condition(diag.Text{Value: condition}, "when", unit, &list)
	if c == nil {
		return false, false
	}
	values := l.Values()
	for slot, in := range l.Inputs() {
		for i := range facts {
			f := &facts[i]
			switch {
			case f.Name != in.Name:
			case f.Absent:
				values.SetAbsent(slot)
			case f.Kind == rules.Int, f.Kind == rules.Bool, f.Kind == rules.Time, f.Kind == rules.Quantity:
				values.SetInt(slot, in.Type, f.Number)
			default:
				values.SetText(slot, f.Kind, f.Text)
			}
		}
	}
	holds, err := values.Holds(c)
	return holds, err == nil
}

// recheck returns an error unless the condition of the price holds for the facts.
func (c *Charge) recheck() error {
	if c.When == "" {
		return nil
	}
	holds, ok := reask(c.When, c.Facts)
	switch {
	case !ok:
		return wrong("its facts do not decide the condition %s of price %s", c.When, c.Price)
	case !holds:
		return wrong("the condition %s of price %s does not hold for %s", c.When, c.Price, factWords(c.Facts))
	}
	return nil
}

func factWords(facts []Fact) string {
	var words []string
	for i := range facts {
		words = append(words, facts[i].words())
	}
	return strings.Join(words, ", ")
}

// whenLines explains which condition held, and which conditions before it did not.
func (x *explanation) whenLines() {
	if len(x.c.Facts) == 0 && x.c.When == "" {
		return
	}
	for _, p := range x.notTaken() {
		x.line("not", fmt.Sprintf("price %s, because its condition does not hold: %s; %s", p.name, p.when.Text(), factWords(x.read(p))))
	}
	if x.c.When == "" {
		return
	}
	facts := x.c.Facts
	if p := x.price(); p != nil && p.when != nil && p.when.Text() == x.c.When {
		facts = x.read(p)
	}
	x.line("when", fmt.Sprintf("price %s, because its condition holds: %s; %s", x.c.Price, x.c.When, factWords(facts)))
}

// read returns the facts that the condition of a price reads.
func (x *explanation) read(p *price) (facts []Fact) {
	inputs := x.names.Catalogue.conditions.Inputs()
	for _, slot := range p.when.Reads() {
		for i := range x.c.Facts {
			if x.c.Facts[i].Name == inputs[slot].Full() {
				facts = append(facts, x.c.Facts[i])
			}
		}
	}
	return facts
}

// notTaken returns the conditional prices that come before the charge's price in the list and could have
// applied.
func (x *explanation) notTaken() (prices []*price) {
	pc := x.planClass()
	if pc == nil || pc.when == nil {
		return nil
	}
	for _, i := range pc.when.prices {
		p := &pc.prices[i]
		if p.name == x.c.Price {
			break
		}
		if p.when == nil || len(x.read(p)) < len(p.when.Reads()) || !x.covers(pc, i) {
			continue
		}
		if holds, ok := reask(p.when.Text(), x.read(p)); ok && !holds {
			prices = append(prices, p)
		}
	}
	return prices[:min(len(prices), 5)]
}

// covers reports whether a price with a condition is for the zone of the charge.
func (x *explanation) covers(pc *planClass, number int32) bool {
	if pc.when.own != nil {
		for _, choices := range pc.when.own {
			for _, c := range choices {
				if c.price == number {
					found, ok := c.model.lookup(x.u, belonging{})
					return ok && found.zone == 0
				}
			}
		}
		return false
	}
	m := x.model()
	if m == nil {
		return false
	}
	local := m.zones[x.c.ZoneIndex].local
	for _, cell := range pc.when.cells[local*pc.stride : (local+1)*pc.stride] {
		for _, n := range cell {
			if n == number {
				return true
			}
		}
	}
	return false
}
