package decode

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/rules/record"
)

func benchmarkDecode(b *testing.B, o *Options, paths []string, line string, packed func(testing.TB, ...string) []byte) {
	const records = 100_000
	// Figures that differ from line to line, or compression would look cheaper than it is.
	random := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	for range records {
		for _, c := range []byte(line) {
			if c >= '1' && c <= '9' && random.IntN(3) == 0 {
				c = '1' + byte(random.IntN(9))
			}
			text.WriteByte(c)
		}
	}
	content := text.Bytes()
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
	began := spent()
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
	b.ReportMetric(float64(spent()-began)/float64(b.N)/records, "cpu-ns/record")
}

// spent is this process's time on the processors, which a busy machine stretches less than the clock's.
func spent() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
	plain := &Options{Chosen: Of(&CSV{Delimiter: ";", Named: Columns{Names: benchColumns}})}
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
	o := &Options{Chosen: Of(&JSON{})}
	b.Run("nested", func(b *testing.B) {
		paths := []string{"type", "imsi", "session.id", "session.start", "session.usage.up", "session.usage.down", "network.plmn", "legs"}
		benchmarkDecode(b, o, paths, line, nil)
	})
}

func BenchmarkFixed(b *testing.B) {
	x := &Fixed{Type: &Place{Name: "f0", From: 1, Width: 1}}
	var places []Place
	line, at := "D", 2
	for i, text := range strings.Split(strings.TrimSpace(benchLine), ";")[1:] {
		places = append(places, Place{Name: fmt.Sprintf("f%d", i+1), From: at, Width: 21})
		line += fmt.Sprintf("%-21s", text)
		at += 21
	}
	x.Records = []FixedRecord{{Types: []string{"D"}, Places: places}}
	b.Run("20columns", func(b *testing.B) {
		benchmarkDecode(b, &Options{Chosen: Of(x)}, benchPaths, line+"\n", nil)
	})
}

// BenchmarkSplit sets the splitting of lines against the obvious way.
func BenchmarkSplit(b *testing.B) {
	layout := &record.Layout{}
	for _, p := range benchPaths {
		layout.Slot(p)
	}
	opened, err := (&Options{Chosen: Of(&CSV{Delimiter: ";", Named: Columns{Names: benchColumns}})}).Open(strings.NewReader(benchLine),
		layout)
	require.NoError(b, err)
	d := opened.(*csvDecoder)
	line := []byte(strings.TrimSpace(benchLine))
	b.Run("words", func(b *testing.B) {
		for b.Loop() {
			if d.split(line) != 20 {
				b.Fatal("columns")
			}
		}
	})
	b.Run("IndexByte", func(b *testing.B) {
		for b.Loop() {
			columns, rest := 0, line
			for more := true; more; columns++ {
				field := rest
				i := bytes.IndexByte(rest, ';')
				if more = i >= 0; more {
					field, rest = rest[:i], rest[i+1:]
				}
				if columns < len(d.slots) && d.slots[columns] >= 0 {
					f := &d.fields[d.slots[columns]]
					f.Kind, f.Text = record.Text, field
				}
			}
			if columns != 20 {
				b.Fatal("columns")
			}
		}
	})
}
