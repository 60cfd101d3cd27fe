package invoicing

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// ofUsage is the number of payers whose usage and balances are in memory at a time. Each portion is one query of the warehouse, and
// each query reads the account numbers of all usage. The usage of 13 cycles takes about 25 kB per payer.
const ofUsage = 5000

// mostAsked is the largest number of accounts that a query lists. For more accounts, the query reads the usage of all
// accounts, and the run ignores the usage that it does not need.
const mostAsked = 20_000

// closing closes cycles of payers, with the usage and balances of one portion of the payers in memory at a time. It
// passes on finished results in the order of the payers.
func (r *Run) closing(ctx context.Context, until Date, payers []uint32, last map[uint32]*Closed, store func([]*Computed) error) error {
	shifted, err := r.Basis.shifted(last)
	if err != nil {
		return err
	}
	r.shifted = shifted
	size := cmp.Or(r.portion, ofUsage)
	// The engines of a worker read the facts of all SIMs, so the workers are created once for all portions.
	workers, signers, done := []*worker(nil), r.Basis.signers(), 0
	for range min(cmp.Or(r.Workers, runtime.GOMAXPROCS(0)), min(size, len(payers))/together+1) {
		workers = append(workers, r.worker(nil, until, signers))
	}
	for some := range slices.Chunk(payers, size) {
		u, err := r.usageOf(ctx, until, some, last, len(some) == len(payers))
		if err != nil {
			return err
		}
		if err := r.Basis.balancesOf(u, until, some); err != nil {
			return err
		}
		for _, w := range workers {
			w.usage = u
		}
		err = closePortion(ctx, some, last, workers, func(computed []*Computed, of int) error {
			if err := store(computed); err != nil {
				return err
			}
			if done += of; r.Progress != nil {
				r.Progress(done, len(payers))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// closePortion computes payers with several workers. Each worker reads the closes of only some payers at a time, to save memory.
func closePortion(ctx context.Context, payers []uint32, last map[uint32]*Closed, workers []*worker,
	store func(done []*Computed, payers int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	type portion struct {
		payers []uint32
		done   chan []*Computed
	}
	queue := make(chan portion)
	ordered := make(chan portion, 4*len(workers))
	group.Go(func() error {
		defer close(queue)
		defer close(ordered)
		for some := range slices.Chunk(payers, together) {
			p := portion{some, make(chan []*Computed, 1)}
			for _, c := range []chan portion{ordered, queue} {
				select {
				case c <- p:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for _, w := range workers {
		group.Go(func() error {
			for p := range queue {
				done, err := w.some(ctx, p.payers, last)
				if err != nil {
					return err
				}
				p.done <- done
			}
			return nil
		})
	}
	group.Go(func() error {
		for p := range ordered {
			select {
			case done := <-p.done:
				if err := store(done, len(p.payers)); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// usageOf reads the usage of the payers' accounts. whole means that these are all payers of the run.
func (r *Run) usageOf(ctx context.Context, until Date, payers []uint32, last map[uint32]*Closed, whole bool) (*usage, error) {
	b := r.Basis
	a := &asking{from: max(until-Compared, b.Begin-31, 0), to: until, late: true, long: map[uint32]Date{}}
	for _, number := range payers {
		from := max(b.first(number), b.Begin) - 31 // a cycle that contains a date begins at most 31 days before that date
		if c := last[number]; c != nil && c.Broken == nil && r.shifted[number] == "" {
			a.closes, from = append(a.closes, c), c.Cycle.To
		}
		if from > 0 && from < a.from { // without a date, the payer's cycles are held
			a.long[number] = from
		}
	}
	if whole && len(payers) > together {
		return b.ask(ctx, a)
	}
	below := map[uint32]bool{}
	for _, number := range payers {
		below[number] = true
	}
	a.payers = maps.Clone(below)
	if b.View.Below(below); len(below) <= mostAsked {
		a.accounts = slices.AppendSeq([]uint32{}, maps.Keys(below))
		slices.Sort(a.accounts)
	}
	return b.ask(ctx, a)
}

// balancesOf reads the running balances of payers, with which their usage is compared. An account below them may have another payer.
func (b *Basis) balancesOf(u *usage, until Date, payers []uint32) error {
	if b.Balances == nil {
		return nil
	}
	of, below := map[uint32]bool{}, map[uint32]bool{}
	for _, number := range payers {
		of[number], below[number] = true, true
	}
	b.View.Below(below)
	u.balances = map[uint32][]accountBalance{}
	var at AccountCycle
	payer, known := uint32(0), false
	return b.Balances(slices.Sorted(maps.Keys(below)), func(c AccountCycle, balance *Balance) error {
		if c.Cycle < u.from || c.Cycle > until {
			return nil
		}
		if !known || c != at {
			at, payer, known = c, b.payerOf(c.Account, c.Cycle), true
		}
		if of[payer] {
			u.balances[payer] = append(u.balances[payer], accountBalance{c, *balance})
		}
		return nil
	})
}
