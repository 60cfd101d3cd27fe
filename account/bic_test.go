package account_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/account"
)

func TestABICHasItsCountry(t *testing.T) {
	var b account.BIC
	require.NoError(t, b.UnmarshalText([]byte("cobadeff")))
	require.NoError(t, b.UnmarshalText([]byte("COBADEFF500")))
	require.EqualValues(t, "COBADEFF500", b)
	for _, text := range []string{"", "COBADEF", "COBAQQFF", "COBADEFFX", "COBADE F"} {
		require.Error(t, b.UnmarshalText([]byte(text)), text)
	}
}
