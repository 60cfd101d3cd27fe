package rating_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sort"
	"strings"
	"time"

	"ratemill/udr"
)

// The naive rater computes what the documents say in the plainest way. It walks through calls second by second and
// through cycles day by day, keeps its counters in a map, and computes in rationals. It shares no code with the engine.

// naiveRater returns its results as lines of text, which the tests compare with the engine's.
type naiveRater struct {
	catalogue naiveCatalogue
	world     world
	counters  map[string]*big.Rat
	sessions  map[string]naiveSession
	given     int64                               // units that the credit at hand gives back at tier 0
	did       map[string]map[udr.Instant]naiveDid // by SIM and root
	now       *naiveStay                          // of the SIM of the record, nil without a state
	undo      []func()                            // what the record at hand changed
	changed   map[string]bool                     // its counters
	trouble   string                              // the code with which a condition suspends the record
	corrected bool                                // the corrections are known
	states    map[toldKey]*naiveStay              // that facts and time limits tell
	cycles    map[cycleKey]string                 // of SIMs
	over      map[string]naiveOver                // prices of usage over limits, by account
	portions  map[string][]naivePortion           // by count
	repriced  []string                            // counts of volume prices of the record at hand
	groups    []naiveGroup                        // that bound how late usage may be
	deals     []naiveDeal
	rates     []naiveRates
}

// since is the time from which a line about a SIM is valid, as far as is known.
func (r *naiveRater) since(s *simLine) udr.Instant {
	if s.Told != "" && !r.corrected {
		return instant(s.Told)
	}
	return instant(s.From)
}

// owner is the line about a SIM that is valid at a time.
func (r *naiveRater) owner(sim uint32, at udr.Instant) (line *simLine) {
	for i := range r.world.SIMs {
		if s := &r.world.SIMs[i]; s.ID == sim && r.since(s) <= at && (line == nil || r.since(s) > r.since(line)) {
			line = s
		}
	}
	return line
}

type naiveSuspended string

func (s naiveSuspended) Error() string { return string(s) }

func (r *naiveRater) account(id string) *accountLine {
	for i := range r.world.Accounts {
		if r.world.Accounts[i].ID == id {
			return &r.world.Accounts[i]
		}
	}
	return nil
}

// rate returns lines for charges and events; if the record is suspended, only the code, and no counter changes.
func (r *naiveRater) rate(u *udr.Usage) (lines []string, err error) {
	r.trouble, r.undo, r.changed, r.repriced = "", nil, map[string]bool{}, nil
	sessions := maps.Clone(r.sessions)
	if lines, err = r.all(u); err != nil {
		for _, undo := range slices.Backward(r.undo) {
			undo()
		}
		r.sessions = sessions
		return []string{"suspended " + err.Error()}, nil
	}
	return lines, nil
}

func (r *naiveRater) all(u *udr.Usage) (lines []string, err error) {
	sim := r.owner(u.SIM, u.At)
	known := false
	for _, versions := range r.catalogue.Plans {
		for _, p := range versions {
			_, ok := p.Classes[u.Class]
			known = known || ok
		}
	}
	if !known {
		return nil, naiveSuspended("no_price")
	}
	if sim == nil {
		return nil, naiveSuspended("sim_unknown")
	}
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		missing := a.Plan != "" && r.catalogue.Plans[a.Plan] == nil
		for _, name := range r.sharesAt(a.ID, u.At) {
			missing = missing || r.catalogue.Shares[name] == nil
		}
		for _, name := range a.Limits {
			missing = missing || r.catalogue.Limits[name] == nil
		}
		if missing {
			return nil, naiveSuspended("no_plan")
		}
	}
	if r.now = r.stay(u, sim); r.now != nil && r.now.rules.UsageIn[r.now.state] == "suspense" {
		return nil, naiveSuspended("sim_state")
	}
	// Anything that a tier lacks in the catalogue is found before any tier is priced.
	tier := 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		if plan := payPlan(a, sim, tier); plan != "" {
			if _, _, _, err := r.find(u, a, plan); err != nil {
				return nil, err
			}
		} else if tier == 0 {
			return nil, naiveSuspended("no_plan")
		}
		tier++
	}
	late, err := r.late(u, sim)
	if err != nil {
		return nil, err
	}
	if err := r.heed(u, sim); err != nil {
		return nil, err
	}
	if err := r.known(u, sim); err != nil {
		return nil, err
	}
	charges, events := late, []string(nil)
	if u.Quantity >= 0 {
		events = r.firstUse(u)
	}
	paid, payers := map[string]*big.Rat{}, []naivePaid(nil)
	tier = 0
	for a := r.account(sim.Account); a != nil; a = r.account(a.Parent) {
		if plan := payPlan(a, sim, tier); plan != "" {
			c, e, cost, err := r.charge(u, a, plan, tier, r.root(sim.Account))
			if err != nil {
				return nil, err
			}
			charges, events = append(charges, c...), append(events, e...)
			paid[a.ID], payers = cost, append(payers, naivePaid{a, r.catalogue.Plans[plan][0].Currency, cost})
		}
		tier++
	}
	corrections, corrected := r.corrections(u, sim)
	charges = append(charges, corrections...)
	limits, err := r.limits(u, sim, paid, corrected)
	if err != nil {
		return nil, err
	}
	return slices.Concat(charges, events, limits, r.margins(u, payers)), nil
}

func inForce(from string, u *udr.Usage, a *accountLine) bool {
	if instantFrom(from) {
		return instant(from) <= u.At
	}
	return from == "" || localTime(u.At, a).Format(time.DateOnly) >= from
}

func instantFrom(from string) bool { return strings.Contains(from, "T") }

// begins is when a version begins for an account, exactly enough to tell which of two begins later.
func begins(from string, a *accountLine) time.Time {
	switch {
	case from == "":
		return time.Time{}
	case instantFrom(from):
		return instant(from).Time()
	}
	day, err := time.ParseInLocation(time.DateOnly, from, localTime(0, a).Location())
	if err != nil {
		panic(err)
	}
	return day
}

func localTime(at udr.Instant, a *accountLine) time.Time {
	zone := naiveLocations[a.Zone]
	if zone == nil {
		var err error
		if zone, err = time.LoadLocation(a.Zone); err != nil {
			panic(err)
		}
		naiveLocations[a.Zone] = zone
	}
	return at.Time().In(zone)
}

var naiveLocations = map[string]*time.Location{}

func latest[T any](versions []T, from func(T) string, u *udr.Usage, a *accountLine) (best *T) {
	for i := range versions {
		if f := from(versions[i]); inForce(f, u, a) && (best == nil || begins(f, a).After(begins(from(*best), a))) {
			best = &versions[i]
		}
	}
	return best
}

// cycle walks back day by day to the day on which the account's cycle began.
func cycleOf(u *udr.Usage, a *accountLine) string {
	y, m, d := localTime(u.At, a).Date()
	key := naiveDate{y, m, d, fmt.Sprint(a.CycleDay)}
	if known, ok := naiveCycles[key]; ok {
		return known
	}
	day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	for !beginsCycle(day, a) {
		day = day.AddDate(0, 0, -1)
	}
	naiveCycles[key] = day.Format(time.DateOnly)
	return naiveCycles[key]
}

// beginsCycle reports whether a cycle of an account begins with a day.
func beginsCycle(day time.Time, a *accountLine) bool {
	return day.Day() == a.CycleDay || day.Day() >= 28 && day.Day() < a.CycleDay && day.AddDate(0, 0, 1).Month() != day.Month()
}

// naiveDate is a date for which something was found out, for a time zone or a day of the month.
type naiveDate struct {
	year  int
	month time.Month
	day   int
	of    string
}

var naiveCycles = map[naiveDate]string{}

type cycleKey struct {
	sim       uint32
	at        udr.Instant
	owner     string
	corrected bool
}

// simCycle is the cycle in which a SIM's own usage counts. It walks day by day from the SIM's first account below this
// root: at the end of each cycle, the SIM's next cycle is that of the account that owns it then.
func (r *naiveRater) simCycle(u *udr.Usage, a *accountLine, tier int) string {
	if tier > 0 {
		return cycleOf(u, a)
	}
	key := cycleKey{u.SIM, u.At, r.root(a.ID), r.corrected}
	cycle, known := r.cycles[key]
	if !known {
		cycle = r.findCycle(u, a)
		r.cycles[key] = cycle
	}
	return cycle
}

func (r *naiveRater) findCycle(u *udr.Usage, a *accountLine) string {
	var owners []*simLine
	for line := r.owner(u.SIM, u.At); line != nil && r.root(line.Account) == r.root(a.ID); line = r.owner(u.SIM, r.since(line)-1) {
		owners = append([]*simLine{line}, owners...)
	}
	now, cycle := r.account(owners[0].Account), ""
	first := time.Date(2025, 10, 1, 12, 0, 0, 0, time.UTC)
	if y, m, _ := u.At.Time().Date(); first.After(time.Date(y, m-2, 1, 12, 0, 0, 0, time.UTC)) { // a former cycle
		first = time.Date(y, m-4, 1, 12, 0, 0, 0, time.UTC)
	}
	for day := first; ; day = day.AddDate(0, 0, 1) {
		if !beginsCycle(day, now) {
			continue
		}
		if naiveMidnight(day, now) > u.At+48*3600*1e9 {
			return cycle
		}
		ran := now
		for _, line := range owners {
			if next := r.account(line.Account); r.since(line) < naiveMidnight(day, ran) || r.since(line) == naiveMidnight(day, next) {
				now = next
			}
		}
		if naiveMidnight(day, ran) > u.At && naiveMidnight(day, now) > u.At {
			return cycle
		}
		cycle = day.Format(time.DateOnly)
	}
}

// naiveMidnight goes minute by minute to the first minute of a date.
func naiveMidnight(day time.Time, a *accountLine) udr.Instant {
	y, m, d := day.Date()
	key := naiveDate{y, m, d, a.Zone}
	if known, ok := naiveMidnights[key]; ok {
		return known
	}
	wanted := day.Format(time.DateOnly)
	at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).Add(-15 * time.Hour)
	for localTime(udr.InstantOf(at), a).Format(time.DateOnly) < wanted {
		at = at.Add(time.Minute)
	}
	naiveMidnights[key] = udr.InstantOf(at)
	return udr.InstantOf(at)
}

var naiveMidnights = map[naiveDate]udr.Instant{}

// counter is a counter that the record at hand may change.
func (r *naiveRater) counter(key string) *big.Rat {
	c := r.counters[key]
	if !r.changed[key] {
		r.changed[key] = true
		if before := new(big.Rat); c != nil {
			before.Set(c)
			r.undo = append(r.undo, func() { r.counters[key] = before })
		} else {
			r.undo = append(r.undo, func() { delete(r.counters, key) })
		}
	}
	if c == nil {
		c = new(big.Rat)
		r.counters[key] = c
	}
	return c
}

func (r *naiveRater) zoneAt(u *udr.Usage, m *naiveModel) string {
	best, bestScore := "", -1
	for _, z := range m.Zones {
		score := r.score(u, z.where())
		if score < 0 {
			continue
		}
		if m.First == "wins" {
			return z.Zone
		}
		if score > bestScore {
			best, bestScore = z.Zone, score
		}
	}
	return best
}

var naiveUnits = map[string]int64{"B": 1, "kB": 1000, "MB": 1000000, "s": 1, "min": 60, "h": 3600}

func naiveQuantity(text string) int64 {
	var n int64
	var unit string
	fmt.Sscanf(text, "%d %s", &n, &unit)
	if unit != "" {
		n *= naiveUnits[unit]
	}
	return n
}

func naiveMoney(text string) *big.Rat {
	if text == "" || text == "free" {
		return new(big.Rat)
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return v
}

// countName identifies the counter of a price: its name, or its zones, places, peers and slice.
func (p *naivePrice) countName() string {
	if name := cmp.Or(p.Formerly, p.Name); name != "" {
		return "named " + name
	}
	var words []string
	for _, list := range [][]string{p.Zones, p.Networks, p.Countries, p.Prefixes} {
		words = append(words, list...)
	}
	for _, country := range p.PeerCountries {
		words = append(words, "peer "+country)
	}
	sort.Strings(words)
	return strings.Join(append(words, "in", p.Slice), " ")
}

// naiveUnitPrice is the price of one unit.
func naiveUnitPrice(text string) *big.Rat {
	amount, per, ok := strings.Cut(text, " / ")
	price := naiveMoney(amount)
	if ok {
		price.Quo(price, new(big.Rat).SetInt64(naiveQuantity(per)))
	}
	return price
}

// price is the price for a zone at a local time: zone and slice, then zone, then slice, then any.
func (p *naivePlan) price(c *naiveClass, zone string, t time.Time) *naivePrice {
	var best *naivePrice
	bestScore := -1
	zoneHasAny := false
	for i := range c.Prices {
		for _, z := range c.Prices[i].Zones {
			zoneHasAny = zoneHasAny || z == zone && c.Prices[i].Slice == "" && c.Prices[i].When == ""
		}
	}
	for i := range c.Prices {
		x := &c.Prices[i]
		if x.When != "" {
			continue
		}
		score := 0
		if len(x.Zones) > 0 {
			found := false
			for _, z := range x.Zones {
				found = found || z == zone
			}
			if !found {
				continue
			}
			score = 2
		} else if zoneHasAny {
			continue
		}
		if x.Slice != "" {
			if p.sliceAt(t) != x.Slice {
				continue
			}
			score++
		}
		// A zone's own price for the slice, then any zone's for the slice, then the zone's, or any zone's, for any time.
		rank := map[int]int{3: 3, 1: 2, 2: 1, 0: 0}[score]
		if rank > bestScore {
			best, bestScore = x, rank
		}
	}
	return best
}

func inSlice(parts []string, t time.Time) bool {
	for _, part := range parts {
		days, hours, _ := strings.Cut(part, " ")
		if days == "holidays" {
			continue
		}
		from, to := "00:00", "24:00"
		if hours != "" {
			from, to, _ = strings.Cut(hours, "-")
		}
		on := func(day time.Weekday) bool {
			first, last, isRange := strings.Cut(days, "-")
			if !isRange {
				last = first
			}
			order := "MonTueWedThuFriSatSun"
			d := strings.Index(order, day.String()[:3])
			return d >= strings.Index(order, first) && d <= strings.Index(order, last)
		}
		now := t.Format("15:04")
		yesterday := (t.Weekday() + 6) % 7
		if from < to && on(t.Weekday()) && now >= from && now < to ||
			from > to && (on(t.Weekday()) && now >= from || on(yesterday) && now < to) {
			return true
		}
	}
	return false
}

func payPlan(a *accountLine, sim *simLine, tier int) string {
	if tier == 0 && sim.Plan != "" {
		return sim.Plan
	}
	return a.Plan
}

func (r *naiveRater) find(u *udr.Usage, a *accountLine, planName string) (plan *naivePlan, class naiveClass, zone string, err error) {
	plan = latest(r.catalogue.Plans[planName], func(p naivePlan) string { return p.From }, u, a)
	if plan == nil {
		return nil, class, "", naiveSuspended("no_plan")
	}
	plan = r.dealt(plan, u, a)
	class, ok := plan.Classes[u.Class]
	if !ok {
		return nil, class, "", naiveSuspended("no_price")
	}
	if plan.Currency != a.Currency {
		return nil, class, "", naiveSuspended("currency")
	}
	if u.Quantity < 0 && class.Negative == "" {
		return nil, class, "", naiveSuspended("quantity")
	}
	if _, known := plan.sliceTime(u, a, u.At); !known && slices.ContainsFunc(class.Prices, func(x naivePrice) bool { return x.Slice != "" }) {
		return nil, class, "", naiveSuspended("no_zone")
	}
	if plan.Zones == "" {
		zone, err = r.networkZone(u, a, plan, &class)
		return plan, class, zone, err
	}
	model := latest(r.catalogue.Models[plan.Zones], func(m naiveModel) string { return m.From }, u, a)
	if model == nil {
		return nil, class, "", naiveSuspended("no_zone")
	}
	if zone = r.zone(u, model); zone == "" {
		return nil, class, "", naiveSuspended("no_zone")
	}
	return plan, class, zone, nil
}

func (r *naiveRater) root(account string) string {
	for a := r.account(account); a != nil; a = r.account(a.Parent) {
		account = a.ID
	}
	return account
}

func naiveRounded(amount *big.Rat, round naiveRound) *big.Rat {
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(round.Scale)), nil))
	x := new(big.Rat).Mul(amount, scale)
	floor := new(big.Rat).SetInt(new(big.Int).Quo(x.Num(), x.Denom()))
	rest := new(big.Rat).Sub(x, floor)
	half := rest.Cmp(big.NewRat(1, 2))
	odd := new(big.Int).And(floor.Num(), big.NewInt(1)).Sign() > 0
	if rest.Sign() > 0 && (round.Mode == "up" || half > 0 && round.Mode != "down" ||
		half == 0 && (round.Mode == "half_up" || round.Mode == "half_even" && odd)) {
		floor.Add(floor, big.NewRat(1, 1))
	}
	return floor.Quo(floor, scale)
}
