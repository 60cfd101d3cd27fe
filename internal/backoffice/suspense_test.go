package backoffice

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/warehouse"
	"ratemill/udr"
)

func TestARetryIsDividedByBounds(t *testing.T) {
	var keys []warehouse.SuspendedKey
	for i := range 25_000 {
		keys = append(keys, warehouse.SuspendedKey{Source: map[bool]string{true: "a", false: "b"}[i < 12_000], Weight: 10})
	}
	keys[24_000].Weight = 64 << 20
	var sizes []int
	for _, b := range batches(keys) {
		sizes = append(sizes, len(b))
	}
	require.Equal(t, []int{10_000, 2_000, 10_000, 2_000, 1, 999}, sizes)
}

func TestAShortIDThatFitsSeveralFilesIsRefused(t *testing.T) {
	key := func(second byte) warehouse.SuspendedKey {
		return warehouse.SuspendedKey{ID: udr.ID{File: udr.FileID{0x8f, second}, Seq: 1}}
	}
	for _, destroys := range []bool{false, true} {
		err := unambiguous("8:1", []warehouse.SuspendedKey{key(1), key(2), key(3)}, destroys)
		require.ErrorContains(t, err, "8:1 matches records of several files, such as 8f01")
		require.NoError(t, unambiguous("8f010000000000000000000000000000:1", []warehouse.SuspendedKey{key(1)}, destroys))
		require.NoError(t, unambiguous("8f010000000000000000000000000000", []warehouse.SuspendedKey{key(1), key(1)}, destroys))
		require.NoError(t, unambiguous("", []warehouse.SuspendedKey{key(1), key(2)}, destroys), "a filter says which")
	}
	require.NoError(t, unambiguous("8f:1", []warehouse.SuspendedKey{key(1)}, false))
	require.ErrorContains(t, unambiguous("8f:1", []warehouse.SuspendedKey{key(1)}, true), "8f:1 is 8f010000000000000000000000000000:1")
}
