package rater

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/internal/proof/bench"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

// A message of the rated log: 200 records with a charge and a delta each.
func BenchmarkRatedLog(b *testing.B) {
	const records = 200
	u := udr.Usage{Seq: 7, Line: 8, Bytes: 180, Class: "data", Unit: udr.Octet, At: 1_773_700_000_000_000_000, Quantity: 4096,
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: "214070000000001"}, SIM: 99, Account: 12, Root: 3, Network: "208-10", Country: "FR",
		APN: "iot.sky", Session: "8f2e0a77", Up: 96, Down: 4000, Duplicate: udr.DuplicateKey{1}}
	usage := udr.AppendUsage(nil, &u)
	price, err := decimal.Parse("0.02")
	require.NoError(b, err)
	charges := []rating.Charge{{Account: 12, SIM: 99, Plan: "fleet", PlanVersion: 1, Price: "eu", Currency: "EUR", Cycle: 20513,
		ZoneModel: "europe", Zone: "eu",
		ZoneKey: "FR", Quantity: 4096, Initial: 1, Then: 100, Rounded: 4100, Scale: 6, Total: price,
		Draws: []rating.Draw{{Share: "pool", Bucket: "data", Owner: 12, Cycle: 20513, Size: 1 << 30, Before: 1 << 20, Drawn: 4000}},
		Lines: []rating.Line{{Quantity: 100, Price: price, Per: 1_000_000, Amount: price}}}}
	deltas := make([]rating.Delta, records)
	for i := range deltas {
		deltas[i] = rating.Delta{Key: rating.CounterKey{ID: 7, Owner: uint32(i), Cycle: 20513, Kind: rating.SIMUnits},
			Value: rating.UnitsValue(4100)}
	}
	in := udr.Batch{File: udr.FileID{1}, Last: records}
	var message []byte
	encode := func() {
		message = ratedlog.AppendHeader(message[:0], 1, 5, &in, records)
		for range records {
			message = ratedlog.AppendRated(message, usage, 0, charges, nil)
		}
		message = ratedlog.AppendDeltas(message, deltas)
	}
	encode()
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.ReportMetric(float64(len(message))/records, "B/record")
		defer bench.CPU(b, records)()
		for b.Loop() {
			encode()
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var batch ratedlog.Batch
		var c rating.Charge
		defer bench.CPU(b, records)()
		for b.Loop() {
			require.NoError(b, ratedlog.ParseBatch(message, &batch))
			for i := range batch.Rated {
				if err := rating.ParseCharge(batch.Rated[i].Charges[0], &c); err != nil {
					b.Fatal(err)
				}
			}
			for _, d := range batch.Deltas {
				if _, err := rating.ParseDelta(d); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// An owner takes a partition whose checkpoint has two counters for each SIM; LEDGER_SIMS=1000000 measures the full
// size.
func BenchmarkRestore(b *testing.B) { benchmarkRestore(b, logs{}) }

// The same from the embedded Kafka, including the time to read the topic.
func BenchmarkRestoreFromKafka(b *testing.B) {
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{testengine.SharedEmbeddedKafka(b).Addr()}})
	b.Cleanup(k.Close)
	_, err := k.EnsureTopics(b.Context(), 1, broker.TopicsUnder("test").All(1, 0, 0))
	require.NoError(b, err)
	benchmarkRestore(b, k)
}

func benchmarkRestore(b *testing.B, from broker.Broker) {
	sims := 100_000
	if text := os.Getenv("LEDGER_SIMS"); text != "" {
		var err error
		sims, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	epoch := int64(0)
	owner := func() *Owner { epoch++; return ownerOf(from, epoch) }
	o := owner()
	require.NoError(b, o.take(b.Context()))
	for i := range sims {
		for id := range uint64(2) {
			o.state.counters.ApplyAt(rating.Delta{Key: rating.CounterKey{ID: id + 1, Owner: uint32(i + 1), Cycle: 20513, Kind: rating.SIMUnits},
				Value: rating.UnitsValue(int64(i))}, 1)
		}
	}
	require.NoError(b, o.beginSweep(b.Context()))
	for o.sweeping != nil {
		require.NoError(b, o.continueSweep(b.Context()))
	}
	b.Run(fmt.Sprintf("sims=%d", sims), func(b *testing.B) {
		b.ReportAllocs()
		defer bench.CPU(b, sims)()
		for b.Loop() {
			o := owner()
			require.NoError(b, o.take(b.Context()))
			require.Equal(b, 2*sims, o.state.counters.Len())
		}
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s-to-restore")
	})
}

// A million records of two days, none of them a duplicate: each key is searched for and added.
func BenchmarkSeen(b *testing.B) {
	const records, hours = 1_000_000, 48
	random := rand.NewChaCha8([32]byte{1})
	keys := make([]udr.DuplicateKey, records)
	for i := range keys {
		_, _ = random.Read(keys[i][:])
	}
	b.ReportAllocs()
	defer bench.CPU(b, records)()
	for b.Loop() {
		var s Seen
		for i := range keys {
			h := hour{1, int32(i / 64 % hours)}
			if s.Has(h, keys[i]) {
				b.Fatal("it was not added before")
			}
			s.Add(h, keys[i], 1, 1)
		}
	}
}
