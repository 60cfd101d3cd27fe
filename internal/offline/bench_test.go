package offline_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/internal/proof/bench"
	"ratemill/internal/ratedlog"
	"ratemill/registry"
)

const skylink = "../golden/testdata/skylink"

// world is a project, and a registry of so many SIMs of one account.
func world(tb testing.TB, sims int) (*project.Project, *registry.Registry) {
	p, list := project.Load(os.DirFS(skylink), nil)
	require.NoError(tb, list.Err())
	var b bytes.Buffer
	b.WriteString("imsi,account,plan,since\n")
	for i := range sims {
		fmt.Fprintf(&b, "2140700000%05d,acme,fleet,2026-01-14\n", i)
	}
	input := func(name, text string) registry.Input {
		return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }}
	}
	reg := registry.New()
	changes, list := registry.Import(reg, []registry.Input{
		input("accounts.csv", "id,currency,zone,cycle_day,pool\nacme,EUR,Europe/Madrid,1,fleet-3g\n"), input("sims.csv", b.String())})
	require.NoError(tb, list.Err())
	reg.Publish(changes.Revision)
	return p, reg
}

// content is a file of records: three in four data, the others messages.
func content(records int, seed int64) []byte {
	random := rand.New(rand.NewSource(seed))
	networks := []string{"20810", "21407", "26201"}
	var b bytes.Buffer
	for i := range records {
		at := fmt.Sprintf("17.03.2026 %02d:%02d:%02d", i/3600%24, i/60%60, i%60)
		sim := random.Intn(1000)
		network := networks[random.Intn(len(networks))]
		if i%4 == 0 {
			fmt.Fprintf(&b, "S;%s;2140700000%05d;+33612345678;%s;;;;;%x;1\n", at, sim, network, i)
		} else {
			fmt.Fprintf(&b, "D;%s;2140700000%05d;;%s;iot.sky;%d;%d;0;%x;1\n", at, sim, network, random.Intn(10_000), random.Intn(100_000), i)
		}
	}
	return b.Bytes()
}

func file(p *project.Project, path string, text []byte) offline.File {
	s, _ := p.Sources.Source("skylink")
	return offline.File{Source: s, Path: path, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
}

func BenchmarkPipeline(b *testing.B) {
	const records = 100_000
	p, reg := world(b, 1000)
	text := content(records, 1)
	for _, name := range []string{"nothing", "json"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				j := offline.JSON{Registry: reg}
				var buf []byte
				pipe := offline.Pipeline{Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg}
				if name == "json" {
					pipe.Batch = func(f *offline.File, _ int, batch *ratedlog.Batch, _ []byte) (err error) {
						buf, err = j.Append(buf[:0], f, batch, false)
						return err
					}
				}
				balances, err := pipe.Run(context.Background(), []offline.File{file(p, "/out/SKY_1.csv", text)})
				require.NoError(b, err)
				require.EqualValues(b, records, balances[0].Rated)
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	p, reg := world(b, 1000)
	j := offline.JSON{Registry: reg}
	var of *offline.File
	var messages [][]byte
	records := 0
	pipe := offline.Pipeline{Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg,
		Batch: func(f *offline.File, _ int, batch *ratedlog.Batch, value []byte) error {
			of, messages, records = f, append(messages, bytes.Clone(value)), records+len(batch.Rated)
			return nil
		}}
	_, err := pipe.Run(context.Background(), []offline.File{file(p, "/out/SKY_1.csv", content(20_000, 1))})
	require.NoError(b, err)
	var batch ratedlog.Batch
	var out []byte
	b.ReportAllocs()
	defer bench.CPU(b, records)()
	for b.Loop() {
		for _, m := range messages {
			require.NoError(b, ratedlog.ParseBatch(m, &batch))
			out, err = j.Append(out[:0], of, &batch, false)
			require.NoError(b, err)
		}
	}
}
