package control_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/testengine"
	"ratemill/registry"
)

// BenchmarkRegistry imports and loads SIMs with two identifiers each; CONTROL_SIMS=1000000 takes the full size.
func BenchmarkRegistry(b *testing.B) {
	n := 50_000
	if text := os.Getenv("CONTROL_SIMS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
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
