package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"ratemill/account"
	"ratemill/internal/backoff"
	"ratemill/internal/backoffice"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/engines"
	"ratemill/internal/warehouse"
	"ratemill/invoicing/form"
)

// openStore reads the configuration and opens the control store in it, which must exist.
func openStore(ctx context.Context, f *flags) (*control.Store, *config.Config, error) {
	c, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := control.OpenExisting(ctx, c.Control)
	return store, c, err
}

// createStore is like openStore, but creates the control store of a new installation.
func createStore(ctx context.Context, f *flags) (*control.Store, *config.Config, error) {
	c, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := control.Open(ctx, c.Control)
	return store, c, err
}

// storeToCompare opens the control store for a command that only needs another engine, to check that the engine
// belongs to the same installation. It returns nil if this cannot be checked: if the engine is a server and no
// control store is configured or, with a note, while the control store is unreachable.
func storeToCompare(ctx context.Context, c *config.Config, embedded bool) (*control.Store, error) {
	store, err := control.OpenExisting(ctx, c.Control)
	var missing *control.MissingError
	switch {
	case errors.As(err, &missing) && !embedded && !c.NamesControl():
		return nil, nil
	case backoff.From(err) == backoff.ControlStore:
		fmt.Fprintf(stderr, "cannot tell whether it belongs to this installation: %v\n", err)
		return nil, nil
	}
	return store, err
}

// openKafka connects to the configured broker. If the broker is embedded, it must be that of a running ratemill.
func openKafka(ctx context.Context, c *config.Config) (*broker.Kafka, broker.Topics, int, error) {
	store, err := storeToCompare(ctx, c, c.EmbeddedKafka())
	if err != nil {
		return nil, broker.Topics{}, 0, err
	}
	if store != nil {
		defer store.Close()
	}
	k, topics, err := engines.OpenKafka(c)
	if err != nil {
		return nil, topics, 0, err
	}
	n, err := k.Partitions(ctx, topics.Usage)
	var other *engines.OtherInstallationError
	if err = engines.RefusedByKafka(c, err); err != nil && c.EmbeddedKafka() && !errors.As(err, &other) {
		err = fmt.Errorf("the embedded Kafka does not answer at %s; it runs only while `ratemill run` or `ratemill demo` does: %w",
			c.Kafka.Listen, err)
	}
	if err == nil && store != nil {
		err = engines.CheckKafka(ctx, c, store, k, topics, false)
	}
	if err != nil {
		k.Close()
		return nil, topics, 0, err
	}
	return k, topics, n, nil
}

// openWarehouse connects to the ClickHouse of a running ratemill, or starts the embedded engine for this query. It
// must belong to the same installation as the control store, if that is known.
func openWarehouse(ctx context.Context, f *flags, c *config.Config, store *control.Store) (*warehouse.Warehouse, func(), error) {
	o := engines.Options{Config: c, Log: quietLogger(f), Attach: true}
	if c.EmbeddedClickHouse() {
		w, err := engines.OpenEmbeddedWarehouse(ctx, c)
		var other *engines.OtherInstallationError
		if errors.As(err, &other) {
			return nil, nil, err
		}
		if err == nil {
			if store != nil {
				err = engines.CheckWarehouse(ctx, c, store, w, false)
			}
			if err != nil {
				w.Close()
				return nil, nil, err
			}
			return w, func() { _ = w.Close() }, nil
		}
		if _, err := os.Stat(c.Data); err != nil {
			return nil, nil, fmt.Errorf("there is no data in %s yet; `ratemill run` or `ratemill demo` creates it", c.Data)
		}
		o.Attach = false
	}
	e, err := engines.New(o)
	if err != nil {
		return nil, nil, err
	}
	e.Store = store
	if err := e.OpenWarehouse(ctx); err != nil {
		e.Close()
		return nil, nil, err
	}
	return e.Warehouse, e.Close, nil
}

// openOffice opens the back office of the configured installation. A request that needs the warehouse connects to a
// running ClickHouse; it starts no embedded one.
func openOffice(ctx context.Context, f *flags) (*backoffice.Office, func(), error) {
	store, c, err := openStore(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	var opened []*warehouse.Warehouse
	end := func() {
		for _, w := range opened {
			_ = w.Close()
		}
		_ = store.Close()
	}
	office, err := officeOf(c, store, func(ctx context.Context) (*warehouse.Warehouse, error) {
		w, err := engines.AskWarehouse(ctx, c, store)
		if err == nil {
			opened = append(opened, w)
		}
		return w, err
	})
	return office, end, err
}

// openOfficeWithWarehouse is openOffice for commands that need the warehouse: it waits for ClickHouse, or starts the
// embedded one.
func openOfficeWithWarehouse(ctx context.Context, f *flags) (*backoffice.Office, func(), error) {
	store, c, err := openStore(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	w, end, err := openWarehouse(ctx, f, c, store)
	if err != nil {
		store.Close()
		return nil, nil, err
	}
	office, err := officeOf(c, store, backoffice.Connected(w))
	return office, func() { end(); _ = store.Close() }, err
}

func officeOf(c *config.Config, store *control.Store, w func(context.Context) (*warehouse.Warehouse, error)) (*backoffice.Office, error) {
	return backoffice.New(backoffice.Options{Store: store, Warehouse: w, Project: c.Project, Topics: broker.TopicsUnder(c.Kafka.Prefix),
		Installation: installationOf(c), InvoicesFrom: c.Invoicing.From, KeepMonths: int(c.Warehouse.Keep), Sink: engines.SinkName,
		Documents: c.Invoicing.Documents, Print: form.Options{Command: c.Invoicing.PDF.Command, Timeout: c.Invoicing.PDF.Timeout}})
}

// installationOf returns the account features of an installation.
func installationOf(c *config.Config) account.Installation {
	return account.Installation{Projects: c.Accounts.Projects, Resellers: c.Accounts.Resellers, Contracts: c.Accounts.Contracts,
		Languages: c.Accounts.Languages, EInvoices: c.Accounts.EInvoices, Lookup: c.Accounts.Lookup.URL != ""}
}

// openOfficeForAccounts is openOffice for commands that may create the first account of an installation.
func openOfficeForAccounts(ctx context.Context, f *flags) (*backoffice.Office, func(), error) {
	store, c, err := createStore(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = store.Close() }
	partitions, err := engines.Partitions(ctx, store, c.Kafka.Partitions)
	if err != nil {
		end()
		return nil, nil, err
	}
	office, err := backoffice.New(backoffice.Options{Store: store, Project: c.Project, Partitions: partitions,
		Installation: installationOf(c)})
	return office, end, err
}
