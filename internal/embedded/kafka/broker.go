package kafka

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kfake"

	"ratemill/internal/embedded/child"
	"ratemill/internal/embedded/keys"
)

// MaxMessageBytes is the largest batch that the broker accepts.
const MaxMessageBytes = 8 << 20

// segmentBytes is the size of a partition's segment files. Opening a log reads one segment of each partition at a time.
const segmentBytes = 16 << 20

// Options control where the broker keeps its data and how it listens.
type Options struct {
	Dir        string    `json:"dir"`         // data folder, used by one broker at a time; required
	Listen     string    `json:"listen"`      // host:port; "" is a free port on 127.0.0.1
	Partitions int       `json:"partitions"`  // partitions of a topic that is created without a number; 0 means 4
	SyncWrites bool      `json:"sync_writes"` // sync every batch to the disk before it is acknowledged
	Keys       keys.Keys `json:"keys"`        // clients log in as the owner by SCRAM-SHA-256; none: no login, for tests
	// Stored lists, for a topic, the groups whose committed offsets show up to where its messages are stored
	// elsewhere. Nothing from the smallest of these offsets on is deleted, at any age.
	Stored map[string][]string `json:"stored"`
	Log    *slog.Logger        `json:"-"`
}

// Broker is a running broker, in this process or in a child.
type Broker struct {
	addr string
	stop sync.Once

	options Options
	cluster *kfake.Cluster // in this process
	members *members
	lock    *os.File
	ended   chan error

	process *child.Process // or in a child
}

// Start runs the broker in this process.
func Start(ctx context.Context, o Options) (*Broker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return nil, errors.New("the embedded broker needs a data folder")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w; write host:port, e.g. 127.0.0.1:9092", o.Listen, err)
	}
	// kfake reports 127.0.0.1 to its clients as its address wherever it listens, and the traffic is not encrypted.
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the embedded broker listens on loopback only, not on %q; use an Apache Kafka cluster to share it "+
			"between machines", o.Listen)
	}
	lock, err := child.Lock(o.Dir)
	if err != nil {
		return nil, err
	}
	b := &Broker{options: o, lock: lock, ended: make(chan error)}
	if err := b.open(maintain); err != nil {
		lock.Close()
		return nil, err
	}
	b.options.Listen = b.addr // also after a cleaning
	return b, nil
}

// open cleans the log if requested, and serves it.
func (b *Broker) open(clean func(dir string, stored map[string][]string, options []kfake.Opt) error) error {
	o := b.options
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("ratemill"),
		kfake.DefaultNumPartitions(o.Partitions),
		kfake.BrokerConfigs(map[string]string{
			"message.max.bytes":      fmt.Sprint(MaxMessageBytes),
			"log.cleaner.backoff.ms": noCleaning,
			"log.segment.bytes":      fmt.Sprint(segmentBytes),

			"offsets.retention.minutes": fmt.Sprint(offsetsKept),
		}),
	}
	var login sasl.Mechanism
	if o.Keys.Owner != "" {
		options = append(options, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", keys.Owner, o.Keys.Owner))
		var err error
		if login, err = scram.Mechanism(scram.SHA256, keys.Owner, o.Keys.Owner); err != nil {
			return err
		}
	}
	if o.SyncWrites {
		options = append(options, kfake.SyncWrites())
	}
	if o.Log != nil {
		options = append(options, kfake.WithLogger(&logger{log: o.Log}))
	}
	if err := clean(o.Dir, o.Stored, options); err != nil {
		return fmt.Errorf("%s: %w", o.Dir, err)
	}
	if err := completeSnapshots(logOf(o.Dir)); err != nil {
		return fmt.Errorf("%s: %w", o.Dir, err)
	}
	// kfake stores its users with its log, and prefers those to the configured ones; the password must be the one in
	// the file.
	if err := os.Remove(filepath.Join(logOf(o.Dir), "sasl.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cluster, err := kfake.NewCluster(append(options, kfake.DataDir(logOf(o.Dir)),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			l, err := net.Listen(network, o.Listen)
			return bounded{l}, err
		}))...)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; choose another address with kafka.listen, or port 0 for any", o.Listen)
	}
	if err != nil {
		return fmt.Errorf("the broker cannot open %s: %w", o.Dir, err)
	}
	b.addr, b.cluster, b.members = cluster.ListenAddrs()[0], cluster, watchMembers(cluster, login, o.Log)
	debug.FreeOSMemory() // garbage from opening the log; otherwise the next collection would happen only at a multiple of it
	return nil
}

// clean closes the log, cleans it, and serves it again at the same address. In the meantime, clients cannot connect, as
// during a restart. After an error, the broker no longer serves.
func (b *Broker) clean() error {
	b.members.close()
	b.cluster.Close()
	return b.open(cleanNow)
}

// Addr returns the bootstrap address.
func (b *Broker) Addr() string { return b.addr }

// Stop writes all state and ends the broker.
func (b *Broker) Stop(ctx context.Context) error {
	if b.process != nil {
		return b.process.Stop(ctx)
	}
	b.stop.Do(func() {
		b.members.close()
		b.cluster.Close()
		b.lock.Close()
		close(b.ended)
	})
	return nil
}

// logger forwards kfake's log: each kind of line at most once a minute. Otherwise a full disk would produce a
// line for each append.
type logger struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]time.Time // by format
}

const sayEvery = time.Minute

func (l *logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.log.Enabled(context.Background(), to) && l.due(format) {
		l.log.Log(context.Background(), to, fmt.Sprintf(format, args...))
	}
}

func (l *logger) due(format string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.said[format]) < sayEvery {
		return false
	}
	if l.said == nil {
		l.said = map[string]time.Time{}
	}
	l.said[format] = now
	return true
}
