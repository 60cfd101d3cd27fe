package rating_test

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"
	"testing/fstest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// forgettingCatalogue counts in every period: prices, fees, passes and corrections of a day, week, cycle and contract year, a pool of a
// year, included units that roll over, a package and limits.
var forgettingCatalogue = fstest.MapFS{
	"fleet.yaml": {Data: []byte(`plan: fleet
currency: EUR
included: [{ bucket: own, units: 2, classes: [sms_mo, sms_mt], rollover: { cycles: 3, at_most: 1 } }]
classes:
  sms_mo:
    fee: [0.01 / day, 0.05 / week]
    cap: [4 / week]
    prices: [{ pass: { price: 1.00 / week, units: 3 }, price: 0.10 }]
  sms_mt:
    counted: account
    period: contract year
    prices: [{ volume: [{ from: 0, price: 0.10 }, { from: 9, price: 0.05 }] }]
  mms_mo:
    counted: sim
    period: week
    prices: [{ steps: [{ from: 0, price: 1 }, { from: 3, price: 0.50 }] }]
`)},
	"pool.yaml":    {Data: []byte("share_plan: shared\nperiod: contract year\nbuckets: [{ bucket: all, units: 4, classes: [sms_mo] }]\n")},
	"package.yaml": {Data: []byte("package: bundle\nvalid: 12 months\nbuckets: [{ bucket: mms, units: 3, classes: [mms_mo] }]\n")},
	"limit.yaml":   {Data: []byte("limit: most\nper: account\nperiod: week\nclasses: [mms_mo]\nusage: 6\nactions: [block]\nover: 2\n")},
}

// The engine forgets counters of ended periods between any two records. Usage costs the same as if it forgot none, so no counter
// begins anew, not even one of a week or contract year that began long before the cycles that are kept. Only usage
// of a forgotten cycle is suspended, also where units roll over from earlier cycles.
func TestNoCounterBeginsAnewAfterOldOnesWereForgotten(t *testing.T) {
	c, list := rating.LoadCatalogue(forgettingCatalogue)
	require.NoError(t, list.Err())
	w := world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 15, Share: []string{"shared"},
		Limits: []string{"most"}}}}
	require.NoError(t, yaml.Unmarshal([]byte("sims: [{ id: 1, account: acme, plan: fleet }, { id: 2, account: acme, plan: fleet }]\n"+
		"bought: [{ sim: 1, package: bundle/1, from: \"2025-01-01T00:00:00Z\" }]\n"), &w))
	reg, err := w.registry()
	require.NoError(t, err)
	v := reg.View()
	defer v.Close()
	late, rated := 0, 0
	for seed := range seeds.Each(t, 40, 40) {
		r := rand.New(rand.NewSource(int64(seed)))
		kept, all := rating.NewCounters(), rating.NewCounters()
		e, whole := rating.NewEngine(c), rating.NewEngine(c)
		forgotten := int32(0)
		for i := range 60 {
			if r.Intn(6) == 0 { // to a date of the year, not always of a cycle's beginning
				forgotten = max(forgotten, registry.LocalDate(time.UTC, instant("2025-01-01T00:00:00Z"))+int32(r.Intn(330)))
				kept.Forget(forgotten, c.DaysRolled(), func(rating.CounterKey) {})
			}
			u := udr.Usage{Class: pick(r, "sms_mo", "sms_mt", "mms_mo"), Unit: udr.Count, SIM: uint32(1 + r.Intn(2)), Quantity: 1 + r.Int63n(3),
				At: instant("2025-01-15T00:00:00Z") + udr.Instant(r.Intn(350*24))*udr.Instant(time.Hour)}
			got, err := rateOnce(e, v, kept, &u)
			if suspended := (*udr.SuspendError)(nil); errors.As(err, &suspended) {
				require.Equal(t, rating.Late, suspended.Code, "seed %d, record %d: %s", seed, i, err)
				require.Contains(t, err.Error(), "the counters of its billing cycle, which began on", "seed %d, record %d", seed, i)
				require.Contains(t, err.Error(), "charge it by hand")
				late++
				continue
			}
			require.NoError(t, err)
			want, err := rateOnce(whole, v, all, &u)
			require.NoError(t, err)
			require.Equal(t, want, got, "seed %d, record %d: %s of %s, %d kept", seed, i, u.Class, u.At, forgotten)
			rated++
		}
	}
	require.Greater(t, late, 100)
	require.Greater(t, rated, 500)
}

// rateOnce rates a record and folds what it counts. It returns the amounts of its charges.
func rateOnce(e *rating.Engine, v *registry.View, c *rating.Counters, u *udr.Usage) (amounts []string, err error) {
	res := &rating.Result{}
	res.Begin(c)
	if err := e.Rate(v, v.Revision(), c, u, res); err != nil {
		c.Discard()
		return nil, err
	}
	for i := range res.Charges {
		amounts = append(amounts, fmt.Sprint(res.Charges[i].Total))
	}
	c.FoldAll(res.Deltas, 1)
	c.TakeDirty(c.Dirty(), func(rating.CounterKey, rating.Value, int64) {})
	return amounts, nil
}
