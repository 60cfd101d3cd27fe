package main

import (
	"context"
	"fmt"
	"os"

	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/inquiry"
	"ratemill/internal/roles"
	"ratemill/internal/warehouse"
)

// reachStore reads the configuration and opens the control store that it names.
func reachStore(ctx context.Context, f *flags) (*control.Store, *config.Config, error) {
	c, err := f.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := control.Open(ctx, c.Control)
	return store, c, err
}

// reachKafka reaches the broker of a configuration: that of a running ratemill, when it is embedded.
func reachKafka(ctx context.Context, c *config.Config) (*broker.Kafka, broker.Topics, int, error) {
	k, topics, err := roles.ReachKafka(c)
	if err != nil {
		return nil, topics, 0, err
	}
	n, err := k.Partitions(ctx, topics.Usage)
	if err != nil {
		k.Close()
		if c.EmbeddedKafka() {
			return nil, topics, 0, fmt.Errorf("the embedded Kafka does not answer at %s; it runs while `ratemill run` or `ratemill demo` does: %w", c.Kafka.Listen, err)
		}
		return nil, topics, 0, err
	}
	return k, topics, n, nil
}

// reachWarehouse reaches ClickHouse: that of a running ratemill, or the embedded engine, started for this question.
func reachWarehouse(ctx context.Context, f *flags, c *config.Config) (*warehouse.Warehouse, func(), error) {
	n := &roles.Node{Config: c, Log: quietLogger(f), Attach: true}
	if c.EmbeddedClickHouse() {
		w, err := warehouse.Open(ctx, "http://"+c.ClickHouse.Listen+"/default")
		if err == nil {
			return w, func() { _ = w.Close() }, nil
		}
		if _, err := os.Stat(c.Data); err != nil {
			return nil, nil, fmt.Errorf("there is no data in %s yet; `ratemill run` or `ratemill demo` makes it", c.Data)
		}
		n.Attach = false
	}
	if err := n.OpenWarehouse(ctx); err != nil {
		n.Close()
		return nil, nil, err
	}
	return n.Warehouse, n.Close, nil
}

// stores are where the answers are.
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
	w, end, err := reachWarehouse(ctx, f, c)
	if err != nil {
		store.Close()
		return nil, err
	}
	return &stores{store, w, c, func() { end(); _ = store.Close() }}, nil
}

// inquire prepares to answer questions about single records.
func inquire(ctx context.Context, f *flags) (*inquiry.Inquiry, func(), error) {
	s, err := reachStores(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	q, err := inquiry.Open(ctx, s.control, s.warehouse)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return q, s.close, nil
}
