package rating_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"ratemill/udr"
)

// naiveOver is the price of usage over a limit, and how many used units are below it.
type naiveOver struct {
	limit, price string
	below        int64
}

// whole says that the record is over the limit from its beginning.
func (o *naiveOver) whole() bool { return o.limit != "" && o.below == 0 }

// units is from which unit of the record on the price holds: after the increment that was begun below the limit.
func (o *naiveOver) units(s *naiveSession, initial, then int64) int64 {
	if o.limit == "" || o.below == 0 {
		return 0
	}
	copied := *s
	below, _ := copied.use(o.below, initial, then, nil)
	return below
}

// naiveCounting is a limit that counts a record.
type naiveCounting struct {
	*naiveLimit
	has, pays *accountLine // who has it, and whose charge counts
	currency  string       // of that charge
	key       string
}

func within(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

// counting lists the limits that count a record, those of the SIM's account first.
func (r *naiveRater) counting(u *udr.Usage, sim *simLine) (all []naiveCounting) {
	var pays *accountLine
	tier, trees := 0, map[string]bool{}
	var priced int
	for a := r.account(sim.Account); a != nil; a, tier = r.account(a.Parent), tier+1 {
		if payPlan(a, sim, tier) != "" {
			pays, priced = a, tier
		}
		for _, name := range a.Limits {
			l := latest(r.catalogue.Limits[name], func(l naiveLimit) string { return l.From }, u, a)
			if l == nil || !within(l.Classes, u.Class) {
				continue
			}
			if l.Per == "tree" {
				if trees[name] {
					continue
				}
				trees[name] = true // the nearest account that has it decides
			}
			plan, _, zone, _ := r.find(u, pays, payPlan(pays, sim, priced))
			if !within(l.Zones, zone) {
				continue
			}
			owner, who := a, a.ID
			switch l.Per {
			case "sim":
				who = fmt.Sprintf("%s sim %d", a.ID, u.SIM)
			case "tree":
				for owner.Parent != "" {
					owner = r.account(owner.Parent)
				}
				who = "tree " + owner.ID
			case "pool":
				pools := r.pools(u, a, plan.Name)
				i := slices.IndexFunc(pools, func(p naivePool) bool { return p.Name == l.Pool })
				if pays != a || i < 0 || !slices.ContainsFunc(pools[i].Buckets,
					func(b naiveBucket) bool { return within(b.Classes, u.Class) && within(b.Zones, zone) }) {
					continue
				}
				owner = pools[i].owner
				who = "pool " + owner.ID
			}
			all = append(all, naiveCounting{l, a, pays, plan.Currency, fmt.Sprintf("limit %s %s %s", l.Name, who,
				naivePeriod(u, owner, l.Period, "")+naiveHour(u, owner, l.Period))})
		}
	}
	return all
}

// naiveHour tells the hours of a day apart, also those that clocks repeat.
func naiveHour(u *udr.Usage, owner *accountLine, period string) string {
	if period != "hour" {
		return cmp.Or(period, "cycle")
	}
	return localTime(u.At, owner).Format(" 15h -0700")
}

// amount is what a limit is.
func (l *naiveLimit) amount() *big.Rat {
	if l.Cost != "" {
		money, _, _ := strings.Cut(l.Cost, " ")
		return naiveMoney(money)
	}
	return new(big.Rat).SetInt64(naiveQuantity(l.Usage))
}

// all are the thresholds with their actions.
func (l *naiveLimit) all() (all []naiveThreshold) {
	if len(l.Thresholds) > 0 {
		return l.Thresholds
	}
	at := map[int][]string{}
	for _, action := range l.Actions {
		places := []string{"100 %"}
		if action == "event" || action == "notify" {
			if action = "notify"; len(l.At) > 0 {
				places = l.At
			}
		}
		for _, place := range places {
			var percent int
			fmt.Sscanf(place, "%d", &percent)
			at[percent] = append(at[percent], action)
		}
	}
	for percent := range 1001 {
		if len(at[percent]) > 0 {
			all = append(all, naiveThreshold{fmt.Sprint(percent, " %"), at[percent]})
		}
	}
	return all
}

// value is the number that the count must reach. A count of units reaches it with the next whole one, one of money with the next
// 10^-12.
func (t *naiveThreshold) value(l *naiveLimit) *big.Rat {
	var percent int64
	fmt.Sscanf(t.At, "%d", &percent)
	return new(big.Rat).Mul(l.amount(), big.NewRat(percent, 100))
}

// heed looks for limits that block the record.
func (r *naiveRater) heed(u *udr.Usage, sim *simLine) error {
	r.over = map[string]naiveOver{}
	if u.Quantity <= 0 {
		return nil
	}
	for _, m := range r.counting(u, sim) {
		for _, t := range m.all() {
			if !slices.Contains(t.Do, "block") {
				continue
			}
			left := new(big.Rat).Sub(t.value(m.naiveLimit), r.counter(m.key))
			below := int64(0)
			if left.Sign() > 0 {
				if m.Over == "" || m.Cost != "" {
					break
				}
				if below = u.Quantity; left.Cmp(big.NewRat(below, 1)) < 0 {
					below = naiveRounded(left, naiveRound{0, "up"}).Num().Int64()
				}
			}
			switch known := r.over[m.pays.ID]; {
			case below >= u.Quantity || r.lifts(u, sim):
			case m.Over == "":
				return naiveSuspended("limit")
			case !m.foreign() && (known.limit == "" || below < known.below):
				r.over[m.pays.ID] = naiveOver{m.Name, m.Over, below}
			}
			break
		}
	}
	return nil
}

// lifts says whether the limits of a SIM are lifted.
func (r *naiveRater) lifts(u *udr.Usage, sim *simLine) bool {
	payer := r.payer(r.account(sim.Account), u.At)
	said := func(override string, set udr.Instant) bool {
		return override == "permanent" || override == "current_cycle" && cycleOf(&udr.Usage{At: set}, payer) == cycleOf(u, payer)
	}
	find := func(of func(*settingLine) bool, until udr.Instant) (found *settingLine) {
		for i := range r.world.Settings {
			s := &r.world.Settings[i]
			if of(s) && instant(s.From) <= until && (found == nil || instant(s.From) > instant(found.From)) {
				found = s
			}
		}
		return found
	}
	of := func(s *settingLine) bool { return s.SIM == u.SIM }
	s := find(of, u.At)
	for a := r.account(sim.Account); a != nil && s == nil; a = r.account(a.Parent) {
		of = func(s *settingLine) bool { return s.SIM == 0 && s.Account == a.ID }
		s = find(of, u.At)
	}
	if s != nil && s.Override != "" {
		for {
			before := find(of, instant(s.From)-1)
			if before == nil || before.Override != s.Override {
				return said(s.Override, instant(s.From))
			}
			s = before
		}
	}
	return r.now != nil && said(r.now.rules.Override, r.now.from)
}

// limits counts a record for its limits.
func (r *naiveRater) limits(u *udr.Usage, sim *simLine, paid, corrected map[string]*big.Rat) (events []string, err error) {
	for _, m := range r.counting(u, sim) {
		add := r.counts(u)
		if m.foreign() {
			if m.pays == m.has {
				return nil, naiveSuspended("currency")
			}
			add = new(big.Rat)
		} else if m.Cost != "" {
			add = new(big.Rat).Set(paid[m.pays.ID])
			if more := corrected[m.pays.ID]; more != nil && m.Per != "sim" {
				add.Add(add, more)
			}
		}
		c := r.counter(m.key)
		before := new(big.Rat).Set(c)
		if c.Add(c, add); c.Sign() < 0 {
			c.SetInt64(0)
		}
		for _, t := range m.all() {
			if value := t.value(m.naiveLimit); before.Cmp(value) >= 0 || c.Cmp(value) < 0 {
				continue
			}
			acted := r.counter(m.key + " acted at " + t.At)
			if acted.Cmp(t.value(m.naiveLimit)) >= 0 {
				continue
			}
			acted.Set(t.value(m.naiveLimit))
			events = append(events, r.reached(u, sim, &m, &t)...)
		}
	}
	return events, nil
}

// foreign says that the charge is in another currency than the limit.
func (m *naiveCounting) foreign() bool {
	return m.Cost != "" && !strings.HasSuffix(m.Cost, " "+m.currency)
}

func (r *naiveRater) reached(u *udr.Usage, sim *simLine, m *naiveCounting, t *naiveThreshold) (events []string) {
	happens := func(kind string) { events = append(events, fmt.Sprintf("  %s %s %s", kind, m.Name, m.has.ID)) }
	if slices.Contains(t.Do, "notify") {
		happens("limit.passed")
	}
	if slices.Contains(t.Do, "suspend") && !r.lifts(u, sim) {
		r.does(u, func(d *naiveDid) { d.passed = true })
		happens("limit.suspends")
	}
	if slices.Contains(t.Do, "throttle") {
		happens("limit.throttles")
	}
	if slices.Contains(t.Do, "block") {
		happens("limit.blocks")
	}
	return events
}
