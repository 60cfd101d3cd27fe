package control_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/registry"
)

func csvFile(name, text string) registry.Input {
	return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}

func fleetFiles(sims int) []registry.Input {
	var b bytes.Buffer
	b.WriteString("imsi,account,plan,since,state,core,apn_group\n")
	for i := range sims {
		fmt.Fprintf(&b, "21407%010d,acme,fleet,2026-01-01,in_billing,active,iot\n", i)
	}
	return []registry.Input{csvFile("accounts.csv", "id,currency,zone\nacme,EUR,UTC\n"), csvFile("statuses.csv",
		"account,status\nacme,active\n"), csvFile("sims.csv", b.String())}
}

func TestADryRunChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		done, list, err := s.Import(t.Context(), fleetFiles(3), control.ImportOptions{Who: "ana", Now: noon, DryRun: true})
		require.NoError(t, err)
		require.Empty(t, list)
		require.Equal(t, control.Imported{Revision: 1, Accounts: 1, SIMs: 3, Identifiers: 3, States: 3, Statements: 4}, *done)
		revision, err := s.RegistryRevision(t.Context())
		require.NoError(t, err)
		require.Zero(t, revision)
	})
}

// An import that is interrupted between portions goes on where it was.
func TestAnImportInPortionsGoesOnWhereItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		options := control.ImportOptions{Who: "ana", Why: "order 4711", Now: noon, Portion: 10}
		done, _, err := s.Import(t.Context(), fleetFiles(25), options)
		require.NoError(t, err)
		require.Equal(t, control.Imported{Revision: 3, Accounts: 1, SIMs: 25, Identifiers: 25, States: 25, Statements: 26}, *done)

		done, _, err = s.Import(t.Context(), fleetFiles(42), options)
		require.NoError(t, err)
		require.Equal(t, control.Imported{Revision: 6, SIMs: 17, Identifiers: 17, States: 17, Statements: 17}, *done)
		history, err := s.RegistryHistory(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, []any{"order 4711", int64(2)}, []any{history[0].Why, history[0].SIMs})

		done, _, err = s.Import(t.Context(), fleetFiles(42), control.ImportOptions{Now: noon})
		require.NoError(t, err)
		require.Zero(t, *done)
	})
}

func TestLinesWithMistakesAreLeftOutIfTheOthersAreWanted(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		files := []registry.Input{
			csvFile("accounts.csv", "id,currency,zone\nacme,EUR,UTC\nwrong,EURO,UTC\n"),
			csvFile("sims.csv", "imsi,account\n214070000000001,acme\n214070000000002,wrong\n214070000000003,acme\n21,acme\n"),
		}
		options := control.ImportOptions{Who: "ana", Now: noon, Files: registry.ImportOptions{Lines: true}}
		done, list, err := s.Import(t.Context(), files, options)
		require.NoError(t, err)
		require.True(t, list.HasErrors())
		require.Zero(t, done.Revision)

		options.LeaveOut = true
		done, list, err = s.Import(t.Context(), files, options)
		require.NoError(t, err)
		require.True(t, list.HasErrors())
		require.Equal(t, 2, done.SIMs)
		var results []string
		for _, l := range done.Lines {
			results = append(results, fmt.Sprintf("%s:%d %s", l.File, l.Line, l.Result))
		}
		require.ElementsMatch(t, []string{"accounts.csv:2 changed", "accounts.csv:3 refused", "sims.csv:2 changed", "sims.csv:3 refused",
			"sims.csv:4 changed",
			"sims.csv:5 refused"}, results)
		done, _, err = s.Import(t.Context(), files, options)
		require.NoError(t, err)
		require.Zero(t, done.Revision)
	})
}
