package account_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/registry"
)

// bookOf is the book of facts.
func bookOf(t *testing.T, f *facts) *account.Book {
	r, s := registry.New(), registry.NewStatements()
	_, err := f.load(t.Context(), r, s)
	require.NoError(t, err)
	view := r.View()
	t.Cleanup(view.Close)
	return account.NewBook(view, s, &account.Installation{})
}

func state(kind registry.Kind, subject, name, value string) registry.Statement {
	return registry.Statement{Kind: kind, Subject: subject, Name: name, Value: []byte(value)}
}

func TestPayerSellerAndTierFollowFromTheTree(t *testing.T) {
	f := newFacts()
	m := f.changes[0].Accounts[0]
	m.Kind = registry.ResellerAccount
	f.know(registry.Changes{Accounts: []registry.AccountFact{m}})
	b := bookOf(t, f)
	at := day("2026-04-01")
	require.Equal(t, []string{"m", "east"}, []string{b.Payer("m", at), b.Payer("east", at)}, "without any profile each pays for itself")
	require.Equal(t, "retailer", b.Tier("m", at), "a reseller without a customer")

	f.profile("m", "cycle_day: 1")
	b = bookOf(t, f)
	require.Equal(t, "m", b.Payer("east", at))
	require.Equal(t, []string{"", "m"}, []string{b.Seller("m", at), b.Seller("east", at)})
	require.Equal(t, "retailer", b.Tier("m", at), "its sub-accounts are no customers")

	f.profile("west", "cycle_day: 1")
	b = bookOf(t, f)
	require.Equal(t, []string{"m", "west"}, []string{b.Payer("east", at), b.Payer("west", at)})
	require.Equal(t, []string{"reseller", "retailer"}, []string{b.Tier("m", at), b.Tier("west", at)})
	require.NoError(t, b.Err())
}

func TestAnAccountThatIsBlacklistedOrNotActiveGetsNoSIMs(t *testing.T) {
	f := newFacts()
	f.know(registry.Changes{Statements: []registry.Statement{state(registry.KindDetails, "east", "", `{"blacklisted":true}`),
		state(registry.KindStatus, "west", "", `{"status":"lead"}`)}})
	b := bookOf(t, f)
	at := day("2026-04-01")
	require.NoError(t, b.TakesSIMs("m", at))
	require.ErrorContains(t, b.TakesSIMs("east", at), "account east is blacklisted")
	require.ErrorContains(t, b.TakesSIMs("west", at), "account west will be lead at that time, and only an active account gets SIMs")
}

func TestAStoredValueThatIsNotUnderstoodIsAnError(t *testing.T) {
	f := newFacts()
	f.know(registry.Changes{Statements: []registry.Statement{state(registry.KindProfile, "m", "", `{"colour":"red"}`)}})
	b := bookOf(t, f)
	b.Profile("m", day("2026-04-01"))
	require.ErrorContains(t, b.Err(), "the profile of m: this ratemill does not know the stored value")
}
