package rating_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/udr"
)

// quantityWorld is a tree with two payers below an agency that buys by its own plan.
var quantityWorld = world{
	Accounts: []accountLine{
		{ID: "agency", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1, Plan: "wholesale"},
		{ID: "group", Parent: "agency", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1},
		{ID: "north", Parent: "group", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1},
		{ID: "south", Parent: "group", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 15},
		{ID: "other", Parent: "group", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1},
	},
	Profiles: []profileLine{{Account: "group"}, {Account: "other"}},
	SIMs: []simLine{{ID: 1, Account: "north", Plan: "retail"}, {ID: 2, Account: "north", Plan: "retail"},
		{ID: 3, Account: "south", Plan: "retail"},
		{ID: 4, Account: "other", Plan: "retail"}},
}

// quantityPrice is the price of a zone: of a volume, or of packages.
type quantityPrice struct {
	zone, count string
	froms       []int64
	prices      []string
	per         int64
	pack        bool
}

type quantityPlan struct {
	counted, period string
	scale           int
	prices          []quantityPrice // of each zone
	spend           []naiveOff      // discounts by spend with whole: true: then each zone has one price
}

func randomQuantityPlan(r *rand.Rand) (p quantityPlan) {
	p.counted = []string{"sim", "account", "tree"}[r.IntN(3)]
	p.period = []string{"cycle", "day", "week", "contract year"}[r.IntN(4)]
	p.scale = []int{2, 4, 12}[r.IntN(3)]
	shared := r.IntN(2) == 0
	for _, zone := range []string{"home", "away"} {
		x := quantityPrice{zone: zone, per: []int64{1, 3, 10}[r.IntN(3)], pack: r.IntN(4) == 0}
		if shared {
			x.count = "all"
		}
		from := int64(0)
		for range 1 + r.IntN(3) {
			x.froms, x.prices = append(x.froms, from), append(x.prices, fmt.Sprintf("%d.%02d", r.IntN(3), r.IntN(100)))
			from += 1 + r.Int64N(40)
		}
		p.prices = append(p.prices, x)
	}
	if r.IntN(3) == 0 {
		p.bySpend(r)
	}
	return p
}

func (p *quantityPlan) bySpend(r *rand.Rand) {
	if p.counted == "sim" {
		p.counted = "account"
	}
	for i := range p.prices {
		x := &p.prices[i]
		x.pack, x.count, x.froms, x.prices = false, "", x.froms[:1], x.prices[:1]
	}
	from := r.IntN(2)
	for _, off := range []string{"5 %", "12.5 %", "100 %"}[r.IntN(2):] {
		p.spend = append(p.spend, naiveOff{fmt.Sprintf("%d EUR", from), off})
		from += 1 + r.IntN(30)
	}
}

// priceOf is what a unit costs in a zone, given what its count has: units, or what they cost before discounts.
func (p *quantityPlan) priceOf(x *quantityPrice, count *big.Rat) *big.Rat {
	price := naiveMoney(x.prices[0])
	for i := range x.froms {
		if count.Cmp(big.NewRat(x.froms[i], 1)) >= 0 && p.spend == nil {
			price = naiveMoney(x.prices[i])
		}
	}
	off := new(big.Rat)
	for i := range p.spend {
		if count.Cmp(naiveMoney(strings.TrimSuffix(p.spend[i].From, " EUR"))) >= 0 {
			off = p.spend[i].part()
		}
	}
	price.Sub(price, new(big.Rat).Mul(price, off))
	return price.Quo(price, big.NewRat(x.per, 1))
}

func (p *quantityPlan) text(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan: %s\ncurrency: EUR\nzones: world\nround: { scale: %d }\nclasses:\n  sms_mo:\n", name, p.scale)
	if p.spend != nil {
		fmt.Fprintf(&b, "    discounts: { counted: %s, period: %s, whole: true, reached: [", p.counted, p.period)
		for _, s := range p.spend {
			fmt.Fprintf(&b, "{ from: %s, off: %s },", s.From, s.Off)
		}
		b.WriteString("] }\n    prices:\n")
		for _, x := range p.prices {
			fmt.Fprintf(&b, "      - { zones: [%s], price: %s / %d }\n", x.zone, x.prices[0], x.per)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "    counted: %s\n    period: %s\n    prices:\n", p.counted, p.period)
	for _, x := range p.prices {
		fmt.Fprintf(&b, "      - { zones: [%s]", x.zone)
		if x.count != "" {
			fmt.Fprintf(&b, ", count: %s", x.count)
		}
		if x.pack {
			fmt.Fprintf(&b, ", package: %s / %d }\n", x.prices[0], x.per)
			continue
		}
		b.WriteString(", volume: [")
		for i := range x.froms {
			fmt.Fprintf(&b, "{ from: %d, price: %s / %d },", x.froms[i], x.prices[i], x.per)
		}
		b.WriteString("] }\n")
	}
	return b.String()
}

// naiveQuantities are what all records so far cost together: rated from scratch, by account, tier, cycle and zone for volumes. Packages are
// paid by whoever begins them, so of those only their own counts have a sum that can be said, which is that of the plan.
func naiveQuantities(p *quantityPlan, tier int, records []udr.Usage) map[string]*big.Rat {
	w := &quantityWorld
	type portion struct{ count, key string }
	counts, units, of := map[string]*big.Rat{}, map[portion]int64{}, map[portion]*quantityPrice{}
	for i := range records {
		u := &records[i]
		sim := w.SIMs[slices.IndexFunc(w.SIMs, func(s simLine) bool { return s.ID == u.SIM })]
		a := w.Accounts[slices.IndexFunc(w.Accounts, func(a accountLine) bool { return a.ID == sim.Account })]
		top := map[string]string{"north": "group", "south": "group", "other": "other"}[a.ID]
		if tier > 0 {
			a, top = w.Accounts[0], "agency"
		}
		owner := a
		whose := a.ID
		switch p.counted {
		case "sim":
			whose = fmt.Sprint(u.SIM)
		case "tree":
			whose, owner = top, w.Accounts[slices.IndexFunc(w.Accounts, func(a accountLine) bool { return a.ID == top })]
		}
		x := &p.prices[0]
		if u.Country != "ES" {
			x = &p.prices[1]
		}
		name := x.count
		if name == "" && p.spend == nil {
			name = x.zone
		}
		count := strings.Join([]string{name, whose, naiveSpan(u, &owner, p.period, "")}, " ")
		if counts[count] == nil {
			counts[count] = new(big.Rat)
		}
		if p.spend == nil {
			counts[count].Add(counts[count], big.NewRat(u.Quantity, 1))
		} else {
			cost := new(big.Rat).Mul(naiveMoney(x.prices[0]), big.NewRat(u.Quantity, x.per))
			counts[count].Add(counts[count], naiveRounded(cost, naiveRound{12, "down"}))
		}
		k := portion{count, fmt.Sprintf("tier %d %s %s %s", tier, a.ID, cycleOf(u, &a), x.zone)}
		units[k] += u.Quantity
		of[k] = x
	}
	sums := map[string]*big.Rat{}
	for k, n := range units {
		x := of[k]
		if x.pack {
			continue
		}
		cost := new(big.Rat).Mul(p.priceOf(x, counts[k.count]), big.NewRat(n, 1))
		if sums[k.key] == nil {
			sums[k.key] = new(big.Rat)
		}
		sums[k.key].Add(sums[k.key], naiveRounded(cost, naiveRound{p.scale, "half_up"}))
	}
	for _, x := range p.prices {
		if !x.pack || x.count != "" {
			continue
		}
		key := fmt.Sprintf("tier %d packages %s", tier, x.zone)
		sums[key] = new(big.Rat)
		for count, n := range counts {
			if strings.HasPrefix(count, x.zone+" ") {
				for n := n.Num().Int64(); n > 0; n -= x.per {
					sums[key].Add(sums[key], naiveMoney(x.prices[0]))
				}
			}
		}
	}
	return sums
}

// naiveSpan walks back day by day to the first of a period, given the first day of the contract.
func naiveSpan(u *udr.Usage, a *accountLine, period, contracted string) string {
	y, m, d := localTime(u.At, a).Date()
	day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	switch period {
	case "cycle":
		return cycleOf(u, a)
	case "week":
		for day.Weekday() != time.Monday {
			day = day.AddDate(0, 0, -1)
		}
	case "contract year":
		return naiveYear(day, contracted)
	}
	return day.Format(time.DateOnly)
}

// The sum of the charges so far is what the records so far cost if they are rated from scratch, after every record and in any order.
func TestSumsOfVolumesAndPackagesAreRightAfterEveryRecord(t *testing.T) {
	const zones = "zone_model: world\nzones:\n  - { zone: home, countries: [ES] }\n  - { zone: away, unknown: true }\n"
	reg, err := quantityWorld.registry()
	require.NoError(t, err)
	v := reg.View()
	defer v.Close()
	for seed := range seeds.Each(t, 25, 25) {
		r := rand.New(rand.NewPCG(seed, 11))
		plans := []quantityPlan{randomQuantityPlan(r), randomQuantityPlan(r)}
		catalogue, list := rating.LoadCatalogue(fstest.MapFS{"a.yaml": {Data: []byte(plans[0].text("retail"))},
			"b.yaml": {Data: []byte(plans[1].text("wholesale"))}, "c.yaml": {Data: []byte(zones)}})
		require.NoError(t, list.Err(), plans[0].text("retail"))
		e, c, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
		res.Begin(c)
		var records []udr.Usage
		sums := map[string]*big.Rat{}
		at := time.Date(2026, 1, 28, 0, 0, 0, 0, time.UTC)
		for range 40 {
			u, err := usageLine(fmt.Sprintf("%d sms_mo %d %s country=%s", 1+r.IntN(4), r.IntN(15),
				at.Add(time.Duration(r.IntN(20*24))*time.Hour).Format(time.RFC3339), []string{"ES", "FR"}[r.IntN(2)]))
			require.NoError(t, err)
			before := len(res.Charges)
			require.NoError(t, e.Rate(v, 1, c, &u, res))
			records = append(records, u)
			for i := before; i < len(res.Charges); i++ {
				x := &res.Charges[i]
				again, err := x.Recompute()
				require.NoError(t, err)
				require.Equal(t, x.Total, again)
				var back rating.Charge
				require.NoError(t, rating.ParseCharge(rating.AppendCharge(nil, x), &back))
				again, err = back.Recompute()
				require.NoError(t, err, "after the wire")
				require.Equal(t, x.Total, again)
				tier := min(int(x.Tier), 1)
				key := fmt.Sprintf("tier %d %s %s %s", tier, quantityWorld.Accounts[x.Account-1].ID,
					time.Unix(int64(x.Cycle)*86400, 0).UTC().Format(time.DateOnly), x.Zone)
				if p := plans[tier].prices[slices.Index([]string{"home", "away"}, x.Zone)]; p.pack {
					if key = fmt.Sprintf("tier %d packages %s", tier, x.Zone); p.count != "" {
						continue
					}
				}
				if sums[key] == nil {
					sums[key] = new(big.Rat)
				}
				sums[key].Add(sums[key], naiveMoney(x.Total.String()))
			}
			want := naiveQuantities(&plans[0], 0, records)
			for k, x := range naiveQuantities(&plans[1], 1, records) {
				want[k] = x
			}
			for k, x := range want {
				got := sums[k]
				if got == nil {
					got = new(big.Rat)
				}
				require.Equal(t, x.FloatString(12), got.FloatString(12), "%s after %d records of\n%s%s", k, len(records),
					plans[0].text("retail"), plans[1].text("wholesale"))
			}
		}
	}
}
