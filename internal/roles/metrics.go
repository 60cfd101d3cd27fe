package roles

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ratemill/internal/engines"
	"ratemill/internal/metric"
)

var processMetrics = metric.Of("Every process", "")

var (
	buildInfo = processMetrics.Gauge("build_info",
		"Always 1; the labels describe the build of this process: version (of the module), revision (of git), modified (true when "+
			"files were changed after that) and goversion.", "version", "revision", "modified", "goversion")
	engineUp = processMetrics.Gauge("engine_up",
		"1 for each engine used by this process that answers (control store, kafka, clickhouse), 0 for one that is "+
			"unavailable. An embedded engine is unavailable while it restarts.", "engine")
	clockAhead = processMetrics.Gauge("clock_ahead_seconds",
		"Seconds by which this machine's clock is ahead of the control store's, which decides leases and ages of files; negative when "+
			"it is behind.")
	registryRevision = processMetrics.Gauge("registry_revision", "Newest revision of the registry that this process has loaded.")
	roleRunning      = processMetrics.Gauge("role_running",
		"For each role of the binary: 1 if this process runs it, 0 if it does not, or if the role is starting or stopping.", "role")
	partitionsAll     = processMetrics.Gauge("partitions", "Partitions of this installation.")
	partitionsOwned   = processMetrics.Gauge("partitions_owned", "Partitions that this process owns.", "role")
	partitionsStopped = processMetrics.Gauge("partitions_stopped", "Partitions that stopped in this process and need a decision.", "role")
	partitionOwned    = processMetrics.Gauge("partition_owned",
		"1 for each partition owned by this process that works, or that stopped and needs a decision; 0 for one that keeps failing.",
		"role", "partition")
	partitionStopped = processMetrics.Gauge("partition_stopped",
		"1 for each partition that stopped in this process and needs a decision.", "role", "partition")
)

// metrics collects the roles' counts when Prometheus scrapes, so that records cost nothing extra.
type metrics struct{ n *Node }

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, section := range Metrics(m.n.Roles) {
		section.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	n, s := m.n, metric.Scrape(ch)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	s.Put(buildInfo, 1, built()...)
	n.Engines.Each(func(name string, there bool) { s.Put(engineUp, metric.Yes(there), name) })
	running := n.running.Load()
	for _, role := range n.Known {
		s.Put(roleRunning, metric.Yes(running && n.roles[role.Name] != nil), role.Name)
	}
	if !running {
		return
	}
	s.Put(clockAhead, n.LedgerTime.Ahead().Seconds())
	s.Put(registryRevision, float64(n.reference.reg.Revision()))
	s.Put(partitionsAll, float64(n.Partitions))
	n.each(func(_ string, r *Running) {
		if r.Metrics != nil {
			r.Metrics(ctx, s)
		}
	})
}

// built holds the labels of build_info.
var built = sync.OnceValue(func() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return []string{"", "", "", runtime.Version()}
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return []string{info.Main.Version, settings["vcs.revision"], settings["vcs.modified"], info.GoVersion}
})

// end returns the end of a topic's partition; it does not query a broker that is unreachable.
func (n *Node) end(ctx context.Context, topic string, partition int) (int64, bool) {
	if !n.There(engines.Kafka) {
		return 0, false
	}
	_, end, err := n.Kafka.Bounds(ctx, topic, partition)
	return end, err == nil
}

// lag puts the number of batches that wait in a topic's partition from an offset on.
func (n *Node) lag(ctx context.Context, s metric.Scrape, m metric.Metric, topic string, partition int, next int64, label string) {
	if end, ok := n.end(ctx, topic, partition); ok {
		s.Put(m, float64(max(end-next, 0)), label)
	}
}
