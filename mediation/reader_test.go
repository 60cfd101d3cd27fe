package mediation

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The size of a record has 32 bits wherever it is kept; both ends of the balance must count the same.
func TestALineOfMoreThanFourGiBIsCountedTheSameAtBothEnds(t *testing.T) {
	var r reader
	r.read(5 << 30)
	r.read(100)
	require.EqualValues(t, math.MaxUint32+100, r.progress.Read.Bytes)
	r.read(5 << 30)
	require.EqualValues(t, uint32(r.size), r.size)
}
