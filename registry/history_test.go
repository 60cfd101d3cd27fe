package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

// TestAHistoryHasAllThatWasSaidOfASIM: owners, plans and identifiers, each with the revisions that said when it begins and
// ends, and what was corrected since.
func TestAHistoryHasAllThatWasSaidOfASIM(t *testing.T) {
	rows := []string{
		said{card: 0, since: 1, account: "acme", plan: "fleet", numbers: cardNumbers[:1]}.row(),
		said{card: 0, since: 5, account: "north", plan: "meter", numbers: cardNumbers[:1]}.row(),
		said{card: 0, since: 5, account: "north", plan: "fleet", numbers: cardNumbers[1:2]}.row(),
		said{card: 0, since: 5, until: 8, account: "north", plan: "fleet", numbers: cardNumbers[1:2]}.row(),
	}
	var before []*registry.Changes
	var reg *registry.Registry
	for _, r := range rows {
		var err error
		before, reg, err = imported(before, r)
		require.NoError(t, err)
	}
	v := reg.View()
	defer v.Close()
	number := udr.Identifier{Kind: udr.MSISDN, Value: cardNumbers[0]}
	sims := v.EverNamed(number)
	require.Equal(t, []uint32{1}, sims, "also by a number that it has no more")
	var got []string
	for _, p := range v.History(1) {
		what := p.Identifier.Kind.String() + " " + p.Identifier.Value
		if p.Identifier.Kind == udr.NoID {
			account, _ := v.AccountID(p.Account)
			what = account + "/" + v.PlanName(p.Plan)
		}
		line := fmt.Sprintf("%s since %s (%d)", what, p.Since.Time().UTC().Format(time.DateOnly), p.Known)
		if p.Ends {
			line += fmt.Sprintf(" until %s (%d)", p.Until.Time().UTC().Format(time.DateOnly), p.EndKnown)
		}
		if p.Corrected != 0 {
			line += fmt.Sprintf(" corrected (%d)", p.Corrected)
		}
		got = append(got, line)
	}
	require.Equal(t, []string{
		"acme/fleet since 2026-01-01 (1) until 2026-01-05 (2)",
		"north/meter since 2026-01-05 (2) corrected (3)",
		"north/fleet since 2026-01-05 (3) until 2026-01-08 (4)",
		"imsi 214070000000000 since 2026-01-01 (1) until 2026-01-08 (4)",
		"msisdn 34600000001 since 2026-01-01 (1) until 2026-01-05 (3)",
		"msisdn 34600000002 since 2026-01-05 (3) until 2026-01-08 (4)",
	}, got)
	account, _ := v.AccountNumber("north")
	at := udr.InstantOf(time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC))
	require.Equal(t, []uint32{1}, v.SIMsOf(account, at, v.Revision(), nil))
	require.Empty(t, v.SIMsOf(account, at, 1, nil))
}
