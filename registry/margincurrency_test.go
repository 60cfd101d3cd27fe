package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
)

// Without a rate, the margin of an account that pays in another currency than those below it cannot be shown.
func TestPayersInTwoCurrenciesWithoutARateAreTold(t *testing.T) {
	catalogue := &registry.Catalogue{
		Plans:          []string{"euros", "dollars", "pounds"},
		PlanCurrencies: map[string][]string{"euros": {"EUR"}, "dollars": {"USD"}, "pounds": {"GBP"}},
		Converts:       func(from, to string) bool { return from == "EUR" && to == "USD" },
	}
	inputs := []registry.Input{
		input("accounts.csv", []byte(`id,parent,currency,zone,plan
top,,USD,UTC,dollars
region,top,USD,UTC,
shop,region,EUR,UTC,
club,region,GBP,UTC,
idle,region,GBP,UTC,
dealer,top,GBP,UTC,pounds
same,dealer,GBP,UTC,
`)),
		input("sims.csv", []byte("imsi,account,plan\n234100000000001,shop,euros\n234100000000002,club,pounds\n234100000000003,same,pounds\n")),
	}
	require.Equal(t, []string{
		"accounts.csv:2:14: account top pays in USD for usage of account club, which pays in GBP. No rates document converts GBP to USD, so " +
			"ratemill cannot show a margin for top; write `rates:` with `currencies: { GBP: { USD: … } }`",
	}, lines(registry.Check(inputs, registry.ImportOptions{Catalogue: catalogue})))
}
