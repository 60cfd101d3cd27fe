package rating_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

type naiveLifecycle struct {
	Name     string            `yaml:"lifecycle"`
	States   string            `yaml:"states"`
	Default  string            `yaml:"default"`
	Test     *naiveTestRule    `yaml:"test,omitempty"`
	FirstUse *naiveFirstUse    `yaml:"first_use,omitempty"`
	Suspend  *naiveSuspend     `yaml:"suspend,omitempty"`
	Override string            `yaml:"usage_limit_override,omitempty"`
	UsageIn  map[string]string `yaml:"usage_in,omitempty"`
}

type naiveTestRule struct {
	Quota map[string]string `yaml:"quota,omitempty"`
	Time  string            `yaml:"time,omitempty"`
	Next  string            `yaml:"next"`
}

type naiveFirstUse struct {
	Threshold map[string]string `yaml:"threshold,omitempty"`
	After     string            `yaml:"after,omitempty"`
	Window    string            `yaml:"window,omitempty"`
	To        string            `yaml:"to"`
	Before    bool              `yaml:"bill_before,omitempty"`
}

type naiveSuspend struct {
	Max  string `yaml:"max"`
	Then string `yaml:"then"`
}

// naiveStay is the state of a SIM, of the model connected.
type naiveStay struct {
	state string
	from  udr.Instant
	rules *naiveLifecycle
	payer *accountLine
}

// naiveDid is what usage did at an instant, and in which state that was.
type naiveDid struct {
	state                 string
	used, emptied, passed bool
}

// payer is the nearest account with a profile, or the SIM's own account.
func (r *naiveRater) payer(a *accountLine, at udr.Instant) *accountLine {
	for x := a; x != nil; x = r.account(x.Parent) {
		for _, p := range r.world.Profiles {
			if p.Account == x.ID && instant(p.From) <= at {
				return x
			}
		}
	}
	return a
}

// stay goes from the SIM's fact day by day and event by event to the time of the record.
func (r *naiveRater) stay(u *udr.Usage, sim *simLine) *naiveStay {
	var fact *stateLine
	for i := range r.world.States {
		f := &r.world.States[i]
		if f.SIM == u.SIM && instant(f.From) <= u.At && (!f.Late || r.corrected) && (fact == nil || instant(f.From) > instant(fact.From)) {
			fact = f
		}
	}
	if fact == nil {
		return nil
	}
	s := &naiveStay{fact.State, instant(fact.From), r.catalogue.Cycles[fact.Lifecycle], r.payer(r.account(sim.Account), u.At)}
	done := r.did[r.whose(u)]
	used := udr.Instant(-1)
	happens := func(at udr.Instant) {
		d, ok := done[at]
		if !ok || at == instant(fact.From) && d.state != fact.State {
			return
		}
		for _, what := range []struct {
			happened bool
			to       func() string
		}{
			{d.used, func() string {
				if s.state == "billing_ready" && len(s.threshold()) == 0 {
					return s.to()
				}
				return ""
			}},
			{d.emptied, func() string {
				switch {
				case s.state == "in_testing" && s.rules.Test != nil:
					return s.rules.Test.Next
				case s.state == "billing_ready":
					return s.to()
				}
				return ""
			}},
			{d.passed, func() string {
				if strings.Contains("in_testing billing_ready in_billing", s.state) {
					return "suspended"
				}
				return ""
			}},
		} {
			if !what.happened {
				continue
			}
			if used < 0 {
				used = at
			}
			if to := what.to(); to != "" {
				s.state, s.from, used = to, at, -1
			}
		}
	}
	last, times := s.from, slices.Sorted(maps.Keys(done))
	y, m, d := localTime(s.from, s.payer).Date()
	for day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC).AddDate(0, 0, 1); ; day = day.AddDate(0, 0, 1) {
		midnight := naiveMidnight(day, s.payer)
		for len(times) > 0 && times[0] < midnight && times[0] <= u.At {
			if times[0] >= last {
				happens(times[0])
			}
			times = times[1:]
		}
		if midnight > u.At {
			return s
		}
		if to := s.timeLimit(day, used); to != "" {
			s.state, s.from, used = to, midnight, -1
		}
		last = midnight
	}
}

func (s *naiveStay) threshold() map[string]string {
	if s.rules.FirstUse == nil {
		return nil
	}
	return s.rules.FirstUse.Threshold
}

func (s *naiveStay) to() string {
	if s.rules.FirstUse == nil {
		return "in_billing"
	}
	return s.rules.FirstUse.To
}

// timeLimit is the state that follows if a time limit is due at the beginning of a day.
func (s *naiveStay) timeLimit(day time.Time, used udr.Instant) string {
	y, m, d := localTime(s.from, s.payer).Date()
	age := int64(day.Sub(time.Date(y, m, d, 12, 0, 0, 0, time.UTC)) / (24 * time.Hour))
	over := func(days string) bool {
		return days != "" && days == fmt.Sprint(age, " d")
	}
	switch {
	case s.state == "in_testing" && s.rules.Test != nil && over(s.rules.Test.Time):
		return s.rules.Test.Next
	case s.state == "billing_ready" && s.rules.FirstUse != nil && (over(s.rules.FirstUse.After) || used < 0 && over(s.rules.FirstUse.Window)):
		return s.rules.FirstUse.To
	case s.state == "suspended" && s.rules.Suspend != nil && over(s.rules.Suspend.Max):
		return s.rules.Suspend.Then
	}
	return ""
}

func (r *naiveRater) whose(u *udr.Usage) string {
	return fmt.Sprintf("sim %d below %s", u.SIM, r.root(r.owner(u.SIM, u.At).Account))
}

// was reports whether something happened within the stay, up to a time.
func (r *naiveRater) was(u *udr.Usage, until udr.Instant, what func(naiveDid) bool) bool {
	for at, d := range r.did[r.whose(u)] {
		if (at > r.now.from || at == r.now.from && d.state == r.now.state) && at <= until && what(d) {
			return true
		}
	}
	return false
}

// does notes what usage did.
func (r *naiveRater) does(u *udr.Usage, change func(*naiveDid)) {
	key := r.whose(u)
	if r.did[key] == nil {
		r.did[key] = map[udr.Instant]naiveDid{}
	}
	d, ok := r.did[key][u.At]
	if !ok && r.now != nil {
		d.state = r.now.state
	}
	before := d
	r.undo = append(r.undo, func() {
		if delete(r.did[key], u.At); ok {
			r.did[key][u.At] = before
		}
	})
	change(&d)
	r.did[key][u.At] = d
}

// outdone says that usage at this very instant already ended another state.
func (r *naiveRater) outdone(u *udr.Usage) bool {
	d, ok := r.did[r.whose(u)][u.At]
	return ok && d.state != r.now.state && u.At >= r.now.from
}

func (r *naiveRater) firstUse(u *udr.Usage) []string {
	s := r.now
	if s == nil || s.state != "billing_ready" || u.Quantity == 0 || r.was(u, u.At,
		func(d naiveDid) bool { return d.used || d.emptied }) || r.outdone(u) {
		return nil
	}
	r.does(u, func(d *naiveDid) { d.used = true })
	return []string{fmt.Sprintf("  sim.first_use %s %s", s.rules.Name, s.payer.ID)}
}

// drawLife covers the beginning of the quantity by the quota or the threshold.
func (c *naiveCharge) drawLife() {
	r, s, u := c.r, c.r.now, c.u
	if s == nil || c.tier > 0 || c.quantity == 0 {
		return
	}
	name, free, list := "test quota", true, map[string]string{}
	switch {
	case s.state == "in_testing" && s.rules.Test != nil:
		list = s.rules.Test.Quota
	case s.state == "billing_ready" && len(s.threshold()) > 0:
		name, list, free = "before first use", s.threshold(), !s.rules.FirstUse.Before
	}
	text, counted := list[u.Class]
	if !counted {
		if name == "before first use" && free {
			c.lines = append(c.lines, fmt.Sprintf("  draw life/not billed before first use before 0 drawn %d", c.quantity))
			c.covered = c.quantity
		}
		return
	}
	units := naiveQuantity(text)
	count := r.counter(fmt.Sprintf("%s %s %s payer %s", name, u.Class, r.whose(u), s.payer.ID))
	before := count.Num().Int64()
	drawn := max(0, min(c.quantity, units-before))
	count.Add(count, new(big.Rat).SetInt64(drawn))
	if free {
		c.lines = append(c.lines, fmt.Sprintf("  draw life/%s before %d drawn %d", name, before, drawn))
		c.covered = drawn
	}
	until := u.At + 1<<62
	if units == 0 {
		until = u.At
	}
	known := before >= units && r.was(u, until, func(d naiveDid) bool { return d.emptied })
	if before+drawn < units || known || r.outdone(u) {
		return
	}
	r.does(u, func(d *naiveDid) { d.emptied = true })
	c.events = append(c.events, fmt.Sprintf("  life.exhausted %s/%s %s", s.rules.Name, u.Class, s.payer.ID))
}
