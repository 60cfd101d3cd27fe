package ratedlog

import (
	"fmt"

	"ratemill/internal/broker"
	"ratemill/internal/control"
)

// StoppedError reports that a partition cannot continue until an operator looks into it. Nothing from Offset on is
// consumed.
type StoppedError struct {
	Topic     string
	Partition int
	Offset    int64
	Kind      control.StopKind
	Reason    string
	Message   []byte // the message at Offset, nil if there is none
	Detail    []byte // for StopRows: the rows' content, as JSON
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("partition %d stops at offset %d of %s: %s", e.Partition, e.Offset, e.Topic, e.Reason)
}

// Hash identifies the content, so that an order applies to nothing else.
func (e *StoppedError) Hash() string {
	if e.Kind == control.StopRows {
		return control.HashOf(e.Detail)
	}
	return control.HashOf(e.Message)
}

// Skips holds the orders to skip something in a partition of a topic, by offset. No order is ever withdrawn, so
// later readers see the orders that earlier readers obeyed.
type Skips map[int64][]control.Stop

// NewSkips returns the orders by offset.
func NewSkips(orders []control.Stop) Skips {
	s := Skips{}
	for _, o := range orders {
		s[o.Offset] = append(s[o.Offset], o)
	}
	return s
}

// Order returns the order about a message, or nil. An order contains the offset, the kind of stop, and the exact
// message.
func (s Skips) Order(m *broker.Message, kind control.StopKind) *control.Stop {
	for i, o := range s[m.Offset] {
		if o.Kind == kind && o.Hash == control.HashOf(m.Value) {
			return &s[m.Offset][i]
		}
	}
	return nil
}
