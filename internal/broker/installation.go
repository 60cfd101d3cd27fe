package broker

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Installation returns the name of the topics' installation: the first message of a separate topic. It is empty
// if no installation has claimed them, or if there is no such topic.
func (k *Kafka) Installation(ctx context.Context, topic string) (string, error) {
	there, err := k.has(ctx, topic)
	if err != nil || !there {
		return "", err
	}
	return k.firstOf(ctx, topic)
}

// Claim sets the name of the topics, unless they have one, and returns the name that is set: of several concurrent
// claims the first wins, and all readers see its name.
func (k *Kafka) Claim(ctx context.Context, topic, name string) (string, error) {
	holder, err := k.firstOf(ctx, topic)
	if err != nil || holder != "" {
		return holder, err
	}
	// Each claim has a unique key, so compaction keeps all of them, including the first.
	claim := Message{Key: []byte(cryptorand.Text()), Value: []byte(name)}
	if _, err := k.Append(ctx, topic, 0, []Message{claim}).Wait(ctx); err != nil {
		return "", err
	}
	return k.firstOf(ctx, topic)
}

func (k *Kafka) firstOf(ctx context.Context, topic string) (string, error) {
	first, end, err := k.Bounds(ctx, topic, 0)
	if err != nil || first >= end {
		return "", err
	}
	messages, err := k.Fetch(ctx, topic, 0, first, time.Second, nil)
	if err != nil {
		return "", err
	}
	if len(messages) == 0 {
		return "", Away("read the name of the installation in "+topic, errors.New("the broker gave no message"))
	}
	return string(messages[0].Value), nil
}

// Written reports whether a topic exists and has ever had a message.
func (k *Kafka) Written(ctx context.Context, topic string) (bool, error) {
	there, err := k.has(ctx, topic)
	if err != nil || !there {
		return false, err
	}
	n, err := k.Partitions(ctx, topic)
	for p := 0; p < n && err == nil; p++ {
		var end int64
		if _, end, err = k.Bounds(ctx, topic, p); end > 0 {
			return true, nil
		}
	}
	return false, err
}

// has reports whether a topic exists.
func (k *Kafka) has(ctx context.Context, topic string) (bool, error) {
	meta, err := k.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err == nil && len(meta.Topics) != 1 {
		err = fmt.Errorf("the answer describes %d topics", len(meta.Topics))
	}
	if err == nil {
		err = meta.Topics[0].Error
	}
	switch {
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		return false, nil
	case err != nil:
		return false, k.explain(ctx, fmt.Sprintf("ask %s for topic %s", strings.Join(k.refusals.options.Addresses, ", "), topic), err)
	}
	return true, nil
}
