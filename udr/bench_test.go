package udr_test

import (
	"testing"

	"ratemill/internal/proof/bench"
	"ratemill/udr"
)

// A message of the usage topic: 200 records of one file.
func BenchmarkBatch(b *testing.B) {
	const records = 200
	u := full()
	var message []byte
	encode := func() {
		message = message[:0]
		for i := range records {
			u.Seq = uint64(i + 1)
			message = udr.AppendBatchUsage(message, &u)
		}
		message = udr.AppendBatchHeader(message, &udr.Batch{File: udr.FileID{1}, Last: records})
	}
	encode()
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		defer bench.CPU(b, records)()
		for b.Loop() {
			encode()
		}
	})
	b.Run("parse for rating", func(b *testing.B) {
		b.ReportAllocs()
		var batch udr.Batch
		var u udr.Usage
		defer bench.CPU(b, records)()
		for b.Loop() {
			if err := udr.ParseBatch(message, &batch); err != nil {
				b.Fatal(err)
			}
			for _, m := range batch.Usage {
				if err := udr.ParseRatable(m, &u); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		var batch udr.Batch
		var u udr.Usage
		defer bench.CPU(b, records)()
		for b.Loop() {
			if err := udr.ParseBatch(message, &batch); err != nil {
				b.Fatal(err)
			}
			for _, m := range batch.Usage {
				if err := udr.ParseUsage(m, &u); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
