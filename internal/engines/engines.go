package engines

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/sasl"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/options"
	"ratemill/internal/warehouse"
)

// Options are the inputs of Engines.
type Options struct {
	Config     *config.Config
	Log        *slog.Logger
	Attach     bool     // use the embedded engines of a running process, and start none
	ClickHouse bool     // open ClickHouse; an embedded ClickHouse that this process starts is opened anyway
	Marks      bool     // refuse stores of different days, as a process that runs roles must
	Remake     []string // tables of ClickHouse to be recreated, empty, as a user ordered
}

func (o *Options) check() error {
	c := options.Of("engines: they need ")
	c.Need(o.Config != nil, "a configuration")
	c.Need(o.Log != nil, "a log")
	return c.Err()
}

// Engines are the control store, Kafka and ClickHouse of one installation, as this process uses them.
type Engines struct {
	Options

	Store     *control.Store
	Kafka     *broker.Kafka
	Warehouse *warehouse.Warehouse
	Topics    broker.Topics

	KafkaAddress, ClickHouseAddress string   // addresses of the engines
	KafkaPID, ClickHousePID         int      // processes of the embedded engines, as first started
	Brokers                         []string // addresses of Kafka
	Partitions                      int
	Installation                    string // name of the installation, which is stored in the control store, Kafka and ClickHouse
	SinkName                        string // name of the warehouse's sink in the control store (SinkName)

	LedgerTime *control.Clock // clock of the control store: for leases, and for all times that processes compare

	keys      keys.Keys // passwords of the embedded engines
	kafkaTLS  *tls.Config
	kafkaSASL sasl.Mechanism
	health    health

	closers []func()
	enders  []func(context.Context) error // of the engines that this process started
}

// New reports all mistakes of the options. It starts nothing and connects to nothing.
func New(o Options) (*Engines, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Engines{Options: o}, nil
}

// Open starts or connects to the engines of an installation. Close them.
func Open(ctx context.Context, o Options) (*Engines, error) {
	e, err := New(o)
	if err != nil {
		return nil, err
	}
	if err := e.Open(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Open starts or connects to the engines. Close them even if it returns an error.
func (e *Engines) Open(ctx context.Context) (err error) {
	if err := os.MkdirAll(e.Config.Data, 0o750); err != nil {
		return fmt.Errorf("the data folder cannot be created: %w", err)
	}
	if e.keys, err = e.embeddedKeys(); err != nil {
		return err
	}
	if err := e.openStore(ctx); err != nil {
		return err
	}
	if err := e.openKafka(ctx); err != nil {
		return err
	}
	if e.ClickHouse || e.Config.EmbeddedClickHouse() && !e.Attach {
		return e.OpenWarehouse(ctx)
	}
	return nil
}

// Close stops the engines that this process started, all at once, and leaves the others. It waits for them, but not
// long, because acknowledged data is on disk.
func (e *Engines) Close() {
	for i := len(e.closers) - 1; i >= 0; i-- {
		e.closers[i]()
	}
	grace, end := context.WithTimeout(context.Background(), engineGrace)
	defer end()
	var all sync.WaitGroup
	for _, ender := range e.enders {
		all.Go(func() {
			if err := ender(grace); err != nil {
				e.Log.Warn("embedded engine did not stop in time", "err", err)
			}
		})
	}
	all.Wait()
	e.closers, e.enders = nil, nil
}

// engineGrace is what remains for the engines of the 10 s in which a process ends: the roles take at most 5 s, and one
// more to leave their groups.
const engineGrace = 3 * time.Second

// WaitFor waits for an unreachable engine, until ctx ends. It does not wait for an engine that refuses the
// connection, because a wrong password should be reported at once.
func (e *Engines) WaitFor(ctx context.Context, what string, do func() error) error {
	passing := func(err error) bool { return backoff.Unavailable(err) && !accesserr.Is(err) }
	p := backoff.Patience{Clock: backoff.RealTime{}, Log: e.Log, Random: rand.Float64, Passing: passing, First: 100 * time.Millisecond}
	last := what
	return p.Until(ctx, reaching[what], func() error {
		err := do()
		by := cmp.Or(backoff.From(err), what)
		if by != last {
			e.health.saw(last, nil)
		}
		e.health.saw(by, err)
		last = by
		return err
	})
}

// reaching describes what a process waits for at the start. Kafka and ClickHouse are compared with the control store
// before they are used, so the unreachable engine may be the control store. The error identifies the engine, and
// readiness and metrics follow the error.
var reaching = map[string]string{Control: "reach the control store", Kafka: "reach Kafka", ClickHouse: "reach ClickHouse"}

// Partitions returns the number of partitions of an installation. It is fixed at the first start, because a root's
// partition is stored with the root.
func Partitions(ctx context.Context, store *control.Store, configured int) (int, error) {
	stored, err := store.SettingOrSet(ctx, "partitions", []byte(fmt.Sprint(configured)))
	if err != nil {
		return 0, err
	}
	var n int
	if _, err := fmt.Sscan(string(stored), &n); err != nil || n < 1 {
		return 0, fmt.Errorf("the control store has %q as the number of partitions", stored)
	}
	return n, nil
}
