package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"ratemill/internal/broker"
)

// partitionLog is one partition of a topic.
type partitionLog struct {
	name     string
	kept     []broker.Message // the messages that the broker still has
	all      []broker.Message // all messages that were ever appended
	first    int64
	end      int64
	appended func(m *broker.Message) // data for the judge
}

func (l *partitionLog) add(messages []broker.Message) (base int64) {
	base = l.end
	for _, m := range messages {
		m.Offset = l.end
		l.end++
		l.kept = append(l.kept, m)
		l.all = append(l.all, m)
		if l.appended != nil {
			l.appended(&m)
		}
	}
	return base
}

// from returns the messages kept from an offset on.
func (l *partitionLog) from(offset int64) []broker.Message {
	return l.kept[sort.Search(len(l.kept), func(i int) bool { return l.kept[i].Offset >= offset }):]
}

// forget drops the messages below first.
func (l *partitionLog) forget(first int64) {
	l.first = max(l.first, first)
	l.kept = slices.Clone(l.from(l.first))
}

// compact keeps the newest message of each key in a prefix of the log; it may also remove tombstones there.
// Brokers never compact the segment that is being written, so the last message stays.
func (l *partitionLog) compact(upTo int64, tombstoneGoes func() bool) {
	upTo = min(upTo, l.end-1)
	last := map[string]int64{}
	for _, m := range l.kept {
		last[string(m.Key)] = m.Offset
	}
	l.kept = slices.DeleteFunc(slices.Clone(l.kept), func(m broker.Message) bool {
		return m.Offset < upTo && (last[string(m.Key)] != m.Offset || m.Value == nil && tombstoneGoes())
	})
}

// simBroker is a broker.Broker; the seed decides each of its answers.
type simBroker struct{ w *world }

// request is an append that has not completed.
type request struct {
	w        *world
	by       *actor
	file     *file // the file to which it belongs, if a sender sends it
	log      *partitionLog
	messages []broker.Message
	given    []broker.Message // the caller's own messages, which the caller must not change until the append completes
	due      int              // the step at which it enters the log
	answered bool             // whether the caller gets this answer
	lost     bool             // the answer is an error, although the request entered the log
	never    bool
	inOrder  bool // later appends of its actor cannot overtake it
	done     bool
	base     int64
}

var errSimulated = errors.New("simulated")

func unavailable(what string) error { return broker.Away(what, errSimulated) }

func (b simBroker) log(topic string, partition int) *partitionLog { return b.w.log(topic, partition) }

// Append starts an append.
func (b simBroker) Append(_ context.Context, topic string, partition int, messages []broker.Message) broker.Pending {
	w := b.w
	w.point(effect{"append", topic}, int64(partition), int64(len(messages)))
	r := &request{w: w, by: w.current, file: w.current.file, log: b.log(topic, partition), messages: slices.Clone(messages),
		given: slices.Clone(messages), due: w.step + w.rng.IntN(6), answered: true, inOrder: true}
	for i := range r.messages {
		r.messages[i].Key, r.messages[i].Value = bytes.Clone(r.messages[i].Key), bytes.Clone(r.messages[i].Value)
	}
	// Requests sent earlier on this connection come first.
	w.requests = slices.DeleteFunc(w.requests, func(before *request) bool {
		if before.by == r.by && before.log == r.log && before.inOrder {
			before.apply()
			return true
		}
		return false
	})
	rarely := 20
	if topic == w.topics.Checkpoint {
		rarely = 8 // a late entry in that topic can hide a newer one
	}
	switch {
	case w.isFull(brokerDisk), w.happens(RefusedWrite, 25):
		r.never, r.answered = true, false
	case w.happens(LostAnswer, 20):
		r.lost = true
	case w.happens(LateAppend, rarely):
		r.answered, r.due = false, w.step+1+w.spread(LateAppend)
	case w.happens(OldAppend, rarely):
		r.answered, r.inOrder, r.due = false, false, w.step+1+w.spread(OldAppend)
	}
	if !r.never {
		w.requests = append(w.requests, r)
	}
	return r
}

func (r *request) apply() {
	if r.done {
		return
	}
	r.done = true
	for i, m := range r.messages {
		if g := r.given[i]; !bytes.Equal(m.Key, g.Key) || !bytes.Equal(m.Value, g.Value) {
			panic(fmt.Sprintf("message %d of an append to %s was changed while it was under way", i, r.log.name))
		}
	}
	r.base = r.log.end
	if r.w.loses(r) {
		return
	}
	r.log.add(r.messages)
	r.w.note("broker", "appends "+r.log.name, r.base, int64(len(r.messages)))
}

// Wait returns when the append is done, or its error is known.
func (r *request) Wait(ctx context.Context) (int64, error) {
	w := r.w
	if !r.answered {
		w.wait(effect{"no", "answer"}, time.Duration(w.rng.IntN(200))*time.Millisecond, func() bool { return false })
		return 0, unavailable("append")
	}
	w.wait(effect{"await", "append"}, -1, func() bool { return r.done })
	if !r.done {
		return 0, ctx.Err()
	}
	if r.lost {
		return 0, unavailable("append")
	}
	return r.base, nil
}

// Fetch reads.
func (b simBroker) Fetch(ctx context.Context, topic string, partition int, from int64, wait time.Duration,
	dst []broker.Message) ([]broker.Message, error) {
	w, l := b.w, b.log(topic, partition)
	w.point(effect{"fetch", topic}, int64(partition), from)
	if w.happens(FetchFails, 60) {
		return dst, unavailable("fetch")
	}
	if len(l.from(from)) == 0 && wait > 0 {
		w.current.idle = true
		w.wait(effect{"await", topic}, wait, func() bool { return l.end > from })
		w.current.idle = false
	}
	if ctx.Err() != nil {
		return dst, ctx.Err()
	}
	if from < l.first {
		return dst, &broker.OffsetGoneError{Topic: topic, Partition: partition, Wanted: from, First: l.first}
	}
	messages := l.from(from)
	if len(messages) > 0 && w.happens(PartialRead, 2) {
		messages = messages[:w.faults[PartialRead].IntN(min(len(messages), 4)+1)]
	}
	if w.active.Has(PartialRead) && len(messages) > 6 {
		messages = messages[:6+w.rng.IntN(len(messages)-5)]
	}
	return lend(dst, messages), nil
}

// lend appends copies of messages to dst, and overwrites the messages that it lent at that place before, so that an
// actor that still reads them reads nonsense.
func lend(dst, messages []broker.Message) []broker.Message {
	for _, m := range dst[len(dst):cap(dst)] {
		for rest := m.Value; len(rest) > 0; {
			rest = rest[copy(rest, nonsense[:]):]
		}
	}
	for _, m := range messages {
		dst = append(dst, broker.Message{Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Value), Offset: m.Offset})
	}
	return dst
}

// nonsense is copied, which takes a tenth of the time of a loop over the bytes.
var nonsense = [1024]byte([]byte(strings.Repeat("\xff", 1024)))

// Bounds returns the first offset kept and the next offset.
func (b simBroker) Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	w, l := b.w, b.log(topic, partition)
	w.point(effect{"bounds", topic}, int64(partition), l.end)
	if ctx.Err() != nil {
		return 0, 0, ctx.Err()
	}
	if w.happens(FetchFails, 60) {
		return 0, 0, unavailable("list offsets")
	}
	return l.first, l.end, nil
}
