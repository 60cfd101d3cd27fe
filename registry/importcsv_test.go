package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
)

func TestFilesOfSpreadsheetsNameTheirSeparatorAndEndTheirLines(t *testing.T) {
	accounts := func(text string) []registry.Input { return []registry.Input{input("accounts.csv", []byte(text))} }
	changes, problems := registry.Import(registry.New(), accounts("\ufeffsep=;\r\nid;currency;zone\r\nacme;EUR;UTC\r\n"))
	require.Empty(t, problems)
	require.Len(t, changes.Accounts, 1)
	_, problems = registry.Import(registry.New(), accounts("id,currency,zone\racme,EUR,UTC\r"))
	require.ErrorContains(t, problems.Err(), "accounts.csv:1:1: error: the lines end in CR alone")
}
