package rater

import (
	"bytes"
	"context"
	"fmt"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/udr"
)

// stop returns the error for a message that cannot be read or decided.
func (o *Owner) stop(topic string, m *broker.Message, kind control.StopKind, err error) error {
	return &ratedlog.StoppedError{Topic: topic, Partition: o.Partition, Offset: m.Offset, Kind: kind, Reason: err.Error(),
		Message: bytes.Clone(m.Value)}
}

// orders reads the orders about this partition.
func (o *Owner) orders(ctx context.Context) error {
	o.skipUsage = nil
	if o.Skips == nil {
		return nil
	}
	err := o.until(ctx, "read the orders for the partition", func() error {
		usage, err := o.Skips(ctx, o.Topics.Usage)
		o.skipUsage = ratedlog.NewSkips(usage)
		return err
	})
	if err != nil {
		return err
	}
	return o.log.Learn(ctx)
}

// SkippedCode is the code of records that are suspended because an operator ordered to skip their message.
const SkippedCode = "skipped"

// skip suspends every record of a skipped message whose identity can be read. A record without a readable identity
// leaves a difference in the balance of its file.
func (d *decision) skip(order *control.Stop) {
	why := udr.SuspendError{Code: SkippedCode, Reason: fmt.Sprintf("%s; skipped by %s: %s", order.Reason, order.Who, order.Why)}
	d.result.Begin(d.state.counters)
	told := map[uint64]bool{}
	put := func(s *udr.Suspended) {
		if s.Seq <= d.high || s.Seq > d.in.Last || told[s.Seq] {
			return
		}
		told[s.Seq] = true
		d.suspend(s)
	}
	var u udr.Usage
	for _, message := range d.in.Usage {
		if err := udr.ParseUsage(message, &u); err != nil {
			put(&udr.Suspended{Seq: udr.Sequence(message), Raw: message, Why: why})
			continue
		}
		put(&udr.Suspended{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Usage: message, Why: why})
	}
	var s udr.Suspended
	for _, message := range d.in.Suspended {
		if err := udr.ParseSuspended(message, &s); err != nil {
			s = udr.Suspended{Seq: udr.Sequence(message), Raw: message, Why: why}
		}
		put(&s)
	}
}
