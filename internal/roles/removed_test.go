package roles

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/udr"
)

// begins has a mediator take the file of a source that was dropped and end in the middle of it.
func (w *world) begins(source, why string) control.File {
	role, err := newMediation(w.Context(), w.Node)
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
	m := newMediator(w, mediation.MediatorOptions{
		Owner: "killed", Files: w.Store, Spool: &siteSpool{role.spool, role.sites, nil, &retryContents{n: w.Node}}, Reference: w.reference,
		Broker: &cutOff{w.Kafka, 2}, Topics: w.Topics, Partitions: w.Partitions, Clock: clock{}, Log: w.log, Progress: &role.progress,
		Lease: time.Minute, ChunkRecords: 2, RecordEvery: time.Nanosecond,
	})
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

// unfinished is a ledger that never learns the end of files.
type unfinished struct{ *control.Store }

func (unfinished) Finish(context.Context, control.Lease, control.Progress, time.Time) error {
	return errEnough
}

// TestAFileWhoseEndIsOutIsClosedWithoutItsServer: its mediator ended between the end and the ledger.
func TestAFileWhoseEndIsOutIsClosedWithoutItsServer(t *testing.T) {
	w := newWorld(t, "ending")
	w.config.Rating.Checkpoint = time.Second
	w.start()
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/ended.csv", header+record(1, 1, 1000)+record(1, 2, 2000)+"X;;;\n")
	role, err := newMediation(w.Context(), w.Node)
	require.NoError(t, err)
	defer role.spool.Close()
	entries, err := role.sites["sky"].Remote.List(w.Context())
	require.NoError(t, err)
	_, err = w.Store.Sight(t.Context(), "sky", []control.Sighting{control.Sighting(entries.Entries[0])}, time.Now())
	require.NoError(t, err)
	m := newMediator(w, mediation.MediatorOptions{
		Owner: "killed", Files: unfinished{w.Store}, Spool: &siteSpool{role.spool, role.sites, nil, &retryContents{n: w.Node}},
		Reference: w.reference,
		Broker:    w.Kafka, Topics: w.Topics, Partitions: w.Partitions, Clock: clock{}, Log: w.log, Progress: &role.progress,
		Lease: time.Minute,
	})
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
		home := int(binary.BigEndian.Uint64(file[:8]) % uint64(w.Partitions))
		arrived, err := retries.arrived(t.Context(), file, home)
		for away := (*mediation.AwayError)(nil); errors.As(err, &away); arrived, err = retries.arrived(t.Context(), file, home) {
			require.ErrorContains(t, away, "has not yet reached the end of partition") // the next checkpoint says that it has
		}
		require.NoError(t, err)
		require.Equal(t, want, arrived)
	}
}

// endless is a broker to which the last message for a partition does not come: the end of a file, which has no records.
type endless struct {
	broker.Broker
	topic string
	lost  func(udr.Batch) bool
}

type never struct{}

func (never) Wait(context.Context) (int64, error) { return 0, errEnough }

func (e endless) Append(ctx context.Context, topic string, partition int, messages []broker.Message) broker.Pending {
	for _, m := range messages {
		var b udr.Batch
		if err := udr.ParseBatch(m.Value, &b); topic == e.topic && err == nil && e.lost(b) {
			return never{}
		}
	}
	return e.Broker.Append(ctx, topic, partition, messages)
}

// TestTheEndThatIsMissingLongAfterGoesToItsHomeAlone: other partitions had theirs, and may have forgotten the file. It is not
// sent before it is certain that it is missing.
func TestTheEndThatIsMissingLongAfterGoesToItsHomeAlone(t *testing.T) {
	w := newWorld(t, "ending_home")
	w.config.Rating.Checkpoint = time.Second
	w.docs["registry.yaml"] += `  "214070000000002": { account: north, plan: fleet, since: 2026-01-14 }` + "\n"
	w.docs["registry.yaml"] = strings.Replace(w.docs["registry.yaml"],
		`sims: { "214070000000001": { account: acme, plan: fleet, since: 2026-01-14 } }`,
		"sims:\n  "+`"214070000000001": { account: acme, plan: fleet, since: 2026-01-14 }`, 1)
	w.start()
	w.imports(w.docs["registry.yaml"])
	require.NotEqual(t, w.home("acme"), w.home("north"))
	w.drop("sky/ended.csv", header+record(1, 1, 1000)+record(2, 2, 2000))
	role, err := newMediation(w.Context(), w.Node)
	require.NoError(t, err)
	defer role.spool.Close()
	entries, err := role.sites["sky"].Remote.List(w.Context())
	require.NoError(t, err)
	_, err = w.Store.Sight(t.Context(), "sky", []control.Sighting{control.Sighting(entries.Entries[0])}, time.Now())
	require.NoError(t, err)
	retries := &retryContents{n: w.Node}
	defer func() { retries.close() }()
	mediator := func(b broker.Broker) *mediation.Mediator {
		return newMediator(w, mediation.MediatorOptions{
			Owner: "by hand", Files: w.Store, Spool: &siteSpool{role.spool, role.sites, nil, retries}, Reference: w.reference,
			Broker: b, Topics: w.Topics, Partitions: w.Partitions, Clock: clock{}, Log: w.log, Progress: &role.progress,
			Lease:   time.Second,
			Arrived: retries.arrived, EndsKnown: 0,
		})
	}
	_, err = mediator(endless{w.Kafka, w.Topics.Usage, func(b udr.Batch) bool {
		return b.End != nil &&
			b.End.Name != ""
	}}).Next(t.Context())
	require.ErrorIs(t, err, errEnough)
	file := func() control.File {
		f, err := w.Store.File(t.Context(), 1)
		require.NoError(t, err)
		return f
	}
	require.NotNil(t, file().Progress.Ending)
	ends := func() (all [2]int64) {
		for p := range all {
			_, all[p], err = w.Kafka.Bounds(t.Context(), w.Topics.Usage, p)
			require.NoError(t, err)
		}
		return all
	}
	before := ends()
	for !strings.Contains(file().Why, "rating has not yet reached the end of partition") { // first its lease must be over
		_, err = mediator(w.Kafka).Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.Equal(t, before, ends(), "nobody rates: it may be out")

	id := file().FileID
	home := int(binary.BigEndian.Uint64(id[:8]) % 2)
	w.start(Rating, Warehouse)
	retries = &retryContents{n: w.Node}
	for file().State != control.Done {
		worked, err := mediator(w.Kafka).Next(t.Context())
		require.NoError(t, err)
		if !worked {
			require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
		}
	}
	balance := w.settled(1)["ended.csv"]
	require.EqualValues(t, []uint64{2, 2}, []uint64{balance.Records, balance.Rated})
	before[home]++
	require.Equal(t, before, ends())
	w.noneStopped()
}
