package backoffice

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
)

// TopicWords are the names of the topics that users see.
var TopicWords = []string{"usage", "rated"}

func topicOf(topics broker.Topics, word string) string {
	if word == "usage" {
		return topics.Usage
	}
	return topics.Rated
}

func wordOf(topics broker.Topics, topic string) string {
	if topic == topics.Usage {
		return "usage"
	}
	return "rated"
}

// StopRef identifies the place where a partition stopped.
type StopRef struct {
	Topic     string // one of TopicWords
	Partition int
	Offset    int64
	Message   string // hash of the message or rows; empty for any
}

// Stop is a position at which a reader of a partition found a mistake and stopped.
type Stop struct {
	Role       string    `json:"role"` // the reader
	Topic      string    `json:"topic"`
	Name       string    `json:"name"` // name of the topic in Kafka
	Partition  int       `json:"partition"`
	Offset     int64     `json:"offset"`
	Kind       string    `json:"kind"`
	Message    string    `json:"message"` // hash of the message or rows: an order applies only to exactly these
	Since      time.Time `json:"since"`
	Last       time.Time `json:"last"`
	Process    string    `json:"process"`
	Reason     string    `json:"reason"`
	Skippable  bool      `json:"skippable"` // a user can order to skip the message or rows
	Skip       bool      `json:"skip"`      // a user ordered to skip
	Who        string    `json:"who"`       // ordered it
	Why        string    `json:"why"`
	Ordered    time.Time `json:"ordered,omitzero"`
	OrderedFor string    `json:"ordered_for"` // the reader whose stop the user saw
	GoneOn     time.Time `json:"gone_on,omitzero"`
}

func (o *Office) stop(s *control.Stop) Stop {
	return Stop{
		Role: s.Role, Topic: wordOf(o.Topics, s.Topic), Name: s.Topic, Partition: s.Partition, Offset: s.Offset, Kind: string(s.Kind),
		Message: s.Hash, Since: s.First, Last: s.Last, Process: s.Process, Reason: s.Reason, Skippable: s.Kind != control.StopOther,
		Skip: s.Skip, Who: s.Who, Why: s.Why, Ordered: s.Ordered, OrderedFor: s.OrderedFor, GoneOn: s.Closed,
	}
}

// Stops returns the stopped partitions; if all is true, also partitions that have continued.
func (o *Office) Stops(ctx context.Context, all bool) ([]Stop, error) {
	stops, err := o.Store.Stops(ctx, control.StopFilter{Open: !all})
	answer := make([]Stop, len(stops))
	for i := range stops {
		answer[i] = o.stop(&stops[i])
	}
	return answer, err
}

// findStop returns the stop to which a StopRef refers.
func (o *Office) findStop(ctx context.Context, r *StopRef, open bool) (*control.Stop, error) {
	topic := topicOf(o.Topics, r.Topic)
	all, err := o.Store.Stops(ctx, control.StopFilter{Topic: topic, Partition: &r.Partition, Offset: &r.Offset, Open: open})
	if err != nil {
		return nil, err
	}
	var found *control.Stop
	for i := range all {
		if r.Message == "" || all[i].Hash == r.Message {
			found = &all[i]
		}
	}
	switch {
	case found == nil && len(all) > 0:
		return nil, conflict("offset %d of %s/%d contains %s, not %s; look at it again: ratemill partition show %s %d --offset %d", r.Offset,
			topic, r.Partition, all[0].Hash, r.Message, r.Topic, r.Partition, r.Offset)
	case found == nil:
		return nil, missing("partition %d of %s did not stop at offset %d, or has gone past it; `ratemill partition list` shows the "+
			"stopped partitions", r.Partition, topic, r.Offset)
	}
	return found, nil
}

// StopContent is a stop with its content: a message of the topic, or rows.
type StopContent struct {
	Stop
	SkipMeans string                `json:"skip_means,omitempty"` // effect of skipping
	Content   []byte                `json:"content,omitempty"`    // the message
	Rows      []consumer.RefusedRow `json:"rows,omitempty"`
	Detail    []byte                `json:"-"` // the rows as stored
}

// Stop returns a stop with its content.
func (o *Office) Stop(ctx context.Context, r StopRef) (*StopContent, error) {
	s, err := o.findStop(ctx, &r, false)
	if err != nil {
		return nil, err
	}
	answer := &StopContent{Stop: o.stop(s), Content: s.Message, Detail: s.Detail}
	if answer.Skippable {
		answer.SkipMeans = o.skipMeans(s)
	}
	if s.Kind == control.StopRows && json.Unmarshal(s.Detail, &answer.Rows) != nil {
		answer.Rows = nil
	}
	return answer, nil
}

// skipMeans explains the effect of skipping.
func (o *Office) skipMeans(s *control.Stop) string {
	switch {
	case s.Kind == control.StopRows:
		return "These rows stay out of the warehouse, and the balance of their files remains off by them."
	case s.Kind == control.StopGap:
		return "The message is rated. The records missing before it remain missing, and the balance of their file remains off by them."
	case s.Topic == o.Topics.Usage:
		return "Records whose identity can be read go to suspense with the code skipped, and can be retried from there; the " +
			"balance of the file remains off by the others."
	}
	return "The message does not count. If it contained records, the balance of their files remains off by them."
}

// StopOrder lets a stopped partition continue.
type StopOrder struct {
	StopRef
	Skip bool // skip the content that StopRef.Message identifies; otherwise the partition tries again
	Who  string
	Why  string // of a skip
}

// StopOrdered is the outcome of a StopOrder.
type StopOrdered struct {
	Role      string `json:"role"`
	Partition int    `json:"partition"`
	SkipMeans string `json:"skip_means,omitempty"`
}

// OrderStop lets a stopped partition try again, or skip the content at the stop.
func (o *Office) OrderStop(ctx context.Context, r StopOrder) (*StopOrdered, error) {
	if r.Skip {
		if err := given(r.Why); err != nil {
			return nil, err
		}
		if r.Message == "" {
			return nil, errors.New("give the hash of the message or rows to skip; `ratemill partition list` prints it")
		}
	}
	s, err := o.findStop(ctx, &r.StopRef, true)
	if err != nil {
		return nil, err
	}
	if r.Skip && s.Kind == control.StopOther {
		return nil, conflict("this cannot be skipped: %s", s.Reason)
	}
	err = o.Store.OrderStop(ctx, s, r.Skip, r.Who, r.Why, time.Now())
	switch {
	case errors.Is(err, control.ErrSkipped):
		return nil, &Problem{Conflict, err}
	case errors.Is(err, control.ErrConflict):
		return nil, conflict("another user has just given an order for it; look again: ratemill partition list")
	case err != nil:
		return nil, err
	}
	answer := &StopOrdered{Role: s.Role, Partition: s.Partition}
	if r.Skip {
		answer.SkipMeans = o.skipMeans(s)
	}
	return answer, nil
}
