package testengine

import (
	"context"
	"testing"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/kafka"
)

var (
	sharedEmbeddedKafka once[kafka.Broker]
	sharedClickHouse    once[clickhouse.Server]
)

// SharedEmbeddedKafka is the process's one embedded broker, in this process; name topics and groups after the test.
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

// SharedClickHouse is the process's one embedded ClickHouse; name tables or databases after the test.
func SharedClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	return sharedClickHouse.get(t, startClickHouse)
}

// StartClickHouse starts an embedded ClickHouse for this test. The package's TestMain must call Main.
func StartClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	return startClickHouse(scope{t: t})
}

func startClickHouse(s scope) *clickhouse.Server {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	server, err := clickhouse.Start(ctx, clickhouse.Options{Dir: tempDir(s, "clickhouse")})
	if err != nil {
		s.t.Fatal(err)
	}
	s.onEnd(server.Kill)
	return server
}
