package load

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// watcher asks ClickHouse repeatedly which of the landed files it shows completely: rated_usage, duplicates and
// suspense together have as many rows as the file's end states. A file is visible when the answer that shows this
// has arrived.
type watcher struct {
	conn     driver.Conn
	position func(context.Context) (int64, error) // position of the sinks: it increases with each block
	every    time.Duration

	mu      sync.Mutex
	waiting map[string]*flight // by path
	shown   []flight
	changed chan struct{} // closed and replaced when files were shown
}

// flight is a file that is not visible yet.
type flight struct {
	path    string
	records int
	due     time.Time // landing time
	visible time.Time

	id   string // ClickHouse's id for the file
	rows uint64 // expected rows
}

func (f *flight) latency() time.Duration { return f.visible.Sub(f.due) }

func (in *loaded) newWatcher() *watcher {
	position := func(ctx context.Context) (sum int64, err error) {
		for partition := range in.Access.Partitions {
			at, err := in.Access.Store.SinkGet(ctx, in.Access.SinkName, partition)
			if err != nil {
				return 0, err
			}
			sum += at.Next
		}
		return sum, nil
	}
	return &watcher{conn: in.Access.Warehouse.Conn(), position: position, every: 100 * time.Millisecond, waiting: map[string]*flight{},
		changed: make(chan struct{})}
}

// landed starts waiting for a file.
func (w *watcher) landed(path string, records int, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[path] = &flight{path: path, records: records, due: due}
}

// open returns the number of waiting files.
func (w *watcher) open() (files int, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting), w.changed
}

// take returns the files shown since the last call.
func (w *watcher) take() []flight {
	w.mu.Lock()
	defer w.mu.Unlock()
	shown := w.shown
	w.shown = nil
	return shown
}

// run queries until ctx ends, but only when there is a new block, because queries also cost ClickHouse time.
func (w *watcher) run(ctx context.Context) error {
	asked := int64(-1)
	for ctx.Err() == nil {
		now, err := w.position(ctx)
		if err == nil && now != asked {
			asked = now
			err = w.ask(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.every):
		}
	}
	return nil
}

func (w *watcher) ask(ctx context.Context) error {
	var unknown []string
	known := map[string]*flight{}
	w.mu.Lock()
	for path, f := range w.waiting {
		if f.id == "" {
			unknown = append(unknown, path)
		} else {
			known[f.id] = f
		}
	}
	w.mu.Unlock()
	if len(unknown) > 0 {
		err := w.each(ctx, "SELECT name, file, toUInt64(records + added - filtered) FROM files WHERE name IN ("+quoted(unknown)+")",
			func(rows driver.Rows) error {
				var path, id string
				var n uint64
				if err := rows.Scan(&path, &id, &n); err != nil {
					return err
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				f := w.waiting[path]
				f.id, f.rows, known[id] = id, n, f
				return nil
			})
		if err != nil {
			return err
		}
	}
	if len(known) == 0 {
		return nil
	}
	var ids []string
	for id := range known {
		ids = append(ids, id)
	}
	in := "file IN (" + quoted(ids) + ")"
	found := map[string]uint64{}
	err := w.each(ctx, fmt.Sprintf("SELECT file, count() FROM rated_usage WHERE %[1]s GROUP BY file UNION ALL SELECT file, count() FROM "+
		"duplicates WHERE %[1]s GROUP BY file UNION ALL SELECT file, count() FROM suspense WHERE %[1]s GROUP BY file", in),
		func(rows driver.Rows) error {
			var id string
			var n uint64
			if err := rows.Scan(&id, &n); err != nil {
				return err
			}
			found[id] += n
			return nil
		})
	if err != nil {
		return err
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.shown)
	for id, f := range known {
		if found[id] > f.rows {
			return fmt.Errorf("%s has %d rows, and ought to have %d", f.path, found[id], f.rows)
		}
		if found[id] == f.rows {
			f.visible = now
			w.shown = append(w.shown, *f)
			delete(w.waiting, f.path)
		}
	}
	if len(w.shown) > before {
		close(w.changed)
		w.changed = make(chan struct{})
	}
	return nil
}

func (w *watcher) each(ctx context.Context, query string, row func(driver.Rows) error) error {
	rows, err := w.conn.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func quoted(all []string) string { return "'" + strings.Join(all, "','") + "'" }
