package normalize

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What address cannot read is not helped by the advice to use address.
func TestAddressDoesNotRecommendItself(t *testing.T) {
	us, err := ParseCountry([]byte("US"))
	require.NoError(t, err)
	for _, text := range []string{"*21*0301234567#", "+1212555", "+3460000", "+34600"} {
		_, err := ParseAddress([]byte(text), PhoneOptions{From: us})
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "address(…)", text)
	}
}
