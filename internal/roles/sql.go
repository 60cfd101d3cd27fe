package roles

import (
	"context"
	"strconv"
	"sync"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/engines"
	"ratemill/internal/metric"
	"ratemill/internal/ratedlog"
	"ratemill/internal/store"
)

// InSQL returns a role that applies the rated log in SQL transactions.
func InSQL(of consumer.Role) Role {
	return Role{
		Name: of.Name, Metrics: []*metric.Section{of.Metrics}, Consumer: of.Consumer,
		Work: Work{Title: of.Title, Done: of.Rows, Waits: of.Lag},
		Begin: func(ctx context.Context, n *Node) (*Running, error) {
			return beginInSQL(ctx, n, &of)
		},
	}
}

// sqlRole applies partitions of the rated log in SQL transactions.
type sqlRole struct {
	partitions
	n        *Node
	of       *consumer.Role
	mu       sync.Mutex
	progress map[int]*consumer.Progress
}

func beginInSQL(ctx context.Context, n *Node, of *consumer.Role) (*Running, error) {
	err := n.WaitFor(ctx, engines.Control, func() error { return of.Migrate(ctx, n.Store.DB) })
	if err != nil {
		return nil, err
	}
	effect := of.Effects(n.given())
	r := &sqlRole{n: n, of: of, progress: map[int]*consumer.Progress{}}
	next := func(partition int) int64 { return r.at(partition).Next.Load() }
	r.partitions = n.ratedPartitions(of.Name, next, func(ctx context.Context, partition int) error {
		c, err := consumer.NewInTransaction(consumer.TransactionOptions[*store.Tx]{
			Options: n.consumes(of.Name, of.Consumer(n.Installation), partition, r.at(partition),
				func() time.Duration { return of.Linger }),
			Store: n.Store, Effect: effect(), Done: of.Done, Gone: of.Gone,
			Start: func(ctx context.Context) (int64, ratedlog.Fold, error) { return n.folded(ctx, partition) },
		})
		if err != nil {
			return err
		}
		return c.Run(ctx)
	})
	return &Running{Run: r.serve, Metrics: r.metrics, partitions: &r.partitions}, nil
}

// given returns the values of this process that a role gets.
func (n *Node) given() consumer.Given {
	return consumer.Given{
		Accounts: n.Store.LoadAccounts, Catalogue: n.Project.Catalogue, Now: clock{}.Now, StoreNow: n.LedgerTime.Now, Log: n.Log,
		Facts: func(who string) *control.FactLog {
			return control.NewFactLog(n.Store, who, n.LedgerTime.Now, n.reference.reg, n.reference.refresh)
		},
	}
}

// folded returns the position of the warehouse's sink in a partition of the rated log, with the fold at that
// position.
func (n *Node) folded(ctx context.Context, partition int) (next int64, fold ratedlog.Fold, err error) {
	at, err := n.Store.SinkGet(ctx, n.SinkName, partition)
	if err != nil {
		return 0, fold, err
	}
	fold, err = ratedlog.ParseFold(at.Fold)
	return at.Next, fold, err
}

// at is the progress in a partition.
func (r *sqlRole) at(partition int) *consumer.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &consumer.Progress{}
	}
	return r.progress[partition]
}

func (r *sqlRole) metrics(ctx context.Context, s metric.Scrape) {
	for _, partition := range r.measure(s) {
		p, label := r.at(partition), strconv.Itoa(partition)
		s.Put(r.of.Rows, float64(p.Rows.Load()), label)
		s.Put(r.of.Blocks, float64(p.Blocks.Load()), label)
		s.Put(r.of.Position, float64(p.Next.Load()), label)
		r.n.lag(ctx, s, r.of.Lag, r.n.Topics.Rated, partition, p.Next.Load(), label)
	}
}
