package roles

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/udr"
)

// begins has a mediator take the file of a source that was dropped and end in the middle of it.
func (w *world) begins(source, why string) control.File {
	role, err := w.newMediation(w.Context())
	require.NoError(w, err)
	defer role.spool.Close()
	listing, err := role.sites[source].Remote.List(w.Context())
	require.NoError(w, err)
	var seen []control.Sighting
	for _, e := range listing.Entries {
		seen = append(seen, control.Sighting(e))
	}
	_, err = w.Store.Sight(w.Context(), source, seen, time.Now())
	require.NoError(w, err)
	m := &mediation.Mediator{
		Owner: "killed", Files: w.Store, Spool: &siteSpool{role.spool, role.sites, nil, &retryContents{n: w.Node}}, Reference: w.reference,
		Broker: &cutOff{w.Kafka, 2}, Topics: w.Topics, Partitions: w.Partitions, Clock: clock{}, Log: w.log, Progress: &role.progress,
		Lease: time.Minute, Idle: idle, ChunkRecords: 2, RecordEvery: time.Nanosecond,
	}
	_, err = m.Next(w.Context())
	require.ErrorIs(w, err, errEnough, why)
	files, err := w.Store.Files(w.Context(), control.FileFilter{Source: source})
	require.NoError(w, err)
	require.True(w, files[0].Pinned)
	return files[0]
}

func TestABegunFileOfARemovedSourceIsFinishedByTheDocumentThatItWasBegunWith(t *testing.T) {
	w := newWorld(t, "removed")
	w.start()
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/begun.csv", header+record(1, 1, 1000)+record(1, 2, 2000)+record(1, 3, 3000)+record(1, 4, 4000)+record(1, 5, 5000))
	file := w.begins("sky", "its mediator dies")
	w.drop("sky/waits.csv", header+record(1, 9, 9000))
	_, err := w.Store.Sight(t.Context(), "sky", []control.Sighting{{Path: "/sky/waits.csv", Size: 1, MTime: time.Now()}}, time.Now())
	require.NoError(t, err)

	delete(w.docs, "sources/sky.yaml")
	w.start(Roles...)
	var begun *control.BegunError
	require.ErrorAs(t, w.Store.DropFile(t.Context(), file.Number, "ada", "gone", time.Now()), &begun)
	require.ErrorIs(t, w.Store.FinishFile(t.Context(), 999, "ada", time.Now()), control.ErrNotFound)
	require.ErrorIs(t, w.Store.FinishFile(t.Context(), file.Number+1, "ada", time.Now()), control.ErrConflict, "nothing of it was read")
	require.NoError(t, w.Store.FinishFile(t.Context(), file.Number, "ada", time.Now()))
	balance := w.settled(1)["begun.csv"]
	require.EqualValues(t, []uint64{5, 5}, []uint64{balance.Records, balance.Rated})
	sources, err := w.Store.ToFinish(t.Context())
	for ; len(sources) > 0; sources, err = w.Store.ToFinish(t.Context()) {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.NoError(t, err)
	waits, err := w.Store.File(t.Context(), file.Number+1)
	require.NoError(t, err)
	require.Equal(t, control.Seen, waits.State, "nobody ordered it")
	require.ErrorIs(t, w.Store.FinishFile(t.Context(), file.Number, "ada", time.Now()), control.ErrConflict, "it is done")
}

func TestARetryBatchOfARemovedSourceCanBeDropped(t *testing.T) {
	w := newWorld(t, "removed_retry")
	w.start()
	origin := []udr.ID{{File: udr.FileID{1}, Seq: 7}}
	number, err := w.Store.CreateRetry(t.Context(), "sky", "ada", origin, time.Now())
	require.NoError(t, err)
	files, err := w.Store.Files(t.Context(), control.FileFilter{Retry: number})
	require.NoError(t, err)
	require.NoError(t, w.Store.DropFile(t.Context(), files[0].Number, "ada", "the source is gone", time.Now()))
	f, err := w.Store.File(t.Context(), files[0].Number)
	require.NoError(t, err)
	require.Equal(t, []any{false, "given up by ada: the source is gone"}, []any{f.Open, f.Why})
	require.ErrorIs(t, w.Store.DropFile(t.Context(), f.Number, "ada", "again", time.Now()), control.ErrConflict)
	_, err = w.Store.CreateRetry(t.Context(), "sky", "ada", origin, time.Now())
	require.NoError(t, err, "its records wait again")
}

// unfinished is a ledger to which the end of files is never told.
type unfinished struct{ *control.Store }

func (unfinished) Finish(context.Context, control.Lease, control.Progress, time.Time) error {
	return errEnough
}

// TestAFileWhoseEndIsOutIsClosedWithoutItsServer: its mediator ended between the end and the ledger.
func TestAFileWhoseEndIsOutIsClosedWithoutItsServer(t *testing.T) {
	w := newWorld(t, "ending")
	w.start()
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/ended.csv", header+record(1, 1, 1000)+record(1, 2, 2000)+"X;;;\n")
	role, err := w.newMediation(w.Context())
	require.NoError(t, err)
	defer role.spool.Close()
	entries, err := role.sites["sky"].Remote.List(w.Context())
	require.NoError(t, err)
	_, err = w.Store.Sight(t.Context(), "sky", []control.Sighting{control.Sighting(entries.Entries[0])}, time.Now())
	require.NoError(t, err)
	m := &mediation.Mediator{
		Owner: "killed", Files: unfinished{w.Store}, Spool: &siteSpool{role.spool, role.sites, nil, &retryContents{n: w.Node}}, Reference: w.reference,
		Broker: w.Kafka, Topics: w.Topics, Partitions: w.Partitions, Clock: clock{}, Log: w.log, Progress: &role.progress, Lease: time.Minute, Idle: idle,
	}
	_, err = m.Next(t.Context())
	require.ErrorIs(t, err, errEnough)
	require.NoError(t, os.RemoveAll(filepath.Join(w.dir, "in")))

	w.start(Roles...)
	balance := w.settled(1)["ended.csv"]
	require.EqualValues(t, []uint64{3, 2, 1}, []uint64{balance.Records, balance.Rated, balance.Suspended})
	for {
		f, err := w.Store.File(t.Context(), 1)
		require.NoError(t, err)
		if f.State == control.Done {
			require.EqualValues(t, []int64{3, 1, 2}, []int64{f.Progress.Read.Records, f.Progress.Suspended.Records, f.Progress.Usages})
			require.Nil(t, f.Progress.Ending)
			break
		}
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.EqualValues(t, 1, w.number("SELECT count() FROM files"))

	// Long after, when raters may have forgotten the file, the warehouse is asked instead.
	retries := &retryContents{n: w.Node}
	defer retries.close()
	f, err := w.Store.File(t.Context(), 1)
	require.NoError(t, err)
	for file, want := range map[udr.FileID]bool{f.FileID: true, {1}: false} {
		arrived, err := retries.arrived(t.Context(), file)
		require.NoError(t, err)
		require.Equal(t, want, arrived)
	}
}
