package ledger

import (
	"errors"
	"fmt"

	"ratemill/internal/steps"
	"ratemill/internal/wire"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// decision is what becomes of the records of one usage message: each is rated, a duplicate, or suspended.
type decision struct {
	engine   *rating.Engine
	revision registry.Revision
	state    *state
	in       *udr.Batch
	high     uint64 // records up to here were decided before
	result   *rating.Result
	now      int64
	out      []byte

	rated, duplicate, suspended int64
}

func (d *decision) decide(view *registry.View) error {
	d.result.Begin(d.state.counters)
	var u udr.Usage
	for i, message := range d.in.Usage {
		if err := udr.ParseUsage(message, &u); err != nil {
			return fmt.Errorf("its usage record %d of %d cannot be read: %w", i+1, len(d.in.Usage), err)
		}
		if u.Seq <= d.high && steps.On(steps.HighWater) {
			continue
		}
		if err := d.usage(view, message, &u); err != nil {
			return fmt.Errorf("its usage record %d of %d, sequence %d, cannot be rated: %w", i+1, len(d.in.Usage), u.Seq, err)
		}
	}
	var s udr.Suspended
	for i, message := range d.in.Suspended {
		if err := udr.ParseSuspended(message, &s); err != nil {
			return fmt.Errorf("its suspended record %d of %d cannot be read: %w", i+1, len(d.in.Suspended), err)
		}
		if s.Seq <= d.high && steps.On(steps.HighWater) {
			continue
		}
		d.out = wire.AppendBytes(d.out, 10, message)
		d.suspended++
	}
	d.out = appendDeltas(d.out, d.result.Deltas)
	return nil
}

func (d *decision) usage(view *registry.View, message []byte, u *udr.Usage) error {
	key, h := u.Duplicate, hour{}
	looks := key != (udr.DuplicateKey{}) && d.in.DuplicateWithin > 0
	if looks {
		h = hourOf(d.in.Source, u.At)
		if d.state.seen.Has(h, key) {
			d.out = wire.AppendBytes(d.out, 11, message)
			d.duplicate++
			return nil
		}
	}
	charges, events := len(d.result.Charges), len(d.result.Events)
	err := d.engine.Rate(view, d.revision, d.state.counters, u, d.result)
	var why *udr.SuspendError
	if errors.As(err, &why) {
		s := udr.Suspended{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Why: *why, Usage: message}
		var at int
		d.out, at = wire.Open(d.out, 10)
		d.out = udr.AppendSuspended(d.out, &s)
		wire.Close(d.out, at)
		d.suspended++
		return nil
	}
	if err != nil {
		return err
	}
	d.out = appendRated(d.out, message, d.result.Charges[charges:], d.result.Events[events:])
	d.rated++
	if looks {
		d.state.seen.Add(h, key, d.now, int64(d.in.DuplicateWithin))
	}
	return nil
}
