package rating_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
)

var (
	compared = flag.Int("records", 100_000, "random records that the engine and the naive rater compare, half of them of fixed seeds")
	fresh    = flag.Bool("fresh", false, "all of them of fresh seeds")
	progress = flag.Bool("progress", false, "tell how far they are")
)

// A catalogue has about so many records: most have few, and some have many, so that all that counts fills up.
const recordsOfACatalogue = 360

// scenario is a random catalogue, world and usage.
type scenario struct {
	Models []naiveModel
	Plans  []naivePlan
	Shares []naiveShare
	Limits []naiveLimit
	Cycles []naiveLifecycle
	Own    naiveOwnDoc
	World  world
	Usage  []string

	Otherwise int64 // seed of how the engine's catalogue says it; 0: in the same words
	Packages  []naivePackage
	Groups    []naiveGroup
	Deals     []naiveDeal
	Rates     []naiveRates
}

func (s *scenario) documents() (texts []string) {
	add := func(v any) { texts = append(texts, marshalled(v)) }
	for _, m := range s.Models {
		add(m)
	}
	for _, p := range s.Plans {
		add(p)
	}
	for _, x := range s.Shares {
		add(x)
	}
	for _, l := range s.Limits {
		add(l)
	}
	for _, c := range s.Cycles {
		add(c)
	}
	add(s.Own)
	texts = append(texts, naiveFeasts, naiveClocksDoc)
	for _, p := range s.Packages {
		add(p)
	}
	for _, g := range s.Groups {
		add(g)
	}
	for _, x := range s.Rates {
		add(x)
	}
	return texts
}

func TestEngineAgreesWithTheNaiveRater(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a catalogue is garbage after a few milliseconds
	records, catalogues := 0, *compared/recordsOfACatalogue
	fixed := catalogues / 2
	if *fresh {
		fixed = 0
	}
	said := time.Now()
	for seed := range seeds.Each(t, fixed, catalogues-fixed) {
		if *progress && time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "%d of %d records agree\n", records, *compared)
		}
		s := randomScenario(rand.New(rand.NewSource(int64(seed))))
		records += len(s.Usage)
		switch difference := compare(s); {
		case difference == "":
		case strings.HasPrefix(difference, "catalogue:"):
			t.Fatalf("seed %d: %s", seed, difference)
		default:
			s = shrink(s)
			t.Fatalf("seed %d: the engine and the naive rater differ within %d records. Shrunk to\n%s\n%s\nusage\n%s\n\n%s", seed, records,
				strings.Join(s.documents(), "---\n"), fmt.Sprintf("%+v", s.World), strings.Join(s.Usage, "\n"), compare(s))
		}
	}
	t.Logf("%d records of %d catalogues", records, catalogues)
	if catalogues > 100 { // of few catalogues all may be short
		require.Greater(t, records, *compared/2)
	}
}

// shrink removes everything that can be removed while the two still differ in the same way.
func shrink(s *scenario) *scenario {
	way := wayOf(compare(s))
	for smaller := true; smaller; {
		smaller = false
		for _, change := range changes(s) {
			candidate := changed(s, change)
			if d := compare(candidate); d != "" && !strings.HasPrefix(d, "catalogue:") && wayOf(d) == way {
				s, smaller = candidate, true
				break
			}
		}
	}
	return s
}

// totals are the totals in a difference.
var totals = regexp.MustCompile(` total \S+`)

// wayOf is the way in which the engine and the naive rater differ: in reasons for suspending, in totals alone, in the order of
// what is drawn, or in what is drawn and counted.
func wayOf(difference string) string {
	_, rated, _ := strings.Cut(totals.ReplaceAllString(difference, ""), "engine\n")
	engine, naive, _ := strings.Cut(rated, "naive\n")
	switch {
	case strings.Contains(rated, "suspended "):
		return "reasons"
	case strings.TrimSpace(engine) == strings.TrimSpace(naive):
		return "totals"
	case slices.Equal(slices.Sorted(strings.Lines(engine)), slices.Sorted(strings.Lines(naive+"\n"))):
		return "order"
	}
	return "counts"
}

// changed is a changed copy of s.
func changed(s *scenario, change func(*scenario)) *scenario {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	var c scenario
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	change(&c)
	return &c
}

// changes are the ways to make s smaller, large ones first.
func changes(s *scenario) (list []func(*scenario)) {
	try := func(change func(*scenario)) { list = append(list, change) }
	if s.Otherwise != 0 {
		try(func(c *scenario) { c.Otherwise = 0 })
	}
	for n := len(s.Usage) / 2; n > 1; n /= 2 {
		for i := 0; i+n <= len(s.Usage); i += n {
			try(func(c *scenario) { c.Usage = slices.Delete(c.Usage, i, i+n) })
		}
	}
	for i := range s.Usage {
		try(func(c *scenario) { c.Usage = slices.Delete(c.Usage, i, i+1) })
	}
	for i := range s.World.Accounts {
		for j := range s.World.Accounts[i].Share {
			try(func(c *scenario) { c.World.Accounts[i].Share = slices.Delete(c.World.Accounts[i].Share, j, j+1) })
		}
		for j := range s.World.Accounts[i].Limits {
			try(func(c *scenario) { c.World.Accounts[i].Limits = slices.Delete(c.World.Accounts[i].Limits, j, j+1) })
		}
		if s.World.Accounts[i].Plan != "" {
			try(func(c *scenario) {
				for j := range c.World.Accounts { // an account keeps its plan
					if c.World.Accounts[j].ID == s.World.Accounts[i].ID {
						c.World.Accounts[j].Plan = ""
					}
				}
			})
		}
	}
	for i := range s.Shares {
		try(func(c *scenario) { c.Shares = slices.Delete(c.Shares, i, i+1) })
	}
	for i := range s.Limits {
		try(func(c *scenario) { c.Limits = slices.Delete(c.Limits, i, i+1) })
	}
	for i := range s.World.States {
		try(func(c *scenario) { c.World.States = slices.Delete(c.World.States, i, i+1) })
	}
	for i := range s.World.Profiles {
		try(func(c *scenario) { c.World.Profiles = slices.Delete(c.World.Profiles, i, i+1) })
	}
	for i := range s.Cycles {
		for _, simpler := range []func(*naiveLifecycle){
			func(x *naiveLifecycle) { x.Test = nil }, func(x *naiveLifecycle) { x.FirstUse = nil }, func(x *naiveLifecycle) { x.Suspend = nil },
			func(x *naiveLifecycle) { x.UsageIn = nil }, func(x *naiveLifecycle) { x.Override = "" },
		} {
			before := fmt.Sprintf("%+v", s.Cycles[i])
			if x := s.Cycles[i]; true {
				if simpler(&x); fmt.Sprintf("%+v", x) == before {
					continue
				}
			}
			try(func(c *scenario) { simpler(&c.Cycles[i]) })
		}
	}
	for i, p := range s.Plans {
		if p.Discounts != nil {
			try(func(c *scenario) { c.Plans[i].Discounts = nil })
		}
		try(func(c *scenario) { c.Plans = slices.Delete(c.Plans, i, i+1) })
		for j := range p.Included {
			try(func(c *scenario) { c.Plans[i].Included = slices.Delete(c.Plans[i].Included, j, j+1) })
		}
		for name, class := range p.Classes {
			try(func(c *scenario) { delete(c.Plans[i].Classes, name) })
			if class.Discounts != nil {
				try(func(c *scenario) {
					x := c.Plans[i].Classes[name]
					x.Discounts = nil
					c.Plans[i].Classes[name] = x
				})
			}
			for j := range class.Prices {
				try(func(c *scenario) {
					x := c.Plans[i].Classes[name]
					x.Prices = slices.Delete(x.Prices, j, j+1)
					c.Plans[i].Classes[name] = x
				})
			}
		}
	}
	list = append(list, simplerBuckets(s)...)
	for i := range s.Models {
		for j := range s.Models[i].Zones {
			try(func(c *scenario) { c.Models[i].Zones = slices.Delete(c.Models[i].Zones, j, j+1) })
		}
	}
	return list
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.Intn(len(list))] }

func some(r *rand.Rand, list ...string) (chosen []string) {
	for _, x := range list {
		if r.Intn(2) == 0 {
			chosen = append(chosen, x)
		}
	}
	return chosen
}

var classUnits = map[string][]string{
	"data":     {"B", "kB", "MB"},
	"voice_mo": {"s", "min", "h"},
	"sms_mo":   {""},
}

var classNames = []string{"data", "voice_mo", "sms_mo"}

func randomQuantity(r *rand.Rand, class string, most int) string {
	text := fmt.Sprintf("%d %s", 1+r.Intn(most), pick(r, classUnits[class]...))
	return strings.TrimSpace(text)
}

func randomMoney(r *rand.Rand) string {
	return pick(r, "0", fmt.Sprintf("0.%0*d", 1+r.Intn(7), 1+r.Intn(9)), fmt.Sprintf("%d.%02d", r.Intn(4), r.Intn(100)))
}

func randomPrice(r *rand.Rand, class string) string {
	if r.Intn(10) == 0 {
		return "free"
	}
	if class == "sms_mo" {
		return randomMoney(r)
	}
	return randomMoney(r) + " / " + randomQuantity(r, class, pick(r, 1, 1, 10, 7))
}

func randomFrom(r *rand.Rand, n int) string {
	if n == 0 {
		return pick(r, "", "", "", "2026-01-10")
	}
	if n == 2 { // about when a date begins: before it, or after it by the zone's time
		return pick(r, "2026-01-31T02:00:00Z", "2026-01-31T21:00:00Z", "2026-03-29T00:30:00Z")
	}
	return pick(r, "2026-02-01", "2026-03-29", "2026-01-31")
}

func randomScenario(r *rand.Rand) *scenario {
	s := &scenario{}
	for n := range 1 + r.Intn(2) {
		m := naiveModel{Name: "world", From: randomFrom(r, n)}
		// Without `first: wins` equal matches are errors, so these zones have no place in common.
		m.Zones = []naiveZone{{Zone: "home", Networks: []string{"214-07"}}, {Zone: "eu", Countries: []string{"ES", "FR"}}}
		if r.Intn(2) == 0 {
			m.Zones = append(m.Zones, naiveZone{Zone: "premium", Prefixes: []string{"+34806", "+349"}})
			m.Zones = append(m.Zones, naiveZone{Zone: "abroad", Prefixes: []string{"+34"}, PeerCountries: some(r, "ES", "DE")})
		}
		if r.Intn(3) > 0 {
			m.Zones = append(m.Zones, naiveZone{Zone: "rest"})
		}
		if r.Intn(2) == 0 {
			yes := r.Intn(3) > 0
			m.Zones[r.Intn(len(m.Zones))].Unknown = &yes
		}
		randomOwn(r, &m)
		if r.Intn(2) == 0 {
			m.First = "wins"
			for i := range m.Zones {
				if r.Intn(3) == 0 {
					m.Zones[i].Countries = append(m.Zones[i].Countries, "FR")
					m.Zones[i].Networks = some(r, "208-10", "214-07")
				}
			}
			r.Shuffle(len(m.Zones), func(i, j int) { m.Zones[i], m.Zones[j] = m.Zones[j], m.Zones[i] })
		}
		s.Models = append(s.Models, m)
	}
	zones := s.Models[0].Zones
	zoneNames := namesOf(zones)
	s.randomPlans(r, zoneNames)
	// Buckets and limits may name the classes that some plan has.
	var known []string
	for _, c := range classNames {
		for _, p := range s.Plans {
			if _, ok := p.Classes[c]; ok && !slices.Contains(known, c) {
				known = append(known, c)
			}
		}
	}
	bucket := func(name string) naiveBucket {
		c := pick(r, known...)
		return naiveBucket{Bucket: name, Units: randomQuantity(r, c, 300), Classes: []string{c}, Zones: some(r, zoneNames...)}
	}
	for i := range s.Plans {
		if s.Plans[i].Prorate = pick(r, "", "", "whole", "days", "days"); s.Plans[i].Prorate == "days" && r.Intn(3) == 0 {
			s.Plans[i].In = []string{pick(r, "in_testing", "suspended", "billing_ready"), "in_billing"}
		}
		for b := range r.Intn(3) {
			s.Plans[i].Included = append(s.Plans[i].Included, bucket(fmt.Sprint("b", b)))
			randomTerms(r, &s.Plans[i].Included[b], zoneNames, true)
		}
	}
	for i := 1; i < len(s.Plans); i++ {
		if p := &s.Plans[i]; p.Name == s.Plans[i-1].Name && p.From == s.Plans[i-1].From {
			*p = sameInOtherWords(r, s.Plans[i-1])
		}
	}
	for _, name := range []string{"pool", "reserve"} {
		x := naiveShare{Name: name, From: pick(r, "", "", "2026-02-01"), Level: pick(r, "account", "parent"),
			Plans: some(r, "fleet", "wholesale")}
		for b := range 1 + r.Intn(2) {
			x.Buckets = append(x.Buckets, bucket(fmt.Sprint("b", b)))
			randomTerms(r, &x.Buckets[b], zoneNames, false)
		}
		randomGrowth(r, s, &x)
		s.Shares = append(s.Shares, x)
	}
	if len(known) == 0 {
		return randomScenario(r)
	}
	for i := range s.Plans {
		withUnits(r, &s.Plans[i])
	}
	c := pick(r, known...)
	s.Limits = randomLimits(r, c, zoneNames)
	s.World = randomWorld(r)
	randomNumbers(r, s)
	if r.Intn(2) == 0 {
		randomSettings(r, &s.World)
	}
	if r.Intn(3) > 0 {
		randomLives(r, s, known)
	}
	randomDeals(r, s)
	randomCurrencies(r, s)
	randomContracts(r, &s.World)
	randomPools(r, &s.World)
	s.Otherwise = r.Int63n(1 << 20)
	randomBought(r, s, bucket, zoneNames)
	for range pick(r, 20+r.Intn(60), 20+r.Intn(60), 500+r.Intn(1000)) {
		s.Usage = append(s.Usage, randomUsage(r, s.World.SIMs))
	}
	return s
}

// randomPlans adds one to three versions of each plan.
func (s *scenario) randomPlans(r *rand.Rand, zoneNames []string) {
	for _, name := range []string{"fleet", "wholesale"} {
		currency := map[string]string{"fleet": pick(r, "EUR", "EUR", "EUR", "USD"), "wholesale": pick(r, "EUR", "USD")}[name]
		whole := r.Intn(3) // of no version, of all, or of some
		for n := range 1 + r.Intn(3) {
			p := randomPlan(r, name, currency, randomFrom(r, n), zoneNames)
			if whole == 1 || whole == 2 && r.Intn(2) == 0 {
				p.discountWhole(r)
			}
			s.Plans = append(s.Plans, p)
		}
		if last := &s.Plans[len(s.Plans)-1]; last.From == "" && r.Intn(2) == 0 {
			randomNameless(r, last)
			s.Plans = append(s.Plans, *last)
		}
	}
}

func randomPlan(r *rand.Rand, name, currency, from string, zones []string) naivePlan {
	p := naivePlan{Name: name, From: from, Currency: currency, Zones: "world", Classes: map[string]naiveClass{}}
	p.Slices = map[string][]string{
		"day":   {"Mon-Fri 08:00-18:00"},
		"night": {pick(r, "Mon-Sun 22:00-06:00", "Mon-Thu 22:00-06:00")},
		"week":  {pick(r, "Sat-Sun 06:00-22:00", "Sat 10:00-12:30")},
	}
	randomHolidays(r, &p)
	if r.Intn(4) == 0 {
		p.Zones = "" // each price names its own places
	}
	if r.Intn(2) == 0 {
		p.Round = &naiveRound{r.Intn(13), pick(r, "half_up", "half_even", "half_down", "up", "down")}
	}
	for i, class := range classNames {
		if i > 0 && r.Intn(10) == 0 {
			continue
		}
		c := naiveClass{Counted: pick(r, "record", "session", "sim", "account", "tree")}
		if r.Intn(2) == 0 {
			c.Increment = &naiveIncrement{randomQuantity(r, class, 100), randomQuantity(r, class, 10)}
		}
		if r.Intn(6) == 0 {
			c.Round = &naiveRound{r.Intn(13), pick(r, "half_up", "half_even", "half_down", "up", "down")}
		}
		if r.Intn(5) == 0 {
			c.Cap = naiveDues{{Amount: randomMoney(r)}}
		}
		addPrice := func(x naivePrice) {
			x.Name = fmt.Sprint("p", len(c.Prices))
			if r.Intn(3) == 0 {
				x.Fee = naiveDues{{Amount: randomMoney(r)}}
			}
			if r.Intn(4) == 0 {
				if least := randomMinimum(r, &p, &c); least != "" {
					x.Minimum = naiveDues{{Amount: least}}
				}
			}
			if r.Intn(8) == 0 {
				x.Increment = &naiveIncrement{randomQuantity(r, class, 60), randomQuantity(r, class, 60)}
			}
			if r.Intn(3) > 0 {
				x.Price = randomPrice(r, class)
			} else {
				from := int64(0)
				for range 1 + r.Intn(3) {
					unit := classUnits[class][0]
					x.Steps = append(x.Steps, naiveStep{strings.TrimSpace(fmt.Sprintf("%d %s", from, unit)), randomPrice(r, class)})
					from += 1 + r.Int63n(1000)
				}
			}
			c.Prices = append(c.Prices, x)
		}
		if p.Zones == "" {
			randomWhen(r, zones, true, addPrice)
			randomNetworkPrices(r, class, addPrice)
			if len(c.Prices) > 0 {
				p.Classes[class] = c
			}
			continue
		}
		add := func(zones []string, slice string) { addPrice(naivePrice{Zones: zones, Slice: slice}) }
		if r.Intn(4) > 0 {
			add(nil, "")
		}
		for _, z := range zones {
			if r.Intn(2) == 0 {
				add([]string{z}, "")
			}
			if r.Intn(4) == 0 {
				add([]string{z}, pick(r, "day", "night", "week"))
			}
		}
		if len(c.Prices) == 0 || r.Intn(3) == 0 {
			add(nil, pick(r, "day", "night", "week"))
		}
		randomWhen(r, zones, false, addPrice)
		p.Classes[class] = c
	}
	randomPeriods(r, &p)
	randomDiscounts(r, &p)
	randomCounts(r, &p)
	return p
}

func randomWorld(r *rand.Rand) (w world) {
	zone := pick(r, "Europe/Madrid", "America/New_York", "UTC", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana")
	day := pick(r, 1, 15, 31, 30, 29, 24, 8)
	for i := range 1 + r.Intn(5) {
		a := accountLine{ID: fmt.Sprint("a", i), Currency: "EUR", Zone: zone, CycleDay: pick(r, day, day, 1, 31)}
		if i > 0 && r.Intn(4) > 0 {
			a.Parent = fmt.Sprint("a", r.Intn(i))
		}
		a.Plan = pick(r, "", "fleet", "wholesale")
		a.Share, a.Limits = some(r, "pool", "reserve"), some(r, limitNames...)
		if r.Intn(3) == 0 {
			a.Zone = pick(r, "Europe/Madrid", "Asia/Tokyo")
		}
		w.Accounts = append(w.Accounts, a)
	}
	for i := range 1 + r.Intn(4) {
		sim := simLine{ID: uint32(i + 1), Account: fmt.Sprint("a", r.Intn(len(w.Accounts))),
			Plan: pick(r, "", "fleet", "wholesale", "fleet", "fleet", "wholesale", "fleet")}
		if r.Intn(3) == 0 { // registered too late at first
			sim.Told = "2026-02-06T22:00:00Z"
		}
		w.SIMs = append(w.SIMs, sim)
		sim.Told = ""
		if r.Intn(2) == 0 { // it moves, within its tree or to another
			sim.From, sim.Account = pick(r, "2026-01-31T22:30:00Z", "2026-02-07T00:00:00Z", "2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z"),
				fmt.Sprint("a", r.Intn(len(w.Accounts)))
			if last := &w.SIMs[len(w.SIMs)-1]; sim.From < last.Told {
				last.Told = ""
			}
			w.SIMs = append(w.SIMs, sim)
		}
	}
	return w
}

func randomUsage(r *rand.Rand, sims []simLine) string {
	sim := sims[r.Intn(len(sims))].ID
	if r.Intn(40) == 0 {
		sim = uint32(1 + r.Intn(5)) // perhaps of nobody
	}
	class := pick(r, classNames...)
	quantity := fmt.Sprint(r.Intn(4))
	switch class {
	case "data":
		quantity = fmt.Sprintf("%dB", r.Intn(1<<uint(r.Intn(22))))
	case "voice_mo":
		quantity = fmt.Sprintf("%ds", r.Intn(pick(r, 10, 100, 2000)))
	}
	if r.Intn(8) == 0 {
		quantity = "-" + quantity
	}
	at := fmt.Sprintf("2026-%s:%02d:%02d%sZ", pick(r, "01-01T00", "01-30T23", "01-31T22", "01-31T23", "02-28T22", "03-28T23", "03-29T00",
		"03-29T01", "03-31T21", "02-06T21", "02-07T05", "02-09T07", "10-24T23", "10-25T00", "10-25T01",
		// Cairo has no midnight on 24 April, Havana none on 8 March, and two on 1 November.
		"04-23T21", "04-23T22", "03-08T04", "03-08T05", "11-01T03", "11-01T04", "11-01T05"),
		pick(r, r.Intn(60), 30), pick(r, r.Intn(60), 0), pick(r, "", ".25", ".999999999"))
	line := fmt.Sprintf("%d %s %s %s", sim, class, quantity, at)
	if r.Intn(10) > 0 {
		line += " network=" + pick(r, "214-07", "208-10", "310-410", "214-03")
	}
	if r.Intn(6) > 0 {
		line += " country=" + pick(r, "ES", "FR", "US")
	} else if r.Intn(6) == 0 {
		line += " network=901-28"
	}
	if r.Intn(2) == 0 {
		line += " peer=" + pick(r, "+34806123", "+349555", "+34600", "+4930", "12345", "CALLME") + " peer_country=" + pick(r, "ES", "DE", "US")
	}
	if r.Intn(2) == 0 { // a part of one of a few sessions, in any order, sometimes late or after its session is forgotten
		line += fmt.Sprintf(" session=%c within=%d", 'a'+r.Intn(3), pick(r, 3600, 7*86400, 400*86400, 400*86400))
		if r.Intn(20) == 0 {
			line = strings.Replace(line, " session=a", "", 1)
		}
	}
	if r.Intn(2) == 0 {
		line += pick(r, " apn=private.x", " apn=internet", "") + pick(r, " rat=NB-IoT", "") + pick(r, " direction=mt", " direction=mo", "")
	}
	if r.Intn(8) == 0 {
		line += " continues=true"
	}
	if r.Intn(3) == 0 {
		taken := time.Date(2026, time.Month(1+r.Intn(40)), pick(r, 1, 1, 15, 28, 31), pick(r, 0, 4, 5, 12, 22, 23), r.Intn(60), 0, 0,
			time.UTC)
		line += fmt.Sprintf(" taken=%s late_until=%d", taken.Format(time.RFC3339), pick(r, 0, 1, 12, 100))
	}
	return line
}

func namesOf(zones []naiveZone) (names []string) {
	for _, z := range zones {
		names = append(names, z.Zone)
	}
	return names
}
