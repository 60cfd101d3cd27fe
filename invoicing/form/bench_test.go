package form

import (
	"context"
	"fmt"
	"testing"

	"ratemill/invoicing/document"
)

func BenchmarkPDF(b *testing.B) {
	p, all := printer(b, Options{}), samples(b)
	d := sampleDocument("en")
	sums := document.NewSums()
	for n := range defaultMost {
		i := sampleUsage("harbour", "data", fmt.Sprint(n), 1_000_000, "B", "0.02", 1_000_000, "0.02", wholeMonth(2026, 3))
		if err := sums.Add(&i); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Make(sums, taxedAt("S", "19", "")); err != nil {
		b.Fatal(err)
	}
	all["most-lines"] = printOf(b, d)
	for _, name := range []string{"regular-es", "credit-note-en", "long-sandbox", "most-lines"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.PDF(context.Background(), all[name]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
