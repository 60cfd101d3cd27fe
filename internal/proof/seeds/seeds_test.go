package seeds_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
)

// TestFailing fails with one seed, in a process that TestAFailureSaysItsSeed starts.
func TestFailing(t *testing.T) {
	bad := os.Getenv("FAILING_SEED")
	for seed := range seeds.Each(t, 2, 4) {
		require.NotEqual(t, bad, fmt.Sprint(seed))
	}
}

func run(t *testing.T, seed, bad string) (string, error) {
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFailing$", "-test.v")
	again.Env = append(os.Environ(), "SEED="+seed, "FAILING_SEED="+bad)
	said, err := again.CombinedOutput()
	return string(said), err
}

func TestAFailureSaysItsSeed(t *testing.T) {
	said, err := run(t, "70", "72")
	require.Error(t, err)
	require.Contains(t, said, "fresh seeds from 70 on; SEED=70 takes the same")
	require.Contains(t, said, "failed with seed 72; to replay it: SEED=72 go test -run '^TestFailing$'")

	said, err = run(t, "72", "72")
	require.Error(t, err)
	require.Contains(t, said, "failed with seed 72;", "it is replayed")

	said, err = run(t, "72", "2")
	require.Error(t, err)
	require.Contains(t, said, "failed with seed 2;", "the fixed seeds are taken in each run")

	said, err = run(t, "80", "72")
	require.NoError(t, err)
	require.Contains(t, said, "fresh seeds from 80 on")
	require.NotContains(t, said, "failed with")

	said, err = run(t, "seven", "")
	require.Error(t, err)
	require.Contains(t, said, "SEED=seven: the seed of a random test is a whole number")
}

func TestARunWithoutASeedHasOneOfItsOwn(t *testing.T) {
	var all []uint64
	for seed := range seeds.Each(t, 3, 2) {
		all = append(all, seed)
	}
	first := seeds.Fresh(t)
	require.Equal(t, []uint64{1, 2, 3, first, first + 1}, all)
	require.Equal(t, first, seeds.Fresh(t), "one for all tests of a process")
}
