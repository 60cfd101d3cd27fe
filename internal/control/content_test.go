package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/udr"
)

// identified leases the next file of skylink and says what it is.
func identified(t *testing.T, s *control.Store, id byte, content string, now time.Time) (control.Lease, *control.File, error) {
	t.Helper()
	l := lease(t, s, "m1", now)
	original, err := s.SetIdentity(t.Context(), l, udr.FileID{id}, []byte(content), int64(len(content)), now)
	return l, original, err
}

func pinned(t *testing.T, s *control.Store, l control.Lease, now time.Time) {
	t.Helper()
	_, err := s.Pin(t.Context(), l, control.Pins{Rules: "r", Partitions: 1}, now)
	require.NoError(t, err)
}

func after(t *testing.T, s *control.Store, now time.Time) (paths []string) {
	t.Helper()
	files, err := s.FilesAfter(t.Context(), "skylink", 10, now)
	require.NoError(t, err)
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

// Size and time of change are the same, as of an SFTP server whose times are whole seconds.
func TestAFileThatWasBegunNeverGoesOnWithAnotherContent(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		sight(t, s, "skylink", at(0), sighting("/out/a", 0))
		_, _, err := identified(t, s, 1, "one", at(0))
		require.NoError(t, err)
		l, _, err := identified(t, other, 2, "two", at(2))
		require.NoError(t, err, "nothing went out: it is what it is now")
		pinned(t, other, l, at(2))

		for minute := 4; minute < 8; minute += 2 {
			l, _, err = identified(t, s, 3, "three", at(minute))
			var e *control.OtherContentError
			require.ErrorAs(t, err, &e, "also the second time")
			require.Equal(t, udr.FileID{2}, e.Was)
			require.Equal(t, udr.FileID{2}, file(t, s, l.File).FileID)
		}
		found, err := s.Gone(t.Context(), l, true, "other content", time.Time{}, at(7))
		require.NoError(t, err)
		require.Zero(t, found)
		f := file(t, s, l.File)
		require.Equal(t, []any{control.Failed, false, true, "other content"}, []any{f.State, f.Open, f.Gone, f.Why})
		sight(t, s, "skylink", at(8), sighting("/out/a", 0))
		require.False(t, file(t, s, l.File).Open, "a listing cannot tell which content is there")

		// The contents that it gave up, and had never, are others' now.
		sight(t, s, "skylink", at(8), sighting("/out/b", 1), sighting("/out/c", 2), sighting("/out/d", 3))
		for i, content := range []string{"one", "three"} {
			l, original, err := identified(t, s, byte(10+i), content, at(8))
			require.NoError(t, err)
			require.Nil(t, original)
			require.NoError(t, s.Finish(t.Context(), l, control.Progress{}, at(8)))
		}
		_, original, err := identified(t, s, 12, "two", at(9))
		require.NoError(t, err)
		require.Equal(t, l.File, original.Number, "its own content came again, and it goes on")
		f = file(t, s, l.File)
		require.Equal(t, []any{control.Reading, true, false, "/out/a", "/out/d"}, []any{f.State, f.Open, f.Gone, f.Path, f.Place.Path})
	})
}

// A listing without the other content says that whatever is there afterwards may be the file's own again.
func TestAFileWhosePlaceAnotherContentTookIsLookedForAgainWhenThatIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0))
		l, _, err := identified(t, s, 1, "one", at(0))
		require.NoError(t, err)
		pinned(t, s, l, at(0))
		minute := 1
		for _, gone := range []func(){
			func() { sight(t, s, "skylink", at(minute), sighting("/out/a", 5)) },
			func() {
				_, err := s.MarkVanished(ctx, "skylink", at(minute), at(minute))
				require.NoError(t, err)
			},
			func() { minute += 240 }, // between two listings it may be gone, and the file's own be back
		} {
			_, err = s.Gone(ctx, l, true, "other content", time.Time{}, at(minute))
			require.NoError(t, err)
			minute++
			sight(t, s, "skylink", at(minute), sighting("/out/a", 0))
			_, err = s.MarkVanished(ctx, "skylink", at(minute), at(minute))
			require.NoError(t, err)
			sight(t, s, "skylink", at(minute), sighting("/out/a", 0))
			require.Equal(t, control.Failed, file(t, s, l.File).State, "it was there all the time")

			minute++
			gone()
			sight(t, s, "skylink", at(minute), sighting("/out/a", 0))
			require.Equal(t, control.Reading, file(t, s, l.File).State)
			l = lease(t, s, "m1", at(minute))
			require.EqualValues(t, 1, l.File)
		}
	})
}

func TestAFileThatWasBegunIsReadWhereItsContentIs(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1), sighting("/out/c", 2))
		a, _, err := identified(t, s, 1, "same", at(0))
		require.NoError(t, err)
		pinned(t, s, a, at(0))
		b, original, err := identified(t, s, 2, "same", at(0))
		require.NoError(t, err)
		require.Equal(t, "/out/a", original.Path)
		require.Empty(t, after(t, s, at(1)), "the copy may be needed yet")

		found, err := s.Gone(ctx, a, false, "gone", at(9), at(1))
		require.NoError(t, err)
		require.Equal(t, b.File, found)
		f := file(t, other, a.File)
		require.Equal(t, []any{control.Reading, "/out/a", "/out/b", udr.FileID{1}}, []any{f.State, f.Path, f.Place.Path, f.FileID})

		// The copy goes too. The file waits, and what comes next with its content is where it is read.
		a = lease(t, s, "m2", at(2))
		require.Equal(t, f.Number, a.File)
		found, err = s.Gone(ctx, a, false, "gone for good", at(3), at(2))
		require.NoError(t, err)
		require.Zero(t, found)
		f = file(t, s, a.File)
		require.Equal(t, []any{control.Failed, false, true}, []any{f.State, f.Open, f.Gone})
		c, original, err := identified(t, other, 3, "same", at(4))
		require.NoError(t, err)
		require.Equal(t, a.File, original.Number)
		require.Equal(t, control.Duplicate, file(t, s, c.File).State)

		a = lease(t, s, "m3", at(4))
		require.Equal(t, "/out/c", file(t, s, a.File).Place.Path)
		_, err = s.SetIdentity(ctx, a, udr.FileID{1}, []byte("same"), 4, at(4))
		require.NoError(t, err)
		require.NoError(t, s.Finish(ctx, a, control.Progress{}, at(5)))
		require.Equal(t, []string{"/out/c", "/out/a"}, after(t, s, at(6)))
	})
}

func TestAFileThatCameBackAsItWasGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		sight(t, s, "skylink", at(0), sighting("/out/a", 0))
		a, _, err := identified(t, s, 1, "same", at(0))
		require.NoError(t, err)
		pinned(t, s, a, at(0))
		_, err = s.Gone(t.Context(), a, false, "gone", at(9), at(1))
		require.NoError(t, err)
		require.Zero(t, sight(t, s, "skylink", at(2), sighting("/out/a", 0)))
		_, found, err := s.LeaseNext(t.Context(), []control.Queue{{Source: "skylink"}}, "m1", at(3), time.Minute)
		require.NoError(t, err)
		require.False(t, found, "not before its time")
		lease(t, s, "m1", at(9))
		require.Equal(t, control.Reading, file(t, s, a.File).State)
	})
}

// A directory that is not mounted for a while has the only copy.
func TestACopyThatCameBackAsItWasIsReadOn(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1))
		a, _, err := identified(t, s, 1, "same", at(0))
		require.NoError(t, err)
		pinned(t, s, a, at(0))
		b, _, err := identified(t, s, 2, "same", at(0))
		require.NoError(t, err)
		_, err = s.Gone(ctx, a, false, "gone", time.Time{}, at(1))
		require.NoError(t, err)
		found, err := s.Gone(ctx, lease(t, s, "m1", at(1)), false, "gone too", time.Time{}, at(2))
		require.NoError(t, err)
		require.Zero(t, found)

		require.Zero(t, sight(t, s, "skylink", at(3), sighting("/out/b", 1)))
		again, original, err := identified(t, s, 2, "same", at(3))
		require.NoError(t, err)
		require.Equal(t, []int64{b.File, a.File}, []int64{again.File, original.Number})
		require.Equal(t, []any{control.Reading, "/out/b"}, []any{original.State, original.Place.Path})
		require.NoError(t, s.Finish(ctx, lease(t, s, "m1", at(4)), control.Progress{}, at(4)))
		require.Equal(t, []string{"/out/b", "/out/a"}, after(t, s, at(5)))
		require.Empty(t, file(t, s, b.File).AfterWhy)
	})
}

// A copy turns into another content, which says nothing about where the file itself was listed.
func TestAFileWhoseCopyIsAnotherIsLookedForWhereItWasListed(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1))
		a, _, err := identified(t, s, 1, "same", at(0))
		require.NoError(t, err)
		pinned(t, s, a, at(0))
		b, _, err := identified(t, s, 2, "same", at(0))
		require.NoError(t, err)
		found, err := s.Gone(ctx, a, false, "gone", time.Time{}, at(1))
		require.NoError(t, err)
		require.Equal(t, b.File, found)
		fails := func(minute int) {
			_, err = s.Gone(ctx, lease(t, s, "m1", at(minute)), true, "another content", time.Time{}, at(minute))
			require.NoError(t, err)
			require.Equal(t, control.Failed, file(t, s, a.File).State)
		}
		goesOn := func() {
			f := file(t, s, a.File)
			require.Equal(t, []any{true, "/out/a"}, []any{f.Open, f.Place.Path})
		}
		fails(2)
		require.NoError(t, s.RetryFile(ctx, a.File, at(3)))
		goesOn()
		fails(4)
		sight(t, s, "skylink", at(5), sighting("/out/a", 0))
		require.False(t, file(t, s, a.File).Open, "there it was another, and no listing tells")

		sight(t, s, "skylink", at(6), sighting("/out/c", 2))
		_, original, err := identified(t, s, 3, "same", at(6))
		require.NoError(t, err)
		require.Equal(t, a.File, original.Number)
		fails(7)
		sight(t, s, "skylink", at(8), sighting("/out/a", 0))
		goesOn()
	})
}

// A file whose content is known, and from which nothing was sent, leaves the content to its copies.
func TestAContentOutlivesTheFileThatHadItFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1), sighting("/out/c", 2))
		a, _, err := identified(t, s, 1, "same", at(0))
		require.NoError(t, err)
		b, _, err := identified(t, s, 2, "same", at(0))
		require.NoError(t, err)
		c, _, err := identified(t, s, 3, "same", at(0))
		require.NoError(t, err)

		require.NoError(t, s.Release(ctx, a))
		n, err := s.MarkVanished(ctx, "skylink", at(1), at(1))
		require.NoError(t, err)
		require.Zero(t, n, "taking it tells whether it is there")
		a = lease(t, s, "m1", at(2))
		_, err = s.Gone(ctx, a, false, "gone", time.Time{}, at(2))
		require.NoError(t, err)
		f := file(t, s, a.File)
		require.Equal(t, []any{control.Vanished, false, udr.FileID{}}, []any{f.State, f.Open, f.FileID})

		heir, original, err := identified(t, other, 2, "same", at(3))
		require.NoError(t, err)
		require.Equal(t, b.File, heir.File)
		require.Nil(t, original)
		require.Equal(t, b.File, file(t, s, c.File).DuplicateOf)
		// It fails before it is begun, and the next copy that comes is read.
		require.NoError(t, s.Fail(ctx, heir, "permission denied", time.Time{}, at(3)))
		sight(t, s, "skylink", at(4), sighting("/out/d", 4))
		d, original, err := identified(t, other, 4, "same", at(4))
		require.NoError(t, err)
		require.Nil(t, original)
		require.Equal(t, d.File, file(t, s, c.File).DuplicateOf)
		require.NoError(t, s.RetryFile(ctx, heir.File, at(5)))
		_, original, err = identified(t, s, 2, "same", at(5))
		require.NoError(t, err)
		require.Equal(t, d.File, original.Number)
	})
}

func TestWhatIsListedHasNotVanished(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1), sighting("/out/c", 2))
		require.NoError(t, s.StillThere(ctx, "skylink", []control.Sighting{sighting("/out/a", 0), sighting("/out/b", 7), sighting("/out/x", 8)},
			at(5)))
		n, err := s.MarkVanished(ctx, "skylink", at(5), at(5))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		l := lease(t, s, "m1", at(6))
		require.Equal(t, "/out/a", file(t, s, l.File).Path)

		// It grew while it was fetched, and is read with its present content.
		require.NoError(t, s.Fail(ctx, l, "it grew", at(100), at(6)))
		require.Equal(t, 1, sight(t, s, "skylink", at(7), sighting("/out/a", 6)))
		f := file(t, s, l.File)
		require.Equal(t, []any{control.Vanished, false}, []any{f.State, f.Open})
		require.Contains(t, f.Why, "replaced")
	})
}

func TestTheDeedAfterAFileIsTriedAgainByItself(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1))
		for range 2 {
			require.NoError(t, s.Finish(ctx, lease(t, s, "m1", at(1)), control.Progress{}, at(1)))
		}
		files, err := s.FilesAfter(ctx, "skylink", 10, at(2))
		require.NoError(t, err)
		require.NoError(t, s.AfterFailed(ctx, files[0].Number, "permission denied", at(5).Sub(at(2)), at(2)))
		require.Equal(t, []string{"/out/b"}, after(t, s, at(2)))
		require.Equal(t, []string{"/out/a", "/out/b"}, after(t, s, at(5)))
		f := file(t, s, files[0].Number)
		require.Equal(t, []any{"permission denied", 1}, []any{f.AfterWhy, f.AfterAttempts})
		require.NoError(t, s.MarkAfterDone(ctx, files[1].Number, "it was replaced", at(5)))
		require.Equal(t, []string{"/out/a"}, after(t, s, at(5)))
		require.Equal(t, "it was replaced", file(t, s, files[1].Number).AfterWhy)
	})
}
