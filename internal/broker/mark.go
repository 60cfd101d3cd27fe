package broker

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A mark is a message of the installation's topic, after the name: a number that the control store gave, and when. Compaction
// keeps the newest one.

const (
	markKey    = "mark"
	marksBack  = 16 // messages at the end that are looked at: a stalled process may have appended an older mark last
	markFormat = "%d %s"
)

// Mark is the newest mark in the installation's topic, zero when there is none, and where the topic ends.
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

// SetMark appends a mark, and answers where the topic then ends.
func (k *Kafka) SetMark(ctx context.Context, topic string, number int64, at time.Time) (end int64, err error) {
	value := fmt.Sprintf(markFormat, number, at.UTC().Format(time.RFC3339))
	base, err := k.Append(ctx, topic, 0, []Message{{Key: []byte(markKey), Value: []byte(value)}}).Wait(ctx)
	return base + 1, err
}
