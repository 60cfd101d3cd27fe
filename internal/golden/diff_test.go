package golden

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
)

// Lines that are kept or taken away are the first text, those that are kept or added the second.
func TestDifferencesLeadFromOneTextToTheOther(t *testing.T) {
	for seed := range seeds.Each(t, 1, 3) {
		random := rand.New(rand.NewPCG(seed, 66))
		for range 200 {
			text := func() (lines []string) {
				for range random.IntN(400) {
					lines = append(lines, strconv.Itoa(random.IntN(1+random.IntN(300))))
				}
				return lines
			}
			a, b := text(), text()
			var first, second []string
			for _, c := range differences(a, b) {
				if c.kind != '+' {
					first = append(first, c.line)
				}
				if c.kind != '-' {
					second = append(second, c.line)
				}
			}
			require.Equal(t, a, first)
			require.Equal(t, b, second)
		}
	}
}

// A large document costs memory for its differences, not for the product of its lines.
func TestTheDifferenceOfLargeDocumentsTakesLittleMemory(t *testing.T) {
	var a []string
	for i := range 20_000 {
		a = append(a, "      - { prefix: \""+strconv.Itoa(i)+"\", price: 0.01 }")
	}
	b := append([]string(nil), a...)
	for i := 0; i < len(b); i += 500 {
		b[i] += " # another"
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	changes := differences(a, b)
	runtime.ReadMemStats(&after)
	require.Len(t, changes, 20_040)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
}
