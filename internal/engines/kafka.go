package engines

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/scram"

	"ratemill/internal/broker"
	"ratemill/internal/config"
	embeddedkafka "ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
)

func (e *Engines) openKafka(ctx context.Context) (err error) {
	c := e.Config.Kafka
	e.Brokers = c.Addresses
	switch {
	case e.Config.EmbeddedKafka() && e.Attach:
		e.Brokers = []string{c.Listen}
	case e.Config.EmbeddedKafka():
		addr, err := e.embeddedKafka(ctx)
		if err != nil {
			return err
		}
		e.Brokers = []string{addr}
	}
	e.KafkaAddress = e.Brokers[0]
	if e.Kafka, err = e.dialKafka(); err != nil {
		return err
	}
	e.closers = append(e.closers, e.Kafka.Close)
	e.Topics = broker.TopicsUnder(c.Prefix)
	if err := e.ownKafka(ctx); err != nil {
		return err
	}
	if err := e.sameDay(ctx, e.markedKafka()); err != nil {
		return err
	}
	err = e.WaitFor(ctx, Control, func() (err error) {
		e.Partitions, err = Partitions(ctx, e.Store, c.Partitions)
		return err
	})
	if err != nil {
		return err
	}
	err = e.WaitFor(ctx, Kafka, func() error {
		notes, err := e.Kafka.EnsureTopics(ctx, c.Replication, e.Topics.All(e.Partitions, c.UsageFor, c.RatedFor))
		for _, note := range notes {
			e.Log.Warn(note)
		}
		return err
	})
	if err != nil {
		return err
	}
	return e.claimKafka(ctx)
}

// dialKafka returns a client for the brokers' addresses.
func (e *Engines) dialKafka() (_ *broker.Kafka, err error) {
	c := e.Config.Kafka
	if e.kafkaTLS, err = c.TLS.Client(c.TLS.Enabled); err != nil {
		return nil, fmt.Errorf("kafka.tls: %w", err)
	}
	if e.Config.EmbeddedKafka() {
		e.kafkaSASL, err = scram.Mechanism(scram.SHA256, keys.Owner, e.keys.Owner)
	} else {
		e.kafkaSASL, err = login(c.SASL)
	}
	if err != nil {
		return nil, fmt.Errorf("kafka.sasl: %w", err)
	}
	return broker.NewKafka(broker.KafkaOptions{Addresses: e.Brokers, ClientID: "ratemill", TLS: e.kafkaTLS, SASL: e.kafkaSASL}), nil
}

// Dialer connects members of consumer groups to Kafka.
func (e *Engines) Dialer() *kafka.Dialer {
	return &kafka.Dialer{ClientID: "ratemill", Timeout: 5 * time.Second, TLS: e.kafkaTLS, SASLMechanism: e.kafkaSASL}
}

// OpenKafka returns a client of the configured broker; an embedded broker must be running.
func OpenKafka(c *config.Config) (*broker.Kafka, broker.Topics, error) {
	e := &Engines{Options: Options{Config: c}, Brokers: c.Kafka.Addresses}
	topics := broker.TopicsUnder(c.Kafka.Prefix)
	if c.EmbeddedKafka() {
		e.Brokers = []string{c.Kafka.Listen}
		var err error
		if e.keys, err = attachedKeys(c); err != nil {
			return nil, topics, err
		}
	}
	k, err := e.dialKafka()
	return k, topics, err
}

// embeddedKafka starts a broker in a child process and restarts it at the same address if it dies.
func (e *Engines) embeddedKafka(ctx context.Context) (string, error) {
	options := embeddedkafka.Options{Dir: filepath.Join(e.Config.Data, "kafka"), Listen: e.Config.Kafka.Listen, Keys: e.keys, Log: e.Log,
		Stored: broker.StoredUnder(e.Config.Kafka.Prefix).By(broker.TopicsUnder(e.Config.Kafka.Prefix))}
	b, err := embeddedkafka.StartChild(ctx, options)
	if err != nil {
		return "", fmt.Errorf("the embedded Kafka does not start: %w", err)
	}
	options.Listen = b.Addr()
	e.supervise("kafka", engine{b.Wait, b.Stop}, func(ctx context.Context) (engine, error) {
		b, err := embeddedkafka.StartChild(ctx, options)
		if err != nil {
			return engine{}, err
		}
		return engine{b.Wait, b.Stop}, nil
	})
	e.KafkaPID = b.PID()
	return options.Listen, nil
}

func login(c config.SASL) (sasl.Mechanism, error) {
	if c.Mechanism == "" {
		return nil, nil
	}
	password, err := config.Secret(c.PasswordFile, c.PasswordEnv)
	if err != nil {
		return nil, err
	}
	algorithm := scram.SHA256
	if c.Mechanism == "scram-sha-512" {
		algorithm = scram.SHA512
	}
	return scram.Mechanism(algorithm, c.User, password)
}
