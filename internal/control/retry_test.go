package control_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/udr"
)

func TestARecordIsRetriedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		var origins []udr.ID
		for i := range 1000 {
			origins = append(origins, udr.ID{File: udr.FileID{byte(i / 500)}, Seq: uint64(i%500 + 1)})
		}
		number, err := s.CreateRetry(ctx, "skylink", "ana", origins, noon)
		require.NoError(t, err)
		got, err := other.RetryRecords(ctx, number)
		require.NoError(t, err)
		require.Equal(t, origins, got)

		_, err = other.CreateRetry(ctx, "skylink", "bob", []udr.ID{{File: udr.FileID{7}, Seq: 1}, origins[600]}, noon)
		var already *control.AlreadyRetriedError
		require.ErrorAs(t, err, &already)
		require.Equal(t, control.AlreadyRetriedError{Record: origins[600], Retry: number, State: control.RetryOpen}, *already)
		_, err = other.CreateDrop(ctx, "bob", "a test", origins[600:601], noon)
		require.ErrorAs(t, err, &already)

		require.NoError(t, s.CancelRetry(ctx, number, "ana", at(1)))
		require.ErrorIs(t, s.CancelRetry(ctx, number, "ana", at(1)), control.ErrConflict)
		given, err := s.Files(ctx, control.FileFilter{Retry: number})
		require.NoError(t, err)
		require.ErrorIs(t, s.RetryFile(ctx, given[0].Number, at(1)), control.ErrConflict, "its records may be in another batch")
		second, err := other.CreateRetry(ctx, "skylink", "bob", origins[600:601], at(1))
		require.NoError(t, err)
		claimed, err := s.Claimed(ctx, origins)
		require.NoError(t, err)
		require.Equal(t, map[udr.ID]control.Retry{origins[600]: {Number: second, State: control.RetryOpen}}, claimed)
		drop, err := s.CreateDrop(ctx, "bob", "a test", origins[:2], at(1))
		require.NoError(t, err)
		_, err = other.CreateRetry(ctx, "skylink", "bob", origins[1:3], at(2))
		require.ErrorContains(t, err, "was dropped for good")
		require.NoError(t, other.FinishDrop(ctx, drop, at(2)))
		require.ErrorIs(t, s.FinishDrop(ctx, drop, at(2)), control.ErrConflict)
		all, err := s.Retries(ctx, control.RetryDiscarded)
		require.NoError(t, err)
		require.Equal(t, []control.Retry{{Number: drop, State: control.RetryDiscarded, Records: 2, Created: at(1), Closed: at(2), Who: "bob",
			Why: "a test"}}, all)
		log, err := s.AuditLog(ctx, 1)
		require.NoError(t, err)
		require.Equal(t, control.AuditEntry{Number: log[0].Number, At: at(1), Who: "bob", What: "suspense.drop", Subject: fmt.Sprint(drop),
			Detail: "a test"}, log[0])
	})
}

func TestARetryIsAFileOfItsSource(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		number, err := s.CreateRetry(ctx, "skylink", "ana", []udr.ID{{File: udr.FileID{1}, Seq: 1}}, noon)
		require.NoError(t, err)

		// No listing has it, and it belongs to no carrier.
		_, err = s.Sight(ctx, "skylink", []control.Sighting{{Path: control.RetryPath(number), Size: 9, MTime: noon}}, at(1))
		require.NoError(t, err)
		gone, err := s.MarkVanished(ctx, "skylink", at(2), at(2))
		require.NoError(t, err)
		require.EqualValues(t, 1, gone, "the carrier's file of the same name")

		lease, found, err := other.LeaseNext(ctx, []control.Queue{{Source: "skylink"}}, "m1", at(3), time.Minute)
		require.NoError(t, err)
		require.True(t, found)
		file, err := s.File(ctx, lease.File)
		require.NoError(t, err)
		require.Equal(t, number, file.Retry)
		require.ErrorIs(t, s.CancelRetry(ctx, number, "ana", at(3)), control.ErrConflict, "somebody reads it")

		_, err = s.SetIdentity(ctx, lease, udr.FileID{5}, []byte("content"), 7, at(3))
		require.NoError(t, err)
		require.NoError(t, s.Finish(ctx, lease, control.Progress{}, at(4)))
		all, err := s.Retries(ctx, control.RetryDone)
		require.NoError(t, err)
		require.Equal(t, []control.Retry{{Number: number, Source: "skylink", State: control.RetryDone, FileID: udr.FileID{5}, Records: 1,
			Created: noon, Closed: at(4), Who: "ana"}}, all)
		after, err := s.FilesAfter(ctx, "skylink", 10, at(9))
		require.NoError(t, err)
		require.Empty(t, after, "there is nothing to move or delete")
	})
}

// A retry waits for the files that were begun with an older registry, and no file begins so afterwards.
func TestNoFileBeginsWithAnOlderRegistryThanARetryOfItsSource(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		sights := func(path string) {
			_, err := s.Sight(ctx, "sky", []control.Sighting{{Path: path, Size: 10, MTime: noon}}, noon)
			require.NoError(t, err)
		}
		lease := func() control.Lease {
			lease, found, err := s.LeaseNext(ctx, []control.Queue{{Source: "sky", Parallel: true}}, "m", at(2), time.Hour)
			require.NoError(t, err)
			require.True(t, found)
			return lease
		}
		sights("a.csv")
		begun := lease()
		_, err := s.Pin(ctx, begun, control.Pins{Registry: 1}, at(2))
		require.NoError(t, err)
		_, err = s.CreateRetry(ctx, "sky", "ana", []udr.ID{{Seq: 1}}, at(1))
		require.NoError(t, err)
		retry := lease()
		for before, found := range map[registry.Revision]bool{1: false, 2: true} {
			file, ok, err := other.Unfinished(ctx, "sky", retry.File, before)
			require.NoError(t, err)
			require.Equal(t, found, ok)
			if found {
				require.Equal(t, begun.File, file.Number)
			}
		}
		_, err = s.Pin(ctx, retry, control.Pins{Registry: 2}, at(2))
		require.NoError(t, err)
		sights("b.csv")
		late := lease()
		_, err = other.Pin(ctx, late, control.Pins{Registry: 1}, at(2))
		require.ErrorIs(t, err, control.ErrConflict)
		_, err = other.Pin(ctx, late, control.Pins{Registry: 2}, at(2))
		require.NoError(t, err)
		pinned, err := other.Pin(ctx, begun, control.Pins{Registry: 3}, at(2))
		require.NoError(t, err)
		require.EqualValues(t, 1, pinned.Registry)
		require.NoError(t, s.Finish(ctx, begun, control.Progress{}, at(3)))
		_, found, err := s.Unfinished(ctx, "sky", retry.File, 2)
		require.NoError(t, err)
		require.False(t, found)
	})
}
