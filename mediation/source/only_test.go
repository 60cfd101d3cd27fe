package source_test

import (
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

func TestOnlyBoundsASourceToAccountsNetworksOrSIMs(t *testing.T) {
	reg := registry.New()
	changes, problems := registry.Import(reg, []registry.Input{{Name: "r.yaml", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(`
companies: { acme: { name: Acme } }
accounts:
  acme: { company: acme, plan: fleet, currency: EUR, zone: UTC, since: 2026-01-01 }
  east: { parent: acme, company: acme, plan: fleet, currency: EUR, zone: UTC, since: 2026-01-01 }
  other: { company: acme, plan: fleet, currency: EUR, zone: UTC, since: 2026-01-01 }
sims: { "imsi:214070000000001": { account: east, plan: fleet, since: 2026-01-01 } }
`)), nil
	}}})
	require.Empty(t, problems)
	require.NoError(t, reg.Apply(changes))
	view := reg.View()
	defer view.Close()
	at := udr.InstantOf(time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC))
	u := &udr.Usage{At: at}
	var ok bool
	u.SIM, ok = view.SIM(udr.Identifier{Kind: udr.IMSI, Value: "214070000000001"}, at, view.Revision())
	require.True(t, ok)
	u.Account, ok = view.AccountNumber("east")
	require.True(t, ok)
	for only, has := range map[string]bool{
		"":                                         true,
		"only: { accounts: [acme] }":               true, // above it
		"only: { accounts: [east] }":               true,
		"only: { accounts: [other] }":              false,
		"only: { networks: [214-07] }":             true,
		"only: { networks: [214-70] }":             false,
		"only: { sims: ['2140700'] }":              true,
		"only: { sims: ['99', '21407'] }":          true,
		"only: { sims: ['14070'] }":                false,
		"only: { accounts: [acme], sims: ['99'] }": false,
	} {
		book := load(t, map[string]string{"sources/a.yaml": small + only + "\n"})
		require.Equal(t, has, book.Sources[0].Only.Has(view, view.Revision(), u), only)
	}
	for wrong, says := range map[string]string{
		"only: { networks: [21407] }": `"21407" is not a network; write MCC-MNC`,
		"only: { sims: [x] }":         `"x" cannot begin an identifier`,
		"only: {}":                    "only contains nothing",
	} {
		_, l := source.LoadDir(fstest.MapFS{"sources/a.yaml": {Data: []byte(small + wrong + "\n")}}, nil)
		require.ErrorContains(t, l.Err(), says)
	}
}
