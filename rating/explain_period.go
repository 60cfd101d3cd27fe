package rating

import (
	"fmt"

	"ratemill/decimal"
)

// periodLines explains the amounts that fees, passes, minimums, caps and renewals of packages add.
func (x *explanation) periodLines() {
	for i := range x.c.Periods {
		l := &x.c.Periods[i]
		when := x.periodWords(l)
		switch {
		case l.Kind == PeriodFee:
			x.line("fee", x.money(l.Amount)+" for the first use in "+when)
		case l.Kind == PeriodPass:
			x.line("pass", fmt.Sprintf("%s: %s for the first use in %s", l.Name, x.money(l.Amount), when))
		case l.Kind == PeriodRenewal:
			x.line("renewal", fmt.Sprintf("package %s, used up: %s", l.Name, x.money(l.Amount)))
		case l.Amount.IsZero():
		case x.credit:
			x.line(l.Kind.String(), x.creditWords(l, when))
		case l.Kind == PeriodMinimum:
			x.line("minimum", fmt.Sprintf("at least %s in %s, and %s charged before: %s", x.money(l.Price), when, x.money(l.Charged),
				x.difference(l.Amount)))
		case l.Kind == PeriodCap:
			x.line("cap", fmt.Sprintf("at most %s in %s, and %s charged before: %s", x.money(l.Price), when, x.money(l.Charged),
				x.difference(l.Amount)))
		}
	}
}

// periodWords names the period of a line and its owner: the day 2026-03-05 of SIM 7.
func (x *explanation) periodWords(l *PeriodLine) string {
	whose := "SIM " + x.names.sim(l.Owner)
	if l.Counter == AccountUnits {
		whose = x.names.account(l.Owner)
	}
	return spanWords(l.Period, l.Begins) + " of " + whose
}

// spanWords describes a period by its first date: the day 2026-03-05, the cycle from 2026-03-01.
func spanWords(p period, begins int32) string {
	if p == perDay {
		return "the day " + date(begins)
	}
	return "the " + p.String() + " from " + date(begins)
}

// creditWords explains why a credit gives back more or less than the cost of a record.
func (x *explanation) creditWords(l *PeriodLine, when string) string {
	text := fmt.Sprintf("%s was charged in %s", x.money(l.Charged), when)
	switch l.Kind {
	case PeriodPaid:
		text = fmt.Sprintf("%s was charged for the SIM in %s, and no more is given back", x.money(l.Price), when)
	case PeriodMinimum:
		text += fmt.Sprintf(", at least %s while there is usage", x.money(l.Price))
	case PeriodCap:
		text += fmt.Sprintf(", at most %s of %s", x.money(l.Price), x.money(l.Before))
	}
	return text + ": " + x.difference(l.Amount)
}

func (x *explanation) difference(d decimal.D) string {
	if d.Sign() < 0 {
		return x.money(d.Neg()) + " less"
	}
	return x.money(d) + " more"
}
