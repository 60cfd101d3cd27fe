package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ratemill/internal/backoffice"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/roles"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

// reachStore reads the configuration and opens the control store that it names, which must exist.
func reachStore(ctx context.Context, f *flags) (*control.Store, *config.Config, error) {
	c, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := control.Reach(ctx, c.Control)
	return store, c, err
}

// makeStore is reachStore, but creates the control store of a new installation.
func makeStore(ctx context.Context, f *flags) (*control.Store, *config.Config, error) {
	c, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := control.Open(ctx, c.Control)
	return store, c, err
}

// storeToCompare opens the control store for a command that only needs an engine, to check that the engine belongs to
// the same installation. It returns nil if this cannot be checked: with servers if the configuration names no control
// store, or, with a note, while the control store is away.
func storeToCompare(ctx context.Context, c *config.Config, embedded bool) (*control.Store, error) {
	store, err := control.Reach(ctx, c.Control)
	var missing *control.MissingError
	var away *control.UnavailableError
	switch {
	case errors.As(err, &missing) && !embedded && !c.NamesControl():
		return nil, nil
	case errors.As(err, &away):
		fmt.Fprintf(stderr, "cannot tell whether it belongs to this installation: %v\n", err)
		return nil, nil
	}
	return store, err
}

// reachKafka connects to the configured broker; an embedded broker is that of a running ratemill.
func reachKafka(ctx context.Context, c *config.Config) (*broker.Kafka, broker.Topics, int, error) {
	store, err := storeToCompare(ctx, c, c.EmbeddedKafka())
	if err != nil {
		return nil, broker.Topics{}, 0, err
	}
	if store != nil {
		defer store.Close()
	}
	k, topics, err := roles.ReachKafka(c)
	if err != nil {
		return nil, topics, 0, err
	}
	n, err := k.Partitions(ctx, topics.Usage)
	var other *roles.OtherInstallationError
	if err = roles.RefusedByKafka(c, err); err != nil && c.EmbeddedKafka() && !errors.As(err, &other) {
		err = fmt.Errorf("the embedded Kafka does not answer at %s; it runs only while `ratemill run` or `ratemill demo` does: %w", c.Kafka.Listen, err)
	}
	if err == nil && store != nil {
		err = roles.CheckKafka(ctx, c, store, k, topics, false)
	}
	if err != nil {
		k.Close()
		return nil, topics, 0, err
	}
	return k, topics, n, nil
}

// reachWarehouse connects to ClickHouse: that of a running ratemill, or the embedded engine, started for this query. It
// must belong to the same installation as the control store, if that is known.
func reachWarehouse(ctx context.Context, f *flags, c *config.Config, store *control.Store) (*warehouse.Warehouse, func(), error) {
	n := &roles.Node{Config: c, Log: quietLogger(f), Attach: true, Store: store}
	if c.EmbeddedClickHouse() {
		w, err := roles.ReachEmbeddedWarehouse(ctx, c)
		var other *roles.OtherInstallationError
		if errors.As(err, &other) {
			return nil, nil, err
		}
		if err == nil {
			if store != nil {
				err = roles.CheckWarehouse(ctx, c, store, w, false)
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
		n.Attach = false
	}
	if err := n.OpenWarehouse(ctx); err != nil {
		n.Close()
		return nil, nil, err
	}
	return n.Warehouse, n.Close, nil
}

// stores are the stores that answer questions.
type stores struct {
	control   *control.Store
	warehouse *warehouse.Warehouse
	config    *config.Config
	close     func()
}

func reachStores(ctx context.Context, f *flags) (*stores, error) {
	store, c, err := reachStore(ctx, f)
	if err != nil {
		return nil, err
	}
	w, end, err := reachWarehouse(ctx, f, c, store)
	if err != nil {
		store.Close()
		return nil, err
	}
	return &stores{store, w, c, func() { end(); _ = store.Close() }}, nil
}

// inquire prepares to answer questions about single records.
func inquire(ctx context.Context, f *flags) (*backoffice.Inquiry, *config.Config, func(), error) {
	s, err := reachStores(ctx, f)
	if err != nil {
		return nil, nil, nil, err
	}
	q, err := backoffice.Open(ctx, s.control, s.warehouse)
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return q, s.config, s.close, nil
}

// outcomesWithin is how long a list of files waits for the warehouse.
const outcomesWithin = 10 * time.Second

// outcomes returns rating's outcome for files, or nil with a note if the warehouse does not answer. It does not start
// an embedded ClickHouse.
func outcomes(ctx context.Context, c *config.Config, store *control.Store, files []control.File) map[udr.FileID]warehouse.Outcome {
	var ids []udr.FileID
	for i := range files {
		if p := &files[i].Progress; !files[i].FileID.IsZero() && p.Usages+p.Suspended.Records > 0 {
			ids = append(ids, files[i].FileID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, outcomesWithin)
	defer cancel()
	found, err := func() (map[udr.FileID]warehouse.Outcome, error) {
		w, err := roles.AskWarehouse(ctx, c, store)
		if err != nil {
			return nil, err
		}
		defer w.Close()
		return w.Outcomes(ctx, ids)
	}()
	if err != nil {
		fmt.Fprintf(stderr, "suspended counts mediation alone, and duplicate and rated are left out, since the warehouse does not "+
			"answer: %v\n", err)
		return nil
	}
	return found
}
