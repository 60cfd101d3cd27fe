package roles

import (
	"cmp"
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ratemill/internal/backoff"
	"ratemill/internal/consumer"
	"ratemill/internal/engines"
	"ratemill/internal/histogram"
	"ratemill/internal/metric"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
)

// Warehouse writes rated records to ClickHouse.
var Warehouse = Role{Name: roleWarehouse, ClickHouse: true, Metrics: []*metric.Section{warehouseMetrics, balanceMetrics,
	factMetrics, documentMetrics}, Begin: beginSink,
	Consumer: engines.SinkName, Work: Work{Title: "warehouse sink", Done: warehouseRows, Waits: warehouseLag, Records: true}}

const roleWarehouse = "warehouse"

var warehouseMetrics = metric.Of("Warehouse", "One series for each partition that this process owns, or for each source.")

var (
	warehouseRows   = warehouseMetrics.Counter("warehouse_rows_total", "Rows written.", "partition")
	warehouseBlocks = warehouseMetrics.Counter("warehouse_blocks_total", "Blocks written.", "partition")
	warehouseWrite  = warehouseMetrics.Durations(&warehouse.WriteBounds, "warehouse_write_seconds",
		"Time that blocks took to be written to their tables, including all attempts.", "partition")
	warehouseArrival = warehouseMetrics.Durations(&warehouse.ArrivalBounds, "warehouse_file_seconds",
		"Time from taking a file from its source until its last row was in the warehouse; retries of suspended records are "+
			"not included.", "source")
	warehousePosition = warehouseMetrics.Gauge("warehouse_position", "Offset of the rated log to be written next.", "partition")
	warehouseLag      = warehouseMetrics.Gauge("warehouse_lag_batches", "Batches of the rated log waiting to be written.", "partition")
	expiryHeld        = warehouseMetrics.Gauge("warehouse_expiry_held",
		"1 while rows that have been kept for warehouse.keep months are not deleted because clocks differ, or because no "+
			"newer usage confirms the clocks; absent without warehouse.keep."+
			" Reported by the process that owns "+
			"partition 0.")
)

var balanceMetrics = metric.Of("Balance", "For the whole installation, reported by the process that owns partition 0 of the role "+
	"warehouse. A file counts once its end arrived 10 minutes ago: by then its records have arrived too, or something is wrong.")

var (
	balanceChecked = balanceMetrics.Gauge("balance_checked_timestamp_seconds",
		"When the balance of all files was last computed: every minute, or "+
			"every twenty times the duration of the computation if that is longer.")
	balanceFiles   = balanceMetrics.Gauge("balance_files", "Files whose balance is off.")
	balanceRecords = balanceMetrics.Gauge("balance_difference_records",
		"Records that the warehouse lacks or has in excess, as absolute values "+
			"summed over files; any value but 0 is an alarm.")
	balanceBytes = balanceMetrics.Gauge("balance_difference_bytes", "The same difference in bytes of raw records.")
	balanceUnits = balanceMetrics.Gauge("balance_difference_units",
		"The same difference in units of usage (octets, seconds, events), summed over all classes.")
	balanceEnds = balanceMetrics.Gauge("balance_ends_missing_files",
		"Files with records in the warehouse but no end, although no record has "+
			"arrived for 10 minutes.")
	invoicesOff = balanceMetrics.Gauge("invoice_balance_off_payers",
		"Payers whose invoice balance was off when it was last computed, by a bill run or by ratemill invoice balance; any value but 0 "+
			"is an alarm.")
	invoiceLinesOff = balanceMetrics.Gauge("invoice_balance_off_lines",
		"Lines of the invoice balance that differed and belong to no payer: numbers, charges without a payer.")
	balanceInSuspense = balanceMetrics.Gauge("suspense_records", "Records that wait in suspense.")
)

// sinkRole writes partitions of the rated log to ClickHouse.
type sinkRole struct {
	partitions
	n        *Node
	mu       sync.Mutex
	progress map[int]*sinkProgress
	arrivals histogram.Set
	balance  warehouse.Totals
	added    time.Time // time of the balance; zero before the first one

	invoicesOff, invoiceLinesOff int

	held   *string // the last known reason why expired rows stay; nil before the first check
	facts  copying
	finals copying
}

func beginSink(_ context.Context, n *Node) (*Running, error) {
	r := &sinkRole{n: n, progress: map[int]*sinkProgress{}}
	next := func(partition int) int64 { return r.of(partition).Next.Load() }
	r.partitions = n.ratedPartitions(roleWarehouse, next, func(ctx context.Context, partition int) error {
		progress := r.of(partition)
		var generation uint32
		err := n.WaitFor(ctx, engines.Control, func() (err error) {
			generation, err = n.Store.LogGeneration(ctx)
			return err
		})
		if err != nil {
			return err
		}
		o := n.consumes(roleWarehouse, n.SinkName, partition, &progress.Progress, func() time.Duration {
			return linger(n.Config.Warehouse.Flush, r.owned())
		})
		o.MaxRows = n.Config.Warehouse.BlockRows
		s, err := warehouse.NewSink(warehouse.SinkOptions{
			Options:   o,
			Positions: n.Store, Warehouse: n.Warehouse, Account: n.reference.account, Offset: n.reference.offset,
			Written: &progress.Written, Generation: generation,
		})
		if err != nil {
			return err
		}
		return s.Run(ctx)
	})
	return &Running{Run: r.run, Metrics: r.metrics, stored: r.stored, partitions: &r.partitions}, nil
}

// run also adds up the balance of all files, deletes expired rows, and copies the registry's facts and final documents.
func (r *sinkRole) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.serve(ctx) })
	g.Go(func() error { return r.balances(ctx, r.n) })
	g.Go(func() error { return r.expire(ctx, r.n) })
	g.Go(func() error { return r.bringFacts(ctx, r.n) })
	g.Go(func() error { return r.bringDocuments(ctx, r.n) })
	return g.Wait()
}

func (r *sinkRole) metrics(ctx context.Context, s metric.Scrape) {
	for _, partition := range r.measure(s) {
		p, label := r.of(partition), strconv.Itoa(partition)
		s.Put(warehouseRows, float64(p.Rated.Load()), label)
		s.Put(warehouseBlocks, float64(p.Blocks.Load()), label)
		s.Spread(warehouseWrite, &p.Writes, label)
		s.Put(warehousePosition, float64(p.Next.Load()), label)
		r.n.lag(ctx, s, warehouseLag, r.n.Topics.Rated, partition, p.Next.Load(), label)
	}
	if held, told := r.holds(); told {
		s.Put(expiryHeld, metric.Yes(held))
	}
	r.factMetrics(ctx, s)
	r.documentMetrics(ctx, s)
	r.arrivals.Each(func(source string, h *histogram.Histogram) { s.Spread(warehouseArrival, h, source) })
	if balance, at, told := r.totals(); told {
		s.Put(balanceChecked, float64(at.UnixNano())/1e9)
		s.Put(balanceFiles, float64(balance.Files))
		s.Put(balanceRecords, float64(balance.Records))
		s.Put(balanceBytes, float64(balance.Bytes))
		s.Put(balanceUnits, float64(balance.Units))
		s.Put(balanceEnds, float64(balance.EndsMissing))
		s.Put(balanceInSuspense, float64(balance.Suspense))
		payers, lines := r.invoices()
		s.Put(invoicesOff, float64(payers))
		s.Put(invoiceLinesOff, float64(lines))
	}
}

// linger returns how long a block waits for more rows, by the number of partitions of the process. A block costs
// ClickHouse some 40 ms, whatever its size, so a process with many partitions writes as many blocks per second as one
// with eight.
func linger(flush time.Duration, partitions int) time.Duration {
	return flush * time.Duration(max(8, min(partitions, 80))) / 8
}

// balances adds up the balance of all files repeatedly, in the one process of the installation that has the first
// partition of the rated log. It takes at most a twentieth of the time, and no scrape waits for it.
func (r *sinkRole) balances(ctx context.Context, n *Node) error {
	due := cmp.Or(n.BalanceDue, balanceDue)
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	for ctx.Err() == nil {
		pause := time.Second
		if r.assigned(0) {
			began := time.Now()
			balance, err := n.Warehouse.Totals(ctx, due)
			if err == nil {
				err = r.countInvoices(ctx, n)
			}
			switch {
			case err == nil:
				absence.Worked(time.Now(), n.Log, "the balance of all files is computed again")
				r.mu.Lock()
				r.balance, r.added = balance, time.Now()
				r.mu.Unlock()
				pause = max(min(due, balanceEvery), 20*time.Since(began))
			case ctx.Err() == nil:
				pause = absence.Failed(time.Now(), n.Log, "cannot compute the balance of all files", err)
			}
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

// countInvoices reads the differences that the last invoice balance found.
func (r *sinkRole) countInvoices(ctx context.Context, n *Node) error {
	if err := invoicing.Migrate(ctx, n.Store.DB); err != nil {
		return err
	}
	payers, lines, err := invoicing.PayersOff(ctx, n.Store.DB)
	if err == nil {
		r.mu.Lock()
		r.invoicesOff, r.invoiceLinesOff = payers, lines
		r.mu.Unlock()
	}
	return err
}

func (r *sinkRole) invoices() (payers, lines int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.invoicesOff, r.invoiceLinesOff
}

// A file whose end arrived this long ago is due: by then the records of its other partitions are also in the
// warehouse, unless there is a fault.
const (
	balanceDue   = 10 * time.Minute
	balanceEvery = time.Minute
)

// totals returns the balance of all files and its time, only in the process that reports it.
func (r *sinkRole) totals() (balance warehouse.Totals, added time.Time, told bool) {
	if !r.assigned(0) {
		return balance, added, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.balance, r.added, !r.added.IsZero()
}

// sinkProgress is the reported progress of a partition's sinks.
type sinkProgress struct {
	consumer.Progress
	warehouse.Written
}

func (r *sinkRole) of(partition int) *sinkProgress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &sinkProgress{Written: warehouse.Written{Arrivals: &r.arrivals}}
	}
	return r.progress[partition]
}
