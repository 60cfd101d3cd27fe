package source_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/bench"
	"ratemill/mediation/source"
	"ratemill/rules"
	"ratemill/rules/record"
)

// The feed of the speed target: 20 columns, 2 filters, 3 conditional mappings, 12 mapped fields, 6 normalizers.
const feed = `
source: feed
collect: { dir: /var/spool/feed, match: "*.csv" }
decode:
  csv:
    delimiter: ";"
    columns: [type, started, imsi, iccid, imei, peer, plmn, apn, up, down, secs, session, part, cell, rat, qos, ip, cause, tariff, note]
zone: Europe/Madrid
filter:
  - drop: type == "H"
  - drop: type == "D" and up == "0" and down == "0"
let:
  volume: octets(up) + octets(down)
map:
  - set:
      sim: imsi(imsi)
      at: time(started, "02.01.2006 15:04:05")
      network: network(plmn)
      session: session
      cell: cell
      imei: imei(imei)
      attr.rat: rat
  - when: type == "D"
    class: data
    set: { quantity: volume, up: octets(up), down: octets(down), apn: lower(apn) }
  - when: type == "S"
    class: sms_mo
    set:
      quantity: 1
      peer: phone(peer, from=country(out.network))
  - when: type == "V"
    class: voice_mo
    set:
      quantity: seconds(secs)
      duration: seconds(secs)
      peer: phone(peer, from=country(out.network))
duplicate: { key: [session, part, started] }
`

func feedLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		switch i % 10 {
		case 8:
			fmt.Fprintf(&b,
				"S;17.03.2026 %02d:%02d:%02d;2140700%08d;89340711000%08d;490154203237518;600%06d;20810;;;;;%x;1;21407-%d;LTE;9;10.0.0.1;0;A;\n",
				i/3600%24, i/60%60, i%60, i, i, i%1000000, i*7919, i%500)
		case 9:
			fmt.Fprintf(&b,
				"V;17.03.2026 %02d:%02d:%02d;2140700%08d;89340711000%08d;490154203237518;+346%08d;21407;;;;%d;%x;1;21407-%d;LTE;9;10.0.0.1;0;A;\n",
				i/3600%24, i/60%60, i%60, i, i, i%100000000, i%600, i*7919, i%500)
		default:
			fmt.Fprintf(&b,
				"D;17.03.2026 %02d:%02d:%02d;2140700%08d;89340711000%08d;490154203237518;;20810;IoT.Sky;%d;%d;0;%x;1;21407-%d;LTE;9;10.0.0.1;0;A;\n",
				i/3600%24, i/60%60, i%60, i, i, i%5000+1, i*31%900000, i*7919, i%500)
		}
	}
	return b.Bytes()
}

// Decode, rules and normalizers together, a record an operation.
func BenchmarkFeed(b *testing.B) {
	s, l := source.Load("feed.yaml", []byte(feed), nil)
	require.NoError(b, l.Err())
	lines := feedLines(10_000)
	b.SetBytes(int64(len(lines) / 10_000))
	b.ReportAllocs()
	var rec record.Record
	var out rules.Outcome
	r := s.NewRunner("feed.csv", time.Time{})
	defer bench.CPU(b, 1)()
	for n := 0; n < b.N; {
		d, err := s.Open(bytes.NewReader(lines))
		require.NoError(b, err)
		for ; n < b.N; n++ {
			if err := d.Next(&rec); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			if r.Run(&rec, &out); out.Kind != rules.Mapped {
				b.Fatal(out.Err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// The rules alone, over one decoded record.
func BenchmarkRules(b *testing.B) {
	s, l := source.Load("feed.yaml", []byte(feed), nil)
	require.NoError(b, l.Err())
	for i, name := range map[int]string{0: "data", 8: "sms", 9: "voice"} {
		b.Run(name, func(b *testing.B) {
			d, err := s.Open(bytes.NewReader(feedLines(10)))
			require.NoError(b, err)
			var rec record.Record
			for range i + 1 {
				require.NoError(b, d.Next(&rec))
			}
			var out rules.Outcome
			r := s.NewRunner("feed.csv", time.Time{})
			b.ReportAllocs()
			for b.Loop() {
				r.Run(&rec, &out)
			}
			require.Equal(b, rules.Mapped, out.Kind)
		})
	}
}
