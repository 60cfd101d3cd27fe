package backoffice_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/registry"
)

func TestACreditPolicyBlocksActivationsOfSIMsInCommandsAndBatches(t *testing.T) {
	p := newPark(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"), 3)
	require.NoError(t, os.WriteFile(filepath.Join(p.Project, "catalogue", "credit.yaml"),
		[]byte("credit_policy: standard\nthresholds: [{ at: 90 %, do: [block_activations] }]\n"), 0o644))
	revision, err := p.Store.RegistryRevision(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Store.ImportRegistry(t.Context(), &registry.Changes{Revision: revision + 1, Statements: []registry.Statement{
		{Kind: "profile", Subject: "acme", Value: []byte(`{"accounting_group":"eu","credit_limit":"1000"}`)}}},
		control.ImportOptions{Who: "ada", Now: time.Now(), Partitions: 2}))
	owe := func(amount string, passed ...account.Percent) {
		require.NoError(t, account.Migrate(t.Context(), p.Store.DB))
		require.NoError(t, p.Store.InTransaction(t.Context(), "a test", func(tx *store.Tx) error {
			rows := []account.CreditRow{{Payer: 1, Currency: "EUR"}}
			if err := (account.Table{}).LoadCredit(t.Context(), tx, rows); err != nil {
				return err
			}
			rows[0].Charged, rows[0].Passed, rows[0].Kept = decimal.MustParse(amount), passed, true
			rows[0].Version++
			return account.Table{}.SaveCredit(t.Context(), tx, rows)
		}))
	}
	p.does(1, "state", "in_billing")
	owe("950", 90)
	why := "acme owes 950 EUR, which is at least 90 % of its credit limit of 1000, and its credit policy then blocks activations"
	p.refuses("SIM 2 cannot become in_billing: "+why, 2, "state", "in_billing")

	// A SIM that is active already may become anything but active again, and what is no activation is allowed.
	p.does(1, "state", "suspended")
	p.refuses("SIM 1 cannot become in_billing: "+why, 1, "state", "in_billing")
	_, lines := p.batch("sim,operation,arguments\n"+imsi(2)+",state,in_billing\n"+imsi(3)+",state,in_testing\n", backoffice.BatchOrder{})
	require.Equal(t, []string{"1 refused: SIM 2 cannot become in_billing: " + why, "2 done"}, lines)

	owe("100")
	p.does(2, "state", "in_billing")
}
