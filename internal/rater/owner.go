package rater

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// Owner takes over a partition, restores its state, rates its usage and appends the outcome to the rated log, until its
// context ends or a newer owner takes the partition.
type Owner struct {
	Options

	epoch    int64
	epochs   []int64 // epochs of this owner: one, unless appends to the checkpoints were not answered
	fold     ratedlog.Fold
	known    int64 // offset of the rated log below which everything is folded
	next     int64 // offset of the usage topic to be read next
	state    *state
	older    []older
	stated   statement // of restored checkpoints
	sweeping *sweep
	swept    time.Time
	marked   lowWater                  // the newest low-water mark
	lookedAt int32                     // day on which counters of old cycles were last looked for
	pastAt   int64                     // hour of the last search for sessions that have ended
	horizon  horizon                   // horizon of the usage topic, as the sweep before the last one saw it
	engines  map[string]*rating.Engine // by version of the catalogue
	rolled   int32                     // the largest Catalogue.DaysRolled of all engines so far
	fetched  []broker.Message          // scratch of restore and catchUp
	usage    []broker.Message          // messages of the usage topic that were fetched last
	queue    []broker.Message          // those of usage that are not rated yet
	pending  *request
	ahead    *request // being filled
	spare    []*rating.Result
	spent    [][]byte    // memory of messages that are in the log, reused for the next ones
	parsed   []udr.Usage // scratch of decisions
	patience backoff.Patience

	log       *ratedlog.Reader // reader of the rated log
	skipUsage ratedlog.Skips
}

// NewOwner reports all mistakes of the options. The owner takes nothing before Run.
func NewOwner(o Options) (*Owner, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Owner{Options: o}, nil
}

// request is the content of one append: the outcomes of some usage messages.
type request struct {
	messages []broker.Message
	results  []*rating.Result
	bytes    int
	append   broker.Append
}

const (
	requestBytes    = 1 << 20 // enough for the broker to be busy, small enough to be appended at once
	requestMessages = 64
)

// FencedError reports that a newer owner has the partition; this owner has appended nothing that counts
// since then.
type FencedError struct {
	Partition    int
	Epoch, Newer int64
}

func (e *FencedError) Error() string {
	return fmt.Sprintf("partition %d has a newer owner (epoch %d; ours is %d); this owner stops", e.Partition, e.Newer, e.Epoch)
}

// Run owns the partition until ctx ends (it then finishes its current work and returns nil), or an error stops it.
// The error is *FencedError if the partition has a newer owner, and *StoppedError if an operator must look into
// it; any other error may be temporary, so call Run again.
func (o *Owner) Run(ctx context.Context) error {
	if err := o.take(ctx); err != nil {
		return ignoreEnd(ctx, err)
	}
	for ctx.Err() == nil {
		if err := o.step(ctx); err != nil {
			return ignoreEnd(ctx, err)
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return o.complete(grace)
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// take takes over the partition: once the epoch mark is in the log, nothing that a former owner appends counts.
func (o *Owner) take(ctx context.Context) error {
	o.patience = backoff.Patience{Clock: o.Clock, Log: o.Log.With("partition", o.Partition), Random: o.Random,
		Passing: backoff.Unavailable, Waits: o.Waits}
	o.epochs = nil
	var err error
	if o.log, err = o.reader(); err != nil {
		return err
	}
	at, err := o.mark(ctx)
	if err != nil {
		return err
	}
	if err := o.orders(ctx); err != nil {
		return err
	}
	if err := o.restore(ctx, at); err != nil {
		return err
	}
	o.next = o.fold.Input + 1
	first, err := o.reaches(ctx, o.Topics.Usage, o.next)
	if err != nil {
		return err
	}
	if first > o.next {
		return o.gone(&broker.OffsetGoneError{Topic: o.Topics.Usage, Partition: o.Partition, Wanted: o.next, First: first})
	}
	o.swept, o.sweeping, o.pending, o.queue = o.Clock.Now(), nil, nil, nil
	o.ahead, o.horizon, o.lookedAt, o.pastAt = &request{}, horizon{}, 0, 0
	o.Progress.Next.Store(o.next)
	o.Progress.Known.Store(o.known)
	return nil
}

// mark appends the mark of a new epoch, which is this owner's epoch from then on.
func (o *Owner) mark(ctx context.Context) (offset int64, err error) {
	seen, end, err := o.newestEpoch(ctx)
	if err != nil {
		return 0, err
	}
	err = o.until(ctx, "take an epoch", func() (err error) {
		o.epoch, err = o.NextEpoch(ctx, seen)
		return err
	})
	if back := (*control.SetBackError)(nil); errors.As(err, &back) {
		return 0, o.setBack(end, back)
	}
	if err != nil {
		return 0, err
	}
	o.epochs = append(o.epochs, o.epoch)
	o.Progress.Epoch.Store(o.epoch)
	mark := []broker.Message{{Value: ratedlog.AppendMark(nil, o.epoch)}}
	err = o.until(ctx, "take the partition", func() (err error) {
		offset, err = o.Broker.Append(ctx, o.Topics.Rated, o.Partition, mark).Wait(ctx)
		return err
	})
	return offset, err
}

// until repeats an operation until the broker is available.
func (o *Owner) until(ctx context.Context, what string, do func() error) error {
	return o.patience.Until(ctx, what, do)
}

// step rates the available usage while the previous request is in flight, then completes that request and starts the
// next. There is one request at a time, and the engine waits for the log only if there is nothing to rate.
func (o *Owner) step(ctx context.Context) error {
	// The control store's clock may be set back, and checkpoints must not wait until it has caught up with the last
	// checkpoint.
	if since := o.Clock.Now().Sub(o.swept); o.sweeping != nil || since >= o.SweepEvery || since < 0 {
		if err := o.checkpoint(ctx); err != nil {
			return err
		}
	}
	stops := o.rateAhead(ctx)
	if stopped := (*ratedlog.StoppedError)(nil); stops != nil && !errors.As(stops, &stopped) {
		return stops
	}
	if err := o.complete(ctx); err != nil {
		return err
	}
	if len(o.ahead.messages) > 0 {
		o.pending, o.ahead = o.ahead, &request{}
		o.pending.append = broker.Begin(ctx, o.Broker, o.Topics.Rated, o.Partition, o.pending.messages)
	}
	if o.pending == nil {
		o.Progress.Next.Store(o.next) // skipped input leaves nothing to append
	}
	if stops != nil { // everything before the unratable message is rated
		if err := o.complete(ctx); err != nil {
			return err
		}
	}
	return stops
}

// checkpoint continues a sweep, or begins one. Nothing may be in flight: everything that it writes must be in the log.
func (o *Owner) checkpoint(ctx context.Context) error {
	if safeguard.On(safeguard.AcknowledgedOnly) {
		if err := o.complete(ctx); err != nil {
			return err
		}
	}
	if o.sweeping == nil {
		if !o.dirty() {
			o.swept = o.Clock.Now()
			return nil
		}
		return o.until(ctx, "begin a checkpoint", func() error { return o.beginSweep(ctx) })
	}
	err := o.continueSweep(ctx)
	if o.sweeping == nil {
		o.Progress.Swept.Store(o.swept.Unix())
	}
	return err
}

// dirty reports whether a sweep has something to write. Epoch marks alone are enough: the rated log keeps nothing
// forever, and a restore must begin at a message that it still has.
func (o *Owner) dirty() bool {
	return o.known > o.marked.next || o.next-1 > o.marked.input || o.state.counters.Dirty() > 0 || o.state.counters.Sessions.Dirty() > 0 ||
		len(o.state.dirtyFiles) > 0 || len(o.state.seen.dirty) > 0
}

// complete waits for the request in progress and folds it: first all messages that other owners appended before
// it, then its own.
func (o *Owner) complete(ctx context.Context) error {
	r := o.pending
	if r == nil {
		return nil
	}
	var base int64
	err := o.until(ctx, "append rated records", func() (err error) {
		base, err = r.append.Wait(ctx)
		return err
	})
	if errors.Is(err, broker.ErrTooLarge) {
		return o.tooLarge(r, err)
	}
	if err != nil {
		return err
	}
	if base < o.known {
		return ratedlog.Shorter(o.Topics.Rated, o.Partition, base, o.known, "decided")
	}
	if safeguard.On(safeguard.GapLook) {
		if err := o.catchUp(ctx, base, o.fence); err != nil {
			return err
		}
	}
	for i, res := range r.results {
		o.state.counters.FoldAll(res.Deltas, base+int64(i))
		o.state.counters.Sessions.Fold(res.Sessions)
	}
	o.recycle(r.results)
	o.known = base + int64(len(r.messages))
	o.Progress.Known.Store(o.known)
	o.fold.Epoch = o.epoch
	_, input, _, err := ratedlog.ParseHeader(r.messages[len(r.messages)-1].Value)
	o.fold.Input = input
	o.reuse(r)
	o.pending = nil
	o.Progress.Next.Store(input + 1)
	return err
}

// tooLarge returns the error for a request that the broker refuses as too large. Its messages are within the
// limit of ratemill's topics, so the topic or the broker must have a lower limit than the one that ratemill
// sets.
func (o *Owner) tooLarge(r *request, err error) error {
	_, input, _, _ := ratedlog.ParseHeader(r.messages[0].Value)
	return &ratedlog.StoppedError{Topic: o.Topics.Usage, Partition: o.Partition, Offset: input, Kind: control.StopOther,
		Reason: fmt.Sprintf("the results for it and the %d messages after it have %d bytes and cannot be appended to %s: %v; set "+
			"max.message.bytes of %s and message.max.bytes of the brokers to %d or more, then try again",
			len(r.messages)-1, r.bytes, o.Topics.Rated, err, o.Topics.Rated, broker.MaxMessageBytes)}
}

// catchUp reads the rated log from the known offset up to a given one and passes each message to f.
func (o *Owner) catchUp(ctx context.Context, to int64, f func(context.Context, *broker.Message) error) error {
	for o.known < to {
		if err := o.refetch(ctx, o.Topics.Rated, o.known); err != nil {
			return err
		}
		for i := range o.fetched {
			m := &o.fetched[i]
			if m.Offset >= to {
				o.known = to
				break
			}
			if err := f(ctx, m); err != nil {
				return err
			}
			o.known = m.Offset + 1
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// fence stops at a message of a newer owner. Messages of older epochs do not count, and this owner's own are
// repetitions of messages already folded.
func (o *Owner) fence(ctx context.Context, m *broker.Message) error {
	epoch, _, _, err := ratedlog.ParseHeader(m.Value)
	if err != nil {
		return o.unreadable(m, err)
	}
	if epoch > o.epoch {
		return o.newer(ctx, m, epoch, o.epoch)
	}
	return nil
}

// unreadable stops at a message of the rated log, unless there is an order to skip it.
func (o *Owner) unreadable(m *broker.Message, err error) error {
	if o.log.Order(m, control.StopMessage) != nil {
		return nil
	}
	return o.log.Unreadable(m, err)
}

// reader returns a reader of the rated log for its owner: a message with a later epoch than the
// owner's fences the owner.
func (o *Owner) reader() (*ratedlog.Reader, error) {
	source := ratedlog.Source{
		Broker: o.Broker, Topic: o.Topics.Rated, Partition: o.Partition, Done: "decided", Clock: o.Clock, Patience: &o.patience,
		Ignored: func(ctx context.Context, m *broker.Message, epoch int64) (bool, error) {
			if epoch > o.epoch {
				return true, o.newer(ctx, m, epoch, o.epoch)
			}
			return o.ignored(m), nil // owners have reached its epoch since then
		},
	}
	if o.Skips != nil {
		source.Skips = func(ctx context.Context) ([]control.Stop, error) { return o.Skips(ctx, o.Topics.Rated) }
	}
	return ratedlog.NewReader(source)
}

// replay folds the rated log into the state, from the known offset up to a given one.
func (o *Owner) replay(ctx context.Context, to int64) error {
	o.log.Resume(o.known, o.fold)
	for o.known < to {
		m, err := o.log.Read(ctx, to, time.Second)
		if err != nil {
			return err
		}
		if m != nil && m.Counts {
			if err := o.apply(m); err != nil {
				return err
			}
		}
		o.known, o.fold = o.log.Position()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// apply folds a message that counts into the state. An order to skip a message is obeyed only if the message cannot be
// read: if it can be read, the owner that wrote it counted it, and so does every later one.
func (o *Owner) apply(m *ratedlog.Message) error {
	var b ratedlog.Batch
	err := ratedlog.ParseBatch(m.Value, &b)
	if err == nil {
		err = o.state.apply(&b, m.Offset, o.Clock.Now().Unix())
	}
	if err == nil {
		return nil
	}
	if m.Order == nil {
		return o.log.Unreadable(m.Message, err)
	}
	if !b.File.IsZero() { // it is before the unreadable one
		o.state.follow(&b)
	}
	return nil
}

// rateAhead rates messages of the usage topic into the next request. It waits for messages only when nothing is in
// flight.
func (o *Owner) rateAhead(ctx context.Context) error {
	wait := 200 * time.Millisecond
	if o.pending != nil {
		wait = 0
	}
	if len(o.queue) == 0 {
		if err := o.fetch(ctx, wait); err != nil {
			return err
		}
	}
	for len(o.queue) > 0 && o.ahead.bytes < requestBytes && len(o.ahead.messages) < requestMessages {
		m := &o.queue[0]
		if m.Offset >= o.next {
			if err := o.rate(ctx, m); err != nil {
				return err
			}
			o.next = m.Offset + 1
		}
		o.queue = o.queue[1:]
	}
	return nil
}

func (o *Owner) fetch(ctx context.Context, wait time.Duration) error {
	err := o.until(ctx, "read usage", func() (err error) {
		o.usage, err = o.Broker.Fetch(ctx, o.Topics.Usage, o.Partition, o.next, wait, o.usage[:0])
		o.queue = o.usage
		if broker.Unavailable(err) && o.pending != nil {
			return nil // the request in flight is completed first
		}
		return ended(err)
	})
	if short := (*broker.EndedError)(nil); errors.As(err, &short) {
		_, err = o.reaches(ctx, o.Topics.Usage, o.next)
	}
	if gone := (*broker.OffsetGoneError)(nil); errors.As(err, &gone) {
		return o.gone(gone)
	}
	return err
}

func (o *Owner) gone(err *broker.OffsetGoneError) error {
	return &ratedlog.StoppedError{Topic: err.Topic, Partition: o.Partition, Offset: err.Wanted, Kind: control.StopOther,
		Reason: err.Error()}
}

// bounds returns the bounds of a topic's partition.
func (o *Owner) bounds(ctx context.Context, topic string) (first, end int64, err error) {
	err = o.until(ctx, "read the bounds of "+topic, func() (err error) {
		first, end, err = o.Broker.Bounds(ctx, topic, o.Partition)
		return err
	})
	return first, end, err
}

// refetch fetches messages of a topic's partition into the scratch.
func (o *Owner) refetch(ctx context.Context, topic string, from int64) (err error) {
	if topic == o.Topics.Rated {
		o.fetched, err = o.log.Fetch(ctx, from, time.Second)
		return err
	}
	err = o.until(ctx, "read "+topic, func() (err error) {
		o.fetched, err = o.Broker.Fetch(ctx, topic, o.Partition, from, time.Second, o.fetched[:0])
		return ended(err)
	})
	if short := (*broker.EndedError)(nil); errors.As(err, &short) {
		_, err = o.reaches(ctx, topic, from)
	}
	return err
}

// ended turns "the partition ends too early" into a permanent error, so that no caller waits for it to pass.
func ended(err error) error {
	if short := (*broker.EndedError)(nil); errors.As(err, &short) {
		return short
	}
	return err
}

func (o *Owner) engine(ctx context.Context, version string) (*rating.Engine, error) {
	if e := o.engines[version]; e != nil {
		return e, nil
	}
	version = strings.Clone(version) // it points into a message
	var c *rating.Catalogue
	err := o.until(ctx, "learn a catalogue", func() (err error) {
		c, err = o.Reference.Catalogue(ctx, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	if o.engines == nil || len(o.engines) > 16 {
		o.engines = map[string]*rating.Engine{}
	}
	o.engines[version] = rating.NewEngine(c)
	o.rolled = max(o.rolled, c.DaysRolled())
	return o.engines[version], nil
}

// rate decides the records of a usage message and adds the outcome to the next request.
func (o *Owner) rate(ctx context.Context, m *broker.Message) error {
	var in udr.Batch
	order := o.skipUsage.Order(m, control.StopMessage)
	if err := udr.ParseBatch(m.Value, &in); err != nil && order != nil {
		return nil // the owner of these records is unknown, so they remain as a difference in the balance of their file
	} else if err != nil {
		return o.stop(o.Topics.Usage, m, control.StopMessage, fmt.Errorf("it cannot be read: %w", err))
	}
	high, closed := o.state.decided(in.File)
	if closed || in.Last <= high && in.End == nil && len(in.Usage)+len(in.Suspended) > 0 && safeguard.On(safeguard.HighWater) {
		return nil // sent again, after a crash or by a mediator that was replaced
	}
	if in.Follows > high && safeguard.On(safeguard.GapStops) && o.skipUsage.Order(m, control.StopGap) == nil {
		return o.stop(o.Topics.Usage, m, control.StopGap, fmt.Errorf("the batch of file %s of %s follows record %d, but only records up to %d "+
			"came before it; records between them are missing from the topic", in.File, in.Source, in.Follows, high))
	}
	d := decision{
		revision: registry.Revision(in.Registry), parsed: o.scratch(len(in.Usage)), state: o.state, in: &in, high: high,
		now: o.Clock.Now().Unix(),
		out: ratedlog.AppendHeader(o.memory(3*len(m.Value)+256), o.epoch, m.Offset, &in, max(in.Last, high)),
	}
	if order != nil {
		d.result = o.result()
		d.skip(order)
	} else if err := o.decide(ctx, m, &d); err != nil {
		return err
	}
	end := int64(0)
	if in.End != nil {
		end = m.Offset + 1
	}
	o.state.advance(in.File, in.Last, end)
	o.ahead.messages = append(o.ahead.messages, broker.Message{Value: d.out})
	o.ahead.results = append(o.ahead.results, d.result)
	o.ahead.bytes += len(d.out)
	o.Progress.Messages.Add(1)
	o.Progress.Rated.Add(d.rated)
	o.Progress.Duplicate.Add(d.duplicate)
	o.Progress.Suspended.Add(d.suspended)
	return nil
}

// decide decides the records of a message by the catalogue and the registry that they are pinned to.
func (o *Owner) decide(ctx context.Context, m *broker.Message, d *decision) (err error) {
	if d.engine, err = o.engine(ctx, d.in.Catalogue); err != nil {
		if ctx.Err() == nil { // temporary errors were retried
			err = o.stop(o.Topics.Usage, m, control.StopMessage, err)
		}
		return err
	}
	reg, err := o.Reference.Registry(ctx, d.revision)
	if err != nil {
		return err
	}
	d.result = o.result()
	view := reg.View() // closed before a stop is written, because an open view would delay loading
	err = d.decide(view)
	view.Close()
	if err != nil {
		return o.stop(o.Topics.Usage, m, control.StopMessage, fmt.Errorf("file %s of %s: %w", d.in.File, d.in.Source, err))
	}
	return nil
}

// Counters returns the owner's counters, for comparisons with the log. It must be called from the
// goroutine of Run.
func (o *Owner) Counters() *rating.Counters { return o.state.counters }
