package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

// Warnings never end the reading of the files: only errors do.
func TestManyWarningsLeaveOutNoRow(t *testing.T) {
	const many = 70
	var accounts, before, after strings.Builder
	accounts.WriteString("id,currency,zone,cycle_day\n")
	before.WriteString("account,rating_type\n")
	after.WriteString("account,rating_type,since\n")
	for i := range many {
		fmt.Fprintf(&accounts, "a%d,EUR,UTC,1\n", i)
		fmt.Fprintf(&before, "a%d,prorated\n", i)
		fmt.Fprintf(&after, "a%d,full,2026-06-15\n", i)
	}
	r, statements := registry.New(), registry.NewStatements()
	o := registry.ImportOptions{Statements: statements, Now: udr.InstantOf(time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))}
	changes, _, list := registry.ImportWith(r, []registry.Input{input("accounts.csv", []byte(accounts.String())),
		input("profiles.csv", []byte(before.String()))}, o)
	require.Empty(t, list)
	r.Publish(changes.Revision)
	statements.Publish(changes.Revision)

	o.Lines = true
	changes, rows, list := registry.ImportWith(r, []registry.Input{input("profiles.csv", []byte(after.String()))}, o)
	require.False(t, list.HasErrors(), "%v", list)
	require.Len(t, rows, many)
	require.Len(t, changes.Statements, many)
	require.Len(t, list, 51)
	require.Contains(t, strings.Join(lines(list), "\n"), "there are 20 more warnings")
}
