package roles

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingNumbers(t *testing.T) {
	require.Empty(t, missing(nil))
	require.Empty(t, missing([]int64{7}))
	require.Equal(t, []int64{4, 7, 8}, missing([]int64{9, 3, 5, 6, 5}), "in any order, the same number twice")
	require.Equal(t, []int64{2}, missing([]int64{999_998, 999_999, 1, 3}), "a carrier that begins to count anew has lost nothing")
}
