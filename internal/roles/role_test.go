package roles

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/consumer"
	"ratemill/internal/metric"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
	"ratemill/internal/store"
)

// tally counts rated records in SQL. It shows how short a role in a package of its own can be.
type tally struct{ rated int64 }

var (
	tallyMetrics = metric.Of("Tally", "")
	tallyRole    = consumer.Role{
		Name: "tally", Title: "tally", Linger: 10 * time.Millisecond, Done: "in the tally", Gone: "there is no more",
		Metrics: tallyMetrics, Rows: tallyMetrics.Counter("tally_records_total", "Records.", "partition"),
		Blocks:   tallyMetrics.Counter("tally_blocks_total", "Blocks.", "partition"),
		Position: tallyMetrics.Gauge("tally_position", "Offset.", "partition"),
		Lag:      tallyMetrics.Gauge("tally_lag_batches", "What waits.", "partition"),
		Effects: func(consumer.Given) func() consumer.Effect[*store.Tx] {
			return func() consumer.Effect[*store.Tx] { return &tally{} }
		},
		Migrate: func(ctx context.Context, db *store.DB) error {
			_, _, err := db.Migrate(ctx, store.Migrations{Table: "tally_version", Files: fstest.MapFS{"00001_tally.sql": &fstest.MapFile{
				Data: []byte("-- +goose Up\nCREATE TABLE tally (partition_number INTEGER NOT NULL PRIMARY KEY, rated BIGINT NOT NULL);\n")}}})
			return err
		},
	}
)

func (t *tally) Reset()    { t.rated = 0 }
func (t *tally) Size() int { return int(t.rated) }

func (t *tally) Add(_ context.Context, _ int64, message []byte) error {
	var b ratedlog.Batch
	if err := ratedlog.ParseBatch(message, &b); err != nil {
		return err
	}
	t.rated += int64(len(b.Rated))
	return nil
}

func (t *tally) Apply(ctx context.Context, tx *store.Tx, span consumer.Span) error {
	_, err := tx.Exec(ctx, `INSERT INTO tally (partition_number, rated) VALUES (?, ?)
		ON CONFLICT (partition_number) DO UPDATE SET rated = tally.rated + excluded.rated`, span.Partition, t.rated)
	return err
}

// A role that this package does not know needs only its place in the list: it gets partitions, metrics and readiness
// report it, it keeps its position, and Kafka keeps the messages that it has not read.
func TestARoleOfAnyPackageNeedsNothingButItsPlaceInTheList(t *testing.T) {
	w := newWorld(t, "tally")
	w.config.Listen, w.known = testengine.FreeAddress(t), append(Roles[:len(Roles):len(Roles)], InSQL(tallyRole))
	w.start(w.known...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", content(1))
	rated := w.settled(1)["a.csv"].Rated
	counted := func() (n uint64) {
		require.NoError(t, w.Store.DB.Query(t.Context(), "read the tally", "SELECT rated FROM tally", nil, func(rows *sql.Rows) error {
			var of uint64
			err := rows.Scan(&of)
			n += of
			return err
		}))
		return n
	}
	for counted() < rated {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.Equal(t, rated, counted())
	w.ready(http.StatusOK)
	p := w.home("acme")
	w.tells(map[string]float64{`role_running{role="tally"}`: 1, `partitions_owned{role="tally"}`: 2})
	_, end, err := w.Kafka.Bounds(t.Context(), w.Topics.Rated, p)
	require.NoError(t, err)
	w.tells(map[string]float64{fmt.Sprintf(`tally_position{partition="%d"}`, p): float64(end)})

	w.start(Mediation, Rating, Warehouse)
	w.tells(map[string]float64{`role_running{role="tally"}`: 0})
	w.drop("sky/b.csv", content(2))
	w.settled(2)
	at, err := w.Store.SinkGet(t.Context(), tallyRole.Consumer(w.Installation), p)
	require.NoError(t, err)
	_, end, err = w.Kafka.Bounds(t.Context(), w.Topics.Rated, p)
	require.NoError(t, err)
	require.Less(t, at.Next, end)
	next, err := w.consumed(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, at.Next, next, "Kafka keeps what the tally has not read")

	w.start(w.known...)
	for counted() < 2*rated {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.Equal(t, 2*rated, counted())
}

// A process may be asked to end while its roles begin, for instance while a role brings its tables up to date.
func TestAProcessThatIsAskedToEndBeforeItsRolesBeginEndsWithoutAnError(t *testing.T) {
	w := newWorld(t, "early")
	n, err := Open(w.Context(), Options{Config: w.config, Project: w.loaded(), Log: w.log, Known: w.known, Roles: Roles, Attach: w.attach})
	require.NoError(t, err)
	defer n.Close()
	ctx, end := context.WithCancel(w.Context())
	end()
	require.NoError(t, n.Run(ctx))
}
