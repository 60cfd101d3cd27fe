package account_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/registry"
	"ratemill/udr"
)

func TestAContractThatDoesNotRenewIsInForceUntilItsTermIsOver(t *testing.T) {
	reg, statements := registry.New(), registry.NewStatements()
	c := &registry.Changes{Revision: 1, Accounts: []registry.AccountFact{{Number: 1, ID: "acme", Currency: "EUR", Zone: "UTC",
		CycleDay: 1}},
		Statements: []registry.Statement{{Kind: registry.KindContract, Subject: "c-1",
			Value: []byte(`{"account":"acme","document":"fleet-24","start":"2026-01-01","status":"active","until":"2028-01-01"}`)}}}
	require.NoError(t, reg.Apply(c))
	require.NoError(t, statements.Apply(c))
	view := reg.View()
	defer view.Close()
	b := account.NewBook(view, statements, &account.Installation{})
	for when, there := range map[string]bool{"2027-12-31": true, "2028-01-01": false} {
		day, err := time.Parse(time.DateOnly, when)
		require.NoError(t, err)
		require.Equal(t, there, b.Standing("acme", udr.InstantOf(day)).Contract != nil, when)
	}
	require.NoError(t, b.Err())
}
