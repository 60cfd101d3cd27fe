package control_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// Of two mediators that list a source, the slower one writes an older listing after the newer one is written.
func TestAnOlderListingThatIsWrittenLateHidesNoFile(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx, a, b := t.Context(), sighting("/out/a", 0), sighting("/out/b", 0)
		for i, late := range []func(source string) error{
			func(source string) error {
				_, err := other.Sight(ctx, source, []control.Sighting{a}, at(4))
				return err
			},
			func(source string) error { return other.StillThere(ctx, source, []control.Sighting{a}, at(4)) },
			func(source string) error { return other.StillBelow(ctx, source, []string{"/out"}, at(4)) },
		} {
			source := fmt.Sprint("skylink", i)
			sight(t, s, source, at(0), a)
			sight(t, s, source, at(6), a, b)
			require.NoError(t, late(source))
			n, err := s.MarkVanished(ctx, source, at(5), at(7))
			require.NoError(t, err)
			require.Zero(t, n)
			l, found, err := s.LeaseNext(ctx, []control.Queue{{Source: source}}, "m1", at(8), time.Minute)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, "/out/a", file(t, s, l.File).Path, "the first by name is read first")
		}

		sight(t, s, "northwave", at(0).Add(48*time.Hour), a) // by a clock that was ahead
		sight(t, s, "northwave", at(1), a)
		n, err := s.MarkVanished(ctx, "northwave", at(2), at(3))
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	})
}

// The same holds for files that are incomplete or refused, which people look at.
func TestAnOlderListingThatIsWrittenLateHidesNothingThatWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		listed := func(s *control.Store, source string, now time.Time, size int64, paths ...string) {
			var arriving []control.Arriving
			var refused []control.Refusal
			for _, path := range paths {
				arriving = append(arriving, control.Arriving{Source: source, Since: now, WaitsFor: fmt.Sprint(size),
					Sighting: control.Sighting{Path: path, Size: size, MTime: noon}})
				refused = append(refused, control.Refusal{Path: path + "\\", Why: fmt.Sprint(size)})
			}
			require.NoError(t, s.Listed(ctx, source, arriving, refused, now))
		}
		waiting := func(source string) (all []string) {
			arriving, err := s.Arriving(ctx, source)
			require.NoError(t, err)
			for _, a := range arriving {
				require.Equal(t, fmt.Sprint(a.Size), a.WaitsFor)
				all = append(all, fmt.Sprint(a.Path, " ", a.Size))
			}
			refused, err := s.Files(ctx, control.FileFilter{Source: source, States: []control.FileState{control.Refused}})
			require.NoError(t, err)
			for _, f := range refused {
				all = append(all, fmt.Sprint(f.Path, " ", f.Why))
			}
			slices.Sort(all)
			return all
		}
		listed(s, "skylink", at(6), 6, "a", "b")
		listed(other, "skylink", at(4), 4, "a")
		require.Equal(t, []string{"a 6", "a\\ 6", "b 6", "b\\ 6"}, waiting("skylink"), "a listing of before is written late")
		listed(other, "skylink", at(5), 5)
		require.Equal(t, []string{"a 6", "a\\ 6", "b 6", "b\\ 6"}, waiting("skylink"))
		listed(s, "skylink", at(7), 7, "b")
		require.Equal(t, []string{"b 7", "b\\ 7"}, waiting("skylink"))

		listed(s, "northwave", at(0).Add(48*time.Hour), 1, "a", "b") // by a clock that was ahead
		listed(s, "northwave", at(1), 2, "b")
		require.Equal(t, []string{"b 2", "b\\ 2"}, waiting("northwave"))
	})
}
