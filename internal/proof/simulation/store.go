package simulation

import (
	"context"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	sqlstore "ratemill/internal/store"
)

// store is the control store: each operation is one transaction, whose answer may be lost.
type store struct {
	w        *world
	epochs   [partitions]int64
	sinks    [partitions]control.SinkPosition
	accounts [partitions]balances
}

// The names of consumers.
const (
	sinkName    = "sim"
	accountName = "sim-account"
	statesName  = "sim-states"
)

// position is the position of a consumer, by the consumer's name.
func (s *store) position(name string, partition int) *control.SinkPosition {
	switch name {
	case accountName:
		return &s.accounts[partition].at
	case statesName:
		return &s.w.lives.at[partition]
	}
	return &s.sinks[partition]
}

// transaction runs f as a transaction of the current actor.
func (s *store) transaction(ctx context.Context, what string, f func() error) error {
	w := s.w
	w.point(effect{"begin", what}, 0, 0)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if w.isFull(storeDisk) || w.happens(StoreFails, 40) {
		return storeDown(what)
	}
	if err := f(); err != nil {
		return err
	}
	w.point(effect{"committed", what}, 0, 0)
	if w.happens(LostCommit, 40) {
		return storeDown(what)
	}
	return nil
}

func storeDown(what string) error {
	return sqlstore.Away("simulated", what, errSimulated)
}

func storeUnavailable(err error) bool {
	return backoff.From(err) == backoff.ControlStore
}

const takingEpoch = "taking an epoch"

func (s *store) nextEpoch(ctx context.Context, p int, seen int64) (epoch int64, err error) {
	err = s.transaction(ctx, takingEpoch, func() error {
		if s.epochs[p] < seen {
			return &control.SetBackError{What: "epoch", Has: s.epochs[p], Seen: seen}
		}
		s.epochs[p]++
		epoch = s.epochs[p]
		return nil
	})
	return epoch, err
}
