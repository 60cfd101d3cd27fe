package roles

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ratemill/internal/backoff"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/metric"
	"ratemill/internal/network"
	"ratemill/internal/outbound"
	"ratemill/internal/store"
	"ratemill/simstate"
	"ratemill/udr"
)

// SIMState is the role that keeps the states of SIMs up to date: from the rated log, from changes of
// facts, and by time.
func SIMState() Role {
	r := InSQL(simstate.Role)
	begin := r.Begin
	r.Begin = func(ctx context.Context, n *Node) (*Running, error) {
		running, err := begin(ctx, n)
		if err != nil {
			return nil, err
		}
		keep, err := n.keepStates(running.partitions)
		if err != nil {
			return nil, err
		}
		follow, measure := running.Run, running.Metrics
		running.Run = func(ctx context.Context) error {
			defer keep.warehouse.close()
			both, ctx := errgroup.WithContext(ctx)
			both.Go(func() error { return follow(ctx) })
			both.Go(func() error { return keep.run(ctx) })
			both.Go(func() error { return keep.ask(ctx) })
			return both.Wait()
		}
		running.Metrics = func(ctx context.Context, s metric.Scrape) {
			measure(ctx, s)
			keep.metrics(ctx, s)
		}
		return running, nil
	}
	return r
}

// states does the work that the rated log does not trigger, in the process that owns its first partition. If two
// processes both believe that they own it, transactions prevent double effects.
type states struct {
	n       *Node
	keeper  *simstate.Keeper[*store.Tx]
	network simstate.Network // nil if none is configured
	owned   *partitions

	warehouse *retryContents // queried for SIMs that lack expected records
	due       atomic.Int64   // time of the next query, in nanoseconds since 1970; 0: no queries
}

func (n *Node) keepStates(owned *partitions) (*states, error) {
	s := &states{n: n, keeper: simstate.KeeperOf(n.given()), owned: owned,
		warehouse: &retryContents{n: n}}
	c := &n.Config.Network
	if c.Webhook == "" {
		return s, nil
	}
	secret, err := config.Secret(c.SecretFile, c.SecretEnv)
	if err != nil {
		return nil, err
	}
	s.network, err = network.NewWebhook(network.Options{URL: c.Webhook, Secret: secret,
		Server: outbound.Options{Private: c.AllowPrivate, Timeout: c.Timeout}}, n.LedgerTime.Now, n.identifiers)
	return s, err
}

// identifiers returns the current identifiers of a SIM, by kind.
func (n *Node) identifiers(sim uint32) map[string]string {
	view := n.reference.reg.View()
	defer view.Close()
	names := map[string]string{}
	for _, id := range view.Identifiers(sim, udr.InstantOf(n.LedgerTime.Now()), view.Revision(), nil) {
		names[id.Kind.String()] = id.Value
	}
	return names
}

// lookForStates is the interval at which facts and time limits are checked.
const lookForStates = time.Second

func (s *states) run(ctx context.Context) error {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: 20 * time.Second, Random: rand.Float64}}
	for ctx.Err() == nil {
		pause := lookForStates
		if s.owned.assigned(0) {
			switch err := s.work(ctx); {
			case err == nil, errors.Is(err, control.ErrConflict): // a change of facts was faster; the next run sees it
				absence.Worked(time.Now(), s.n.Log, "the states of SIMs are being updated again")
			case ctx.Err() == nil:
				pause = absence.Failed(time.Now(), s.n.Log, "the states of SIMs cannot be updated at the moment; their effects "+
					"take the date on which they are due",
					err)
			}
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

func (s *states) work(ctx context.Context) error {
	for _, some := range []func(context.Context) (bool, error){
		func(ctx context.Context) (bool, error) { return s.keeper.Follow(ctx, s.n.Store.DB) },
		func(ctx context.Context) (bool, error) { return s.keeper.Due(ctx, s.n.Store.DB) },
		func(ctx context.Context) (bool, error) { return s.keeper.Spread(ctx, s.n.Store.DB) },
		s.deliver,
	} {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = some(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *states) deliver(ctx context.Context) (more bool, err error) {
	if s.network == nil {
		return false, nil
	}
	sent, err := simstate.Deliver(ctx, s.n.Store.DB, s.network, s.n.LedgerTime.Now, s.keeper)
	return sent == simstate.DeliverAtOnce, err
}

func (s *states) metrics(ctx context.Context, put metric.Scrape) {
	if !s.owned.assigned(0) {
		return
	}
	waits, err := simstate.Table{}.Waits(ctx, s.n.Store.DB, udr.InstantOf(s.n.LedgerTime.Now()))
	if err != nil {
		return
	}
	put.Put(simstate.Waiting, float64(waits.Network))
	put.Put(simstate.Failed, float64(waits.Failed))
	put.Put(simstate.Overdue, waits.Overdue.Seconds())
	s.measureAbsences(ctx, put)
}
