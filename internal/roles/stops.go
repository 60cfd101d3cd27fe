package roles

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// stops stores the positions at which partitions stopped and need an operator.
type stops interface {
	RecordStop(ctx context.Context, stop *control.Stop, at time.Time) error
	Stops(ctx context.Context, f control.StopFilter) ([]control.Stop, error)
	StopOrders(ctx context.Context, partition int, topics ...string) (int64, error)
	CloseStop(ctx context.Context, stop *control.Stop, at time.Time) error
}

const (
	lookForOrders = 2 * time.Second
	noteAgain     = time.Minute // interval of recording while a partition is stopped
	lookForPassed = time.Second
)

// halt keeps a partition stopped until there is a new order about it, or it is assigned elsewhere. known is the number
// of orders that the caller knew.
func (p *partitions) halt(ctx context.Context, partition int, err *ratedlog.StoppedError, known int64) {
	p.mu.Lock()
	p.halted[partition] = err
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.halted, partition)
		p.mu.Unlock()
	}()
	stop := &control.Stop{Topic: err.Topic, Partition: partition, Offset: err.Offset, Kind: err.Kind, Hash: err.Hash(), Role: p.role,
		Process: p.process,
		Reason:  err.Reason, Message: err.Message, Detail: err.Detail}
	absence := backoff.Absence{Backoff: backoff.Backoff{First: lookForOrders, Most: 10 * time.Second, Random: rand.Float64}}
	for noted := (time.Time{}); ctx.Err() == nil; {
		pause, orders := lookForOrders, known
		var err error
		if time.Since(noted) >= noteAgain {
			if err = p.stops.RecordStop(ctx, stop, time.Now()); err == nil {
				noted = time.Now()
			}
		}
		if err == nil {
			orders, err = p.stops.StopOrders(ctx, partition, p.topics...)
		}
		switch {
		case err != nil:
			pause = absence.Failed(time.Now(), p.log, "cannot look up orders for a stopped partition", err, "partition", partition)
		case orders != known:
			p.log.Info("found an order for a stopped partition; trying again", "group", p.group.ID, "partition", partition)
			return
		}
		_ = clock{}.Sleep(ctx, pause)
	}
}

// orders returns the number of orders about a partition, -1 if unknown.
func (p *partitions) orders(ctx context.Context, partition int) int64 {
	n, err := p.stops.StopOrders(ctx, partition, p.topics...)
	if err != nil {
		return -1
	}
	return n
}

// passed records, until ctx ends, when a partition passes the position at which its reader, here or in another
// process, had stopped.
func (p *partitions) passed(ctx context.Context, partition int) {
	for ctx.Err() == nil {
		open, err := p.stops.Stops(ctx, control.StopFilter{Partition: &partition, Open: true})
		open = slices.DeleteFunc(open, func(s control.Stop) bool { return s.Role != p.role })
		if err == nil && len(open) == 0 {
			return
		}
		for _, stop := range control.PassedStops(open, p.role, func(topic string) int64 { return p.position(topic, partition) }) {
			err = errors.Join(err, p.stops.CloseStop(ctx, &stop, time.Now()))
		}
		if err != nil && !backoff.Unavailable(err) && ctx.Err() == nil {
			p.log.Warn("cannot record that a partition continues", "partition", partition, "err", err)
		}
		_ = clock{}.Sleep(ctx, lookForPassed)
	}
}

// origin queries the control store for the origin of the epochs of a partition's messages.
func (n *Node) origin(reader string, partition int) ratedlog.AskOrigin {
	return func(ctx context.Context, epoch int64, stop *control.Stop) (control.EpochOrigin, error) {
		if stop != nil {
			stop.Role, stop.Process = reader, n.Owner
		}
		return n.Store.EpochOrigin(ctx, n.Topics.Rated, partition, epoch, stop, time.Now())
	}
}
