package rating

import (
	"slices"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// The events of absences. No record causes them, so they are not in the rated log: the role that queries the
// warehouse for silent SIMs writes them.
const (
	EventSilent           = "anomaly.silent"            // a SIM had no record for a number of days
	EventFewRegistrations = "anomaly.few_registrations" // a SIM registered less often on a date than a rule expects
)

// Absence is a rule that reports SIMs with too little usage or too few registrations.
type Absence struct {
	Name     string
	Event    string
	Least    int64 // days of silence, or the smallest number of registrations that is normal
	Severity uint8 // 1 to 4; 0: it depends on the share of the account's SIMs that the rule reports
	plans    []bool
	families *families[plan]
}

// Absences returns the rules in force at a time for accounts in a time zone.
func (c *Catalogue) Absences(zone *time.Location, at udr.Instant) (all []Absence) {
	if !c.AnyAbsences() {
		return nil
	}
	clock := newZoneClock(zone, c.dates)
	for _, f := range c.anomalies.list {
		a, _, _ := f.at(clock, at)
		if a == nil {
			continue
		}
		of := Absence{Name: a.name, Severity: a.severity, plans: a.plans, families: &c.plans}
		if !a.judged {
			of.Severity = 0
		}
		if a.silent > 0 {
			of.Event, of.Least = EventSilent, a.silent
			all = append(all, of)
		}
		if a.fewer > 0 {
			of.Event, of.Least = EventFewRegistrations, a.fewer
			all = append(all, of)
		}
	}
	return all
}

// AnyAbsences reports whether the catalogue has an absence rule at any time.
func (c *Catalogue) AnyAbsences() bool {
	return slices.ContainsFunc(c.anomalies.list, func(f *family[anomaly]) bool {
		return slices.ContainsFunc(f.versions, func(a *anomaly) bool { return a.silent+a.fewer > 0 })
	})
}

// Watches reports whether the rule holds for the SIMs of a plan.
func (a *Absence) Watches(plan string) bool {
	if a.plans == nil {
		return true
	}
	i, ok := a.families.find(plan)
	return ok && int(i) < len(a.plans) && a.plans[i]
}

// SeverityOf returns the severity of an event, given how many of the watched SIMs in an account the rule reports. If
// the rule sets no severity, it is 1 when all of several watched SIMs are reported, 2 when at least two SIMs and 2 %
// are, and 3 otherwise.
func (a *Absence) SeverityOf(absent, watched int) uint8 {
	switch {
	case a.Severity != 0:
		return a.Severity
	case absent > 1 && absent >= watched:
		return 1
	case absent > 1 && 50*absent >= watched:
		return 2
	}
	return 3
}

// mostSilent is the largest number of silent days that a rule may set.
const mostSilent = 90

// PlanAt returns the price plan of a SIM: its own, or else that of its account.
func PlanAt(v *registry.View, own registry.Ownership, a *registry.Account) string {
	if own.Plan != 0 {
		return v.PlanName(own.Plan)
	}
	return a.Plan
}
