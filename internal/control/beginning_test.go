package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/udr"
)

// begun pins a leased file with an opening and a content of so many bytes; known other files begin in the same way.
func begun(t *testing.T, s *control.Store, l control.Lease, content string, size, known int64) error {
	t.Helper()
	_, err := s.SetIdentity(t.Context(), l, udr.FileID{content[0]}, []byte(content), size, at(0))
	require.NoError(t, err)
	_, err = s.Pin(t.Context(), l, control.Pins{Rules: "r", Partitions: 1,
		Part: control.Part{Opening: []byte("opening"), Content: []byte(content), Size: size, Known: known}}, at(0))
	return err
}

// Two mediators of a parallel source look at the file before and after it grew at once: neither sees the other.
func TestAFileIsNotPinnedWhenAnotherThatBeginsLikeItWasSince(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1))
		queues := []control.Queue{{Source: "skylink", Parallel: true}}
		a, found, err := s.LeaseNext(t.Context(), queues, "m1", at(0), 1e9)
		require.NoError(t, err)
		require.True(t, found)
		b, found, err := other.LeaseNext(t.Context(), queues, "m2", at(0), 1e9)
		require.NoError(t, err)
		require.True(t, found)
		for _, l := range []control.Lease{a, b} {
			none, known, err := s.Beginnings(t.Context(), l, []byte("opening"), false)
			require.NoError(t, err)
			require.Empty(t, none)
			require.Zero(t, known)
		}
		require.NoError(t, begun(t, s, a, "one", 10, 0))
		require.ErrorIs(t, begun(t, other, b, "two", 20, 0), control.ErrConflict)
		some, known, err := other.Beginnings(t.Context(), b, []byte("opening"), false)
		require.NoError(t, err)
		require.Equal(t, []control.Beginning{{Number: a.File, Path: "/out/a", Size: 10, Hash: []byte("one"), Open: true, Alike: true}}, some)
		require.EqualValues(t, 1, known)
		none, _, err := other.Beginnings(t.Context(), b, []byte("opening"), true)
		require.NoError(t, err)
		require.Empty(t, none, "it has another name")

		// It waits until the other file is read, and continues after the part of that file that could be read.
		require.NoError(t, other.Postpone(t.Context(), b, "it continues file 1", at(5).Sub(at(1)), at(1)))
		f := file(t, s, b.File)
		require.Equal(t, []any{control.Seen, true, "it continues file 1"}, []any{f.State, f.Open, f.Why})
		sight(t, s, "skylink", at(1), sighting("/out/b", 1))
		require.Equal(t, "it continues file 1", file(t, s, b.File).Why)
		a = lease(t, s, "m1", at(2))
		require.NoError(t, s.ReadOnly(t.Context(), a, []byte("on"), 7))
		require.NoError(t, s.Fail(t.Context(), a, "it broke off", time.Time{}, at(2)))
		waiting, err := s.Waiting(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, waiting["skylink"].Held)
		some, known, err = other.Beginnings(t.Context(), b, []byte("opening"), false)
		require.NoError(t, err)
		require.EqualValues(t, 1, known)
		require.Equal(t, int64(7), some[0].Size)
	})
}
