package offline_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/offline"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// A record that has everything, one that has nothing, a duplicate and a suspended record.
func TestTheJSONOfRecordsIsThatOfFormerVersions(t *testing.T) {
	_, reg := world(t, 3)
	u := udr.Usage{Seq: 1, Line: 2, Bytes: 180, Class: "data", Unit: udr.Octet, At: 1_773_700_000_000_000_007, Quantity: 4096,
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: "214070000000001"}, SIM: 2, Account: 1, Root: 1, Network: "208-10", Country: "FR",
		Peer: "+34600", PeerCountry: "ES", APN: "iot.\"sky\"", IMEI: "490154203237518", Cell: "208-10-7", Session: "8f2e0a77",
		Direction: "mo", Duration: 61, Up: 96, Down: 4000,
		Duplicate: udr.DuplicateKey{1}, SessionKey: udr.SessionKey{2}, Continues: true,
		Attributes: []udr.Attribute{{Name: "roaming", Value: "yes"}, {Name: "é", Value: "\x1b"}}}
	price := decimal.MustParse("0.02")
	full := rating.Charge{Tier: 1, Account: 1, SIM: 2, Plan: "fleet", PlanVersion: 2, PlanSince: 5, Price: "eu", Currency: "EUR",
		Cycle:     20_513,
		ZoneModel: "europe", Zone: "eu", ZoneIndex: 1, ZoneBy: rating.ByCountry, ZoneKey: "FR", Quantity: 4096, Initial: 100, Then: 100,
		Rounded: 4100, Continues: true, Part: true,
		Before: rating.Session{Quantity: 70, Rounded: 80, Priced: 60, Sum: price, Charged: decimal.MustParse("0.03"), Minimum: decimal.One},
		Blocks: []rating.Block{{At: 9, Then: 60}},
		Draws: []rating.Draw{{Share: "pool", Bucket: "data", Kind: rating.AccountUnits, Owner: 1, Cycle: 20_513, Size: 10, Before: 7, Drawn: 3},
			{Bucket: "included", Kind: rating.SIMUnits, Owner: 2}},
		Lines: []rating.Line{{Slice: "night", At: 3, From: 5, Quantity: 100, Price: price, Per: 1_000_000, Amount: decimal.One, Below: 4},
			{Quantity: 3}, {Kind: rating.LineFee, Price: decimal.One, Amount: decimal.One}, {Kind: rating.LineCap},
			{Kind: rating.LineMinimum, Price: price},
			{Kind: rating.LineDiscount, From: 7, Quantity: 100, Price: price, Per: 1_000_000, Amount: decimal.One, Off: 125_000}},
		Scale: 6, Mode: decimal.Down, Total: price, Rest: decimal.MustParse("-0.004"), Below: decimal.Fraction{Num: 20, Den: 60}}
	below := rating.Charge{Below: decimal.Fraction{Num: 1, Den: 3}}
	counter := rating.CounterKey{ID: 7, Owner: 1, Cycle: 20_513, Kind: rating.AccountUnits}
	cost := counter
	cost.Kind = rating.AccountCost
	events := []rating.Event{{Kind: rating.LimitPassed, Name: "much", Account: 1, SIM: 2, At: u.At, Counter: counter,
		Threshold: rating.UnitsValue(50), Before: rating.UnitsValue(49), After: rating.UnitsValue(51)},
		{Kind: rating.PoolExhausted, Name: "pool/data", Account: 1, SIM: 2, At: u.At, Counter: cost, Threshold: rating.CostValue(price)}}
	message := ratedlog.AppendHeader(nil, 1, 1, &udr.Batch{File: udr.FileID{1},
		Pin: udr.Pin{Source: "sky", Rules: "r", Catalogue: "c", Registry: 1}}, 4)
	message = ratedlog.AppendRated(message, udr.AppendUsage(nil, &u), 2, []rating.Charge{full, below}, events)
	message = ratedlog.AppendRated(message, udr.AppendUsage(nil, &udr.Usage{Seq: 2}), 0, nil, nil)
	u.Seq, u.Attributes = 3, nil
	message = ratedlog.AppendDuplicate(message, udr.AppendUsage(nil, &u))
	message = ratedlog.AppendSuspended(message, &udr.Suspended{Seq: 4, Line: 9, Raw: []byte("a\tb"),
		Usage: udr.AppendUsage(nil, &udr.Usage{Class: "data"}),
		Why:   udr.SuspendError{Code: "rule", Rule: "map 1", Position: "a.yaml:1:2", Values: "x 1", Reason: "why"}})
	var b ratedlog.Batch
	require.NoError(t, ratedlog.ParseBatch(message, &b))
	j := offline.JSON{Registry: reg}
	got, err := j.Append(nil, &offline.File{Path: "/out/SKY_1.csv"}, &b, true)
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join("testdata", "records.ndjson"))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestAnEventOfAPackageHasNoCycle(t *testing.T) {
	message := ratedlog.AppendHeader(nil, 1, 1, &udr.Batch{File: udr.FileID{1}}, 1)
	message = ratedlog.AppendRated(message, udr.AppendUsage(nil, &udr.Usage{Seq: 1, SIM: 2}), 0, nil, []rating.Event{{
		Kind: rating.PackageExhausted, Name: "trip/1/data", SIM: 2, Counter: rating.CounterKey{ID: 8, Owner: 2, Kind: rating.SIMPackage}}})
	var b ratedlog.Batch
	require.NoError(t, ratedlog.ParseBatch(message, &b))
	j := offline.JSON{Registry: registry.New()}
	got, err := j.Append(nil, &offline.File{}, &b, true)
	require.NoError(t, err)
	require.Contains(t, string(got), "package.exhausted")
	require.NotContains(t, string(got), `"cycle"`)
}
