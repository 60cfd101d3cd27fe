package rating_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"ratemill/rating"
)

// Included units of a SIM that cover all usage of BenchmarkRate, and what each of their terms adds.
func BenchmarkRateIncluded(b *testing.B) {
	for _, x := range []struct{ name, terms string }{
		{"plain", ""}, {"weights", ", weights: { eu: 2 }"}, {"increment", ", increment: 1 kB"},
		{"rollover", ", rollover: { cycles: 1 }"}, {"rollover of 3 cycles", ", rollover: { cycles: 3 }"},
		{"rollover used last", ", rollover: { cycles: 3, use: last }"}, {"rollover by days", ", prorate: days, rollover: { cycles: 1 }"},
	} {
		b.Run(x.name, func(b *testing.B) {
			_, reg, usage := benchWorld(b, 1_000_000, 10_000)
			catalogue, list := rating.LoadCatalogue(fstest.MapFS{
				"zones.yaml": {Data: []byte(benchCatalogue)},
				"fleet.yaml": {Data: []byte(strings.Replace(benchPlan, "classes:", "included: [{ bucket: data, units: 1 GB, classes: [data]"+
					x.terms+" }]\nclasses:", 1))},
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
