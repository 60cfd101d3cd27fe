package roles

import (
	"context"
	"math/rand/v2"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/warehouse"
)

const (
	expireEvery    = time.Hour
	expireToldEach = 24 * time.Hour // how often the reason why rows are kept is reported
)

// expire deletes rows older than warehouse.keep, repeatedly, in the one process of the installation that has the first
// partition of the rated log.
func (r *sinkRole) expire(ctx context.Context, n *Node) error {
	layout := n.Layout()
	if layout.Keep == 0 {
		<-ctx.Done()
		return nil
	}
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	var said string
	var at time.Time
	for ctx.Err() == nil {
		pause := time.Second
		if r.assigned(0) {
			e, err := n.Warehouse.Expire(ctx, layout, warehouse.Clock{Whose: "this machine's", Says: time.Now()},
				warehouse.Clock{Whose: "the control store's", Says: n.LedgerTime.Now()})
			if e.Parts > 0 || len(e.Tables) > 0 {
				n.Log.Info("deleting rows that ClickHouse has kept for warehouse.keep months", "before", e.Before.Format(time.DateOnly),
					"parts", e.Parts, "tables", e.Tables)
			}
			switch {
			case err == nil:
				absence.Worked(time.Now(), n.Log, "expired rows can be deleted from ClickHouse again")
				pause = expireEvery
				if e.Held != "" && (said == "" || time.Since(at) >= expireToldEach) {
					n.Log.Warn("no rows that have been kept for warehouse.keep months are deleted from ClickHouse at the moment; see "+
						"docs/runbooks/expiry-held.md", "why", e.Held)
					at = time.Now()
				} else if e.Held == "" && said != "" {
					n.Log.Info("rows that have been kept for warehouse.keep months are deleted from ClickHouse again")
				}
				said = e.Held
				r.mu.Lock()
				r.held = &e.Held
				r.mu.Unlock()
			case ctx.Err() == nil:
				pause = absence.Failed(time.Now(), n.Log, "cannot delete expired rows from ClickHouse", err)
			}
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

// holds reports whether expired rows are kept; told is false in a process that does not report it.
func (r *sinkRole) holds() (held, told bool) {
	if !r.assigned(0) {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held != nil && *r.held != "", r.held != nil
}
