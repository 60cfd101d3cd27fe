package rating_test

import (
	"fmt"
	"math/rand"
	"testing"
	"testing/fstest"
	"time"

	"ratemill/internal/proof/bench"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

const benchCatalogue = `zone_model: europe
zones:
  - { zone: home, networks: [214-07, 214-03] }
  - { zone: eu, countries: [ES, FR, DE, IT, PT, NL, BE, AT] }
  - { zone: rest }
`

const benchPlan = `plan: fleet
currency: EUR
zones: europe
round: { scale: 6 }
classes:
  data:
    increment: 100 B
    counted: account
    prices:
      - zones: [home]
        price: 0.01 / 1 MB
      - zones: [eu]
        steps:
          - { from: 0 B, price: 0.02 / 1 MB }
          - { from: 10 GB, price: 0.015 / 1 MB }
          - { from: 100 GB, price: 0.01 / 1 MB }
      - price: 0.5 / 1 MB
  sms_mo: { prices: [ { price: 0.05 } ] }
`

const benchShare = `share_plan: pool
buckets:
  - { bucket: data, units: 1 GB, classes: [data], zones: [home, eu] }
`

const benchLimit = `limit: much
per: sim
classes: [data]
usage: 5 MB
actions: [event]
`

// benchRecord has the fields that differ from one usage record to the next: a rater decodes all records into one
// udr.Usage.
type benchRecord struct {
	at       udr.Instant
	quantity int64
	sim      uint32
	place    uint8
}

var benchPlaces = [...][2]string{{"214-07", "ES"}, {"208-10", "FR"}, {"262-02", "DE"}, {"310-410", "US"}, {"214-03", "ES"}}

func (r *benchRecord) fill(u *udr.Usage) {
	u.Class, u.Unit, u.At, u.Quantity, u.SIM = "data", udr.Octet, r.at, r.quantity, r.sim
	u.Network, u.Country = benchPlaces[r.place][0], benchPlaces[r.place][1]
}

// A million SIMs of 10,000 accounts, skewed: the largest has a thousand times the SIMs of most. Every account has a
// reseller above it that pays by its own plan: two charges a record.
func benchWorld(b *testing.B, sims, accounts int) (*rating.Catalogue, *registry.Registry, []benchRecord) {
	b.Helper()
	catalogue, list := rating.LoadCatalogue(fstest.MapFS{
		"zones.yaml": {Data: []byte(benchCatalogue)}, "fleet.yaml": {Data: []byte(benchPlan)},
		"share.yaml": {Data: []byte(benchShare)}, "limit.yaml": {Data: []byte(benchLimit)},
		"wholesale.yaml": {Data: []byte("plan: wholesale\ncurrency: EUR\nclasses:\n  data: { prices: [ { price: 0.004 / 1 MB } ] }\n")},
	})
	if err := list.Err(); err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewSource(1))
	changes := registry.Changes{Revision: 1}
	for i := range accounts {
		a := registry.AccountFact{Number: uint32(i + 1), ID: fmt.Sprint("a", i), Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1,
			Partition:  registry.NoPartition,
			SharePlans: []string{"pool"}, Limits: []string{"much"}}
		if i < 100 {
			a.Plan, a.Partition, a.SharePlans, a.Limits = "wholesale", 0, nil, nil
		} else {
			a.Parent = uint32(1 + r.Intn(100))
		}
		changes.Accounts = append(changes.Accounts, a)
	}
	zipf := rand.NewZipf(r, 1.1, 50, uint64(accounts-101))
	for i := range sims {
		changes.SIMs = append(changes.SIMs, registry.OwnershipFact{SIM: uint32(i + 1), Account: uint32(101 + zipf.Uint64()), Plan: "fleet"})
	}
	reg := registry.New()
	if err := reg.Apply(&changes); err != nil {
		b.Fatal(err)
	}
	usage := make([]benchRecord, 1<<18)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range usage {
		usage[i] = benchRecord{at: udr.InstantOf(start.Add(time.Duration(i) * 9 * time.Second)), quantity: r.Int63n(200_000),
			sim: uint32(1 + r.Intn(sims)), place: uint8(r.Intn(len(benchPlaces)))}
	}
	return catalogue, reg, usage
}

// Zone plan, pool, limit per SIM, graduated prices, two tiers; 1 M SIMs.
func BenchmarkRate(b *testing.B) {
	catalogue, reg, usage := benchWorld(b, 1_000_000, 10_000)
	benchRate(b, catalogue, reg, usage, 200)
}

// The same, with SIMs that have states: in billing, which only an event ends, or suspended for at most 60 days by rules that
// are asked for each record.
func BenchmarkRateStates(b *testing.B) {
	for _, state := range []string{"in_billing", "suspended"} {
		b.Run(state, func(b *testing.B) {
			_, reg, usage := benchWorld(b, 1_000_000, 10_000)
			catalogue, list := rating.LoadCatalogue(fstest.MapFS{
				"zones.yaml": {Data: []byte(benchCatalogue)}, "fleet.yaml": {Data: []byte(benchPlan)},
				"share.yaml": {Data: []byte(benchShare)}, "limit.yaml": {Data: []byte(benchLimit)},
				"wholesale.yaml": {Data: []byte("plan: wholesale\ncurrency: EUR\nclasses:\n  data: { prices: [ { price: 0.004 / 1 MB } ] }\n")},
				"life.yaml": {Data: []byte("lifecycle: standard\nstates: connected\ndefault: inventory\n" +
					"suspend: { max: 60 d, then: in_billing }\n")},
			})
			if err := list.Err(); err != nil {
				b.Fatal(err)
			}
			changes := registry.Changes{Revision: 2}
			for i := range uint32(1_000_000) {
				changes.States = append(changes.States, registry.StateFact{SIM: i + 1, From: udr.InstantOf(time.Date(2026, 2, 1, 0, 0,
					int(i%86400), 0, time.UTC)),
					StateValue: registry.StateValue{Name: state, Lifecycle: "standard"}})
			}
			if err := reg.Apply(&changes); err != nil {
				b.Fatal(err)
			}
			benchRateAt(b, catalogue, reg, usage, 200, 2)
		})
	}
}

// The same, with SIMs whose billing began after 30 days of little usage. That a time limit led to this state is worked out
// again for each record, because usage before it is known; a fact that somebody stated is taken as it is.
func BenchmarkRateFollowing(b *testing.B) {
	for _, origin := range []registry.Origin{registry.Stated, registry.ByTime} {
		b.Run([]string{"stated", "usage", "time"}[origin], func(b *testing.B) {
			const sims = 200_000
			_, reg, usage := benchWorld(b, sims, 10_000)
			catalogue, list := rating.LoadCatalogue(fstest.MapFS{
				"zones.yaml": {Data: []byte(benchCatalogue)}, "fleet.yaml": {Data: []byte(benchPlan)},
				"share.yaml": {Data: []byte(benchShare)}, "limit.yaml": {Data: []byte(benchLimit)},
				"wholesale.yaml": {Data: []byte("plan: wholesale\ncurrency: EUR\nclasses:\n  data: { prices: [ { price: 0.004 / 1 MB } ] }\n")},
				"life.yaml": {Data: []byte("lifecycle: standard\nstates: connected\ndefault: inventory\n" +
					"first_use: { threshold: 1 GB, after: 30 d, to: in_billing }\n")},
			})
			if err := list.Err(); err != nil {
				b.Fatal(err)
			}
			begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			changes := registry.Changes{Revision: 2}
			for i := range uint32(sims) {
				changes.States = append(changes.States, registry.StateFact{SIM: i + 1, From: udr.InstantOf(begin),
					StateValue: registry.StateValue{Name: "billing_ready", Lifecycle: "standard"}},
					registry.StateFact{SIM: i + 1, From: udr.InstantOf(begin.Add(30*24*time.Hour - time.Hour)), Origin: origin,
						StateValue: registry.StateValue{Name: "in_billing", Lifecycle: "standard"}})
			}
			if err := reg.Apply(&changes); err != nil {
				b.Fatal(err)
			}
			c := rating.NewCounters()
			e, res, v := rating.NewEngine(catalogue), &rating.Result{}, reg.View()
			defer v.Close()
			for i := range sims {
				res.Begin(c)
				u := udr.Usage{SIM: uint32(i + 1), Class: "data", Unit: udr.Octet, Quantity: 1, Network: "214-07", Country: "ES",
					At: udr.InstantOf(begin.Add(time.Duration(i) * time.Second))}
				if err := e.Rate(v, 2, c, &u, res); err != nil {
					b.Fatal(err)
				}
				c.FoldAll(res.Deltas, int64(i))
			}
			benchRateWith(b, catalogue, reg, usage, 200, 2, c)
		})
	}
}

func BenchmarkRateAndEncode(b *testing.B) {
	catalogue, reg, usage := benchWorld(b, 1_000_000, 10_000)
	v := reg.View()
	defer v.Close()
	e, c, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
	var wire []byte
	bytes := 0
	b.ReportAllocs()
	res.Begin(c)
	var u udr.Usage
	for i := 0; b.Loop(); i++ {
		usage[i%len(usage)].fill(&u)
		if err := e.Rate(v, 1, c, &u, res); err != nil {
			b.Fatal(err)
		}
		if i%200 == 199 {
			wire = wire[:0]
			for j := range res.Charges {
				wire = rating.AppendCharge(wire, &res.Charges[j])
			}
			for j := range res.Deltas {
				wire = rating.AppendDelta(wire, &res.Deltas[j])
			}
			bytes += len(wire)
			c.FoldAll(res.Deltas, int64(i))
			res.Begin(c)
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/record")
}

func benchRate(b *testing.B, catalogue *rating.Catalogue, reg *registry.Registry, usage []benchRecord, batch int) {
	benchRateAt(b, catalogue, reg, usage, batch, 1)
}

func benchRateAt(b *testing.B, catalogue *rating.Catalogue, reg *registry.Registry, usage []benchRecord, batch int, rev registry.Revision) {
	benchRateWith(b, catalogue, reg, usage, batch, rev, rating.NewCounters())
}

func benchRateWith(b *testing.B, catalogue *rating.Catalogue, reg *registry.Registry, usage []benchRecord, batch int, rev registry.Revision,
	c *rating.Counters) {
	v := reg.View()
	defer v.Close()
	e, res := rating.NewEngine(catalogue), &rating.Result{}
	us := make([]udr.Usage, 32)
	next := 0
	rate := func() {
		if next%len(us) == 0 {
			for i := range us {
				usage[(next+i)%len(usage)].fill(&us[i])
			}
			e.Prefetch(v, rev, c, us)
		}
		res.Charges, res.Events = res.Charges[:0], res.Events[:0] // as a rater does, which encodes them
		if err := e.Rate(v, rev, c, &us[next%len(us)], res); err != nil {
			b.Fatal(err)
		}
		if next++; next%batch == 0 {
			c.FoldAll(res.Deltas, int64(next))
			if c.Dirty() > 100_000 {
				c.TakeDirty(c.Dirty(), func(rating.CounterKey, rating.Value, int64) {})
			}
			res.Begin(c)
		}
	}
	res.Begin(c)
	for range usage { // the counters exist, as on any day but the first of a cycle
		rate()
	}
	b.ReportAllocs()
	defer bench.CPU(b, 1)()
	for b.Loop() {
		rate()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// A draw from a pool costs the same, however many SIMs draw from it.
func BenchmarkPool(b *testing.B) {
	for _, members := range []int{10, 100, 1_000, 100_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			catalogue, reg, usage := benchWorld(b, members, 102)
			benchRate(b, catalogue, reg, usage, 200)
		})
	}
}

func BenchmarkCounters(b *testing.B) {
	c := rating.NewCounters()
	r := rand.New(rand.NewSource(1))
	keys := make([]rating.CounterKey, 1<<20)
	for i := range keys {
		keys[i] = rating.CounterKey{ID: 77, Owner: uint32(r.Intn(1_000_000)), Cycle: 20513, Kind: rating.SIMUnits}
		c.Restore(keys[i], rating.UnitsValue(1), 1)
	}
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c.Get(keys[i&(1<<20-1)])
		}
	})
	b.Run("ApplyAt", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c.ApplyAt(rating.Delta{Key: keys[i&(1<<20-1)], Value: rating.UnitsValue(1)}, int64(i+2))
		}
	})
}

func BenchmarkParseCharge(b *testing.B) {
	catalogue, reg, usage := benchWorld(b, 1000, 200)
	v := reg.View()
	defer v.Close()
	e, c, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
	res.Begin(c)
	var u udr.Usage
	usage[0].fill(&u)
	if err := e.Rate(v, 1, c, &u, res); err != nil {
		b.Fatal(err)
	}
	wire := rating.AppendCharge(nil, &res.Charges[0])
	var back rating.Charge
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		if err := rating.ParseCharge(wire, &back); err != nil {
			b.Fatal(err)
		}
	}
}
