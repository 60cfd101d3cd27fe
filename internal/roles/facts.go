package roles

import (
	"context"
	"time"

	"ratemill/internal/engines"
	"ratemill/internal/metric"
	"ratemill/internal/warehouse"
	"ratemill/registry"
)

var factMetrics = metric.Of("Facts in the warehouse",
	"For the whole installation, reported by the process that owns partition 0 of the role warehouse.")

var (
	factRows     = factMetrics.Counter("warehouse_facts_total", "Facts of the registry that this process wrote to the warehouse.")
	factRevision = factMetrics.Gauge("warehouse_facts_revision", "Newest revision of the registry whose facts are all in the warehouse.")
	factLag      = factMetrics.Gauge("warehouse_facts_lag_revisions", "Revisions of the registry whose facts are not in the warehouse yet.")
	factFailing  = factMetrics.Gauge("warehouse_facts_failing", "1 while facts cannot be written to the warehouse; the "+
		"log shows the reason.")
)

// bringFacts copies the facts of the registry into the warehouse.
func (r *sinkRole) bringFacts(ctx context.Context, n *Node) error {
	s, err := warehouse.NewFactSink(warehouse.FactSinkOptions{Name: engines.FactSinkName(n.Installation), Facts: n.Store, Positions: n.Store,
		Warehouse: n.Warehouse, Account: n.reference.account, Clock: clock{}, Log: n.Log})
	if err != nil {
		return err
	}
	r.facts.what, r.facts.pause = "facts of the registry", max(n.Config.Warehouse.Flush, 100*time.Millisecond)
	r.facts.run(ctx, r, s)
	return nil
}

// factMetrics reports the progress of facts, only in the process that writes them.
func (r *sinkRole) factMetrics(ctx context.Context, s metric.Scrape) {
	if !r.facts.told(r, s, factFailing, factRows) {
		return
	}
	revision := r.facts.position.Load()
	s.Put(factRevision, float64(revision))
	if newest, err := r.n.Store.RegistryRevision(ctx); err == nil {
		s.Put(factLag, float64(max(0, newest-registry.Revision(revision))))
	}
}
