package rating_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// What each quantity model adds to BenchmarkRate, whose plan has steps for its account in one zone.
func BenchmarkRateQuantity(b *testing.B) {
	for _, x := range []struct{ name, price string }{
		{"price", "price: 0.9 / 1 MB"}, {"package of a SIM", "{ package: 2 / 100 MB, counted: sim }"},
		{"package a day", "{ package: 2 / 100 MB, counted: sim, period: day }"},
		{"steps of a tree by contract year", "{ steps: [{ from: 0, price: 0.9 / 1 MB }, { from: 1 GB, price: 0.8 / 1 MB }], counted: tree, " +
			"period: contract year }"},
		{"volume of a SIM", "{ volume: [{ from: 0, price: 0.9 / 1 MB }, { from: 1 GB, price: 0.8 / 1 MB }], counted: sim }"},
		{"volume of an account", "{ volume: [{ from: 0, price: 0.9 / 1 MB }, { from: 10 TB, price: 0.8 / 1 MB }], counted: account }"},
		{"price, a discount by units", "price: 0.9 / 1 MB\n    discounts: { reached: [{ from: 0, off: 1 % }, { from: 1 GB, off: 5 % }] }"},
		{"price, a discount by spend", "price: 0.9 / 1 MB\n    discounts: { reached: [{ from: 0 EUR, off: 1 % }, { from: 1000 EUR, off: 5 % " +
			"}], counted: tree }"},
	} {
		b.Run(x.name, func(b *testing.B) {
			_, reg, usage := benchWorld(b, 1_000_000, 10_000)
			catalogue, list := rating.LoadCatalogue(fstest.MapFS{
				"zones.yaml": {Data: []byte(benchCatalogue)},
				"fleet.yaml": {Data: []byte(benchPlan[:strings.Index(benchPlan, "      - zones: [home]")] + "      - " + x.price + "\n")},
				"share.yaml": {Data: []byte(benchShare)}, "limit.yaml": {Data: []byte(benchLimit)},
				"wholesale.yaml": {Data: []byte("plan: wholesale\ncurrency: EUR\nclasses:\n  data: { prices: [ { price: 0.004 / 1 MB } ] }\n")},
			})
			if err := list.Err(); err != nil {
				b.Fatal(err)
			}
			benchRate(b, catalogue, reg, usage, 200)
		})
	}
}

// A tree of 10,000 accounts with one payer has counted usage of each, and a record reaches a volume price: each account is corrected.
func BenchmarkVolumeOfATree(b *testing.B) {
	const accounts = 10_000
	catalogue, list := rating.LoadCatalogue(fstest.MapFS{"a.yaml": {Data: []byte("plan: tree\ncurrency: EUR\nclasses:\n  sms_mo:\n    " +
		"counted: tree\n    prices:\n      - volume: [{ from: 0, price: 0.05 }, { from: 10001, price: 0.04 }]\n")}})
	if err := list.Err(); err != nil {
		b.Fatal(err)
	}
	changes := registry.Changes{Revision: 1, Statements: []registry.Statement{{Kind: registry.KindProfile, Subject: "a1",
		Value: []byte("{}")}}}
	for i := range uint32(accounts) {
		a := registry.AccountFact{Number: i + 1, ID: fmt.Sprint("a", i+1), Currency: "EUR", Zone: "UTC", CycleDay: 1}
		if i > 0 {
			a.Parent, a.Partition = 1, registry.NoPartition
		}
		changes.Accounts = append(changes.Accounts, a)
		changes.SIMs = append(changes.SIMs, registry.OwnershipFact{SIM: i + 1, Account: i + 1, Plan: "tree"})
	}
	reg := registry.New()
	if err := reg.Apply(&changes); err != nil {
		b.Fatal(err)
	}
	v := reg.View()
	defer v.Close()
	at := udr.InstantOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		e, c, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
		res.Begin(c)
		rate := func(sim uint32) {
			if err := e.Rate(v, 1, c, &udr.Usage{Class: "sms_mo", At: at, Quantity: 1, SIM: sim}, res); err != nil {
				b.Fatal(err)
			}
		}
		for sim := range uint32(accounts) {
			rate(sim + 1)
		}
		res.Begin(c)
		b.StartTimer()
		rate(1)
		b.StopTimer()
		size := 0
		for i := range res.Charges {
			size += len(rating.AppendCharge(nil, &res.Charges[i]))
		}
		if len(res.Charges) != accounts+1 {
			b.Fatalf("%d charges", len(res.Charges))
		}
		b.ReportMetric(float64(size)/accounts, "B/correction")
		b.ReportMetric(float64(len(res.Deltas)), "deltas")
		b.StartTimer()
	}
}
