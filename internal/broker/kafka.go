package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"ratemill/internal/accesserr"
)

// Kafka is a Broker that speaks Apache Kafka's protocol.
type Kafka struct {
	client   *kafka.Client
	refusals refusals
}

// KafkaOptions control how to reach the brokers.
type KafkaOptions struct {
	Addresses []string
	ClientID  string
	TLS       *tls.Config
	SASL      sasl.Mechanism
}

const fetchBytes = 4 << 20

// NewKafka returns a Kafka; it connects on first use.
func NewKafka(o KafkaOptions) *Kafka {
	return &Kafka{refusals: refusals{options: o}, client: &kafka.Client{
		Addr:    kafka.TCP(o.Addresses...),
		Timeout: 15 * time.Second,
		Transport: &kafka.Transport{
			ClientID: o.ClientID, TLS: o.TLS, SASL: o.SASL,
			DialTimeout: 5 * time.Second, IdleTimeout: time.Minute, MetadataTTL: 5 * time.Second,
			Dial: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		},
	}}
}

// Close closes idle connections.
func (k *Kafka) Close() { k.client.Transport.(*kafka.Transport).CloseIdleConnections() }

type pendingAppend struct {
	done chan struct{}
	base int64
	err  error
}

func (p *pendingAppend) Wait(ctx context.Context) (int64, error) {
	select {
	case <-p.done:
		return p.base, p.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Append implements Broker. An append continues when ctx ends, because the caller must know whether a broker has
// received a message.
func (k *Kafka) Append(ctx context.Context, topic string, partition int, messages []Message) Pending {
	p := &pendingAppend{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		res, err := k.client.Produce(context.WithoutCancel(ctx), &kafka.ProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: &records{messages: messages},
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			p.err = k.explain(ctx, fmt.Sprintf("append to %s/%d", topic, partition), err)
			return
		}
		p.base = res.BaseOffset
	}()
	return p
}

// records copies messages for one request of kafka-go: after a timeout, or when the process is stopped, a connection
// may still be reading them.
type records struct {
	messages []Message
	next     int
}

func (r *records) ReadRecord() (*kafka.Record, error) {
	if r.next == len(r.messages) {
		return nil, io.EOF
	}
	m := &r.messages[r.next]
	r.next++
	rec := &kafka.Record{}
	if m.Key != nil {
		rec.Key = kafka.NewBytes(m.Key)
	}
	if m.Value != nil {
		rec.Value = kafka.NewBytes(m.Value)
	}
	return rec, nil
}

// Fetch implements Broker.
func (k *Kafka) Fetch(ctx context.Context, topic string, partition int, from int64, wait time.Duration, dst []Message) ([]Message, error) {
	res, err := k.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: topic, Partition: partition, Offset: from, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: wait,
	})
	if err == nil {
		err = res.Error
	}
	what := fmt.Sprintf("read %s/%d from offset %d", topic, partition, from)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		first, end, boundsErr := k.Bounds(ctx, topic, partition)
		if boundsErr == nil && from < first {
			return dst, &OffsetGoneError{Topic: topic, Partition: partition, Wanted: from, First: first}
		}
		if boundsErr == nil && from >= end {
			return dst, Away(what, &EndedError{Wanted: from, End: end})
		}
	}
	if err != nil {
		return dst, k.explain(ctx, what, err)
	}
	boundSpare(dst)
	for {
		rec, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return dst, nil
		}
		if err != nil {
			if len(dst) > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
				return dst, nil // the last batch was cut at the requested size
			}
			return dst, k.explain(ctx, what, err)
		}
		m := Message{Offset: rec.Offset}
		if m.Key, err = readAll(rec.Key, nil); err == nil {
			m.Value, err = readAll(rec.Value, spare(dst))
		}
		if err != nil {
			return dst, k.explain(ctx, what, err)
		}
		if m.Offset >= from { // the fetch begins with the batch that contains the offset
			dst = append(dst, m)
		}
	}
}

// spare returns the memory of the value just beyond dst's length.
func spare(dst []Message) []byte {
	if len(dst) == cap(dst) {
		return nil
	}
	return dst[:len(dst)+1][len(dst)].Value[:0]
}

// boundSpare releases the memory beyond dst's length if it exceeds a few fetches. Otherwise, large messages in a
// different slot each time would be kept in all slots.
func boundSpare(dst []Message) {
	size := 0
	beyond := dst[len(dst):cap(dst)]
	for i := range beyond {
		size += cap(beyond[i].Value)
	}
	if size > 3*fetchBytes {
		clear(beyond)
	}
}

// readAll copies the data out of kafka-go's pooled pages and releases the pages. Otherwise, each fetch would
// allocate new pages of 64 KiB.
func readAll(b kafka.Bytes, memory []byte) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	if memory == nil {
		memory = []byte{} // an empty value is not a tombstone
	}
	data := slices.Grow(memory, b.Len())[:b.Len()]
	_, err := io.ReadFull(b, data)
	return data, err
}

// Bounds implements Broker.
func (k *Kafka) Bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	res, err := k.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)},
	}})
	if err == nil {
		for _, p := range res.Topics[topic] {
			if p.Partition == partition {
				if p.Error != nil {
					err = p.Error
					break
				}
				return p.FirstOffset, p.LastOffset, nil
			}
		}
		if err == nil {
			err = fmt.Errorf("the answer does not describe %s/%d", topic, partition)
		}
	}
	return 0, 0, k.explain(ctx, fmt.Sprintf("read the bounds of %s/%d", topic, partition), err)
}

// Partitions returns the number of a topic's partitions.
func (k *Kafka) Partitions(ctx context.Context, topic string) (int, error) {
	meta, err := k.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, k.explain(ctx, "ask for topic "+topic, err)
	}
	if len(meta.Topics) != 1 || meta.Topics[0].Error != nil {
		return 0, fmt.Errorf("there is no topic %s", topic)
	}
	return len(meta.Topics[0].Partitions), nil
}

// passing lists temporary errors that kafka-go does not mark as such. The client itself returns BrokerNotAvailable
// when it has lost all brokers.
var passing = []kafka.Error{
	kafka.UnknownTopicOrPartition, kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.ThrottlingQuotaExceeded,
}

// explain turns temporary errors into a *backoff.UnavailableError, and returns all others unchanged.
func (k *Kafka) explain(ctx context.Context, what string, err error) error {
	var code kafka.Error
	if errors.As(err, &code) {
		switch {
		case accesserr.Is(Refused(err)): // temporary, because an operator can change the configuration
			return Away(what, Refused(err))
		case code == kafka.MessageSizeTooLarge:
			return fmt.Errorf("%s: %w", what, ErrTooLarge)
		case code == kafka.Unknown:
			return Away(what, fmt.Errorf("%w; see the broker's own log for the cause, usually a full disk", err))
		case code == kafka.BrokerNotAvailable:
			return Away(what, k.refusals.cause(ctx, err))
		case code.Temporary() || code.Timeout() || slices.Contains(passing, code):
			return Away(what, err)
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if hungUp(err) {
		return Away(what, k.refusals.cause(ctx, err))
	}
	return Away(what, Refused(err))
}
