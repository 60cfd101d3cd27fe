package main

import (
	"context"
	"fmt"

	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/roles"
)

// reachStore opens the control store.
func reachStore(ctx context.Context, c *config.Config) (*control.Store, error) {
	return control.Open(ctx, c.Control)
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
