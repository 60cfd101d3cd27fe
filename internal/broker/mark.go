package broker

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A mark is a message of the installation's topic, after the name: a number from the control store, and its time.
// Compaction keeps the newest mark.

const (
	markKey    = "mark"
	marksBack  = 16 // messages at the end that are examined: a stalled process may have appended an older mark last
	markFormat = "%d %s"
)

// Mark returns the newest mark in the installation's topic, zero if there is none, and the end of the topic.
func (k *Kafka) Mark(ctx context.Context, topic string) (number int64, at time.Time, end int64, err error) {
	there, err := k.has(ctx, topic)
	if err != nil || !there {
		return 0, at, 0, err
	}
	first, end, err := k.Bounds(ctx, topic, 0)
	for next := max(first, end-marksBack); err == nil && next < end; {
		var messages []Message
		if messages, err = k.Fetch(ctx, topic, 0, next, time.Second, nil); err != nil {
			break
		}
		for _, m := range messages {
			next = m.Offset + 1
			var n int64
			var text string
			if string(m.Key) != markKey {
				continue
			}
			if _, err := fmt.Fscanf(strings.NewReader(string(m.Value)), markFormat, &n, &text); err == nil && n > number {
				number = n
				at, _ = time.Parse(time.RFC3339, text)
			}
		}
		err = ctx.Err()
	}
	return number, at, end, err
}

// SetMark appends a mark, and returns the end of the topic after it.
func (k *Kafka) SetMark(ctx context.Context, topic string, number int64, at time.Time) (end int64, err error) {
	value := fmt.Sprintf(markFormat, number, at.UTC().Format(time.RFC3339))
	base, err := k.Append(ctx, topic, 0, []Message{{Key: []byte(markKey), Value: []byte(value)}}).Wait(ctx)
	return base + 1, err
}
