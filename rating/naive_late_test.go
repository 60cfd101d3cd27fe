package rating_test

import (
	"cmp"
	"fmt"
	"time"

	"ratemill/diag"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// naiveGroup is an accounting group that bounds how late the usage of its payers may be.
type naiveGroup struct {
	Name  string `yaml:"accounting_group"`
	From  string `yaml:"from,omitempty"`
	Until int    `yaml:"late_until"`
}

// groupDoc is the same document as the engine has it. The package that makes invoices has its own.
type groupDoc struct {
	Name  diag.Text     `yaml:"accounting_group,required" doc:"Its name."`
	From  registry.Date `yaml:"from" doc:"When it begins."`
	Until int           `yaml:"late_until" doc:"Billing cycles."`
}

func (g *groupDoc) DocumentName() diag.Text { return g.Name }
func (g *groupDoc) InForce() registry.Date  { return g.From }
func (g *groupDoc) LateUntil() int          { return g.Until }

func accountingGroups() rating.Kind {
	return rating.VersionedKind[groupDoc]("accounting_group", "An accounting group.", nil, nil)
}

// late looks at every day from the use until the file was taken, and counts the days on which a cycle of the billing
// root begins.
func (r *naiveRater) late(u *udr.Usage, sim *simLine) (lines []string, err error) {
	if u.Taken != 0 && r.tooLateForPayers(u, sim) {
		return nil, naiveSuspended("late")
	}
	cycles := cyclesBetween(u, r.account(r.root(sim.Account)))
	if u.LateUntil > 0 && cycles > int(u.LateUntil) {
		return nil, naiveSuspended("late")
	}
	if cycles > 0 {
		lines = append(lines, fmt.Sprintf("late %d", cycles))
	}
	return lines, nil
}

// cyclesBetween counts the days after the use, and up to the day on which the file was taken, with which a cycle of an account begins.
func cyclesBetween(u *udr.Usage, a *accountLine) (cycles int) {
	date := func(at udr.Instant) time.Time {
		y, m, d := localTime(at, a).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	last := date(u.Taken)
	for day := date(u.At).AddDate(0, 0, 1); !day.After(last); day = day.AddDate(0, 0, 1) {
		if beginsCycle(day, a) {
			cycles++
		}
	}
	return cycles
}

// tooLateForPayers reports whether the record came later than the group of an account accepts that gets a charge on its documents.
func (r *naiveRater) tooLateForPayers(u *udr.Usage, sim *simLine) bool {
	tier := 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		charged := payPlan(a, sim, tier) != ""
		payer := r.payer(a, u.At)
		tier++
		name := cmp.Or(r.group(payer, u.Taken), r.group(payer, u.At))
		if !charged || r.group(payer, u.At) == "" {
			continue
		}
		until, day := 0, localTime(u.Taken, payer).Format(time.DateOnly)
		for i := range r.groups {
			if g := &r.groups[i]; g.Name == name && g.From <= day {
				until = g.Until // the newest is the last
			}
		}
		if until > 0 && cyclesBetween(u, payer) > until {
			return true
		}
	}
	return false
}

// group is the accounting group of an account's billing profile.
func (r *naiveRater) group(a *accountLine, at udr.Instant) (name string) {
	since := udr.Instant(0)
	for _, p := range r.world.Profiles {
		if from := instant(p.From); p.Account == a.ID && from <= at && (name == "" || from > since) {
			name, since = p.Group, from
		}
	}
	return name
}
