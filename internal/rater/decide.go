package rater

import (
	"errors"
	"fmt"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// decision is the outcome for the records of one usage message: each is rated, a duplicate, or suspended.
type decision struct {
	engine   *rating.Engine
	revision registry.Revision
	state    *state
	in       *udr.Batch
	high     uint64 // records up to this one were decided before
	result   *rating.Result
	now      int64
	out      []byte
	parsed   []udr.Usage // scratch

	rated, duplicate, suspended int64
}

// together is the number of records that are read before the first of them is rated, so that the engine can load the
// memory for all of them at once.
const together = 128

func (d *decision) decide(view *registry.View) error {
	d.result.Begin(d.state.counters)
	for from := 0; from < len(d.in.Usage); from += together {
		if err := d.run(view, from, min(from+together, len(d.in.Usage))); err != nil {
			return err
		}
	}
	var s udr.Suspended
	for i, message := range d.in.Suspended {
		if err := udr.ParseSuspended(message, &s); err != nil {
			return fmt.Errorf("its suspended record %d of %d cannot be read: %w", i+1, len(d.in.Suspended), err)
		}
		if s.Seq <= d.high && safeguard.On(safeguard.HighWater) {
			continue
		}
		d.out = ratedlog.AppendSuspendedMessage(d.out, message)
		d.suspended++
	}
	d.out = ratedlog.AppendSessions(ratedlog.AppendDeltas(d.out, d.result.Deltas), d.result.Sessions)
	return nil
}

// run decides the usage records of the message from one index up to, but not including, another.
func (d *decision) run(view *registry.View, from, to int) error {
	records := d.parsed[:to-from]
	parse := udr.ParseRatable
	if d.engine.Catalogue().ReadsAll() {
		parse = udr.ParseUsage
	}
	for i := range records {
		if err := parse(d.in.Usage[from+i], &records[i]); err != nil {
			return fmt.Errorf("its usage record %d of %d cannot be read: %w", from+i+1, len(d.in.Usage), err)
		}
		records[i].SessionWithin, records[i].Taken, records[i].LateUntil = d.in.SessionWithin, d.in.Taken, d.in.LateUntil
	}
	d.engine.Prefetch(view, d.revision, d.state.counters, records)
	for i := range records {
		u := &records[i]
		if u.Seq <= d.high && safeguard.On(safeguard.HighWater) {
			continue
		}
		if err := d.usage(view, d.in.Usage[from+i], u); err != nil {
			return fmt.Errorf("its usage record %d of %d, sequence %d, cannot be rated: %w", from+i+1, len(d.in.Usage), u.Seq, err)
		}
	}
	return nil
}

func (d *decision) usage(view *registry.View, message []byte, u *udr.Usage) error {
	key, h := u.Duplicate, hour{}
	looks := key != (udr.DuplicateKey{}) && d.in.DuplicateWithin > 0
	if looks {
		h = hourOf(d.in.Source, u.At)
		if d.state.came(h, key, u.At, d.now, int64(d.in.DuplicateWithin)) {
			d.out = ratedlog.AppendDuplicate(d.out, message)
			d.duplicate++
			return nil
		}
	}
	if len(d.out) > mostOut {
		d.suspend(&udr.Suspended{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Usage: message, Why: full})
		return nil
	}
	charges, events := len(d.result.Charges), len(d.result.Events)
	err := d.engine.Rate(view, d.revision, d.state.counters, u, d.result)
	if err != nil {
		why, is := errors.AsType[*udr.SuspendError](err) // a variable for errors.As would be allocated for each record: 3 %
		if !is {
			return err
		}
		d.suspend(&udr.Suspended{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Usage: message, Why: *why})
		return nil
	}
	d.out = ratedlog.AppendRated(d.out, message, d.result.Late, d.result.Charges[charges:], d.result.Events[events:])
	d.rated++
	if looks {
		d.state.seen.Add(h, dated(key, u.At), d.now, int64(d.in.DuplicateWithin))
	}
	return nil
}

func (d *decision) suspend(s *udr.Suspended) {
	d.out = ratedlog.AppendSuspended(d.out, s)
	d.suspended++
}

// FullCode is the code of records that are suspended because there was no room for their result.
const FullCode = "no_room"

var full = udr.SuspendError{Code: FullCode, Reason: "the results of earlier records filled the message of the rated log; nothing is " +
	"wrong with this record: retry it"}

// mostOut is the size in bytes above which no more records are added to a rated message. A usage message usually has
// 192 KiB, and at most 2 MiB, but the result of a record has no limit: a charge for each tier of its hierarchy, a
// draw for each bucket. Together with its deltas and its suspended records, each with the input and a reason, the
// message stays within the largest append of the topic.
const mostOut = broker.MaxMessageBytes - requestBytes - 3<<20
