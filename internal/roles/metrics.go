package roles

import (
	"context"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ratemill/internal/histogram"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
)

// metrics collects the roles' counts when Prometheus scrapes, so that records cost nothing extra.
type metrics struct{ n *Node }

type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType

	name, help string
	labels     []string
	bounds     *histogram.Bounds // of a histogram; nil for others
}

func counter(name, help string, labels ...string) metric {
	return declared(prometheus.CounterValue, name, help, labels)
}

func gauge(name, help string, labels ...string) metric {
	return declared(prometheus.GaugeValue, name, help, labels)
}

func durations(bounds *histogram.Bounds, name, help string, labels ...string) metric {
	m := declared(prometheus.UntypedValue, name, help, labels)
	m.bounds = bounds
	return m
}

func declared(kind prometheus.ValueType, name, help string, labels []string) metric {
	name = "ratemill_" + name
	return metric{prometheus.NewDesc(name, help, labels, nil), kind, name, help, labels, nil}
}

// Every metric, declared once; docs/metrics.md follows.
var (
	buildInfo         = gauge("build_info", "Always 1; the labels say what this process was built from: version (of the module), revision (of git), modified (true when files were changed after that) and goversion.", "version", "revision", "modified", "goversion")
	engineUp          = gauge("engine_up", "1 for each engine used by this process that answers (control store, kafka, clickhouse), 0 for one that is away. An embedded engine is away while it restarts.", "engine")
	clockAhead        = gauge("clock_ahead_seconds", "Seconds by which this machine's clock is ahead of the control store's, which decides leases and ages of files; negative when it is behind.")
	registryRevision  = gauge("registry_revision", "Newest revision of the registry that this process has loaded.")
	partitionsAll     = gauge("partitions", "Partitions of this installation.")
	partitionsOwned   = gauge("partitions_owned", "Partitions that this process owns.", "role")
	partitionsStopped = gauge("partitions_stopped", "Partitions that stopped in this process and need a person.", "role")
	partitionOwned    = gauge("partition_owned", "1 for each partition owned by this process that works, or that stopped and needs a person; 0 for one that keeps failing.", "role", "partition")
	partitionStopped  = gauge("partition_stopped", "1 for each partition that stopped in this process and needs a person.", "role", "partition")

	mediationFiles     = counter("mediation_files_total", "Files read to their end.", "source")
	mediationFailed    = counter("mediation_failed_files_total", "Files that could not be fetched or read to their end; each attempt counts.", "source")
	mediationChanged   = counter("mediation_changed_files_total", "Files that start like the content read under their name before, but do not contain all of it.", "source")
	mediationDuplicate = counter("mediation_duplicate_files_total", "Files not read because their content had come before.", "source")
	mediationRecords   = counter("mediation_records_total", "Raw records by outcome: filtered, suspended (by the rules), unrouted (suspended because their SIM is unknown), mapped.", "source", "outcome")
	mediationNoted     = counter("mediation_noted_records_total", "Raw records about which the rules decided something that their data left open, by the note that their usage records have in the attribute notes: fallback:FIELD, time_twice, time_missing, spans_lines.", "source", "note")
	mediationBytes     = counter("mediation_bytes_total", "Bytes of raw records read.", "source")
	mediationFetch     = durations(&mediation.FetchBounds, "mediation_fetch_seconds",
		"How long files took to come from their server to this machine; those that failed are not in it.", "source")
	mediationBehind = gauge("mediation_backlog_batches", "Batches waiting for rating or for the warehouse, as seen by mediation; 0 "+
		"for a partition that stopped and needs a person.", "stage", "partition")
	mediationOld = gauge("mediation_expiring_batches", "Batches that still wait for rating or for the warehouse after half of "+
		"the time for which Kafka keeps them, as seen by mediation; those of a stopped partition count too.", "stage", "partition")
	mediationHeld  = gauge("mediation_held", "1 while mediation reads no files because a partition is mediation.backlog batches behind.")
	sourceListed   = gauge("source_listed_timestamp_seconds", "When the source was last listed.", "source")
	sourceFailures = gauge("source_listing_failures", "Failed listings since the last successful one.", "source")
	sourceAway     = gauge("source_away", "1 while files of the source cannot be fetched because its server is unreachable or "+
		"refuses the login.", "source")
	spoolFailing   = gauge("mediation_spool_failing", "1 while files cannot be fetched because the spool's disk is full or fails.")
	sourceGrowing  = gauge("source_growing_files", "Files in the last listing that were not complete yet.", "source")
	sourceArriving = gauge("source_arriving_seconds", "How long the oldest incomplete file has kept its size and modification time; "+
		"0 when there is none.", "source")
	sourceRefused = gauge("source_refused_files", "Files and directories in the last listing that cannot be read; `ratemill files "+
		"--state refused` says why.", "source")
	sourceUnknown = gauge("source_unknown_files", "Waiting or begun files of a source that this project does not have; absent when "+
		"there are none.", "source")
	sourceWaiting = gauge("source_waiting_files", "Files of the source that wait or are being read.", "source")
	sourceHeld    = gauge("source_held_files", "The part of them that wait because they look unfinished, or because content read "+
		"before has changed.", "source")
	sourceOldest = gauge("source_oldest_unprocessed_seconds", "Age of the oldest file that has not been read to its end.", "source")
	sourceNewest = gauge("source_newest_file_timestamp_seconds", "When the newest file of the source was first seen; absent "+
		"before the first.", "source")
	sourceFollowed = gauge("source_followed_timestamp_seconds", "When ratemill began to follow a source that has never had a file; "+
		"absent once it has had one.", "source")
	sourceMissing = gauge("source_missing_files", "Numbers that are missing between those of the last 1,000 files, for sources "+
		"with sequence and gap: alarm.", "source")
	sourceUnnumbered = gauge("source_unnumbered_files", "Files among the last 1,000 whose names give no number, for sources with "+
		"sequence and gap: alarm.", "source")

	ratingRecords    = counter("rating_records_total", "Usage records by outcome: rated, duplicate, suspended.", "partition", "outcome")
	ratingMessages   = counter("rating_batches_total", "Batches of usage processed.", "partition")
	ratingPosition   = gauge("rating_position", "Offset of the usage topic to be processed next.", "partition")
	ratingLag        = gauge("rating_lag_batches", "Batches of usage waiting to be processed.", "partition")
	ratingEpoch      = gauge("rating_epoch", "Epoch of this owner of the partition.", "partition")
	ratingCheckpoint = gauge("rating_checkpoint_timestamp_seconds", "When this owner last wrote a checkpoint of the partition; 0 before its first. None is due while nothing changes.", "partition")

	warehouseRows   = counter("warehouse_rows_total", "Rows written.", "partition")
	warehouseBlocks = counter("warehouse_blocks_total", "Blocks written.", "partition")
	warehouseWrite  = durations(&warehouse.WriteBounds, "warehouse_write_seconds",
		"How long blocks took to get into their tables, with all attempts.", "partition")
	warehouseArrival = durations(&warehouse.ArrivalBounds, "warehouse_file_seconds",
		"How long after files were taken from their source their last row was in the warehouse; retries of suspended records are not "+
			"in it.", "source")
	warehousePosition = gauge("warehouse_position", "Offset of the rated log to be written next.", "partition")
	warehouseLag      = gauge("warehouse_lag_batches", "Batches of the rated log waiting to be written.", "partition")

	expiryHeld = gauge("warehouse_expiry_held", "1 while rows that have been kept for warehouse.keep months stay because clocks "+
		"differ, or because no newer usage proves the clocks right; absent without warehouse.keep. Reported by the process that owns "+
		"partition 0.")

	accountCharges  = counter("account_charges_total", "Charges added to balances of accounts.", "partition")
	accountBlocks   = counter("account_blocks_total", "Blocks of charges added, each in one transaction.", "partition")
	accountPosition = gauge("account_position", "Offset of the rated log to be added next.", "partition")
	accountLag      = gauge("account_lag_batches", "Batches of the rated log waiting to be added to the balances of accounts.", "partition")

	balanceChecked = gauge("balance_checked_timestamp_seconds", "When the balance of all files was last computed: every minute, or "+
		"every twenty times the duration of the computation if that is longer.")
	balanceFiles   = gauge("balance_files", "Files whose balance is off.")
	balanceRecords = gauge("balance_difference_records", "Records that the warehouse lacks or has in excess, as absolute values "+
		"summed over files; any value but 0 is an alarm.")
	balanceBytes = gauge("balance_difference_bytes", "The same in bytes of raw records.")
	balanceUnits = gauge("balance_difference_units", "The same in units of usage (octets, seconds, events), all classes together.")
	balanceEnds  = gauge("balance_ends_missing_files", "Files with records in the warehouse but no end, although no record has "+
		"arrived for 10 minutes.")
	balanceInSuspense = gauge("suspense_records", "Records that wait in suspense.")
)

// sections are all metrics, by role.
var sections = []struct {
	title, about string
	metrics      []metric
}{
	{"Every process", "", []metric{buildInfo, engineUp, clockAhead, registryRevision, partitionsAll, partitionsOwned, partitionsStopped, partitionOwned, partitionStopped}},
	{"Mediation", "The `source_…` metrics that come from the ledger (waiting, oldest, newest, missing) are the same in every process with this role; take the maximum, not the sum.", []metric{
		mediationFiles, mediationFailed, mediationDuplicate, mediationChanged, mediationRecords, mediationBytes, mediationFetch,
		mediationBehind, mediationOld, mediationHeld,
		spoolFailing, sourceListed, sourceFailures, sourceAway, sourceGrowing, sourceArriving, sourceRefused, sourceUnknown,
		sourceWaiting, sourceHeld, sourceOldest, sourceNewest, sourceFollowed, sourceMissing, sourceUnnumbered}},
	{"Rating", "One series for each partition that this process owns.", []metric{ratingRecords, ratingMessages, ratingPosition, ratingLag, ratingEpoch, ratingCheckpoint}},
	{"Warehouse", "One series for each partition that this process owns, or for each source.",
		[]metric{warehouseRows, warehouseBlocks, warehouseWrite, warehouseArrival, warehousePosition, warehouseLag, expiryHeld}},
	{"Accounts", "Of the role account, one series for each partition that this process owns.",
		[]metric{accountCharges, accountBlocks, accountPosition, accountLag}},
	{"Balance", "For the whole installation, reported by the process that owns partition 0 of the role warehouse. A file counts once its end arrived 10 minutes ago: by then its records have arrived too, or something is wrong.", []metric{
		balanceChecked, balanceFiles, balanceRecords, balanceBytes, balanceUnits, balanceEnds, balanceInSuspense}},
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, section := range sections {
		for _, x := range section.metrics {
			ch <- x.desc
		}
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	put := func(x metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(x.desc, x.kind, v, labels...)
	}
	spread := func(x metric, h *histogram.Histogram, label string) {
		count, sum, atMost := h.Read(x.bounds)
		ch <- prometheus.MustNewConstHistogram(x.desc, count, sum, atMost, label)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	put(buildInfo, 1, built()...)
	m.n.engines.each(func(name string, there bool) { put(engineUp, yes(there), name) })
	if !m.n.running.Load() {
		return
	}
	put(clockAhead, m.n.ledgerTime.Ahead().Seconds())
	put(registryRevision, float64(m.n.reference.reg.Revision()))
	put(partitionsAll, float64(m.n.Partitions))
	m.mediation(ctx, put, spread)
	m.rating(ctx, put)
	m.warehouse(ctx, put, spread)
	for _, r := range m.n.runners {
		r.collect(ctx, m, put)
	}
}

func (m *metrics) mediation(ctx context.Context, put func(metric, float64, ...string), spread func(metric, *histogram.Histogram, string)) {
	role := m.n.mediation
	if role == nil {
		return
	}
	away := role.progress.Away.All(time.Now())
	_, failing := away[mediation.Spooling]
	put(spoolFailing, yes(failing))
	role.backlog.each(func(stage, partition string, batches int64) { put(mediationBehind, float64(batches), stage, partition) })
	role.backlog.eachOld(func(stage, partition string, batches int64) { put(mediationOld, float64(batches), stage, partition) })
	put(mediationHeld, yes(role.backlog.held() != ""))
	waiting, err := m.n.Store.Waiting(ctx)
	for name, w := range waiting {
		if role.status[name] == nil {
			put(sourceUnknown, float64(w.Files), name)
		}
	}
	for name, status := range role.status {
		p := role.progress.Of(name)
		put(mediationFiles, float64(p.Files.Load()), name)
		put(mediationFailed, float64(p.Failed.Load()), name)
		put(mediationDuplicate, float64(p.DuplicateFiles.Load()), name)
		put(mediationChanged, float64(p.ChangedFiles.Load()), name)
		put(mediationRecords, float64(p.Filtered.Load()), name, "filtered")
		put(mediationRecords, float64(p.Suspended.Load()), name, "suspended")
		put(mediationRecords, float64(p.Unrouted.Load()), name, "unrouted")
		put(mediationRecords, float64(p.Mapped.Load()), name, "mapped")
		p.Notes(func(word string, records int64) { put(mediationNoted, float64(records), name, word) })
		put(mediationBytes, float64(p.Bytes.Load()), name)
		spread(mediationFetch, &p.Fetches, name)
		put(sourceListed, float64(status.Listed.Load()), name)
		put(sourceFailures, float64(status.Failures.Load()), name)
		_, gone := away[name]
		put(sourceAway, yes(gone), name)
		put(sourceGrowing, float64(status.Growing.Load()), name)
		put(sourceArriving, float64(status.Arriving.Load()), name)
		put(sourceRefused, float64(status.Refused.Load()), name)
		switch a, ok := role.arrivals.of(name); {
		case !ok:
		case a.newest.IsZero():
			put(sourceFollowed, float64(a.followed.UnixNano())/1e9, name)
		default:
			put(sourceNewest, float64(a.newest.UnixNano())/1e9, name)
			put(sourceMissing, float64(len(a.missing)), name)
			put(sourceUnnumbered, float64(len(a.unnamed)), name)
		}
		if err != nil {
			continue
		}
		w, age := waiting[name], 0.0
		if !w.Oldest.IsZero() {
			age = m.n.ledgerTime.Now().Sub(w.Oldest).Seconds()
		}
		put(sourceWaiting, float64(w.Files), name)
		put(sourceHeld, float64(w.Held), name)
		put(sourceOldest, age, name)
	}
}

// built are the labels of build_info.
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

// yes is 1 for true.
func yes(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// owned sets which partitions a role has here, and returns the running ones.
func owned(put func(metric, float64, ...string), role Role, p *partitions) []int {
	running, halted, _ := p.state()
	put(partitionsOwned, float64(len(running)), string(role))
	put(partitionsStopped, float64(len(halted)), string(role))
	for partition := range halted {
		put(partitionStopped, 1, string(role), strconv.Itoa(partition))
		put(partitionOwned, 1, string(role), strconv.Itoa(partition))
	}
	failing := p.failures()
	for _, partition := range running {
		put(partitionOwned, yes(failing[partition] == nil), string(role), strconv.Itoa(partition))
	}
	return running
}

func (m *metrics) rating(ctx context.Context, put func(metric, float64, ...string)) {
	role := m.n.rating
	if role == nil {
		return
	}
	running := owned(put, Rating, &role.partitions)
	for _, partition := range running {
		p, label := role.of(partition), strconv.Itoa(partition)
		put(ratingRecords, float64(p.Rated.Load()), label, "rated")
		put(ratingRecords, float64(p.Duplicate.Load()), label, "duplicate")
		put(ratingRecords, float64(p.Suspended.Load()), label, "suspended")
		put(ratingMessages, float64(p.Messages.Load()), label)
		put(ratingPosition, float64(p.Next.Load()), label)
		put(ratingEpoch, float64(p.Epoch.Load()), label)
		put(ratingCheckpoint, float64(p.Swept.Load()), label)
		if end, ok := m.end(ctx, m.n.Topics.Usage, partition); ok {
			put(ratingLag, float64(max(end-p.Next.Load(), 0)), label)
		}
	}
}

func (m *metrics) warehouse(ctx context.Context, put func(metric, float64, ...string), spread func(metric, *histogram.Histogram, string)) {
	role := m.n.sink
	if role == nil {
		return
	}
	running := owned(put, Sink, &role.partitions)
	for _, partition := range running {
		p, label := role.of(partition), strconv.Itoa(partition)
		put(warehouseRows, float64(p.Rated.Load()), label)
		put(warehouseBlocks, float64(p.Blocks.Load()), label)
		spread(warehouseWrite, &p.Writes, label)
		put(warehousePosition, float64(p.Next.Load()), label)
		if end, ok := m.end(ctx, m.n.Topics.Rated, partition); ok {
			put(warehouseLag, float64(max(end-p.Next.Load(), 0)), label)
		}
	}
	if held, told := role.holds(); told {
		put(expiryHeld, yes(held))
	}
	role.arrivals.Each(func(source string, h *histogram.Histogram) { spread(warehouseArrival, h, source) })
	if balance, at, told := role.totals(); told {
		put(balanceChecked, float64(at.UnixNano())/1e9)
		put(balanceFiles, float64(balance.Files))
		put(balanceRecords, float64(balance.Records))
		put(balanceBytes, float64(balance.Bytes))
		put(balanceUnits, float64(balance.Units))
		put(balanceEnds, float64(balance.EndsMissing))
		put(balanceInSuspense, float64(balance.Suspense))
	}
}

// end is the end of a topic's partition; a broker that is away is not asked.
func (m *metrics) end(ctx context.Context, topic string, partition int) (int64, bool) {
	if !m.n.engines.there(engineKafka) {
		return 0, false
	}
	_, end, err := m.n.Kafka.Bounds(ctx, topic, partition)
	return end, err == nil
}
