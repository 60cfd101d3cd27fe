package control_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestAQueueGivesOneFileAtATimeInItsOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		_, err := s.Sight(ctx, "skylink", []control.Sighting{
			{Path: "b.csv", Size: 1, MTime: at(1)}, {Path: "a.csv", Size: 1, MTime: at(2)}, {Path: "c.csv", Size: 1, MTime: at(3)},
		}, at(4))
		require.NoError(t, err)
		path := func(l control.Lease) string {
			f, err := s.File(ctx, l.File)
			require.NoError(t, err)
			return f.Path
		}
		queue := []control.Queue{{Source: "skylink"}}
		first, found, err := s.LeaseNext(ctx, queue, "m1", at(5), time.Hour)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "a.csv", path(first))
		_, found, err = s.LeaseNext(ctx, queue, "m2", at(6), time.Minute)
		require.NoError(t, err)
		require.False(t, found, "a.csv is not closed yet")
		require.NoError(t, s.Fail(ctx, first, "not now", at(1000), at(7)))
		second, found, err := s.LeaseNext(ctx, queue, "m2", at(8), time.Hour)
		require.NoError(t, err)
		require.True(t, found, "a file that failed does not hold up the others")
		require.Equal(t, "b.csv", path(second))
		third, found, err := s.LeaseNext(ctx, []control.Queue{{Source: "skylink", Parallel: true, ByTime: true}}, "m3", at(9), time.Minute)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, "c.csv", path(third))
	})
}

// On PostgreSQL both of two who asked at the same moment got a file: the second had counted before the first's commit,
// waited for its row, and took the next one.
func TestAQueueGivesOneFileAtATimeToManyWhoAskAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		const files = 40
		var all []control.Sighting
		for i := range files {
			all = append(all, sighting(fmt.Sprintf("/out/%02d", i), i))
		}
		sight(t, s, "skylink", at(100), all...)
		var mu sync.Mutex
		var held, taken int
		last := int64(0)
		var wg sync.WaitGroup
		for i, store := range []*control.Store{s, other, s, other, s, other} {
			owner := fmt.Sprint("m", i)
			wg.Go(func() {
				for {
					l, found, err := store.LeaseNext(t.Context(), []control.Queue{{Source: "skylink"}}, owner, at(101), time.Minute)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					done := taken == files
					if found {
						held++
						taken++
						if held > 1 || l.File <= last {
							t.Errorf("file %d is given away while %d are held, after file %d", l.File, held-1, last)
						}
						last = l.File
					}
					mu.Unlock()
					if !found {
						if done || t.Failed() {
							return
						}
						continue
					}
					for range 3 { // as one who reads a file
						if l, err = store.Renew(t.Context(), l, at(101), time.Minute); err != nil {
							t.Error(err)
							return
						}
					}
					mu.Lock()
					held--
					mu.Unlock()
					if err := store.Fail(t.Context(), l, "closed by the test", time.Time{}, at(101)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, files, taken)
	})
}

// Progress is recorded every few seconds: that none is there does not say that nothing went out.
func TestOnlyAFileOfWhichNothingCanGoOutIsReadAgainByTheRulesOfThen(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		sight(t, s, "skylink", at(1), sighting("a.csv", 0))
		queue := []control.Queue{{Source: "skylink"}}
		take := func(minute int, rules string, record bool, p control.Progress) control.Pins {
			l, found, err := s.LeaseNext(ctx, queue, "m", at(minute), time.Minute)
			require.NoError(t, err)
			require.True(t, found)
			pinned, err := s.Pin(ctx, l, control.Pins{Rules: rules, Catalogue: "c", Partitions: 1}, at(minute))
			require.NoError(t, err)
			if record {
				_, err = s.RecordProgress(ctx, l, p, at(minute), time.Minute)
				require.NoError(t, err)
			}
			require.NoError(t, s.Fail(ctx, l, "the header lacks imsi", time.Time{}, at(minute)))
			require.NoError(t, s.RetryFile(ctx, l.File, at(minute)))
			return pinned
		}
		require.Equal(t, "old", take(2, "old", true, control.Progress{Unread: true}).Rules)
		require.Equal(t, "new", take(10, "new", false, control.Progress{}).Rules, "nothing of it could go out")
		require.Equal(t, "new", take(20, "newer", true, control.Progress{Read: control.Amount{Records: 7}}).Rules,
			"records may have gone out by these rules")
		require.Equal(t, "new", take(30, "newest", false, control.Progress{}).Rules)
	})
}
