package roles

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/consumer"
	"ratemill/internal/histogram"
	"ratemill/internal/warehouse"
)

// sinkRole writes partitions of the rated log to ClickHouse.
type sinkRole struct {
	partitions
	mu       sync.Mutex
	progress map[int]*sinkProgress
	arrivals histogram.Set
	balance  warehouse.Totals
	added    time.Time // when balance was; zero before the first time
	held     *string   // why expired rows stay, as last seen; nil before the first look
}

func (n *Node) newSink() *sinkRole {
	r := &sinkRole{progress: map[int]*sinkProgress{}}
	next := func(partition int) int64 { return r.of(partition).Next.Load() }
	r.partitions = n.ratedPartitions(Sink, "warehouse", next, func(ctx context.Context, partition int) error {
		progress := r.of(partition)
		var generation uint32
		err := n.waitFor(ctx, engineControl, func() (err error) {
			generation, err = n.Store.LogGeneration(ctx)
			return err
		})
		if err != nil {
			return err
		}
		o := n.consumes(Sink, n.SinkName, partition, &progress.Progress, func() time.Duration {
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
	return r
}

// linger is how long a block waits for more in a process that owns so many partitions. A block costs ClickHouse some
// 40 ms, whatever is in it, so a process with many partitions writes as many blocks a second as one with eight.
func linger(flush time.Duration, partitions int) time.Duration {
	return flush * time.Duration(max(8, min(partitions, 80))) / 8
}

// balances adds up the balance of all files again and again, in the one process of the installation that has the first
// partition of the rated log. It takes at most a twentieth of the time, and no scrape waits for it.
func (r *sinkRole) balances(ctx context.Context, n *Node) error {
	settled := cmp.Or(n.Settled, defaultSettled)
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	for ctx.Err() == nil {
		pause := time.Second
		if r.assigned(0) {
			began := time.Now()
			balance, err := n.Warehouse.Totals(ctx, settled)
			switch {
			case err == nil:
				absence.Worked(time.Now(), n.Log, "the balance of all files is computed again")
				r.mu.Lock()
				r.balance, r.added = balance, time.Now()
				r.mu.Unlock()
				pause = max(min(settled, balanceEvery), 20*time.Since(began))
			case ctx.Err() == nil:
				pause = absence.Failed(time.Now(), n.Log, "cannot compute the balance of all files", err)
			}
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

// A file whose end came this long ago is settled: what its other partitions had is in the warehouse too, or something is
// wrong.
const (
	defaultSettled = 10 * time.Minute
	balanceEvery   = time.Minute
)

// totals are the balance of all files, and when it was added up; not in a process that has not to tell it.
func (r *sinkRole) totals() (balance warehouse.Totals, added time.Time, told bool) {
	if !r.assigned(0) {
		return balance, added, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.balance, r.added, !r.added.IsZero()
}

// sinkProgress is what is told of a partition's sinks.
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
