package control_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/registry"
	"ratemill/udr"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// onBoth runs a test against SQLite and PostgreSQL, and once beside a newer version of ratemill. Each has an empty store,
// opened twice as two processes would.
func onBoth(t *testing.T, test func(t *testing.T, s, other *control.Store)) {
	for _, engine := range []struct {
		name string
		dsn  func(t *testing.T) string
	}{
		{"sqlite", func(t *testing.T) string { return emptySQLite.sqlite(t, "con trol?.db") }},
		{"postgres", emptyPostgres.postgres},
		{"sqlite of a newer version", func(t *testing.T) string { return newerSQLite.sqlite(t, "control.db") }},
	} {
		t.Run(engine.name, func(t *testing.T) {
			dsn := engine.dsn(t)
			test(t, open(t, dsn), open(t, dsn))
		})
	}
}

func open(t testing.TB, dsn string) *control.Store {
	t.Helper()
	s, err := control.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var noon = time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func sighting(path string, minutes int) control.Sighting {
	return control.Sighting{Path: path, Size: 100, MTime: at(minutes)}
}

func sight(t *testing.T, s *control.Store, source string, now time.Time, entries ...control.Sighting) int {
	t.Helper()
	n, err := s.Sight(t.Context(), source, entries, now)
	require.NoError(t, err)
	return n
}

func lease(t *testing.T, s *control.Store, owner string, now time.Time) control.Lease {
	t.Helper()
	l, found, err := s.LeaseNext(t.Context(), []control.Queue{{Source: "skylink", Parallel: true, ByTime: true},
		{Source: "other", Parallel: true, ByTime: true}}, owner, now, time.Minute)
	require.NoError(t, err)
	require.True(t, found)
	return l
}

func file(t *testing.T, s *control.Store, number int64) control.File {
	t.Helper()
	f, err := s.File(t.Context(), number)
	require.NoError(t, err)
	return f
}

func requireLost(t *testing.T, err error) {
	t.Helper()
	var lost *control.LeaseLostError
	require.ErrorAs(t, err, &lost)
}

func TestAFileLivesFromSightingToItsEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		require.Equal(t, 2, sight(t, s, "skylink", at(0), sighting("/out/b", -1), sighting("/out/a", -2)))
		require.Equal(t, 0, sight(t, other, "skylink", at(1), sighting("/out/b", -1), sighting("/out/a", -2)))

		l := lease(t, s, "m1", at(2))
		f := file(t, s, l.File)
		require.Equal(t, "/out/a", f.Path, "the oldest comes first")
		require.Equal(t, control.Spooling, f.State)
		require.Equal(t, at(0), f.FirstSeen)
		require.Equal(t, at(1), f.LastSeen)

		original, err := s.SetIdentity(ctx, l, udr.FileID{1}, []byte("hash"), 100, at(3))
		require.NoError(t, err)
		require.Nil(t, original)
		pins := control.Pins{Rules: "skylink@b41c", Registry: 7, Catalogue: "c3", Partitions: 12}
		pinned, err := s.Pin(ctx, l, pins, at(4))
		require.NoError(t, err)
		require.Equal(t, pins, pinned)

		progress := control.Progress{
			Read: control.Amount{Records: 412, Bytes: 9000}, Filtered: control.Amount{Records: 12, Bytes: 50},
			Suspended: control.Amount{Records: 1, Bytes: 9},
			Mapped:    control.Amount{Records: 399, Bytes: 8941}, Usages: 400, Seq: 400, LastSeqs: []uint64{0, 390, 400}, Expected: 412,
			State: []byte{0, 1, 255},
		}
		l, err = s.RecordProgress(ctx, l, progress, at(5), time.Minute)
		require.NoError(t, err)
		require.Equal(t, at(6), l.Until)
		f = file(t, other, l.File)
		require.Equal(t, control.Reading, f.State)
		require.Equal(t, progress, f.Progress)
		require.NoError(t, s.Finish(ctx, l, progress, at(7)))

		requireLost(t, s.Finish(ctx, l, progress, at(8)))
		f = file(t, s, l.File)
		require.Equal(t, control.Done, f.State)
		require.Equal(t, []time.Time{at(3), at(4), at(7), {}}, []time.Time{f.Spooled, f.Started, f.Closed, f.After})
		after, err := s.FilesAfter(ctx, "skylink", 10, at(9))
		require.NoError(t, err)
		require.Len(t, after, 1)
		require.NoError(t, s.MarkAfterDone(ctx, l.File, "", at(9)))
		after, err = s.FilesAfter(ctx, "skylink", 10, at(9))
		require.NoError(t, err)
		require.Empty(t, after)

		require.Equal(t, 0, sight(t, s, "skylink", at(10), sighting("/out/a", -2)), "left in place, it is never taken again")
		waiting, err := s.Waiting(ctx)
		require.NoError(t, err)
		require.Equal(t, map[string]control.Waiting{"skylink": {Files: 1, Oldest: at(0)}}, waiting)
		byID, err := s.FileByID(ctx, udr.FileID{1})
		require.NoError(t, err)
		require.Equal(t, f.Path, byID.Path)
		_, err = s.FileByID(ctx, udr.FileID{9})
		require.ErrorIs(t, err, control.ErrNotFound)
	})
}

func TestADeadOwnersFileGoesToAnotherWithItsPins(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0))
		first := lease(t, s, "m1", at(0))
		_, err := s.SetIdentity(ctx, first, udr.FileID{1}, []byte("hash"), 100, at(0))
		require.NoError(t, err)
		_, err = s.Pin(ctx, first, control.Pins{Rules: "old", Registry: 1, Partitions: 3}, at(0))
		require.NoError(t, err)
		_, found, err := other.LeaseNext(ctx, []control.Queue{{Source: "skylink", Parallel: true, ByTime: true}}, "m2", at(0), time.Minute)
		require.NoError(t, err)
		require.False(t, found, "a file that is held is given to nobody")

		_, err = s.Renew(ctx, first, at(2), time.Minute)
		require.NoError(t, err, "late, but nobody has taken it")
		second := lease(t, other, "m2", at(4))
		require.Greater(t, second.Generation, first.Generation)
		require.Equal(t, control.Reading, file(t, s, second.File).State)
		original, err := other.SetIdentity(ctx, second, udr.FileID{1}, []byte("hash"), 100, at(4))
		require.NoError(t, err)
		require.Nil(t, original, "a file is no duplicate of itself")
		pinned, err := other.Pin(ctx, second, control.Pins{Rules: "new", Registry: 2, Partitions: 4}, at(4))
		require.NoError(t, err)
		require.Equal(t, control.Pins{Rules: "old", Registry: 1, Partitions: 3}, pinned)

		_, err = s.Renew(ctx, first, at(4), time.Minute)
		requireLost(t, err)
		_, err = s.RecordProgress(ctx, first, control.Progress{}, at(4), time.Minute)
		requireLost(t, err)
		_, err = s.Pin(ctx, first, control.Pins{}, at(4))
		requireLost(t, err)
		_, err = s.SetIdentity(ctx, first, udr.FileID{1}, []byte("hash"), 100, at(4))
		requireLost(t, err)
		requireLost(t, s.Finish(ctx, first, control.Progress{}, at(4)))
		requireLost(t, s.Fail(ctx, first, "late", time.Time{}, at(4)))
		requireLost(t, s.Release(ctx, first))

		require.NoError(t, other.Release(ctx, second))
		third := lease(t, s, "m1", at(4))
		require.Greater(t, third.Generation, second.Generation)
	})
}

func TestTheSameContentIsReadOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b", 1), sighting("/out/empty1", 2), sighting("/out/empty2", 3))
		sight(t, s, "other", at(0), sighting("/out/a", 4))
		identify := func(id byte, content string) *control.File {
			l := lease(t, s, "m1", at(5))
			original, err := s.SetIdentity(ctx, l, udr.FileID{id}, []byte(content), int64(len(content)), at(5))
			require.NoError(t, err)
			return original
		}
		require.Nil(t, identify(1, "same"))
		original := identify(2, "same")
		require.NotNil(t, original)
		require.Equal(t, "/out/a", original.Path)
		require.Nil(t, identify(3, ""), "empty files have all the same content")
		require.Nil(t, identify(4, ""))
		require.Nil(t, identify(5, "same"), "another source")

		files, err := s.Files(ctx, control.FileFilter{States: []control.FileState{control.Duplicate}})
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.Equal(t, "/out/b", files[0].Path)
		require.Equal(t, original.Number, files[0].DuplicateOf)
		require.Equal(t, fmt.Sprintf("the same content as /out/a, file %d of the ledger", original.Number), files[0].Why)
		require.False(t, files[0].Open)
	})
}

func TestFilesFailAndVanishAndComeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(0), sighting("/out/a", 0), sighting("/out/b_%", 1))
		l := lease(t, s, "m1", at(0))
		require.NoError(t, s.Fail(ctx, l, "connection lost", at(10), at(1)))
		f := file(t, s, l.File)
		require.Equal(t, []any{control.Failed, true, "connection lost", 1, at(10)}, []any{f.State, f.Open, f.Why, f.Attempts, f.RetryAt})

		second := lease(t, s, "m1", at(2))
		require.NotEqual(t, l.File, second.File, "not before its time")
		require.NoError(t, s.Release(ctx, second))

		n, err := s.MarkVanished(ctx, "skylink", at(5), at(6))
		require.NoError(t, err)
		require.EqualValues(t, 1, n, "what failed is not forgotten")
		require.Equal(t, control.Vanished, file(t, s, second.File).State)
		require.Equal(t, 0, sight(t, s, "skylink", at(7), sighting("/out/b_%", 1)))
		require.Equal(t, control.Seen, file(t, s, second.File).State, "it is there again")
		require.Equal(t, 1, sight(t, s, "skylink", at(8), sighting("/out/b_%", 8)), "replaced")
		require.Contains(t, file(t, s, second.File).Why, "replaced")

		l = lease(t, s, "m1", at(10))
		require.Equal(t, "/out/a", file(t, s, l.File).Path)
		require.NoError(t, s.Fail(ctx, l, "a binary, not CSV", time.Time{}, at(11)))
		require.False(t, file(t, s, l.File).Open)
		require.NoError(t, s.RetryFile(ctx, l.File, at(12)))
		require.ErrorIs(t, s.RetryFile(ctx, 999, at(12)), control.ErrConflict)
		l = lease(t, s, "m1", at(12))
		f = file(t, s, l.File)
		require.Equal(t, []any{"/out/a", 0}, []any{f.Path, f.Attempts}, "attempts are counted anew")

		files, err := s.Files(ctx, control.FileFilter{Path: "b_%", Source: "skylink", Open: true, Since: at(8), Limit: 5})
		require.NoError(t, err)
		require.Len(t, files, 1)
		files, err = s.Files(ctx, control.FileFilter{IDStart: "zz"})
		require.NoError(t, err)
		require.Empty(t, files)
	})
}

func TestTwoMediatorsShareFilesWithoutTakingOneTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		const files = 60
		var all []control.Sighting
		for i := range files {
			all = append(all, sighting(fmt.Sprint("/out/", i), i))
		}
		var wg sync.WaitGroup
		added := make([]int, 2)
		for i, store := range []*control.Store{s, other} {
			wg.Go(func() {
				n, err := store.Sight(t.Context(), "skylink", all, at(100))
				if err != nil {
					t.Error(err)
				}
				added[i] = n
			})
		}
		wg.Wait()
		require.Equal(t, files, added[0]+added[1])

		var mu sync.Mutex
		taken := map[int64]string{}
		for i, store := range []*control.Store{s, s, other, other} {
			owner := fmt.Sprint("m", i)
			wg.Go(func() {
				for {
					l, found, err := store.LeaseNext(t.Context(), []control.Queue{{Source: "skylink", Parallel: true, ByTime: true}}, owner, at(101),
						time.Minute)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					done := len(taken)
					if found && taken[l.File] != "" {
						t.Errorf("file %d went to %s and to %s", l.File, taken[l.File], owner)
					}
					if found {
						taken[l.File] = owner
					}
					mu.Unlock()
					if !found && done >= files {
						return
					}
				}
			})
		}
		wg.Wait()
		require.Len(t, taken, files)
	})
}

func TestEpochsGrowAndAreNeverGivenTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		given := map[int64]bool{}
		for _, store := range []*control.Store{s, other, s, other} {
			wg.Go(func() {
				last := int64(0)
				for range 20 {
					epoch, err := store.NextEpoch(t.Context(), "rated", 3, 0)
					mu.Lock()
					if err != nil || epoch <= last || given[epoch] {
						t.Errorf("epoch %d after %d: %v", epoch, last, err)
					}
					given[epoch], last = true, epoch
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		require.Len(t, given, 80)
		epoch, err := s.NextEpoch(t.Context(), "rated", 4, 0)
		require.NoError(t, err)
		require.EqualValues(t, 1, epoch)
	})
}

func TestSinksMoveByCompareAndSet(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		p, err := s.SinkGet(ctx, "warehouse", 1)
		require.NoError(t, err)
		require.Equal(t, control.SinkPosition{}, p)
		v, err := s.SinkIntent(ctx, "warehouse", 1, control.SinkPosition{}, control.Intent{From: 0, To: 99})
		require.NoError(t, err)
		_, err = other.SinkIntent(ctx, "warehouse", 1, control.SinkPosition{}, control.Intent{From: 0, To: 50})
		require.ErrorIs(t, err, control.ErrConflict)
		_, err = other.SinkIntent(ctx, "warehouse", 1, control.SinkPosition{Version: v}, control.Intent{From: 0, To: 50})
		require.ErrorIs(t, err, control.ErrConflict, "an intent is completed, not replaced")

		p, err = other.SinkGet(ctx, "warehouse", 1)
		require.NoError(t, err)
		require.Equal(t, control.SinkPosition{Version: v, Intent: &control.Intent{From: 0, To: 99}}, p)
		whole := func(version int64) control.SinkPosition {
			return control.SinkPosition{Version: version, Intent: &control.Intent{From: 0, To: 99}}
		}
		taken, err := other.SinkTakeOver(ctx, "warehouse", 1, p)
		require.NoError(t, err)
		_, err = s.SinkTakeOver(ctx, "warehouse", 1, whole(v))
		require.ErrorIs(t, err, control.ErrConflict, "one takes it over")
		_, err = s.SinkCommit(ctx, "warehouse", 1, whole(v), 100, []byte("fold"))
		require.ErrorIs(t, err, control.ErrConflict, "somebody took it over")
		p, err = s.SinkGet(ctx, "warehouse", 1)
		require.NoError(t, err)
		require.Equal(t, control.SinkPosition{Version: taken, Intent: &control.Intent{From: 0, To: 99}}, p)
		completed, err := other.SinkCommit(ctx, "warehouse", 1, whole(taken), 100, []byte("fold"))
		require.NoError(t, err)
		_, err = s.SinkCommit(ctx, "warehouse", 1, whole(taken), 100, []byte("fold"))
		require.ErrorIs(t, err, control.ErrConflict, "somebody completed it")
		_, err = s.SinkTakeOver(ctx, "warehouse", 1, control.SinkPosition{Version: completed, Next: 100})
		require.ErrorIs(t, err, control.ErrConflict, "there is no intent")
		p, err = s.SinkGet(ctx, "warehouse", 1)
		require.NoError(t, err)
		require.Equal(t, control.SinkPosition{Version: completed, Next: 100, Fold: []byte("fold")}, p)
		_, err = s.SinkCommit(ctx, "warehouse", 2, control.SinkPosition{}, 5, nil)
		require.NoError(t, err, "a first position needs no intent")

		// A store that was restored gives out versions again: a version does not stand for a position or an intent.
		_, err = s.SinkIntent(ctx, "warehouse", 1, control.SinkPosition{Version: completed, Next: 90}, control.Intent{From: 90, To: 120})
		require.ErrorIs(t, err, control.ErrConflict, "the position is another")
		v, err = s.SinkIntent(ctx, "warehouse", 1, p, control.Intent{From: 100, To: 110})
		require.NoError(t, err)
		another := control.SinkPosition{Version: v, Next: 100, Intent: &control.Intent{From: 100, To: 120}}
		_, err = s.SinkTakeOver(ctx, "warehouse", 1, another)
		require.ErrorIs(t, err, control.ErrConflict, "the intent is another")
		_, err = s.SinkCommit(ctx, "warehouse", 1, another, 121, nil)
		require.ErrorIs(t, err, control.ErrConflict, "the intent is another")
	})
}

func TestAnOperationThatIsCancelledLeavesNothingBehind(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		// Cancelled at any moment, an import is there in full or not at all, and the store goes on.
		for i := range 12 {
			revision, err := s.RegistryRevision(t.Context())
			require.NoError(t, err)
			c := fleet(revision+1, int(revision)*500, 500)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- s.ImportRegistry(ctx, c, control.ImportOptions{Who: "test", Now: noon, Partitions: 4}) }()
			timer := time.AfterFunc(time.Duration(i)*3*time.Millisecond, cancel)
			err = <-done
			timer.Stop()
			cancel()
			after, err2 := other.RegistryRevision(t.Context())
			require.NoError(t, err2)
			if err == nil {
				require.Equal(t, revision+1, after)
			} else {
				require.ErrorIs(t, err, context.Canceled)
				require.GreaterOrEqual(t, after, revision)
			}
			reg := registry.New()
			_, err = other.LoadRegistry(t.Context(), reg)
			require.NoError(t, err)
			v := reg.View()
			require.EqualValues(t, 500*after, v.SIMs())
			for sim := uint32(1); sim <= v.SIMs(); sim++ {
				require.Len(t, v.Identifiers(sim, 1, after, nil), 2)
			}
			v.Close()
		}
	})
}

func TestAnUnreachableStoreIsSaidToBe(t *testing.T) {
	postgres := testengine.StartPostgres(t)
	s := open(t, postgres.NewDatabase(t))
	first, err := s.NextEpoch(t.Context(), "rated", 0, 0)
	require.NoError(t, err)
	postgres.Kill()
	var unavailable *backoff.UnavailableError
	_, err = control.Open(t.Context(), postgres.DSN())
	require.ErrorAs(t, err, &unavailable)
	require.NotContains(t, err.Error(), "ratemill:")
	postgres.Restart(t)
	var second int64
	for {
		// The connections of before are found dead one by one.
		second, err = s.NextEpoch(t.Context(), "rated", 0, 0)
		if err == nil || !errors.As(err, &unavailable) {
			break
		}
	}
	require.NoError(t, err)
	require.Greater(t, second, first)
}

func TestABusySQLiteIsSaidToBeUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.db")
	s := open(t, "sqlite:"+path)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, err := s.NextEpoch(ctx, "rated", 0, 0)
	var unavailable *backoff.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.NoError(t, os.WriteFile(path+".txt", []byte(strings.Repeat("not a database ", 100)), 0o600))
	_, err = control.Open(t.Context(), "sqlite:"+path+".txt")
	require.ErrorContains(t, err, "not a database")
}

func TestAPasswordIsNeverShown(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("hunter2\n"), 0o600))
	for _, dsn := range []string{
		"postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable",
		"postgres://u:hun%ter2@127.0.0.1:1/db",
		"postgres://u:hunter2@127.0.0.1:notaport/db",
		"postgres://u:hunter2@127.0.0.1:1/db?sslmode=perhaps",
		"postgres://u@127.0.0.1:1/db?sslmode=disable&password_file=" + password,
		"mysql://u:hunter2@127.0.0.1/db",
	} {
		_, err := control.Open(t.Context(), dsn)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hun", dsn)
	}
}
