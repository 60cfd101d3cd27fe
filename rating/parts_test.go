package rating_test

import (
	"fmt"
	"math/rand"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/udr"
)

// partsCatalogue is a random catalogue with all that changes what units cost: prices of every model, buckets, pools with a price
// for what they do not cover, and a limit with a price for usage over it. A bucket with its own increment never runs out: how
// it rounds a record depends on whether it covers all of it, and earlier parts are charged before that is known.
func partsCatalogue(r *rand.Rand) fstest.MapFS {
	maybe := func(format string, args ...any) string {
		if r.Intn(2) == 0 {
			return ""
		}
		return fmt.Sprintf(format, args...)
	}
	money := func() string { return fmt.Sprintf("0.%0*d", 1+r.Intn(4), r.Intn(10)) }
	price := func() string {
		return fmt.Sprintf("%s / %s", pick(r, "1", "0.3", "0.07", "0.0001", money()), pick(r, "1 B", "3 B", "1 kB"))
	}
	units := func() int { return 1 + r.Intn(1<<uint(4+r.Intn(12))) }
	counted := pick(r, "", "sim", "account")
	rate := "price: " + price()
	switch r.Intn(4) {
	case 0:
		rate = fmt.Sprintf("steps: [{ from: 0 B, price: %s }, { from: %d B, price: %s }]", price(), units(), price())
	case 1:
		rate = fmt.Sprintf("package: %s / %d B", money(), units())
	case 2:
		if counted != "" {
			rate = fmt.Sprintf("volume: [{ from: 0 B, price: %s }, { from: %d B, price: %s }]", price(), units(), price())
		}
	}
	class := ""
	if counted != "" {
		class += "counted: " + counted + ", "
	}
	class += maybe("increment: { initial: %d B, then: %d B }, ", 1+r.Intn(2000), 1+r.Intn(500)) + maybe("cap: %d.5, ", 1+r.Intn(5)) +
		maybe("round: { scale: %d, mode: %s }, ", r.Intn(7), pick(r, "half_up", "up", "down"))
	plan := "plan: fleet\ncurrency: EUR\n" + maybe("included: [{ bucket: own, classes: [data], units: %d B, weights: { all: %d } }]\n",
		units(),
		1+r.Intn(4)) + "classes: { data: { " + class + "prices: [{ " + maybe("fee: %s, ", money()) +
		maybe("pass: { price: { amount: 1, per: cycle }, units: %d B }, ", units()) + maybe("minimum: %s, ", money()) + rate +
		" }] } }\n"
	pool := "share_plan: pool\nbuckets:\n  - { bucket: shared, classes: [data], units: " + fmt.Sprint(units()) + " B" + maybe(", overage: %s",
		price()) + " }\n" +
		maybe("  - { bucket: large, classes: [data], units: 1 TB, increment: %d B }\n", 1+r.Intn(100))
	limit := fmt.Sprintf("limit: most\nper: %s\nclasses: [data]\nusage: %d B\nactions: [block]\nover: %s\n", pick(r, "sim", "account"),
		units(),
		pick(r, "free", price()))
	return fstest.MapFS{"plan.yaml": {Data: []byte(plan)}, "pool.yaml": {Data: []byte(pool)}, "limit.yaml": {Data: []byte(limit)}}
}

// The property holds for catalogues of all features together. So it does not know which of them need the earlier parts of a session.
func TestThePartsOfASessionCostWhatTheWholeCostsWithEveryFeature(t *testing.T) {
	accepted := 0
	for seed := range seeds.Each(t, 300, 300) {
		r := rand.New(rand.NewSource(int64(seed)))
		files := partsCatalogue(r)
		c, list := rating.LoadCatalogue(files)
		if list.Err() != nil {
			continue // volume prices exclude some of the rest
		}
		accepted++
		text := fmt.Sprintf("%s---\n%s---\n%s", files["plan.yaml"].Data, files["pool.yaml"].Data, files["limit.yaml"].Data)
		account := accountLine{ID: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1}
		if r.Intn(2) == 0 {
			account.Share = []string{"pool"}
		}
		if r.Intn(2) == 0 {
			account.Limits = []string{"most"}
		}
		w := world{Accounts: []accountLine{account}, SIMs: []simLine{{ID: 1, Account: "acme", Plan: "fleet"}}}
		reg, err := w.registry()
		require.NoError(t, err)
		v := reg.View()
		total := func(quantities []int64) decimal.D {
			e, counters, res, sum := rating.NewEngine(c), rating.NewCounters(), &rating.Result{}, decimal.Zero
			for i, quantity := range quantities {
				u := udr.Usage{Class: "data", Unit: udr.Octet, SIM: 1, At: instant("2026-03-02T10:00:00Z") + udr.Instant(i)*3600e9, Quantity: quantity,
					SessionKey: udr.SessionKey{1}, SessionWithin: 86400}
				res.Begin(counters)
				require.NoError(t, e.Rate(v, 1, counters, &u, res), "seed %d\n%s", seed, text)
				for i := range res.Charges {
					cost, err := res.Charges[i].Recompute()
					require.NoError(t, err, "seed %d\n%s", seed, text)
					sum, err = sum.Add(cost)
					require.NoError(t, err)
				}
			}
			return sum
		}
		parts := make([]int64, 1+r.Intn(8))
		whole := int64(0)
		for i := range parts {
			parts[i] = r.Int63n(1 << uint(1+r.Intn(14)))
			whole += parts[i]
		}
		require.Equal(t, total([]int64{whole}).String(), total(parts).String(), "seed %d: parts of %d, limits %s, pools %s\n%s", seed, parts,
			account.Limits, account.Share, text)
		v.Close()
	}
	require.Greater(t, accepted, 300)
}
