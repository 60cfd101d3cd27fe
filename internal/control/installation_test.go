package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestAStoreHasOneNameForGood(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		name, err := s.Installation(t.Context())
		require.NoError(t, err)
		require.Empty(t, name, "nobody ran")
		name, err = s.InstallationOrNew(t.Context())
		require.NoError(t, err)
		require.Len(t, name, 26)
		again, err := other.InstallationOrNew(t.Context())
		require.NoError(t, err)
		require.Equal(t, name, again)
		again, err = other.Installation(t.Context())
		require.NoError(t, err)
		require.Equal(t, name, again)
	})
}

func TestAStoreKnowsWhatItLetOthersWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		knows := func(epochs, sink bool) {
			t.Helper()
			has, err := other.GaveEpochs(t.Context(), "rated")
			require.NoError(t, err)
			require.Equal(t, epochs, has)
			has, err = other.HasSink(t.Context(), "clickhouse/X")
			require.NoError(t, err)
			require.Equal(t, sink, has)
		}
		_, err := s.NextEpoch(t.Context(), "another topic", 0, 0)
		require.NoError(t, err)
		_, err = s.SinkCommit(t.Context(), "clickhouse/Y", 0, control.SinkPosition{}, 17, nil)
		require.NoError(t, err)
		knows(false, false)
		_, err = s.NextEpoch(t.Context(), "rated", 1, 0)
		require.NoError(t, err)
		knows(true, false)
		_, err = s.SinkIntent(t.Context(), "clickhouse/X", 1, control.SinkPosition{}, control.Intent{From: 0, To: 3})
		require.NoError(t, err)
		knows(true, true)
	})
}
