package decode

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/record"
)

func benchmarkDecode(b *testing.B, o *Options, paths []string, line string, packed func(testing.TB, ...string) []byte) {
	const records = 100_000
	content := []byte(strings.Repeat(line, records))
	size := len(content)
	if packed != nil {
		content = packed(b, string(content))
	}
	layout := &record.Layout{}
	for _, p := range paths {
		layout.Slot(p)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		r, _, err := Unpack(bytes.NewReader(content), o.Limits)
		require.NoError(b, err)
		d, err := o.Open(r, layout)
		require.NoError(b, err)
		var rec record.Record
		for err = d.Next(&rec); err == nil; err = d.Next(&rec) {
		}
		require.Equal(b, io.EOF, err)
		require.EqualValues(b, records, rec.Seq)
	}
	b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

var benchColumns, benchPaths = func() (names, paths []string) {
	for i := range 20 {
		names = append(names, fmt.Sprintf("f%d", i))
		if i%5 < 3 {
			paths = append(paths, fmt.Sprintf("f%d", i))
		}
	}
	return names, paths
}()

const benchLine = "D;17.03.2026 00:10:02;214070000000001;8934070000000000012;34600123456;20810;iot.sky.example;1200;88000;0;8f2e0a77;1;EUR;;10.1.2.3;351756051523999;6;3GPP;ok;0\n"

func BenchmarkCSV(b *testing.B) {
	plain := &Options{CSV: &CSV{Delimiter: ";", Columns: Columns{Names: benchColumns}}}
	quoted := "\"" + strings.ReplaceAll(strings.TrimSpace(benchLine), ";", "\";\"") + "\"\n"
	b.Run("20columns", func(b *testing.B) { benchmarkDecode(b, plain, benchPaths, benchLine, nil) })
	b.Run("20columns/quoted", func(b *testing.B) { benchmarkDecode(b, plain, benchPaths, quoted, nil) })
	b.Run("20columns/gzip", func(b *testing.B) { benchmarkDecode(b, plain, benchPaths, benchLine, gzipped) })
	b.Run("20columns/zstd", func(b *testing.B) { benchmarkDecode(b, plain, benchPaths, benchLine, zstandard) })
	latin := *plain
	latin.Encoding = "latin-1"
	b.Run("20columns/latin-1", func(b *testing.B) { benchmarkDecode(b, &latin, benchPaths, benchLine, nil) })
}

func BenchmarkJSON(b *testing.B) {
	const line = `{"type":"data","imsi":"214070000000001","iccid":"8934070000000000012","session":{"id":"8f2e0a77","start":"2026-03-17T00:10:02Z","usage":{"up":1200,"down":88000}},"network":{"plmn":"20810","apn":"iot.sky.example"},"legs":[{"n":1,"bytes":500},{"n":2,"bytes":700}],"device":{"imei":"351756051523999","ip":"10.1.2.3"}}` + "\n"
	o := &Options{JSON: &JSON{}}
	b.Run("nested", func(b *testing.B) {
		benchmarkDecode(b, o, []string{"type", "imsi", "session.id", "session.start", "session.usage.up", "session.usage.down", "network.plmn", "legs"}, line, nil)
	})
}
