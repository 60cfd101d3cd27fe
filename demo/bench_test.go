package demo_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/demo"
	"ratemill/internal/demo/generate"
	"ratemill/internal/proof/bench"
	"ratemill/mediation/decode"
	"ratemill/rules"
	"ratemill/rules/record"
)

// Decode, rules and normalizers together on what the carriers send, duplicates and broken lines included; a raw record
// an operation.
func BenchmarkSource(b *testing.B) {
	p := loadProject(b)
	for _, name := range generate.Carriers() {
		b.Run(name, func(b *testing.B) {
			o := demo.Generated(20_000)
			o.SIMs, o.Sources, o.Plain, o.Resend = 50_000, []string{name}, true, -1
			files, err := generate.Files(o)
			require.NoError(b, err)
			var texts [][]byte
			var names []string
			size, records := 0, 0
			for f := range files {
				var text bytes.Buffer
				_, err := f.WriteTo(&text)
				require.NoError(b, err)
				texts, names = append(texts, text.Bytes()), append(names, f.Name)
				size, records = size+text.Len(), records+f.Records
			}
			s, ok := p.Sources.Source(name)
			require.True(b, ok)
			b.SetBytes(int64(size / records))
			b.ReportAllocs()
			var rec record.Record
			var out rules.Outcome
			var bad *decode.RecordError
			defer bench.CPU(b, 1)()
			for n := 0; n < b.N; {
				for i := 0; i < len(texts) && n < b.N; i++ {
					d, err := s.Open(bytes.NewReader(texts[i]))
					require.NoError(b, err)
					r := s.NewRunner(names[i], time.Time{})
					for ; n < b.N; n++ {
						if err := d.Next(&rec); errors.As(err, &bad) {
							continue
						} else if err == io.EOF {
							break
						} else if err != nil {
							b.Fatal(err)
						}
						r.Run(&rec, &out)
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
