package roles

import (
	"context"
	"fmt"
	"time"

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
		"Final documents and closed billing cycles that this process wrote to the warehouse.")
	documentLag = documentMetrics.Gauge("warehouse_documents_lag",
		"Final documents and closed billing cycles that are not in the warehouse yet.")
	documentWaits = documentMetrics.Gauge("warehouse_documents_wait_seconds",
		"Time since the oldest final document that is not in the warehouse became final.")
	documentsFailing = documentMetrics.Gauge("warehouse_documents_failing",
		"1 while final documents cannot be written to the warehouse; the log shows the reason.")
)

// bringDocuments copies final documents into the warehouse.
func (r *sinkRole) bringDocuments(ctx context.Context, n *Node) error {
	s, err := warehouse.NewDocumentSink(warehouse.DocumentSinkOptions{Name: engines.DocumentSinkName(n.Installation),
		Documents: r.exporter(ctx),
		Positions: n.Store, Warehouse: n.Warehouse, Clock: clock{}, Log: n.Log})
	if err != nil {
		return err
	}
	r.finals.what, r.finals.pause = "final documents", time.Second
	r.finals.run(ctx, r, &migratedFirst{DocumentSink: s, node: n})
	return nil
}

// migratedFirst brings the tables of documents in the control store up to date before it reads them.
type migratedFirst struct {
	*warehouse.DocumentSink
	node     *Node
	migrated bool
}

func (m *migratedFirst) Step(ctx context.Context) (bool, error) {
	if !m.migrated {
		if err := invoicing.Migrate(ctx, m.node.Store.DB); err != nil {
			return false, err
		}
		m.migrated = true
	}
	return m.DocumentSink.Step(ctx)
}

// documentMetrics reports the progress of documents, only in the process that writes them.
func (r *sinkRole) documentMetrics(ctx context.Context, s metric.Scrape) {
	if !r.finals.told(r, s, documentsFailing, documentsWritten) {
		return
	}
	e, position := r.exporter(ctx), r.finals.position.Load()
	newest, err := e.Newest(ctx)
	if err != nil {
		return
	}
	s.Put(documentLag, float64(max(0, newest-position)))
	if waits, err := e.Waits(ctx, position, time.Now()); err == nil {
		s.Put(documentWaits, waits.Seconds())
	}
}

// exporter returns a reader of final documents.
func (r *sinkRole) exporter(ctx context.Context) *invoicing.Exporter {
	return &invoicing.Exporter{DB: r.n.Store.DB, Prices: r.prices(ctx), Basis: r.invoiceBasis}
}

// prices returns the parts about money of versions of the catalogue.
func (r *sinkRole) prices(ctx context.Context) func(version string) (*invoicing.Prices, error) {
	known := map[string]*invoicing.Prices{}
	return func(version string) (*invoicing.Prices, error) {
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
}

// invoiceBasis returns the inputs for recomputing items of documents of some payers: facts of all revisions up to at
// least a given one, and all versions of prices.
func (r *sinkRole) invoiceBasis(ctx context.Context, payers []string, facts registry.Revision) (*invoicing.Basis, func(), error) {
	reg, statements := registry.New(), registry.NewStatements()
	revision, err := r.n.Store.LoadBelow(ctx, reg, statements, payers)
	if err != nil {
		return nil, nil, err
	}
	if revision < facts {
		return nil, nil, fmt.Errorf("the documents of %d payers need revision %d of the registry, and the newest in the control store is %d: it "+
			"is an older copy; see docs/runbooks/stores-of-different-days.md", len(payers), facts, revision)
	}
	view := reg.View()
	return &invoicing.Basis{View: view, Statements: statements, Facts: view.Revision(), Prices: r.prices(ctx),
		Now: time.Now()}, view.Close, nil
}
