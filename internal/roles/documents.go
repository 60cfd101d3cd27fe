package roles

import (
	"context"
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
		"Final documents and closed billing cycles that this process wrote into the warehouse.")
	documentLag = documentMetrics.Gauge("warehouse_documents_lag",
		"Final documents and closed billing cycles that are not in the warehouse yet.")
	documentWaits = documentMetrics.Gauge("warehouse_documents_wait_seconds",
		"How long the oldest final document that is not in the warehouse has been final.")
	documentsFailing = documentMetrics.Gauge("warehouse_documents_failing",
		"1 while final documents cannot be written into the warehouse; the log says why.")
)

// bringDocuments brings final documents into the warehouse.
func (r *sinkRole) bringDocuments(ctx context.Context, n *Node) error {
	s, err := warehouse.NewDocumentSink(warehouse.DocumentSinkOptions{Name: engines.DocumentSinkName(n.Installation),
		Documents: r.exporter(),
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

// invoiceBasis has the inputs for recomputing items of documents: facts of all revisions up to at least a given one,
// and all versions of prices. Only one goroutine may use it.
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
