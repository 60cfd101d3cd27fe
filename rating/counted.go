package rating

import (
	"slices"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/udr"
)

// countDoc defines whose units count for prices with steps, packages and volumes, for a class or for one of its
// prices.
type countDoc struct {
	Counted diag.Text `yaml:"counted" enum:"record|session|sim|account|tree" doc:"Usage that steps, package and volume count. record (the default) and session: charged units of the record, or of all parts of a session so far. sim, account: charged units of the SIM or the paying account in the period so far. tree: those of all accounts that have the same payer or, above the SIM's own account, of all accounts below the one that pays by this plan." example:"account"`
	Period  diag.Text `yaml:"period" enum:"day|week|cycle|contract year" doc:"Period for which units are counted, by the clock of the account: a day, a week from Monday, the billing cycle (the default), or a year from the first day of the contract." example:"contract year"`
	Count   diag.Text `yaml:"count" doc:"Name of a count that several prices of the plan share; their classes must have the same unit. If omitted, each price has its own count." example:"eu-and-us"`
}

// counted identifies the accounts or SIMs whose units a price counts.
type counted uint8

const (
	countRecord counted = iota // or session
	countSIM
	countAccount
	countTree
)

func (c counted) String() string { return [...]string{"record", "sim", "account", "tree"}[c] }

// ofTree counts all accounts below a payer, not only the account itself.
const ofTree = 1<<32 - 1

// compileCount reads whose units a price counts. A price without a count uses the count of its class.
func compileCount(s *saying) {
	said := s.classDoc.Count
	for _, d := range []struct{ to, from *diag.Text }{{&said.Counted, &s.priceDoc.Count.Counted}, {&said.Period, &s.priceDoc.Count.Period},
		{&said.Count, &s.priceDoc.Count.Count}} {
		if d.from.Value != "" {
			*d.to = *d.from
		}
	}
	p := s.price
	switch said.Counted.Value {
	case "sim":
		p.count = countSIM
	case "account":
		p.count = countAccount
	case "tree":
		p.count = countTree
	}
	if said.Period.Value != "" {
		p.period = period(max(0, slices.Index(periodNames, said.Period.Value)))
	}
	p.shared = said.Count.Value
	switch {
	case p.count != countRecord:
	case said.Count.Value != "":
		s.list.Errorf(said.Count.Pos, "count %s is shared by prices, but each record of class %s counts by itself; write counted: sim, account "+
			"or tree",
			said.Count.Value, s.class.Value)
	case said.Period.Value != "":
		s.list.Errorf(said.Period.Pos, "a period of %s, but each record of class %s counts by itself; write counted: sim, account or tree",
			said.Period.Value, s.class.Value)
	}
	if p.shared != "" && s.priceDoc.Formerly.Value != "" {
		s.list.Errorf(s.priceDoc.Formerly.Pos, "formerly continues a price's own count, but this price shares count %s; remove one of the two",
			p.shared)
	}
	if p.shared != "" && p.count != countRecord {
		s.share(said.Count)
	}
}

// sharedCount is a count that prices of one version of a plan share.
type sharedCount struct {
	id     uint64
	count  counted
	period period
	unit   udr.Unit
	class  string
	at     diag.Pos
}

// share gives the price the count with a name; all prices that use this name must define the count
// in the same way.
func (s *saying) share(name diag.Text) {
	p, unit := s.price, s.units[s.classes[s.class.Value]]
	if s.plan.shared == nil {
		s.plan.shared = map[string]sharedCount{}
	}
	c, known := s.plan.shared[name.Value]
	switch {
	case !known:
		c = sharedCount{s.id(name.Pos, "count "+s.plan.counter+"/"+name.Value), p.count, p.period, unit, s.class.Value, name.Pos}
		s.plan.shared[name.Value] = c
	case c.count != p.count || c.period != p.period:
		s.list.Errorf(name.Pos, "count %s counts by %s and %s on line %d, and by %s and %s here; give one of them another name",
			name.Value, c.count, c.period, c.at.Line, p.count, p.period)
	case unit != c.unit && unit != literal.AnyUnit && c.unit != literal.AnyUnit:
		s.list.Errorf(name.Pos, "count %s counts %s of class %s, and %s of class %s; give one of them another name", name.Value,
			literal.UnitName(c.unit), c.class, literal.UnitName(unit), s.class.Value)
	}
	p.id = c.id
}

// countOf sets w to the counter that a price uses for a record.
func (e *Engine) countOf(w *tally, t *tier, p *price, u *udr.Usage) {
	w.id, w.before, w.kind, w.payer = p.id, p.before, AccountUnits, t.payer
	switch p.count {
	case countSIM:
		w.kind, w.sim, w.apart = SIMUnits, u.SIM, t.number > 0
	case countTree:
		w.id, w.payer = mixID(p.id, ofTree), e.top(t, u)
	}
	e.during(w, p.period, u.At)
}

// top returns the account whose tree is counted for a tier. For an account above, this is the account that pays by
// its plan for all accounts below it. For the SIM's own account, this is the account that has the billing profile.
// Without a billing profile above it, an account pays for itself alone.
func (e *Engine) top(t *tier, u *udr.Usage) *payer {
	if t.number == 0 {
		for _, p := range e.path {
			if e.view.Profiled(p.number, u.At, e.rev) {
				return p
			}
		}
	}
	return t.payer
}

// counts reports whether the price depends on a count.
func (p *price) counts() bool { return len(p.steps) > 1 || p.model == byPackage }

// sharedCounts warns of shared counts that begin at zero although the new version drops another count of the plan.
func (s *succession) sharedCounts(old, now *plan) {
	for name, c := range now.shared {
		o, there := old.shared[name]
		switch {
		case there && (o.count != c.count || o.period != c.period):
			s.list.Warnf(c.at, "count %s counts by %s and %s from this version on, but by %s and %s in %s, so it begins at "+
				"0", name, c.count, c.period,
				o.count, o.period, s.former)
		case there:
		default:
			for gone := range old.shared {
				if _, stays := now.shared[gone]; !stays {
					s.list.Warnf(c.at, "this version starts 1 counter anew: count %s begins at 0, and %s of %s is gone. If it is the same count, "+
						"keep its name", name, gone, s.former)
				}
			}
		}
	}
}
