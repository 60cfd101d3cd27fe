package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

// A plan or a limit in another currency than its account's would stop the usage of the account and of all below it.
func TestPlansAndLimitsAreInTheCurrencyOfTheirAccount(t *testing.T) {
	catalogue := &registry.Catalogue{
		Plans: []string{"fleet", "wholesale", "dollars"}, SharePlans: []string{"pool"}, Limits: []string{"cost", "data"},
		PlanCurrencies:  map[string][]string{"fleet": {"EUR"}, "wholesale": {"USD"}, "dollars": {"EUR", "USD"}},
		LimitCurrencies: map[string][]string{"cost": {"USD"}}, PoolPlans: map[string][]string{"pool": {"dollars"}},
	}
	inputs := []registry.Input{
		input("accounts.csv", []byte(`id,parent,currency,zone,plan,pool,limits
reseller,,EUR,Europe/London,wholesale,,
below,reseller,,,,pool,cost data
york,,USD,America/New_York,wholesale,pool,cost
`)),
		input("sims.csv", []byte(`imsi,account,plan
234100000000001,below,fleet
234100000000002,below,fleet
234100000000003,york,fleet
234100000000004,york,dollars
234100000000005,elsewhere,fleet
`)),
	}
	said := []string{
		"accounts.csv:2:29: account reseller pays in EUR, but plan wholesale is in USD: all its usage would go to suspense (currency). Give " +
			"the account one in its currency",
		"accounts.csv:3:19: nothing draws on pool pool of account below: its SIMs have the plans fleet, and only dollars take part",
		"accounts.csv:3:24: account below pays in EUR, but limit cost is in USD: all its usage would go to suspense (currency). Give the " +
			"account one in its currency",
		"sims.csv:4:22: account york pays in USD, but plan fleet is in EUR: all its usage would go to suspense (currency). Give the account " +
			"one in its currency",
	}
	require.Equal(t, append(said[:len(said):len(said)],
		"sims.csv:6:17: account elsewhere is not in these files: import takes the row only if the registry has it"),
		lines(registry.Check(inputs, registry.ImportOptions{Catalogue: catalogue})))

	_, problems := registry.ImportFor(registry.New(), inputs, catalogue, 0)
	require.Subset(t, lines(problems), said)
	require.True(t, problems.HasErrors())
}

// A pool of an account that pays for nothing, and a limit in a currency that nobody below pays, would do nothing.
func TestPoolsAndLimitsThatNothingReachesAreTold(t *testing.T) {
	catalogue := &registry.Catalogue{
		Plans: []string{"dollars"}, SharePlans: []string{"pool"}, Limits: []string{"euros", "cost"},
		PlanCurrencies: map[string][]string{"dollars": {"USD"}}, LimitCurrencies: map[string][]string{"euros": {"EUR"},
			"cost": {"EUR", "USD"}},
	}
	accounts := input("accounts.csv", []byte(`id,parent,currency,zone,plan,pool,limits
top,,EUR,UTC,,pool,euros cost
below,top,USD,,,pool,
fresh,,EUR,UTC,,pool,euros
`))
	sims := input("sims.csv", []byte("imsi,account,plan\n234100000000001,below,dollars\n"))
	require.Equal(t, []string{
		"accounts.csv:2:15: nothing draws on pool pool of account top: the account has no SIM and no plan of its own. Give the pool " +
			"to the accounts that own the SIMs (with `level: parent` in the share plan they share it)",
		"accounts.csv:2:20: limit euros of account top never counts: it is in EUR, but the accounts below pay in USD. Give the " +
			"account a limit in their currency",
	}, lines(registry.Check([]registry.Input{accounts, sims}, registry.ImportOptions{Catalogue: catalogue})))
	require.Empty(t, registry.Check([]registry.Input{accounts}, registry.ImportOptions{Catalogue: catalogue}), "the SIMs are in no file")
}

// An account that changes its currency needs plans in the currency of each time, of its SIMs and of those in the registry.
func TestPlansAreInTheCurrencyOfTheirAccountAtEachTime(t *testing.T) {
	catalogue := &registry.Catalogue{Plans: []string{"euros", "dollars"}, PlanCurrencies: map[string][]string{"euros": {"EUR"},
		"dollars": {"USD"}}}
	before := input("accounts.csv", []byte("id,parent,currency,zone,since\na,,EUR,UTC,\nb,a,,,\n"))
	after := input("accounts.csv", []byte("id,parent,currency,zone,since\na,,EUR,UTC,\na,,USD,UTC,2026-11-01\nb,a,,,\n"))
	stays := input("sims.csv", []byte("imsi,account,plan,since\n214070000000001,b,euros,\n"))
	moves := input("sims.csv", []byte("imsi,account,plan,since\n214070000000001,b,euros,\n214070000000001,b,dollars,2026-11-01\n"))
	const said = "account b pays in USD from 2026-11-01T00:00:00Z on, but plan euros is in EUR: later usage would go to " +
		"suspense (currency). Give it one in the new currency from then on"
	require.Equal(t, []string{"sims.csv:2:19: " + said}, lines(registry.Check([]registry.Input{after, stays},
		registry.ImportOptions{Catalogue: catalogue})))
	require.Empty(t, registry.Check([]registry.Input{after, moves}, registry.ImportOptions{Catalogue: catalogue}))

	reg := registry.New()
	changes, problems := registry.ImportFor(reg, []registry.Input{before, stays}, catalogue, 0)
	require.Empty(t, problems)
	reg.Publish(changes.Revision)
	_, problems = registry.ImportFor(reg, []registry.Input{after}, catalogue, 0)
	require.Equal(t, []string{"accounts.csv:3:4: " + said}, lines(problems))
}

// A plan or limit whose versions change their currency needs accounts that change theirs at the same time.
func TestEachVersionIsInTheCurrencyOfTheAccountInItsTime(t *testing.T) {
	versions := []registry.VersionCurrency{
		{Currency: "EUR", Begins: func(*time.Location) udr.Instant { return 0 }},
		{Currency: "USD", Begins: func(zone *time.Location) udr.Instant {
			return udr.InstantOf(time.Date(2026, 4, 1, 0, 0, 0, 0, zone))
		}, Text: "2026-04-01"},
	}
	both := []string{"EUR", "USD"}
	catalogue := &registry.Catalogue{Plans: []string{"p"}, Limits: []string{"l"}, PlanCurrencies: map[string][]string{"p": both},
		LimitCurrencies: map[string][]string{"l": both}, PlanVersions: map[string][]registry.VersionCurrency{"p": versions},
		LimitVersions: map[string][]registry.VersionCurrency{"l": versions}}
	said := func(accounts, sims string) []string {
		return lines(registry.Check([]registry.Input{input("accounts.csv", []byte("id,currency,zone,limits,since\n"+accounts)),
			input("sims.csv", []byte("imsi,account,plan,since\n"+sims))}, registry.ImportOptions{Catalogue: catalogue}))
	}
	const ends = ": usage of that time would go to suspense (currency). Give it one in its currency for that time, or change the " +
		"currency of the account on that date"
	for _, zone := range []string{"UTC", "Europe/Madrid", "America/New_York"} {
		require.Equal(t, []string{
			"accounts.csv:2:" + fmt.Sprint(len("a,EUR,"+zone+",")+1) + ": account a pays in EUR, but limit l is in USD from 2026-04-01 on" + ends,
			"sims.csv:2:19: account a pays in EUR, but plan p is in USD from 2026-04-01 on" + ends,
		}, said("a,EUR,"+zone+",l,\n", "214070000000001,a,p,\n"))
		require.Equal(t, []string{"sims.csv:2:19: account a pays in USD, but plan p is in EUR" + ends},
			said("a,USD,"+zone+",,2026-01-01\n", "214070000000001,a,p,2026-01-01\n"))
		require.Empty(t, said("a,EUR,"+zone+",l,\na,USD,"+zone+",l,2026-04-01\n", "214070000000001,a,p,\n"), "both change on one date")
		require.Empty(t, said("a,USD,"+zone+",l,\n", "214070000000001,a,p,\n"), "no time before April is stated")
		require.Empty(t, said("a,USD,"+zone+",l,2026-04-01\n", "214070000000001,a,p,2026-04-01\n"))
		require.NotEmpty(t, said("a,EUR,"+zone+",l,\na,USD,"+zone+",l,2026-05-01\n", "214070000000001,a,p,\n"), "a month late")
	}
}
