package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestNewestFilesAreThoseSeenLast(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		sight(t, s, "skylink", at(1), sighting("/SKY_1", 0))
		sight(t, other, "skylink", at(2), sighting("/SKY_3", 0))
		sight(t, s, "meshnet", at(3), sighting("/mesh_1", 0))

		files, err := s.NewestFiles(t.Context(), "skylink", 10)
		require.NoError(t, err)
		require.Len(t, files, 2)
		require.Equal(t, "/SKY_3", files[0].Path)
		require.True(t, files[0].At.Equal(at(2)), files[0].At)

		files, err = s.NewestFiles(t.Context(), "skylink", 1)
		require.NoError(t, err)
		require.Len(t, files, 1)
		files, err = s.NewestFiles(t.Context(), "nothing", 1)
		require.NoError(t, err)
		require.Empty(t, files)
	})
}
