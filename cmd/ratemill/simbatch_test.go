package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// TestABatchThatIsKilledLosesAndDoublesNothing kills the program in the middle of a batch, again and again, and runs it
// to its end.
func TestABatchThatIsKilledLosesAndDoublesNothing(t *testing.T) {
	const sims, killed = 600, 4
	dir, bin := t.TempDir(), program(t)
	var registry, changes strings.Builder
	registry.WriteString("companies: { acme: { name: Acme } }\naccounts:\n" +
		"  acme: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }\n" +
		"settings: { acme: standard }\nsims:\n")
	changes.WriteString("sim,operation,arguments\n")
	for _, state := range []string{"in_billing", "suspended", "retired"} {
		for sim := range sims {
			if state == "retired" {
				fmt.Fprintf(&registry, "  \"21407000%07d\": { account: acme, since: 2025-03-01 }\n", sim)
			}
			fmt.Fprintf(&changes, "21407000%07d,state,%s\n", sim, state)
		}
	}
	for name, text := range map[string]string{"ratemill.yaml": "data: data\n", "registry/all.yaml": registry.String(),
		"changes.csv":         changes.String(),
		"catalogue/life.yaml": "lifecycle: standard\nstates: connected\ndefault: inventory\n"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	command := func(args string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), filepath.Join(bin, "ratemill"), strings.Fields(args)...)
		c.Dir, c.Env, c.Stderr = dir, environment(t, dir, bin), os.Stderr
		return c
	}
	require.NoError(t, command("import registry --why test").Run())
	const run = "sim batch changes.csv --why test --portion 25 -o csv"
	for n := range killed {
		c := command(run)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		lines := bufio.NewScanner(out)
		for i := 0; i < 350*(n+1) && lines.Scan(); i++ {
		}
		require.NoError(t, c.Process.Kill())
		require.Error(t, c.Wait())
	}
	results, err := command(run).Output()
	require.NoError(t, err)
	require.Equal(t, 3*sims, strings.Count(string(results), ",done,"))

	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(dir, "data", "control.db"))
	require.NoError(t, err)
	defer store.Close()
	var facts, distinct int
	require.NoError(t, store.Read().QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(DISTINCT c.cause) FROM sim_state_facts f JOIN fact_causes c
		ON c.known = f.known AND c.n = f.cause WHERE c.cause LIKE 'batch:%'`).Scan(&facts, &distinct))
	require.Equal(t, []int{3 * sims, 3 * sims}, []int{facts, distinct})
}
