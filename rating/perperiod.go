package rating

import (
	"cmp"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// A fee, a minimum or a cap may hold for a day, a week or a cycle of a SIM or an account instead of a record. Rating
// applies them after it rounds the record's own amount: first fees and passes, then minimums, then caps. Within a
// kind, those of the price come before those of the class, and shorter periods before longer ones. Each of them
// applies to the result of the one before.
//
// A minimum or a cap keeps two sums in its period: the cost of the records before the minimum or cap applies, and
// the amount charged after it applies. A record costs the increase of the second sum, so the cost of the period
// does not depend on the order of its records while its minimums and caps stay the same.

// dues is one or more fees, minimums or caps in a document: 0.15, 1.00 / day, { amount: 100, per: cycle, counted:
// account }, or a list.
type dues []due

type due struct {
	diag.Text `amount:"yes"`
	per       period
	record    bool // for a record or session, not for a period
	account   bool
}

// dueDoc is the long form of a due.
type dueDoc struct {
	Amount  diag.Text `yaml:"amount,required" doc:"How much." example:"10"`
	Per     diag.Text `yaml:"per" default:"record" enum:"record|session|day|week|cycle" doc:"The span of the amount: a record or session (both words mean the same: a session that the source delivers in parts counts as one record), or a local day, a week from Monday, or a billing cycle." example:"day"`
	Counted diag.Text `yaml:"counted" default:"sim" enum:"sim|account" doc:"For amounts per day, week or cycle: whether each SIM has its own, or all SIMs of the account share one." example:"account"`
}

var duePeriods = map[string]period{"day": perDay, "week": perWeek, "cycle": perCycle}

// UnmarshalNode implements diag.Unmarshaler.
func (d *dues) UnmarshalNode(n *diag.Node, dec *diag.Decoder) {
	if n.Kind != diag.Sequence {
		*d = dues{readDue(n, dec)}
		return
	}
	for _, item := range n.Items {
		*d = append(*d, readDue(item, dec))
	}
}

func readDue(n *diag.Node, dec *diag.Decoder) (x due) {
	var doc dueDoc
	if n.Kind == diag.Mapping {
		dec.Decode(n, &doc)
	} else {
		if !dec.Want(n, diag.Scalar, "an amount") {
			return due{record: true}
		}
		amount, per, _ := strings.Cut(n.Text, "/")
		doc.Amount, doc.Per = diag.Text{Value: strings.TrimSpace(amount), Pos: n.Pos}, diag.Text{Value: strings.TrimSpace(per), Pos: n.Pos}
	}
	x = due{Text: doc.Amount, account: doc.Counted.Value == "account"}
	switch per, known := duePeriods[doc.Per.Value]; {
	case known:
		x.per = per
	case doc.Per.Value == "" || doc.Per.Value == "record" || doc.Per.Value == "session":
		if x.record = true; x.account {
			dec.Errorf(doc.Counted.Pos, "an amount per record concerns one SIM; give it a period, such as per: day, or remove counted")
		}
	default:
		x.record = true
		dec.Errorf(doc.Per.Pos, "an amount is per record, session, day, week or cycle, not per %s%s; write it as 1.00 / day", doc.Per.Value,
			diag.Suggest(doc.Per.Value, []string{"record", "session", "day", "week", "cycle"}))
	}
	return x
}

// JSONSchema returns the schema of an amount, its long form, or a list of these.
func (dues) JSONSchema() map[string]any {
	one := []any{literal.Single(), diag.Subschema(dueDoc{})}
	return map[string]any{"anyOf": append(one, map[string]any{"type": "array", "items": map[string]any{"anyOf": one}})}
}

// ofRecord returns the amount for a record or session, nil if there is none.
func (d dues) ofRecord() *diag.Text {
	for i := range d {
		if d[i].record {
			return &d[i].Text
		}
	}
	return nil
}

// PeriodLine is the amount that one fee, pass, minimum or cap of a day, week or cycle adds to a charge.
type PeriodLine struct {
	Kind    PeriodKind
	Name    string // of a pass
	Period  period
	Begins  int32       // local date on which the period begins, in days since 1970-01-01
	Counter CounterKind // SIMUnits or AccountUnits: the owner of the period
	Owner   uint32
	Price   decimal.D // the fee or the price of the pass, the minimum, the cap
	Amount  decimal.D // the amount added to the charge; negative for a cap

	// For a minimum or a cap, the sums of the period before the record:
	Before  decimal.D // without it
	Charged decimal.D // with it
}

// PeriodKind is the kind of a PeriodLine.
type PeriodKind uint8

// The kinds, in the order in which they apply.
const (
	PeriodFee     PeriodKind = iota // charged with the first use
	PeriodPass                      // a pass, bought by the first use
	PeriodMinimum                   // the least that a period with usage costs
	PeriodCap                       // the most that it costs
	PeriodPaid                      // in a credit: it gives back at most the amount charged for the SIM in the cycle
	PeriodRenewal                   // a package renewed on use-up

	periodKinds // their number
)

var periodKindNames = [...]string{"fee", "pass", "minimum", "cap", "charged", "renewal"}

func (k PeriodKind) String() string {
	if int(k) < len(periodKindNames) {
		return periodKindNames[k]
	}
	return "unknown"
}

// inPeriods returns the sum that fees, passes, minimums and caps of periods add to the charge.
func (c *Charge) inPeriods() (sum decimal.D, err error) {
	for i := 0; i < len(c.Periods) && err == nil; i++ {
		sum, err = sum.Add(c.Periods[i].Amount)
	}
	return sum, err
}

// stage is a fee, pass, minimum or cap of a period.
type stage struct {
	kind    PeriodKind
	price   decimal.D
	per     period
	account bool
	class   bool   // the stage belongs to the class, not to the price
	id      uint64 // counter id of the units used, or of the cost of the records before the stage applies
	charged uint64 // for a minimum or cap: counter id of the charged amount
	at      diag.Pos
}

// name returns the name of the stage's counter; of is the name of its price or class.
func (s *stage) name(of string) string {
	name := s.kind.String() + " per " + s.per.String()
	if s.account {
		name += " of the account"
	}
	return name + ", " + of
}

var perPeriod = adjustment{
	class: func(s *saying) {
		s.stages = nil
		s.readStages(PeriodFee, s.classDoc.Fee, true)
		s.readStages(PeriodMinimum, s.classDoc.Minimum, true)
		s.readStages(PeriodCap, s.classDoc.Cap, true)
		s.warnStages(s.stages, true)
	},
	price: func(s *saying) {
		ofClass := s.stages
		s.stages = nil
		s.readPass()
		if p := s.price.pass; p != nil && !p.price.price.IsZero() {
			s.stages = append(s.stages, p.price)
		}
		s.readStages(PeriodFee, s.priceDoc.Fee, false)
		s.readStages(PeriodMinimum, s.priceDoc.Minimum.Minimum, false)
		s.readStages(PeriodCap, s.priceDoc.Cap, false)
		all := append(s.stages, ofClass...)
		slices.SortStableFunc(all, func(a, b stage) int {
			return cmp.Or(cmp.Compare(a.kind, b.kind), b2i(a.class)-b2i(b.class), cmp.Compare(a.per.order(), b.per.order()))
		})
		s.price.stages, s.stages = all, ofClass
		s.refuseVolume(all)
		s.warnStages(all, false)
		s.warnFee()
	},
	recompute: recomputePeriods,
	explain:   (*explanation).periodLines,
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// order sorts periods by their length.
func (p period) order() int {
	return slices.Index([]period{perHour, perDay, perWeek, perMonth, perCycle, perYear}, p)
}

// readStages reads the amounts of a document that hold for periods. Amounts for records are in fee.go, cap.go and
// minimum.go.
func (s *saying) readStages(kind PeriodKind, all dues, class bool) {
	seen := map[due]bool{}
	for _, d := range all {
		same := due{per: d.per, record: d.record, account: d.account}
		if seen[same] {
			s.list.Errorf(d.Pos, "the %s is given twice for the same %s; keep one", kind, d.word())
			continue
		}
		seen[same] = true
		switch {
		case !d.record:
		case class && kind != PeriodCap:
			s.list.Errorf(d.Pos, "the %s of a record belongs to a price, not to class %s: write it at each price, or give it a period, as "+
				"in %s / day", kind, s.class.Value, d.Value)
			continue
		case !class && kind == PeriodCap:
			s.list.Errorf(d.Pos, "the cap of a record belongs to class %s, not to a price: write it there, or give it a period, as in "+
				"%s / day", s.class.Value, d.Value)
			continue
		}
		if !d.record {
			s.stage(stage{kind: kind, per: d.per, account: d.account, class: class, at: d.Pos}, d.Text)
		}
	}
}

func (d *due) word() string {
	switch {
	case d.record:
		return "record"
	case d.account:
		return d.per.String() + " of the account"
	}
	return d.per.String()
}

// stage adds a stage with an amount that charges can have.
func (s *saying) stage(x stage, text diag.Text) {
	x.price = literal.Amount(text.Value, text.Pos, &s.list)
	if x.kind != PeriodCap && x.price.IsZero() {
		return
	}
	if cost, _, _, err := x.price.RoundFraction(decimal.Fraction{}, s.pc.round); err != nil || cost != x.price {
		s.list.Errorf(text.Pos, "the %s %s has more decimals than amounts, which are rounded to %d; write at most %d decimals, or a larger "+
			"scale", x.kind, x.price, s.pc.round.Scale, s.pc.round.Scale)
	}
	s.stages = append(s.stages, x)
}

// refuseVolume refuses amounts that corrections of volume prices would ignore.
func (s *saying) refuseVolume(all []stage) {
	if s.price.model != byVolume {
		return
	}
	for i := range all {
		if x := &all[i]; x.kind == PeriodMinimum || x.kind == PeriodCap {
			s.list.Errorf(x.at, "volume prices and the %s of a %s exclude each other: the record that reaches a price corrects what earlier "+
				"records paid. Remove the %s, or write steps", x.kind, x.per, x.kind)
		}
	}
	if s.classDoc.Negative.Value != "" {
		s.list.Errorf(s.classDoc.Negative.Pos, "credits and volume prices exclude each other: a credit cannot take back what corrections "+
			"charged. Write steps, or give credits their own class")
	}
}

// warnStages warns of minimums above the cap of the same period, and of caps that never apply because a longer period
// has a lower cap.
func (s *saying) warnStages(all []stage, class bool) {
	for i := range all {
		for j := range all {
			a, b := &all[i], &all[j]
			if a.account != b.account || b.kind != PeriodCap || i == j || (a.class && b.class) != class {
				continue // amounts of the class are compared once
			}
			switch {
			case a.kind == PeriodMinimum && a.per == b.per && b.price.Less(a.price):
				s.list.Errorf(a.at, "the minimum %s of a %s is more than its cap %s; lower the minimum, or raise the cap", a.price, a.per,
					b.price)
			case (a.kind == PeriodFee || a.kind == PeriodPass) && (b.class || !a.class) && a.per.order() <= b.per.order() && b.price.Less(a.price):
				s.list.Warnf(a.at, "the %s %s of a %s is more than the cap %s of a %s, so nobody pays it whole; lower it, or raise the cap", a.kind,
					a.price, a.per, b.price, b.per)
			case a.kind == PeriodCap && a.class == b.class && a.per.order() < b.per.order() && !a.price.Less(b.price):
				s.list.Warnf(a.at, "the cap %s of a %s never applies, because the cap of a %s is %s", a.price, a.per, b.per, b.price)
			}
		}
	}
}

// nameStages gives the counters of stages their ids, after the names of prices have been followed through the
// versions.
func (c *compiler) nameStages() {
	for _, f := range c.plans.list {
		for _, p := range f.versions {
			for n, pc := range p.classes {
				for i := 0; pc != nil && i < len(pc.prices); i++ {
					c.nameStagesOf(&pc.prices[i], "class "+p.counter+"/"+c.names[n], "price "+p.counter+"/"+c.names[n]+"/")
				}
			}
		}
	}
}

func (c *compiler) nameStagesOf(p *price, class, prefix string) {
	if p.id != 0 {
		p.given = c.id(p.at, "paid for, "+prefix+p.key)
	}
	for i := range p.stages {
		s := &p.stages[i]
		if s.kind == PeriodPass {
			continue // its counter is that of the pass
		}
		of := prefix + p.key
		if s.class {
			of = class
		}
		name := s.name(of)
		s.id = c.id(s.at, name)
		if s.kind == PeriodMinimum || s.kind == PeriodCap {
			s.charged = c.id(s.at, name+", charged")
		}
	}
}

// inPeriods applies the stages of a price to the charge of a record.
func (e *Engine) inPeriods(t *tier, p *price, ch *Charge, c *Counters, u *udr.Usage, res *Result) (err error) {
	for i := 0; i < len(p.stages) && err == nil; i++ {
		switch s := &p.stages[i]; s.kind {
		case PeriodFee:
			err = e.periodFee(t, s, ch, c, u, res)
		case PeriodPass:
			err = s.buyPass(ch, u.Quantity < 0)
		case PeriodMinimum, PeriodCap:
			err = e.periodBound(t, s, ch, c, u, res)
		}
	}
	if err == nil && t.class.credit {
		err = e.boundCredit(t, ch, c, u, res)
	}
	return t.summed(ch, u, err)
}

// summed updates the total after a change to a charge that is already rounded.
func (t *tier) summed(ch *Charge, u *udr.Usage, err error) error {
	if err == nil {
		ch.Sum, err = ch.Total.Add(ch.Rest)
	}
	if err != nil {
		return tooMuch(t, u)
	}
	t.total = ch.Total
	return nil
}

// tally returns the counter of a stage for a record.
func (e *Engine) stageTally(t *tier, s *stage, id uint64, kind CounterKind, u *udr.Usage) tally {
	w := tally{id: id, payer: t.payer, kind: AccountUnits}
	if !s.account {
		w = t.ofSIM(id, u.SIM)
	}
	if kind.IsCost() {
		w.kind += SIMCost - SIMUnits
	}
	e.during(&w, s.per, u.At)
	return w
}

func (s *stage) line(k CounterKey) PeriodLine {
	l := PeriodLine{Kind: s.kind, Period: s.per, Begins: k.Cycle, Counter: AccountUnits, Owner: k.Owner, Price: s.price}
	if k.Kind.PerSIM() {
		l.Counter = SIMUnits
	}
	return l
}

// pay adds a line of a period to the charge.
func (c *Charge) pay(l PeriodLine) (err error) {
	c.Periods = append(c.Periods, l)
	c.Total, err = c.Total.Add(l.Amount)
	return err
}

// periodFee adds the fee of a period, which is charged with the period's first units.
func (e *Engine) periodFee(t *tier, s *stage, ch *Charge, c *Counters, u *udr.Usage, res *Result) error {
	if ch.Rounded == 0 {
		return nil
	}
	w := e.stageTally(t, s, s.id, SIMUnits, u)
	if u.Quantity < 0 {
		return e.unfee(s, ch, &w, c, res)
	}
	k, entry, used := e.counter(c, &w, res)
	e.add(entry, k, UnitsValue(ch.Rounded), res)
	if used != (Value{}) {
		return nil
	}
	l := s.line(k)
	l.Amount = s.price
	return ch.pay(l)
}

// periodBound raises or lowers the cost of the record, so that the period costs at least or at most the amount of the
// stage.
func (e *Engine) periodBound(t *tier, s *stage, ch *Charge, c *Counters, u *udr.Usage, res *Result) error {
	pays, credit := ch.pays(), u.Quantity < 0
	if ch.Total.IsZero() && !pays {
		return nil
	}
	w := e.stageTally(t, s, s.id, SIMCost, u)
	k, entry, value := e.counter(c, &w, res)
	before, err := value.Cost()
	if err != nil {
		return err
	}
	adds := ch.Total
	if credit {
		adds = smaller(adds, before).Neg()
	}
	e.add(entry, k, CostValue(adds), res)
	w = e.stageTally(t, s, s.charged, SIMCost, u)
	k, entry, value = e.counter(c, &w, res)
	charged, err := value.Cost()
	if err != nil {
		return err
	}
	l := s.line(k)
	l.Before, l.Charged = before, charged
	after, whole, err := s.after(&l, ch.Total, pays, credit)
	if err != nil {
		return err
	}
	cost, err := after.Sub(charged) // cost of the record in the period
	if err != nil {
		return err
	}
	e.add(entry, k, CostValue(cost), res)
	if l.Amount, err = s.adds(&l, ch.Total, after, whole, credit); err != nil {
		return err
	}
	return ch.pay(l)
}

// after returns the amount charged in the period after a record that costs amount; whole is the amount that a credit
// gives back in addition.
func (s *stage) after(l *PeriodLine, amount decimal.D, pays, credit bool) (after, whole decimal.D, err error) {
	if credit {
		return s.unbound(l.Before, l.Charged, amount)
	}
	if after, err = l.Before.Add(amount); err == nil {
		after, err = s.bound(after, l.Charged, amount, pays)
	}
	return after, whole, err
}

// adds returns the difference from the amount that the charge had before.
func (s *stage) adds(l *PeriodLine, amount, after, whole decimal.D, credit bool) (cost decimal.D, err error) {
	if credit {
		cost, err = l.Charged.Sub(after)
	} else {
		cost, err = after.Sub(l.Charged)
	}
	if err == nil {
		cost, err = cost.Add(whole)
	}
	if err == nil {
		cost, err = cost.Sub(amount)
	}
	return cost, err
}

// bound returns the cost of the period after a record that costs amount, computed from the sum of the records and the
// amount already charged. Under an unchanged cap, no record costs more than its amount. If another version had a lower
// cap, the records that were free under it stay free.
func (s *stage) bound(sum, charged, amount decimal.D, pays bool) (decimal.D, error) {
	switch {
	case s.kind == PeriodCap:
		most, err := charged.Add(larger(amount, decimal.D{}))
		if err != nil {
			return sum, err
		}
		sum = smaller(smaller(sum, s.price), most)
	case s.kind == PeriodMinimum && pays:
		sum = larger(sum, s.price)
	}
	return larger(sum, charged), nil // an amount already charged is not given back: an earlier version may have had a higher cap
}

func smaller(a, b decimal.D) decimal.D {
	if b.Less(a) {
		return b
	}
	return a
}

// recordTotal and recordSum are the amount of the record alone, rounded and exact.
func (c *Charge) recordTotal() decimal.D { return c.withoutPeriods(c.Total) }

func (c *Charge) recordSum() decimal.D { return c.withoutPeriods(c.Sum) }

func (c *Charge) withoutPeriods(d decimal.D) decimal.D {
	later, err := c.inPeriods()
	if err == nil {
		later, err = d.Sub(later)
	}
	if err != nil {
		return d // verified reports this error
	}
	return later
}

// pays reports whether the charge has units that no bucket or pass covered.
func (c *Charge) pays() bool { return c.line(LineUsage) != nil }

func recomputePeriods(r *recomputation) (err error) {
	total := r.total
	if err := r.recountPass(r.credit); err != nil {
		return err
	}
	for i := range r.Periods {
		l := &r.Periods[i]
		if l.Kind >= periodKinds {
			return wrong("it has a line of kind %d for a period, which this version of ratemill does not know; use the newest one", l.Kind)
		}
		wanted := l.Price
		switch x := (stage{kind: l.Kind, price: l.Price}); l.Kind {
		case PeriodMinimum, PeriodCap:
			after, whole, err := x.after(l, total, r.pays(), r.credit)
			if err == nil {
				wanted, err = x.adds(l, total, after, whole, r.credit)
			}
			if err != nil {
				return wrong("%v", err)
			}
		case PeriodPaid:
			if wanted, err = smaller(l.Price, total).Sub(total); err != nil {
				return wrong("%v", err)
			}
		}
		if wanted != l.Amount {
			return wrong("the %s of the %s adds %s, not %s", l.Kind, l.Period, wanted, l.Amount)
		}
		if total, err = total.Add(l.Amount); err != nil {
			return wrong("%v", err)
		}
	}
	if total != r.Total {
		return wrong("with the lines of periods it is %s, not %s", total, r.Total)
	}
	r.total = total
	return nil
}

// remembers reports whether the price counts in periods, so that its counters need its name.
func (p *price) remembers() bool { return p.pass != nil || len(p.stages) > 0 }
