package backoffice

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/simstate"
	"ratemill/udr"
)

// errNoCatalogue means that an installation has no catalogue.
var errNoCatalogue = &Problem{Invalid, errors.New("the project has no catalogue, so the charges are unknown")}

// basisRequest selects the invoices to compute.
type basisRequest struct {
	until  registry.Date // cycles that begin on this date or earlier
	payers []string      // accounts whose facts are read; none means all
	closed []string      // payers whose balances are compared with their usage; none means all
	wait   time.Duration // how long to wait for consumers that are behind; 0 refuses at once
}

// basis collects the inputs of closes and documents. First it takes the cut, which is the position of the account
// role, together with the balances. When simstate and the warehouse have also passed the cut, it takes the facts.
// end closes the basis.
func (o *Office) basis(ctx context.Context, r basisRequest) (b *invoicing.Basis, end func(), err error) {
	for _, migrate := range []func(context.Context, *store.DB) error{account.Migrate, simstate.Migrate, invoicing.Migrate,
		delivery.Migrate} {
		if err := migrate(ctx, o.Store.DB); err != nil {
			return nil, nil, err
		}
	}
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, nil, err
	}
	if catalogue == nil {
		return nil, nil, errNoCatalogue
	}
	if err := o.Store.PutDocument(ctx, "catalogue", catalogue.Version(), catalogue.Bundle(), o.Now()); err != nil {
		return nil, nil, err
	}
	b = &invoicing.Basis{Catalogue: catalogue.Version(), Now: o.Now(), Begin: o.InvoicesFrom}
	c := &cutting{Office: o, basisRequest: r, basis: b}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	view, statements, err := c.facts(ctx)
	if err != nil {
		return nil, nil, err
	}
	b.View, b.Statements, b.Facts = view, statements, view.Revision()
	o.documents(ctx, b, catalogue)
	w, err := o.Warehouse(ctx)
	if err != nil {
		view.Close()
		return nil, nil, err
	}
	b.Usage = usageOf(w)
	d := &doubting{office: o, basis: b, warehouse: w, some: len(r.payers) > 0}
	b.Doubts, b.Findings = d.of, d.findings
	return b, func() {
		c.close()
		view.Close()
	}, nil
}

// documents fills in prices by version of the catalogue, and payers.
func (o *Office) documents(ctx context.Context, b *invoicing.Basis, now *rating.Catalogue) {
	var mu sync.Mutex
	known := map[string]*invoicing.Prices{}
	b.Prices = func(version string) (*invoicing.Prices, error) {
		mu.Lock()
		defer mu.Unlock()
		if p, ok := known[version]; ok {
			return p, nil
		}
		c := now
		if version != now.Version() {
			if c = o.catalogue(ctx, version); c == nil {
				return nil, fmt.Errorf("version %.8s of the catalogue, which priced items of the document, is no longer in the "+
					"control store; was the "+
					"store restored from a backup?", version)
			}
		}
		p := &invoicing.Prices{Version: version, PlanFrom: c.PlanFrom}
		p.Products, _ = product.DocumentsOf(c)
		p.Contracts, _ = contract.DocumentsOf(c)
		p.Terms, _ = terms.DocumentsOf(c)
		known[version] = p
		return p, nil
	}
	in := o.Installation
	project.Complete(&in, now)
	var reading sync.Mutex // a book caches the values that it has read
	book := account.NewBook(b.View, b.Statements, &in)
	b.Payer = func(id string, at udr.Instant) (*invoicing.Payer, error) {
		prices, err := b.Prices(b.Catalogue)
		if err != nil {
			return nil, err
		}
		reading.Lock()
		defer reading.Unlock()
		return invoicePayer(book, prices.Terms, id, at)
	}
}

// cutting takes a cut of the rated log.
type cutting struct {
	*Office
	basisRequest
	basis        *invoicing.Basis
	balances     *account.AtCut
	installation string
	generation   uint32
}

// facts takes the cut, and the facts once all others have passed it. Accounts whose balances the cut should have are known from
// the facts before it; if an account was put above or below them meanwhile, it takes another cut.
func (c *cutting) facts(ctx context.Context) (*registry.View, *registry.Statements, error) {
	for {
		accounts, err := c.compared(ctx)
		if err != nil {
			return nil, nil, err
		}
		if err := c.take(ctx, accounts); err != nil {
			return nil, nil, err
		}
		if err := c.others(ctx); err != nil {
			return nil, nil, err
		}
		view, statements, err := c.below(ctx, c.payers)
		if err != nil {
			return nil, nil, err
		}
		later, err := c.compared(ctx)
		if err == nil && slices.Equal(accounts, later) {
			return view, statements, nil
		}
		view.Close()
		if err != nil {
			return nil, nil, err
		}
	}
}

// compared returns the accounts whose balances are compared; nil for all.
func (c *cutting) compared(ctx context.Context) ([]uint32, error) {
	if len(c.closed) == 0 {
		return nil, nil
	}
	return c.Store.AccountsAround(ctx, c.closed)
}

// take reads the positions of the account role with its balances, of one point in time.
func (c *cutting) take(ctx context.Context, accounts []uint32) (err error) {
	c.close()
	if c.installation, err = c.Store.Installation(ctx); err != nil {
		return err
	}
	if c.generation, err = c.Store.LogGeneration(ctx); err != nil {
		return err
	}
	c.balances, err = account.TakeCut(ctx, c.Store.DB, account.Role.Consumer(c.installation), c.until-invoicing.Compared, accounts)
	if err != nil {
		return err
	}
	c.basis.Cut = document.Cut{Log: int(c.generation), Offsets: c.balances.Offsets}
	if len(c.balances.Offsets) == 0 {
		return &Problem{Conflict, fmt.Errorf("the role account has never run here; it determines up to where usage counts: ratemill run")}
	}
	if c.basis.Balances = nil; c.balances.Partial {
		return nil // the balances begin later than the log, so there is nothing to compare
	}
	c.basis.Balances = func(accounts []uint32, each func(invoicing.AccountCycle, *invoicing.Balance) error) error {
		return c.balances.Of(accounts, func(r *account.Row) error {
			return each(invoicing.AccountCycle{Account: r.Account, Cycle: registry.Date(r.Cycle)}, &invoicing.Balance{Tier: r.Tier,
				Class: r.Class, Unit: r.Unit, Currency: r.Currency, Records: r.Records, Quantity: r.Quantity, Amount: r.Amount})
		})
	}
	return nil
}

func (c *cutting) close() {
	if c.balances != nil {
		c.balances.Close()
	}
}

func scanAll(rows *sql.Rows, each func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// others waits until the other readers of the log have passed the cut: simstate, including the time limits of
// SIMs, and the warehouse.
func (c *cutting) others(ctx context.Context) error {
	deadline := time.Now().Add(c.wait)
	for {
		behind, err := c.behind(ctx)
		if err != nil || behind == "" {
			return err
		}
		if time.Now().After(deadline) {
			return &Problem{Conflict,
				fmt.Errorf("%s; invoices would be incomplete. Is ratemill run running? Try again in a while, or wait longer with --wait",
					behind)}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// behind lists the readers that have not passed the cut yet.
func (c *cutting) behind(ctx context.Context) (string, error) {
	for partition, want := range c.basis.Cut.Offsets {
		for _, role := range []struct{ what, consumer string }{
			{"the warehouse", c.Sink(c.installation)}, {"the role simstate", simstate.ConsumerOf(c.installation)},
		} {
			at, err := c.Store.SinkGet(ctx, role.consumer, partition)
			if err != nil {
				return "", err
			}
			if at.Next < want {
				return fmt.Sprintf("%s is at offset %d of partition %d of the rated log, but the balances are at %d", role.what, at.Next,
					partition, want), nil
			}
		}
	}
	// simstate must also have processed the time limits that are due by the end of the last cycle. A local date ends
	// at most 14 hours after the same date in UTC.
	by := udr.InstantOf(c.until.UTC().AddDate(0, 0, 32))
	by = min(by, udr.InstantOf(c.basis.Now))
	due, revision := 0, registry.Revision(0)
	err := c.Store.Change(ctx, "asking for time limits", func(tx *store.Tx) error {
		sims, err := simstate.Table{}.DueBy(ctx, tx, by, 1000)
		if err != nil {
			return err
		}
		due = len(sims)
		p, err := simstate.Table{}.Position(ctx, tx)
		revision = p.Revision
		return err
	})
	if err != nil {
		return "", err
	}
	if due > 0 {
		return fmt.Sprintf("the role simstate has %s of SIMs to work through", counted(due, "time limit")), nil
	}
	newest, err := c.Store.RegistryRevision(ctx)
	if err == nil && revision < newest {
		return fmt.Sprintf("the role simstate has settled the SIMs up to revision %d of the registry, whose newest revision is %d", revision,
			newest), nil
	}
	return "", err
}

// usageOf reads usage from a warehouse.
func usageOf(w *warehouse.Warehouse) func(context.Context, invoicing.UsageQuestion, func(*invoicing.Charged) error) error {
	cut := func(c document.Cut) warehouse.Cut { return warehouse.Cut{Log: uint32(c.Log), Offsets: c.Offsets} }
	return func(ctx context.Context, q invoicing.UsageQuestion, each func(*invoicing.Charged) error) error {
		asked := warehouse.UsageQuestion{Until: cut(q.Until), From: q.From.UTC(), To: q.To.UTC(), Late: q.Late,
			Accounts: q.Accounts}
		for _, c := range q.Cuts {
			asked.Cuts = append(asked.Cuts, cut(c))
		}
		return w.UsageSums(ctx, asked, func(s *warehouse.UsageSum) error {
			amount, err := decimal.Parse(s.Amount.String())
			if err != nil {
				return fmt.Errorf("an amount of the warehouse: %w", err)
			}
			return each(&invoicing.Charged{Account: s.Account, Tier: s.Tier, Class: s.Class, Unit: s.Unit, Plan: s.Plan,
				PlanVersion: s.PlanVersion,
				Zone:        s.Zone, Tariff: s.Price, Currency: s.Currency, Cycle: registry.Date(s.Cycle), Since: s.Since, Records: s.Records,
				Quantity: s.Quantity, Amount: amount})
		})
	}
}
