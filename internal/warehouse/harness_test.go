package warehouse_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/udr"
	"ratemill/udr/wire"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// open is a migrated warehouse in a database of the test's own.
func open(t testing.TB, server *clickhouse.Server, database string) *warehouse.Warehouse {
	plain, err := warehouse.Open(t.Context(), server.DSN("default"))
	require.NoError(t, err)
	require.NoError(t, plain.Conn().Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS "+database))
	w, err := warehouse.Open(t.Context(), server.DSN(database))
	require.NoError(t, err)
	t.Cleanup(func() {
		// Tables in which nothing happens cost the server a share of its time until they are gone.
		// A test that has stopped the server has nothing to drop.
		_ = plain.Conn().Exec(context.Background(), "DROP DATABASE IF EXISTS "+database)
		plain.Close()
		w.Close()
	})
	require.NoError(t, w.Migrate(t.Context(), warehouse.Layout{}))
	return w
}

// record is a record as a test writes it down.
type record struct {
	usage  udr.Usage
	tiers  []string // amounts from tier 0 up
	event  bool
	also   []rating.Event
	more   []rating.Charge // beside those of tiers
	reason string          // suspended
	raw    string
	again  bool // a duplicate
}

// log makes messages of the rated log.
type log struct {
	epoch, input int64
	messages     []broker.Message
}

func (l *log) mark() {
	l.epoch++
	l.messages = append(l.messages, broker.Message{Value: wire.AppendVarint(nil, 1, uint64(l.epoch))})
}

var pin = udr.Pin{Source: "skylink", Rules: "b41c", Registry: 12, Catalogue: "c0ffee"}

func (l *log) batch(file udr.FileID, end *udr.FileEnd, records ...record) {
	l.messages = append(l.messages, broker.Message{Value: message(l.epoch, l.input, file, end, records...)})
	l.input++
}

func message(epoch, input int64, file udr.FileID, end *udr.FileEnd, records ...record) []byte {
	m := wire.AppendVarint(nil, 1, uint64(epoch))
	m = wire.AppendVarint(m, 2, uint64(input)+1)
	m = wire.AppendBytes(m, 3, file[:])
	m = wire.AppendVarint(m, 5, pin.Registry)
	m = wire.AppendString(m, 6, pin.Catalogue)
	m = wire.AppendString(m, 7, pin.Source)
	m = wire.AppendString(m, 8, pin.Rules)
	if end != nil {
		m = wire.AppendBytes(m, 13, udr.AppendFileEnd(nil, end))
	}
	for i := range records {
		r := &records[i]
		usage := udr.AppendUsage(nil, &r.usage)
		switch {
		case r.reason != "":
			s := udr.Suspended{Seq: r.usage.Seq, Line: r.usage.Line, Bytes: r.usage.Bytes, Raw: []byte(r.raw), Usage: usage,
				Why: udr.SuspendError{Code: "rule", Rule: "octets(up)", Position: "sky.yaml:3:4", Values: `up "x"`, Reason: r.reason}}
			m = wire.AppendBytes(m, 10, udr.AppendSuspended(nil, &s))
		case r.again:
			m = wire.AppendBytes(m, 11, usage)
		default:
			var at, in int
			m, at = wire.Open(m, 9)
			m = wire.AppendBytes(m, 1, usage)
			for tier, amount := range r.tiers {
				c := chargeOf(&r.usage, tier, amount)
				m, in = wire.Open(m, 2)
				m = rating.AppendCharge(m, &c)
				wire.Close(m, in)
			}
			for i := range r.more {
				m, in = wire.Open(m, 2)
				m = rating.AppendCharge(m, &r.more[i])
				wire.Close(m, in)
			}
			events := r.also
			if r.event {
				events = append(events, rating.Event{Kind: rating.PoolExhausted, Name: "fleet-3g/data", Account: 2, SIM: r.usage.SIM, At: r.usage.At,
					Counter:   rating.CounterKey{ID: 77, Owner: 2, Cycle: 20513, Kind: rating.AccountUnits},
					Threshold: rating.UnitsValue(3_000_000_000), Before: rating.UnitsValue(2_999_990_000), After: rating.UnitsValue(3_000_000_000)})
			}
			for i := range events {
				m, in = wire.Open(m, 3)
				m = rating.AppendEvent(m, &events[i])
				wire.Close(m, in)
			}
			wire.Close(m, at)
		}
	}
	return m
}

func chargeOf(u *udr.Usage, tier int, amount string) rating.Charge {
	total := decimal.MustParse(amount)
	return rating.Charge{Tier: uint8(tier), Account: u.Account - uint32(tier), SIM: u.SIM, Plan: fmt.Sprint("fleet", tier), PlanVersion: 3,
		Price: "eu", Currency: "EUR", Cycle: 20513,
		ZoneModel: "europe", Zone: "eu", ZoneBy: rating.ByCountry, ZoneKey: u.Country, Quantity: u.Quantity, Initial: 100, Then: 100,
		Rounded: u.Quantity,
		Draws: []rating.Draw{{Share: "fleet-3g", Bucket: "data", Kind: rating.AccountUnits, Owner: 2, Cycle: 20513, Size: 3_000_000_000,
			Before: 2_999_990_000, Drawn: 10_000}},
		Lines: []rating.Line{{At: 10_000, Quantity: u.Quantity - 10_000, Price: decimal.MustParse("0.02"), Per: 1_000_000, Amount: total}},
		Scale: 12, Sum: total, Total: total}
}

var classes = []struct {
	name string
	unit udr.Unit
}{{"data", udr.Octet}, {"data", udr.Octet}, {"data", udr.Octet}, {"sms_mo", udr.Count}, {"voice_mo", udr.Second}}

// random is a usage record as carriers send them.
func random(r *rand.Rand, seq uint64) udr.Usage {
	c := classes[r.Intn(len(classes))]
	sim := uint32(r.Intn(100_000) + 1)
	network := []string{"208-10", "214-07", "262-01", "222-88", "310-410"}[r.Intn(5)]
	u := udr.Usage{Seq: seq, Line: seq + 1, Bytes: uint32(80 + r.Intn(60)), Class: c.name, Unit: c.unit,
		At: udr.Instant(1773702602_000000000 + r.Int63n(3600_000)*1_000_000), Quantity: r.Int63n(5_000_000) + 10_000,
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407%010d", sim)}, SIM: sim, Account: 2 + sim%300, Root: 1 + sim%30,
		Network: network, Country: []string{"FR", "ES", "DE", "IT", "US"}[r.Intn(5)], APN: []string{"iot.sky", "m2m.sky", "internet"}[r.Intn(3)],
		Session: fmt.Sprintf("%08x", r.Uint32()), Cell: fmt.Sprintf("%s-%d", network, r.Intn(60000))}
	if c.name == "data" {
		u.Up, u.Down = u.Quantity/4, u.Quantity-u.Quantity/4
	} else {
		u.Peer, u.PeerCountry, u.Direction = fmt.Sprintf("+3460%07d", r.Intn(1e7)), "ES", "mo"
	}
	return u
}

func accountID(_ context.Context, number uint32, _ uint64) (string, error) {
	return fmt.Sprintf("acme/%d", number), nil
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }
func (realClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// world is everything that a sink needs, all of it real.
type world struct {
	*testing.T
	kafka     *broker.Kafka
	topics    broker.Topics
	store     *control.Store
	warehouse *warehouse.Warehouse
}

func newWorld(t *testing.T, server *clickhouse.Server, name string) *world {
	k := broker.NewKafka(broker.KafkaOptions{Addresses: []string{testengine.SharedEmbeddedKafka(t).Addr()}})
	t.Cleanup(k.Close)
	topics := broker.TopicsUnder(name)
	_, err := k.EnsureTopics(t.Context(), 1, topics.All(2, 0, 0))
	require.NoError(t, err)
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return &world{T: t, kafka: k, topics: topics, store: store, warehouse: open(t, server, name)}
}

func (w *world) append(partition int, messages []broker.Message) {
	_, err := w.kafka.Append(w.Context(), w.topics.Rated, partition, messages).Wait(w.Context())
	require.NoError(w, err)
}

func (w *world) sink(partition int) *warehouse.SinkOptions {
	return &warehouse.SinkOptions{
		Options: consumer.Options{
			Name: "warehouse-" + w.topics.Rated, Partition: partition, Topic: w.topics.Rated, Broker: w.kafka, Clock: realClock{},
			Log: slog.New(slog.DiscardHandler), Progress: &consumer.Progress{},
			Linger: func() time.Duration { return 20 * time.Millisecond },
		},
		Positions: w.store, Warehouse: w.warehouse, Account: accountID,
	}
}

// run runs a sink until it has passed an offset or fails.
func (w *world) run(o *warehouse.SinkOptions, past int64) error {
	s, err := warehouse.NewSink(*o)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Millisecond):
			if o.Progress.Next.Load() >= past {
				cancel()
				return <-done
			}
		}
	}
}

func (w *world) number(query string) (n int64) {
	require.NoError(w, w.warehouse.Conn().QueryRow(w.Context(), "SELECT toInt64(n) FROM (SELECT "+strings.Replace(query, " FROM", " AS n FROM",
		1)+")").Scan(&n), query)
	return n
}
