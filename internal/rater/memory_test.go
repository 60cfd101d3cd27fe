package rater

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sort"
	"time"

	"ratemill/internal/broker"
)

// logs are topics with one partition, in memory.
type logs map[string]*topicLog

type topicLog struct {
	kept       []broker.Message
	first, end int64
	most       int   // bytes of a message, 0 for any
	ends       []int // number of messages in kept after each append
}

type done struct {
	base int64
	err  error
}

func (d done) Wait(context.Context) (int64, error) { return d.base, d.err }

func (l logs) of(topic string) *topicLog {
	if l[topic] == nil {
		l[topic] = &topicLog{}
	}
	return l[topic]
}

func (l logs) Append(_ context.Context, topic string, _ int, messages []broker.Message) broker.Pending {
	t := l.of(topic)
	base := t.end
	for _, m := range messages {
		if t.most > 0 && len(m.Value) > t.most {
			return done{err: broker.ErrTooLarge}
		}
	}
	for _, m := range messages {
		m.Offset, m.Key, m.Value = t.end, bytes.Clone(m.Key), bytes.Clone(m.Value)
		t.end++
		t.kept = append(t.kept, m)
	}
	t.ends = append(t.ends, len(t.kept))
	return done{base: base}
}

func (l logs) Fetch(_ context.Context, topic string, partition int, from int64, _ time.Duration, dst []broker.Message) ([]broker.Message,
	error) {
	t := l.of(topic)
	if from < t.first {
		return dst, &broker.OffsetGoneError{Topic: topic, Partition: partition, Wanted: from, First: t.first}
	}
	at := sort.Search(len(t.kept), func(i int) bool { return t.kept[i].Offset >= from })
	return append(dst, t.kept[at:min(at+20_000, len(t.kept))]...), nil
}

func (l logs) Bounds(_ context.Context, topic string, _ int) (first, end int64, err error) {
	t := l.of(topic)
	return t.first, t.end, nil
}

// forget applies the retention.
func (l logs) forget(topic string, first int64) {
	t := l.of(topic)
	t.kept, t.first = slices.DeleteFunc(t.kept, func(m broker.Message) bool { return m.Offset < first }), first
}

// compact keeps only the newest value of each key.
func (l logs) compact(topic string) {
	t := l.of(topic)
	newest := map[string]int64{}
	for _, m := range t.kept {
		newest[string(m.Key)] = m.Offset
	}
	t.kept = slices.DeleteFunc(t.kept, func(m broker.Message) bool { return m.Value == nil || newest[string(m.Key)] != m.Offset })
}

// compacted is the final content of a compacted topic: the newest value of each key.
func (l logs) compacted(topic string) map[string][]byte {
	newest := map[string][]byte{}
	for _, m := range l.of(topic).kept {
		if newest[string(m.Key)] = m.Value; m.Value == nil {
			delete(newest, string(m.Key))
		}
	}
	return newest
}

// still is a clock that only moves when a test sets it.
type still struct{ at int64 }

func (s *still) Now() time.Time                             { return time.Unix(s.at, 0) }
func (s *still) Sleep(context.Context, time.Duration) error { s.at++; return nil }

const testNow = 1_773_700_000

// daysKept is the default of owners, with the default of late_until.
const daysKept = 500

func ownerOf(l broker.Broker, epoch int64) *Owner {
	o, err := NewOwner(Options{Topics: broker.TopicsUnder("test"), Broker: l, Reference: unasked{}, Clock: &still{testNow},
		Log: slog.New(slog.DiscardHandler), Progress: &Progress{}, SweepEvery: time.Hour, DaysKept: daysKept,
		NextEpoch: func(context.Context, int64) (int64, error) { epoch++; return epoch - 1, nil }})
	if err != nil {
		panic(err)
	}
	return o
}

// unasked is the reference of an owner that rates nothing.
type unasked struct{ Reference }
