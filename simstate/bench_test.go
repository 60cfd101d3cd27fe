package simstate_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
)

// BenchmarkFirstUses is what a first use costs, all included: the facts, the cause, the time limit, and the position of a
// block that has 2,000 of them.
func BenchmarkFirstUses(b *testing.B) {
	for name, dsn := range map[string]func(t *testing.B) string{
		"sqlite":   func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "control.db") },
		"postgres": func(b *testing.B) string { return testengine.SharedPostgres(b).NewDatabase(b) },
	} {
		b.Run(name, func(b *testing.B) {
			p := newPlace(b, dsn(b))
			sims := max(b.N, 1)
			var file strings.Builder
			file.WriteString("name,account,plan,since\n")
			for i := range sims {
				fmt.Fprintf(&file, "sim-%d,acme,fleet,2026-01-15\n", i)
			}
			p.imports("id,name,kind\nacme,Acme,customer\n",
				"id,company,currency,zone,cycle_day,plan,since\nacme,acme,EUR,Europe/Madrid,1,fleet,2026-01-01\n",
				file.String())
			p.states(registry.Statement{Kind: registry.KindSettings, Subject: "acme", From: instant("2026-01-01 00:00"),
				Value: []byte(`{"lifecycle":"standard"}`)})
			p.follow()
			p.now = at("2026-02-02 08:00")
			const block = 2000
			b.ReportAllocs()
			b.ResetTimer()
			for first := 0; first < sims; first += block {
				var fresh []simstate.Usage
				for i := first; i < min(first+block, sims); i++ {
					fresh = append(fresh, simstate.Usage{SIM: uint32(i + 1), At: instant("2026-02-01 10:00"), Kind: life.Emptied,
						Cause: fmt.Sprintf("usage:file:%d:emptied", i)})
				}
				require.NoError(b, p.store.Change(b.Context(), "bench", func(tx *store.Tx) error {
					return p.keeper.WriteStates(b.Context(), tx, nil, fresh, "")
				}))
			}
			b.StopTimer()
			require.Equal(b, []string{"2026-01-15 00:00 billing_ready", "2026-02-01 10:00 in_billing"}, p.life(uint32(sims)))
		})
	}
}
