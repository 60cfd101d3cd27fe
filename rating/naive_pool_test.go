package rating_test

import (
	"cmp"
	"math/big"
	"slices"
	"time"

	"ratemill/udr"
)

type naiveContribution struct {
	Plan        string `yaml:"plan,omitempty"`
	ServiceType string `yaml:"service_type,omitempty"`
	Bucket      string `yaml:"bucket,omitempty"`
	Units       string `yaml:"units"`
}

// naivePool is a share plan that a record may draw on.
type naivePool struct {
	*naiveShare
	owner *accountLine
}

// sharesAt are the share plans of an account at a time.
func (r *naiveRater) sharesAt(id string, at udr.Instant) []string {
	var line *accountLine
	for i := range r.world.Accounts {
		if a := &r.world.Accounts[i]; a.ID == id && instant(a.From) <= at && (line == nil || instant(a.From) >= instant(line.From)) {
			line = a
		}
	}
	if line == nil {
		return nil
	}
	return line.Share
}

// pools are the share plans that an account's usage by a plan draws on, in their order.
func (r *naiveRater) pools(u *udr.Usage, a *accountLine, plan string) (all []naivePool) {
	sold := r.sharesAt(a.ID, u.At)
	for _, name := range append(slices.Clone(sold), r.catalogue.Pools...) {
		s := latest(r.catalogue.Shares[name], func(s naiveShare) string { return s.From }, u, a)
		if s == nil || slices.ContainsFunc(all, func(p naivePool) bool { return p.Name == name }) ||
			!slices.Contains(sold, name) && s.Activation != "participation" || !r.participates(s, plan) {
			continue
		}
		all = append(all, naivePool{s, r.poolOwner(s, a)})
	}
	slices.SortStableFunc(all, func(a, b naivePool) int { return cmp.Compare(a.Priority, b.Priority) })
	return all
}

func (r *naiveRater) participates(s *naiveShare, plan string) bool {
	return len(s.Plans)+len(s.ServiceTypes) == 0 || slices.Contains(s.Plans, plan) ||
		slices.Contains(s.ServiceTypes, r.serviceType(plan))
}

func (r *naiveRater) serviceType(plan string) string {
	for _, p := range r.catalogue.Plans[plan] {
		return p.ServiceType
	}
	return "unknown"
}

func (r *naiveRater) poolOwner(s *naiveShare, a *accountLine) *accountLine {
	var path []*accountLine // from the top
	for x := a; x != nil; x = r.account(x.Parent) {
		path = append([]*accountLine{x}, path...)
	}
	switch s.Level {
	case "parent":
		return path[max(0, len(path)-2)]
	case "top":
		return path[0]
	case "reseller":
		for i := len(path) - 1; i >= 0; i-- {
			if path[i].Kind == "reseller" {
				return path[i]
			}
		}
	case "1":
		return path[min(1, len(path)-1)]
	}
	return a
}

// contribution is what a SIM with a plan adds to a bucket.
func (r *naiveRater) contribution(s *naiveShare, plan, bucket string) (units int64) {
	for _, c := range s.Contributions {
		if cmp.Or(c.Bucket, bucket) != bucket {
			continue
		}
		if c.Plan == plan {
			return naiveQuantity(c.Units)
		}
		if c.ServiceType != "" && c.ServiceType == r.serviceType(plan) {
			units = naiveQuantity(c.Units)
		}
	}
	return units
}

// naivePeriod is the date on which the owner's period begins that contains a record, given the first day of the contract.
func naivePeriod(u *udr.Usage, owner *accountLine, period, contracted string) string {
	day := localTime(u.At, owner)
	switch period {
	case "day", "hour":
	case "week":
		for day.Weekday() != time.Monday {
			day = day.AddDate(0, 0, -1)
		}
	case "month":
		day = day.AddDate(0, 0, 1-day.Day())
	case "contract year":
		return naiveYear(day, contracted)
	default:
		return cycleOf(u, owner)
	}
	return day.Format(time.DateOnly)
}

// naiveDays are the days of the owner's period of a record: when each ends, and which is that of the record.
func naiveDays(u *udr.Usage, owner *accountLine, period, contracted string) (days []time.Time, ends []udr.Instant, today int) {
	first, err := time.Parse(time.DateOnly, naivePeriod(u, owner, period, contracted))
	if err != nil {
		panic(err)
	}
	local := localTime(u.At, owner)
	for day := first; ; day = day.AddDate(0, 0, 1) {
		noon := udr.Usage{At: udr.InstantOf(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, local.Location()))}
		if naivePeriod(&noon, owner, period, contracted) != first.Format(time.DateOnly) {
			return days, ends, today
		}
		if day.Format(time.DateOnly) == local.Format(time.DateOnly) {
			today = len(days)
		}
		days, ends = append(days, day), append(ends, naiveMidnight(day.AddDate(0, 0, 1), owner)-1)
	}
}

// poolSize looks at each SIM at the end of each day of the cycle. Days after that of the record count as long as what holds on that day is
// known to hold.
func (r *naiveRater) poolSize(p *naivePool, b naiveBucket, u *udr.Usage) int64 {
	days, ends, today := naiveDays(u, p.owner, p.Period, r.contracted(p.owner, u.At))
	had := make([]bool, len(days))
	adds := map[uint32][][]int64{} // by SIM and day: the units that it adds
	for i, day := range days {
		for _, a := range r.world.Accounts {
			if slices.Contains(r.sharesAt(a.ID, ends[i]), p.Name) && r.poolOwner(p.naiveShare, &a).ID == p.owner.ID {
				had[i] = true
			}
		}
		for _, line := range r.world.SIMs {
			if adds[line.ID] == nil {
				adds[line.ID] = make([][]int64, len(days))
			}
			if adds[line.ID][i] == nil && (p.Growth != "" && p.Growth != "fixed" || p.Activation == "participation") {
				units, takes := r.adds(p, b, line.ID, day, ends[i])
				adds[line.ID][i], had[i] = units, had[i] || takes && p.Activation == "participation"
			}
		}
	}
	counted := func(day int, is func(day int) bool) bool {
		for d := today; d < day; d++ {
			if !is(d) {
				return false
			}
		}
		return is(day)
	}
	share, n := new(big.Rat), 0
	for i := range days {
		if p.Units == "full" || counted(i, func(d int) bool { return had[d] }) {
			n++
		}
	}
	size := int64(0)
	if b.Units != "" {
		size = naiveQuantity(b.Units) * int64(n) / int64(len(days))
	}
	most := int64(0)
	for i := range days {
		at := int64(0)
		for sim := range adds {
			for _, units := range adds[sim][i] {
				at += units
				if counted(i, func(d int) bool { return slices.Contains(adds[sim][d], units) }) {
					share.Add(share, big.NewRat(units, int64(len(days))))
				}
			}
		}
		if i <= today {
			most = max(most, at)
		}
	}
	switch {
	case p.Growth == "peak":
		size += most
	case p.Growth == "variable" && p.Join == "whole":
		for _, its := range adds {
			for i := 0; i <= today; i++ {
				if len(its[i]) > 0 {
					for _, units := range its[i] {
						size += units
					}
					break
				}
			}
		}
	case p.Growth == "variable":
		size += new(big.Int).Quo(share.Num(), share.Denom()).Int64()
	}
	return size
}

// adds is what a SIM adds to a bucket of a pool at the end of a day, and whether it participates.
func (r *naiveRater) adds(p *naivePool, b naiveBucket, number uint32, day time.Time, end udr.Instant) (units []int64, takes bool) {
	sim := r.owner(number, end)
	if sim == nil || !r.contributes(p, number, day) {
		return []int64{}, false
	}
	tier := 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		plan := payPlan(a, sim, tier)
		tier++
		if plan == "" || p.Activation != "participation" && !slices.Contains(r.sharesAt(a.ID, end), p.Name) ||
			r.poolOwner(p.naiveShare, a).ID != p.owner.ID {
			continue
		}
		takes = takes || r.participates(p.naiveShare, plan)
		if n := r.contribution(p.naiveShare, plan, b.Bucket); n > 0 && !slices.Contains(units, n) {
			units = append(units, n)
		}
	}
	return units, takes
}

// contributes reports whether the SIM is in a state that counts at the end of a day.
func (r *naiveRater) contributes(p *naivePool, number uint32, day time.Time) bool {
	s := r.told(number, day, p.owner)
	if s == nil {
		return true
	}
	if len(p.In) > 0 {
		return slices.Contains(p.In, s.state)
	}
	return s.state == "in_billing"
}

type toldKey struct {
	sim       uint32
	day, zone string
	corrected bool
}

// told is the state of a SIM at the end of a day by facts and time limits alone, whatever usage did: that of the day before, unless a time
// limit ends it with the day, or a fact says something else.
func (r *naiveRater) told(number uint32, day time.Time, owner *accountLine) *naiveStay {
	key := toldKey{number, day.Format(time.DateOnly), owner.Zone, r.corrected}
	if s, known := r.states[key]; known {
		return s
	}
	begin, end := naiveMidnight(day, owner), naiveMidnight(day.AddDate(0, 0, 1), owner)
	var s *naiveStay
	earlier := false
	var last *stateLine
	for i := range r.world.States {
		f := &r.world.States[i]
		if f.SIM != number || f.Late && !r.corrected || instant(f.From) >= end {
			continue
		}
		if instant(f.From) < begin {
			earlier = true
		} else if last == nil || instant(f.From) > instant(last.From) {
			last = f
		}
	}
	switch {
	case last != nil:
		s = &naiveStay{last.State, instant(last.From), r.catalogue.Cycles[last.Lifecycle], owner}
	case earlier:
		before := *r.told(number, day.AddDate(0, 0, -1), owner)
		y, m, d := day.Date()
		if to := before.timeLimit(time.Date(y, m, d, 12, 0, 0, 0, time.UTC), 0); to != "" {
			before.state, before.from = to, begin
		}
		s = &before
	}
	r.states[key] = s
	return s
}
