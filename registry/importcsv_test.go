package registry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
)

func TestFilesOfSpreadsheetsNameTheirSeparatorAndEndTheirLines(t *testing.T) {
	accounts := func(text string) []registry.Input { return []registry.Input{input("accounts.csv", []byte(text))} }
	changes, problems := registry.Import(registry.New(), accounts("\ufeffsep=;\r\nid;currency;zone\r\nacme;EUR;UTC\r\n"))
	require.Empty(t, problems)
	require.Len(t, changes.Accounts, 1)
	for _, text := range []string{"id,currency,zone\racme,EUR,UTC\r", "# customers\rid,currency,zone\racme,EUR,UTC\r",
		"id,currency,zone\r" + strings.Repeat("acme,EUR,UTC\r", 10_000)} {
		_, problems = registry.Import(registry.New(), accounts(text))
		require.ErrorContains(t, problems.Err(), "accounts.csv:1:1: error: the lines end in CR alone")
	}
}
