package roles

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/engines"
	"ratemill/internal/metric"
	"ratemill/internal/warehouse"
	"ratemill/registry"
)

var factMetrics = metric.Of("Facts in the warehouse",
	"For the whole installation, reported by the process that owns partition 0 of the role warehouse.")

var (
	factRows     = factMetrics.Counter("warehouse_facts_total", "Facts of the registry that this process wrote into the warehouse.")
	factRevision = factMetrics.Gauge("warehouse_facts_revision", "Newest revision of the registry whose facts are all in the warehouse.")
	factLag      = factMetrics.Gauge("warehouse_facts_lag_revisions", "Revisions of the registry whose facts are not in the warehouse yet.")
	factFailing  = factMetrics.Gauge("warehouse_facts_failing", "1 while facts cannot be written into the warehouse; the log says why.")
)

// factProgress is what is told of the sink of facts.
type factProgress struct {
	written, revision atomic.Int64
	begun, failing    atomic.Bool
}

// bringFacts brings the facts of the registry into the warehouse, in the one process of the installation that has the first
// partition of the rated log. If two processes take themselves for that one, each fact still arrives once.
func (r *sinkRole) bringFacts(ctx context.Context, n *Node) error {
	s, err := warehouse.NewFactSink(warehouse.FactSinkOptions{Name: engines.FactSinkName(n.Installation), Facts: n.Store, Positions: n.Store,
		Warehouse: n.Warehouse, Account: n.reference.account, Clock: clock{}, Log: n.Log})
	if err != nil {
		return err
	}
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	ours := false
	for ctx.Err() == nil {
		pause := time.Second
		if r.assigned(0) {
			if !ours {
				s.Begin()
			}
			ours = true
			more, err := s.Step(ctx)
			switch {
			case err == nil:
				absence.Worked(time.Now(), n.Log, "facts of the registry are written to ClickHouse again")
				r.facts.failing.Store(false)
				r.facts.written.Store(s.Written.Load())
				r.facts.revision.Store(s.Revision.Load())
				r.facts.begun.Store(true)
				if pause = max(n.Config.Warehouse.Flush, 100*time.Millisecond); more {
					pause = 0
				}
			case ctx.Err() == nil:
				r.facts.failing.Store(true)
				pause = absence.Failed(time.Now(), n.Log, "cannot write facts of the registry to ClickHouse", err)
			}
		} else {
			ours = false
			r.facts.begun.Store(false)
		}
		if pause > 0 {
			_ = clock{}.Sleep(ctx, pause)
		}
	}
	return nil
}

// factMetrics tells how far facts are; not in a process that does not write them.
func (r *sinkRole) factMetrics(ctx context.Context, s metric.Scrape) {
	if !r.assigned(0) {
		return
	}
	s.Put(factFailing, metric.Yes(r.facts.failing.Load()))
	if !r.facts.begun.Load() {
		return
	}
	s.Put(factRows, float64(r.facts.written.Load()))
	s.Put(factRevision, float64(r.facts.revision.Load()))
	if newest, err := r.n.Store.RegistryRevision(ctx); err == nil {
		s.Put(factLag, float64(max(0, newest-registry.Revision(r.facts.revision.Load()))))
	}
}
