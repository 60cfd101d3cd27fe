package roles

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics collects what the roles count when Prometheus asks, so that no record pays for it.
type metrics struct{ n *Node }

type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("ratemill_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("ratemill_"+name, help, labels, nil), prometheus.GaugeValue}
}

// Every metric, declared once.
var (
	mediationFiles      = counter("mediation_files_total", "Files read to their end.")
	mediationFailed     = counter("mediation_failed_files_total", "Files that could not be fetched or read to their end.")
	mediationDuplicate  = counter("mediation_duplicate_files_total", "Files that came again and were not read.")
	mediationRecords    = counter("mediation_records_total", "Raw records by what became of them.", "outcome")
	mediationBytes      = counter("mediation_bytes_total", "Bytes of raw records read.")
	sourceListed        = gauge("source_listed_timestamp_seconds", "When the source was last listed.", "source")
	sourceFailures      = gauge("source_listing_failures", "Listings that failed since the last that succeeded.", "source")
	sourceGrowing       = gauge("source_growing_files", "Files in the last listing that were not complete yet.", "source")
	sourceWaiting       = gauge("source_waiting_files", "Files of the source that wait or are being read.", "source")
	sourceOldest        = gauge("source_oldest_unprocessed_seconds", "Age of the oldest file that is not read to its end.", "source")
	ratingRecords       = counter("rating_records_total", "Usage records by what became of them.", "partition", "outcome")
	ratingMessages      = counter("rating_batches_total", "Batches of usage decided.", "partition")
	ratingPosition      = gauge("rating_position", "Offset of the usage topic to be decided next.", "partition")
	ratingLag           = gauge("rating_lag_batches", "Batches of usage that wait to be decided.", "partition")
	ratingEpoch         = gauge("rating_epoch", "Epoch of this owner of the partition.", "partition")
	ratingCheckpoint    = gauge("rating_checkpoint_timestamp_seconds", "When the last checkpoint of the partition was done.", "partition")
	partitionsOwned     = gauge("partitions_owned", "Partitions that this process owns.", "role")
	partitionsStopped   = gauge("partitions_stopped", "Partitions that stopped and wait for a person.", "role")
	warehouseRows       = counter("warehouse_rows_total", "Rows written.", "partition")
	warehouseBlocks     = counter("warehouse_blocks_total", "Blocks written.", "partition")
	warehousePosition   = gauge("warehouse_position", "Offset of the rated log to be written next.", "partition")
	warehouseLag        = gauge("warehouse_lag_batches", "Batches of the rated log that wait to be written.", "partition")
	balanceDifference   = gauge("balance_difference_records", "Records of closed files that the warehouse lacks or has too many of; anything but 0 is an alarm.")
	balanceOpenSuspense = gauge("suspense_records", "Records that wait in suspense.")
	registryRevision    = gauge("registry_revision", "Newest revision of the registry known here.")
	all                 = []metric{mediationFiles, mediationFailed, mediationDuplicate, mediationRecords, mediationBytes, sourceListed, sourceFailures, sourceGrowing,
		sourceWaiting, sourceOldest, ratingRecords, ratingMessages, ratingPosition, ratingLag, ratingEpoch, ratingCheckpoint, partitionsOwned,
		partitionsStopped, warehouseRows, warehouseBlocks, warehousePosition, warehouseLag, balanceDifference, balanceOpenSuspense, registryRevision}
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, x := range all {
		ch <- x.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	put := func(x metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(x.desc, x.kind, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	put(registryRevision, float64(m.n.reference.reg.Revision()))
	m.mediation(ctx, put)
	m.rating(ctx, put)
	m.warehouse(ctx, put)
}

func (m *metrics) mediation(ctx context.Context, put func(metric, float64, ...string)) {
	role := m.n.mediation
	if role == nil {
		return
	}
	p := &role.progress
	put(mediationFiles, float64(p.Files.Load()))
	put(mediationFailed, float64(p.Failed.Load()))
	put(mediationDuplicate, float64(p.DuplicateFiles.Load()))
	put(mediationRecords, float64(p.Filtered.Load()), "filtered")
	put(mediationRecords, float64(p.Suspended.Load()), "suspended")
	put(mediationRecords, float64(p.Unrouted.Load()), "unrouted")
	put(mediationRecords, float64(p.Mapped.Load()), "mapped")
	put(mediationBytes, float64(p.Bytes.Load()))
	waiting, err := m.n.Store.Waiting(ctx)
	for name, status := range role.status {
		put(sourceListed, float64(status.Listed.Load()), name)
		put(sourceFailures, float64(status.Failures.Load()), name)
		put(sourceGrowing, float64(status.Growing.Load()), name)
		if err != nil {
			continue
		}
		w, age := waiting[name], 0.0
		if !w.Oldest.IsZero() {
			age = time.Since(w.Oldest).Seconds()
		}
		put(sourceWaiting, float64(w.Files), name)
		put(sourceOldest, age, name)
	}
}

func (m *metrics) rating(ctx context.Context, put func(metric, float64, ...string)) {
	role := m.n.rating
	if role == nil {
		return
	}
	running, halted, _ := role.state()
	put(partitionsOwned, float64(len(running)), string(Rating))
	put(partitionsStopped, float64(len(halted)), string(Rating))
	for _, partition := range running {
		p, label := role.of(partition), strconv.Itoa(partition)
		put(ratingRecords, float64(p.Rated.Load()), label, "rated")
		put(ratingRecords, float64(p.Duplicate.Load()), label, "duplicate")
		put(ratingRecords, float64(p.Suspended.Load()), label, "suspended")
		put(ratingMessages, float64(p.Messages.Load()), label)
		put(ratingPosition, float64(p.Next.Load()), label)
		put(ratingEpoch, float64(p.Epoch.Load()), label)
		put(ratingCheckpoint, float64(p.Swept.Load()), label)
		if _, end, err := m.n.Kafka.Bounds(ctx, m.n.Topics.Usage, partition); err == nil {
			put(ratingLag, float64(max(end-p.Next.Load(), 0)), label)
		}
	}
}

func (m *metrics) warehouse(ctx context.Context, put func(metric, float64, ...string)) {
	role := m.n.sink
	if role == nil {
		return
	}
	running, halted, _ := role.state()
	put(partitionsOwned, float64(len(running)), string(Sink))
	put(partitionsStopped, float64(len(halted)), string(Sink))
	for _, partition := range running {
		p, label := role.of(partition), strconv.Itoa(partition)
		put(warehouseRows, float64(p.Rated.Load()), label)
		put(warehouseBlocks, float64(p.Blocks.Load()), label)
		put(warehousePosition, float64(p.Next.Load()), label)
		if _, end, err := m.n.Kafka.Bounds(ctx, m.n.Topics.Rated, partition); err == nil {
			put(warehouseLag, float64(max(end-p.Next.Load(), 0)), label)
		}
	}
	if balance, err := m.n.Warehouse.Totals(ctx); err == nil {
		put(balanceDifference, float64(balance.Difference))
		put(balanceOpenSuspense, float64(balance.Suspense))
	}
}
