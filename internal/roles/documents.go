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
	"ratemill/invoicing"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

var documentMetrics = metric.Of("Invoices in the warehouse",
	"For the whole installation, reported by the process that owns partition 0 of the role warehouse.")

var (
	documentsWritten = documentMetrics.Counter("warehouse_documents_total",
		"Final documents and closed billing cycles that this process wrote into the warehouse.")
	documentLag = documentMetrics.Gauge("warehouse_documents_lag",
		"Final documents and closed billing cycles that are not in the warehouse yet.")
	documentWaits = documentMetrics.Gauge("warehouse_documents_wait_seconds",
		"How long the oldest final document that is not in the warehouse has been final.")
	documentsFailing = documentMetrics.Gauge("warehouse_documents_failing",
		"1 while final documents cannot be written into the warehouse; the log says why.")
)

// documentProgress is what is told of the sink of documents.
type documentProgress struct {
	written, position atomic.Int64
	begun, failing    atomic.Bool
}

// bringDocuments brings final documents into the warehouse, in the one process of the installation that has the first partition of the rated
// log. If two processes take themselves for that one, each document still arrives once.
func (r *sinkRole) bringDocuments(ctx context.Context, n *Node) error {
	s, err := warehouse.NewDocumentSink(warehouse.DocumentSinkOptions{Name: engines.DocumentSinkName(n.Installation),
		Documents: r.exporter(),
		Positions: n.Store, Warehouse: n.Warehouse, Clock: clock{}, Log: n.Log})
	if err != nil {
		return err
	}
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	ours, migrated := false, false
	step := func() (more bool, err error) {
		if !migrated {
			if err := invoicing.Migrate(ctx, n.Store.DB); err != nil {
				return false, err
			}
			migrated = true
		}
		return s.Step(ctx)
	}
	for ctx.Err() == nil {
		pause := time.Second
		if r.assigned(0) {
			if !ours {
				s.Begin()
			}
			ours = true
			more, err := step()
			switch {
			case err == nil:
				absence.Worked(time.Now(), n.Log, "final documents are written to ClickHouse again")
				r.finals.failing.Store(false)
				r.finals.written.Store(s.Written.Load())
				r.finals.position.Store(s.Position.Load())
				r.finals.begun.Store(true)
				if more {
					pause = 0
				}
			case ctx.Err() == nil:
				r.finals.failing.Store(true)
				pause = absence.Failed(time.Now(), n.Log, "cannot write final documents to ClickHouse", err)
			}
		} else {
			ours = false
			r.finals.begun.Store(false)
		}
		if pause > 0 {
			_ = clock{}.Sleep(ctx, pause)
		}
	}
	return nil
}

// documentMetrics tells how far documents are; not in a process that does not write them.
func (r *sinkRole) documentMetrics(ctx context.Context, s metric.Scrape) {
	if !r.assigned(0) {
		return
	}
	s.Put(documentsFailing, metric.Yes(r.finals.failing.Load()))
	if !r.finals.begun.Load() {
		return
	}
	s.Put(documentsWritten, float64(r.finals.written.Load()))
	e, position := r.exporter(), r.finals.position.Load()
	newest, err := e.Newest(ctx)
	if err != nil {
		return
	}
	s.Put(documentLag, float64(max(0, newest-position)))
	if waits, err := e.Waits(ctx, position, time.Now()); err == nil {
		s.Put(documentWaits, waits.Seconds())
	}
}

// exporter reads final documents.
func (r *sinkRole) exporter() *invoicing.Exporter {
	return &invoicing.Exporter{DB: r.n.Store.DB, Basis: r.invoiceBasis}
}

// invoiceBasis, for one goroutine, is what items of documents are computed from again: facts of all revisions up to one at least, and all versions of prices.
func (r *sinkRole) invoiceBasis(ctx context.Context, facts registry.Revision) (*invoicing.Basis, func(), error) {
	reg, err := r.n.reference.Registry(ctx, facts)
	if err != nil {
		return nil, nil, err
	}
	if r.statements == nil {
		r.statements = registry.NewStatements()
	}
	if facts > r.statements.Revision() {
		if _, err := r.n.Store.LoadStatements(ctx, r.statements); err != nil {
			return nil, nil, err
		}
	}
	known := map[string]*invoicing.Prices{}
	prices := func(version string) (*invoicing.Prices, error) {
		if p := known[version]; p != nil {
			return p, nil
		}
		c, err := r.n.reference.Catalogue(ctx, version)
		if err != nil {
			return nil, err
		}
		p := &invoicing.Prices{Version: version, PlanFrom: c.PlanFrom}
		p.Products, _ = product.DocumentsOf(c)
		p.Contracts, _ = contract.DocumentsOf(c)
		p.Terms, _ = terms.DocumentsOf(c)
		known[version] = p
		return p, nil
	}
	view := reg.View()
	return &invoicing.Basis{View: view, Statements: r.statements, Facts: view.Revision(), Prices: prices,
		Now: time.Now()}, view.Close, nil
}
