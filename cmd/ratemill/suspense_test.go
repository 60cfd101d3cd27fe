package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/warehouse"
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
