package normalize

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The advice to use address does not come with a number that address cannot read either.
func TestAddressDoesNotRecommendItself(t *testing.T) {
	us, err := ParseCountry([]byte("US"))
	require.NoError(t, err)
	for _, text := range []string{"*21*0301234567#", "+1212555", "+3460000", "+34600"} {
		_, err := ParseAddress([]byte(text), PhoneOptions{From: us})
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "address(…)", text)
	}
}
