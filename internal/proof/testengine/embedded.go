package testengine

import (
	"context"
	"testing"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
)

var (
	sharedEmbeddedKafka once[kafka.Broker]
	sharedClickHouse    once[clickhouse.Server]
)

// SharedEmbeddedKafka returns the only embedded broker of the process, which runs in the process; name topics and
// groups after the test.
func SharedEmbeddedKafka(t testing.TB) *kafka.Broker {
	t.Helper()
	return sharedEmbeddedKafka.get(t, func(s scope) *kafka.Broker {
		return startEmbeddedKafka(s, kafka.Start)
	})
}

// StartEmbeddedKafka starts an embedded broker for this test in a child process, so that it can be killed. The
// package's TestMain must call Main.
func StartEmbeddedKafka(t testing.TB) *kafka.Broker {
	t.Helper()
	return startEmbeddedKafka(scope{t: t}, kafka.StartChild)
}

func startEmbeddedKafka(s scope, start func(context.Context, kafka.Options) (*kafka.Broker, error)) *kafka.Broker {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	b, err := start(ctx, kafka.Options{Dir: tempDir(s, "embedded-kafka")})
	if err != nil {
		s.t.Fatal(err)
	}
	s.onEnd(b.Kill)
	return b
}

// SharedClickHouse returns the only embedded ClickHouse of the process; name tables or databases after the test.
func SharedClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	return sharedClickHouse.get(t, func(s scope) *clickhouse.Server { return startClickHouse(s) })
}

// StartClickHouse starts an embedded ClickHouse for this test. The package's TestMain must call Main.
func StartClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	return startClickHouse(scope{t: t})
}

// StartEngines starts an embedded Kafka and an embedded ClickHouse for this test with the passwords of a data folder,
// as a process that runs on the folder does.
func StartEngines(t testing.TB, data string) (*kafka.Broker, *clickhouse.Server) {
	t.Helper()
	k, err := keys.Make(data)
	if err != nil {
		t.Fatal(err)
	}
	b := startEmbeddedKafka(scope{t: t}, func(ctx context.Context, o kafka.Options) (*kafka.Broker, error) {
		o.Keys = k
		return kafka.StartChild(ctx, o)
	})
	return b, startClickHouse(scope{t: t}, k)
}

func startClickHouse(s scope, k ...keys.Keys) *clickhouse.Server {
	s.t.Helper()
	options := clickhouse.Options{Dir: tempDir(s, "clickhouse")}
	if len(k) > 0 {
		options.Keys = k[0]
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	server, err := clickhouse.Start(ctx, options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.onEnd(server.Kill)
	return server
}
