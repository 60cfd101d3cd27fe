package rating_test

import (
	"testing"

	"ratemill/decimal"
	"ratemill/internal/proof/bench"
	"ratemill/rating"
)

// The messages of a record: two charges, one of which draws on a bucket and crosses into a second price, the changes of
// two counters, an event and a session's state.
var (
	benchCharges = []rating.Charge{
		{Account: 4711, SIM: 123_456, Plan: "fleet", PlanVersion: 2, PlanSince: 1_770_000_000_000_000_000, Price: "eu", Currency: "EUR",
			Cycle: 20_513, ZoneModel: "europe", Zone: "eu", ZoneIndex: 1, ZoneBy: rating.ByCountry, ZoneKey: "FR", Quantity: 123_456, Initial: 100,
			Then: 100, Rounded: 123_500, Scale: 6, Total: decimal.MustParse("0.001584"), Rest: decimal.MustParse("0.0000004"),
			Draws: []rating.Draw{{Share: "pool", Bucket: "data", Kind: rating.AccountUnits, Owner: 4711, Cycle: 20_513, Size: 1 << 30,
				Before: 1<<30 - 50_000, Drawn: 50_000}},
			Lines: []rating.Line{
				{At: 50_000, From: 9_999_950_000, Quantity: 50_000, Price: decimal.MustParse("0.02"), Per: 1 << 20,
					Amount: decimal.MustParse("0.00095367")},
				{At: 100_000, From: 10_000_000_000, Quantity: 23_500, Price: decimal.MustParse("0.015"), Per: 1 << 20,
					Amount: decimal.MustParse("0.00033617")},
				{Kind: rating.LineFee, Quantity: 1, Price: decimal.MustParse("0.0003"), Per: 1, Amount: decimal.MustParse("0.0003")}}},
		{Tier: 1, Account: 12, SIM: 123_456, Plan: "wholesale", PlanVersion: 1, Price: "1", Currency: "EUR", Cycle: 20_513, Quantity: 123_456,
			Initial: 1, Then: 1, Rounded: 123_456, Scale: 12, Total: decimal.MustParse("0.000470947265"),
			Below: decimal.Fraction{Num: 655_360, Den: 1 << 20},
			Lines: []rating.Line{{Quantity: 123_456, Price: decimal.MustParse("0.004"), Per: 1 << 20,
				Amount: decimal.MustParse("0.000470947265"), Below: 655_360}}},
	}
	benchDeltas = []rating.Delta{
		{Key: rating.CounterKey{ID: 0x9e3779b97f4a7c15, Owner: 4711, Cycle: 20_513, Kind: rating.AccountUnits},
			Value: rating.UnitsValue(123_456)},
		{Key: rating.CounterKey{ID: 0x7f4a7c159e3779b9, Owner: 123_456, Cycle: 20_513, Kind: rating.SIMUnits}, Value: rating.UnitsValue(123_456)},
	}
	benchEvent = rating.Event{Kind: rating.LimitPassed, Name: "much", Account: 4711, SIM: 123_456, At: 1_770_000_000_000_000_000,
		Counter: benchDeltas[1].Key, Threshold: rating.UnitsValue(5_000_000), Before: rating.UnitsValue(4_900_000),
		After: rating.UnitsValue(5_023_456)}
	benchState = rating.SessionState{Key: rating.SessionKey{ID: 0x9e3779b97f4a7c15, SIM: 123_456}, Session: rating.Session{Quantity: 123_456,
		Rounded: 123_500, Priced: 73_500, Sum: decimal.MustParse("0.00158984"), Charged: decimal.MustParse("0.001584"), Last: 1_770_000_000,
		Within: 86_400}}
)

func BenchmarkAppendMessages(b *testing.B) {
	var wire []byte
	run := func(name string, append func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer bench.CPU(b, 1)()
			for b.Loop() {
				wire = wire[:0]
				append()
			}
			b.SetBytes(int64(len(wire)))
		})
	}
	run("Charge", func() {
		for i := range benchCharges {
			wire = rating.AppendCharge(wire, &benchCharges[i])
		}
	})
	run("Delta", func() {
		for i := range benchDeltas {
			wire = rating.AppendDelta(wire, &benchDeltas[i])
		}
	})
	run("Event", func() { wire = rating.AppendEvent(wire, &benchEvent) })
	run("SessionState", func() { wire = rating.AppendSessionState(wire, &benchState) })
}

func BenchmarkParseMessages(b *testing.B) {
	run := func(name string, parse func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			defer bench.CPU(b, 1)()
			for b.Loop() {
				if err := parse(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	one, other := rating.AppendCharge(nil, &benchCharges[0]), rating.AppendCharge(nil, &benchCharges[1])
	var c rating.Charge
	run("Charge", func() error {
		if err := rating.ParseCharge(one, &c); err != nil {
			return err
		}
		return rating.ParseCharge(other, &c)
	})
	var a rating.Amount
	run("Amount", func() error {
		if err := rating.ParseAmount(one, &a); err != nil {
			return err
		}
		return rating.ParseAmount(other, &a)
	})
	delta := rating.AppendDelta(nil, &benchDeltas[0])
	run("Delta", func() error { _, err := rating.ParseDelta(delta); return err })
	event := rating.AppendEvent(nil, &benchEvent)
	run("Event", func() error { _, err := rating.ParseEvent(event); return err })
	state := rating.AppendSessionState(nil, &benchState)
	run("SessionState", func() error { _, err := rating.ParseSessionState(state); return err })
}
