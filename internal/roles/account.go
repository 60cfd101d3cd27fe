package roles

import (
	"context"
	"strconv"
	"sync"
	"time"

	"ratemill/account"
	"ratemill/internal/consumer"
	"ratemill/internal/ratedlog"
	"ratemill/internal/store"
)

// accountRole adds partitions of the rated log to the balances of accounts.
type accountRole struct {
	partitions
	n        *Node
	mu       sync.Mutex
	progress map[int]*consumer.Progress
}

// AccountConsumer is the name of what makes balances, in the control store of an installation.
func AccountConsumer(installation string) string { return account.ConsumerOf(installation) }

// balancesGone is what to do when the rated log keeps no more what the balances lack.
const balancesGone = "the balances lack what these charged; what to do: docs/runbooks/balances-of-accounts.md"

// balanceLinger is how long a block of balances waits for more: they are to be there seconds after the record is rated.
const balanceLinger = 300 * time.Millisecond

func newAccount(ctx context.Context, n *Node) (runner, error) {
	err := n.waitFor(ctx, engineControl, func() error { return account.Migrate(ctx, n.Store.DB) })
	if err != nil {
		return nil, err
	}
	r := &accountRole{n: n, progress: map[int]*consumer.Progress{}}
	payers := account.NewDirectory(n.Store.LoadAccounts, n.accounts(), clock{}.Now)
	next := func(partition int) int64 { return r.of(partition).Next.Load() }
	r.partitions = n.ratedPartitions(Account, "account", next, func(ctx context.Context, partition int) error {
		c, err := consumer.NewInTransaction(consumer.TransactionOptions[*store.Tx]{
			Options: n.consumes(Account, AccountConsumer(n.Installation), partition, r.of(partition),
				func() time.Duration { return balanceLinger }),
			Store: n.Store, Effect: account.NewEffect(account.Table{}).Keep(account.Table{}, payers), Done: "in the balances", Gone: balancesGone,
			Start: func(ctx context.Context) (int64, ratedlog.Fold, error) { return n.folded(ctx, partition) },
		})
		if err != nil {
			return err
		}
		return c.Run(ctx)
	})
	return r, nil
}

// accounts is what the installation has for accounts. Only the documents of its catalogue matter to the fold.
func (n *Node) accounts() *account.Installation {
	in := &account.Installation{}
	if n.Project != nil {
		in.Documents, _ = account.DocumentsOf(n.Project.Catalogue)
	}
	return in
}

// folded is where the warehouse's sink is in a partition of the rated log, and the fold there.
func (n *Node) folded(ctx context.Context, partition int) (next int64, fold ratedlog.Fold, err error) {
	at, err := n.Store.SinkGet(ctx, n.SinkName, partition)
	if err != nil {
		return 0, fold, err
	}
	fold, err = ratedlog.ParseFold(at.Fold)
	return at.Next, fold, err
}

func (r *accountRole) of(partition int) *consumer.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress[partition] == nil {
		r.progress[partition] = &consumer.Progress{}
	}
	return r.progress[partition]
}

func (r *accountRole) taken() *partitions { return &r.partitions }

func (r *accountRole) collect(ctx context.Context, m *metrics, put func(metric, float64, ...string)) {
	for _, partition := range owned(put, Account, &r.partitions) {
		p, label := r.of(partition), strconv.Itoa(partition)
		put(accountCharges, float64(p.Rows.Load()), label)
		put(accountBlocks, float64(p.Blocks.Load()), label)
		put(accountPosition, float64(p.Next.Load()), label)
		if end, ok := m.end(ctx, r.n.Topics.Rated, partition); ok {
			put(accountLag, float64(max(end-p.Next.Load(), 0)), label)
		}
	}
}

// unbalanced is up to where the balances have a partition of the rated log; known: somebody has made some.
func (n *Node) unbalanced(ctx context.Context, partition int) (next int64, known bool, err error) {
	at, err := n.Store.SinkGet(ctx, AccountConsumer(n.Installation), partition)
	return at.Next, at.Version > 0, err
}
