package control_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/registry"
)

func sims(b *testing.B) int {
	text := os.Getenv("CONTROL_SIMS")
	if text == "" {
		return 50_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

// cpu is the CPU time of the process, which is more exact than the clock on a machine that others use too.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRegistry imports and loads SIMs with two identifiers each; CONTROL_SIMS=1000000 takes the full size.
func BenchmarkRegistry(b *testing.B) {
	n := sims(b)
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			for b.Loop() {
				dsn := "sqlite:" + filepath.Join(b.TempDir(), "control.db")
				if engine == "postgres" {
					dsn = testengine.SharedPostgres(b).NewDatabase(b)
				}
				s, err := control.Open(b.Context(), dsn)
				require.NoError(b, err)
				begun := time.Now()
				require.NoError(b, s.ImportRegistry(b.Context(), fleet(1, 0, n), control.ImportOptions{Partitions: 1}))
				imported := time.Now()
				reg := registry.New()
				_, err = s.LoadRegistry(b.Context(), reg)
				require.NoError(b, err)
				b.ReportMetric(float64(n)/imported.Sub(begun).Seconds(), "SIMs-imported/s")
				b.ReportMetric(float64(n)/time.Since(imported).Seconds(), "SIMs-loaded/s")
				require.NoError(b, s.Close())
			}
		})
	}
}

// BenchmarkImport takes SIMs from CSV into SQLite as ratemill import does, without and with their states and a setting;
// CONTROL_SIMS=1000000 takes the full size.
func BenchmarkImport(b *testing.B) {
	for _, of := range []struct{ name, columns, cells string }{{"sims", "", ""}, {"sims+states+settings",
		",state,core,lifecycle,apn_group", ",in_billing,active,standard@1,iot"}} {
		b.Run(of.name, func(b *testing.B) { importing(b, of.columns, of.cells) })
	}
}

func importing(b *testing.B, columns, cells string) {
	n := sims(b)
	var csv bytes.Buffer
	csv.WriteString("iccid,imsi,msisdn,account,plan,since" + columns + "\n")
	for i := range n {
		fmt.Fprintf(&csv, "89340100%011d,21407%010d,3460%09d,a%d,fleet,2026-01-%02d%s\n", i, i, i, i%1000, 1+i%28, cells)
	}
	var accounts bytes.Buffer
	accounts.WriteString("id,currency,zone\n")
	for i := range 1000 {
		fmt.Fprintf(&accounts, "a%d,EUR,Europe/Madrid\n", i)
	}
	input := func(name string, data []byte) registry.Input {
		return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
	}
	for b.Loop() {
		s, err := control.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "control.db"))
		require.NoError(b, err)
		begun, used := time.Now(), cpu(b)
		changes, problems := registry.Import(registry.New(), []registry.Input{input("accounts.csv", accounts.Bytes()), input("sims.csv",
			csv.Bytes())})
		require.Empty(b, problems)
		read := time.Now()
		require.NoError(b, s.ImportRegistry(b.Context(), changes, control.ImportOptions{Partitions: 12}))
		b.ReportMetric(read.Sub(begun).Seconds(), "s-to-read")
		b.ReportMetric(time.Since(read).Seconds(), "s-to-store")
		loaded := time.Now()
		_, err = s.LoadRegistry(b.Context(), registry.New())
		require.NoError(b, err)
		b.ReportMetric(time.Since(loaded).Seconds(), "s-to-load")
		b.ReportMetric((cpu(b) - used).Seconds(), "cpu-s")
		require.NoError(b, s.Close())
	}
}
