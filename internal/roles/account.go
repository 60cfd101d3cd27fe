package roles

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"ratemill/account"
	"ratemill/internal/backoff"
	"ratemill/internal/control"
)

// Account is the role that keeps balances from the rated log. It also compares payers' debts with their limits when
// limits change.
func Account() Role {
	r := InSQL(account.Role)
	begin := r.Begin
	r.Begin = func(ctx context.Context, n *Node) (*Running, error) {
		running, err := begin(ctx, n)
		if err != nil {
			return nil, err
		}
		follow, owned := running.Run, running.partitions
		running.Run = func(ctx context.Context) error {
			both, ctx := errgroup.WithContext(ctx)
			both.Go(func() error { return follow(ctx) })
			both.Go(func() error { return n.judgeCredit(ctx, owned) })
			return both.Wait()
		}
		return running, nil
	}
	return r
}

const (
	lookForLimits = time.Second
	// judgeAnyway is the interval at which payers are judged even without new facts, because a limit may come into
	// force on a date.
	judgeAnyway = time.Minute
)

// judgeCredit compares the debts of payers with their limits when limits, policies or statuses change, in the process
// that owns the first partition. If two processes both believe that they own it, transactions prevent double effects.
func (n *Node) judgeCredit(ctx context.Context, owned *partitions) error {
	payers, statuses := account.CreditOfRole(n.given())
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: 20 * time.Second, Random: rand.Float64}}
	judged, at := uint64(0), time.Time{}
	look := func() error {
		generation, err := payers.Follow(ctx)
		if err != nil || generation == judged && time.Since(at) < judgeAnyway {
			return err
		}
		if err := (account.Table{}).Judge(ctx, n.Store.DB, payers, statuses); err != nil {
			return err
		}
		judged, at = generation, time.Now()
		return nil
	}
	for ctx.Err() == nil {
		pause := lookForLimits
		if owned.assigned(0) {
			switch err := look(); {
			case err == nil, errors.Is(err, control.ErrConflict): // a block or a change of facts was faster; the next run sees it
				absence.Worked(time.Now(), n.Log, "credit limits are being compared again")
			case ctx.Err() == nil:
				pause = absence.Failed(time.Now(), n.Log, "changed credit limits cannot be compared with the debts of payers at the moment", err)
			}
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}
