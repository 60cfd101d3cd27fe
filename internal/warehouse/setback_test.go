package warehouse_test

import (
	"database/sql"
	"math/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
)

// position is a row of sink_positions, as an older backup or standby has it.
type position struct {
	version, next, intending, from, to int64
	fold                               []byte
}

// positionsOf reads and writes the row behind the store's back.
type positionsOf struct {
	*testing.T
	db *sql.DB
}

func (p positionsOf) copy() (at position) {
	require.NoError(p, p.db.QueryRow("SELECT version, next, intending, intent_from, intent_to, fold FROM sink_positions").
		Scan(&at.version, &at.next, &at.intending, &at.from, &at.to, &at.fold))
	return at
}

func (p positionsOf) restore(at position) {
	_, err := p.db.Exec("UPDATE sink_positions SET version = ?, next = ?, intending = ?, intent_from = ?, intent_to = ?, fold = ?",
		at.version, at.next, at.intending, at.from, at.to, at.fold)
	require.NoError(p, err)
}

// reachable gives a world a control store whose file the test can reach.
func (w *world) reachable(t *testing.T) positionsOf {
	path := filepath.Join(t.TempDir(), "control.db")
	store, err := control.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	w.store = store
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return positionsOf{t, db}
}

// Blocks that are written again by an older position have other bounds, and so other tokens.
func TestASinkWhosePositionIsOlderThanTheWarehouseWritesNothing(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "position_older")
	positions := w.reachable(t)
	l, want := traffic(rand.New(rand.NewSource(31)))
	w.append(0, l.messages)
	end := int64(len(l.messages))
	s := w.sink(0)
	s.MaxRows = 5
	require.NoError(t, w.run(s, end/3))
	monday := positions.copy()
	require.NoError(t, w.run(s, end))
	wednesday := positions.copy()
	require.Equal(t, want, w.totals())

	for range 2 { // nor the next time
		positions.restore(monday)
		var stopped *ratedlog.StoppedError
		require.ErrorAs(t, w.run(w.sink(0), end), &stopped)
		require.Equal(t, control.StopOther, stopped.Kind)
		require.Contains(t, stopped.Reason, "the control store is older than ClickHouse: by its position, offset ")
		require.Contains(t, stopped.Reason, "docs/runbooks/stores-of-different-days.md")
		require.Equal(t, want, w.totals())
		require.Zero(t, positions.copy().intending, "no intent was recorded, by which the block would be completed at the next start")
	}
	positions.restore(wednesday)
	more := log{epoch: l.epoch, input: l.input}
	more.mark()
	w.append(0, more.messages)
	require.NoError(t, w.run(w.sink(0), end+1))
	require.Equal(t, want, w.totals())
}

// A standby of PostgreSQL that did not have the last transactions takes over while the sink runs.
func TestASinkNoticesThatItsPositionWentBackWhileItRuns(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "position_back")
	positions := w.reachable(t)
	l, _ := traffic(rand.New(rand.NewSource(32)))
	third := len(l.messages) / 3
	w.append(0, l.messages[:third])
	s := w.sink(0)
	s.MaxRows = 5
	done := make(chan error, 1)
	go func() { done <- w.run(s, int64(len(l.messages))) }()
	reaches := func(next int64) {
		require.Eventually(t, func() bool { return s.Progress.Next.Load() >= next }, time.Minute, 5*time.Millisecond)
	}
	reaches(int64(third))
	before := positions.copy()
	w.append(0, l.messages[third:2*third])
	reaches(int64(2 * third))
	totals := w.totals()
	positions.restore(before)
	w.append(0, l.messages[2*third:])
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, <-done, &stopped)
	require.Contains(t, stopped.Reason, "the control store went back while this process was running: its position in the warehouse is ")
	require.Equal(t, totals, w.totals())
}
