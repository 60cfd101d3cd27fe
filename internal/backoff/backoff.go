package backoff

import "time"

// Backoff computes pauses between attempts: twice as long each time, up to Most, minus a random part of up to half of
// it.
type Backoff struct {
	First, Most time.Duration
	Random      func() float64 // from 0 up to 1; nil: no random part
	failures    int
}

// Failed returns the pause after one more failure.
func (b *Backoff) Failed() time.Duration {
	d := b.First << min(b.failures, 20)
	if d > b.Most || d <= 0 {
		d = b.Most
	}
	b.failures++
	if b.Random != nil {
		d -= time.Duration(b.Random() * float64(d) / 2)
	}
	return d
}

// Worked resets the failures.
func (b *Backoff) Worked() { b.failures = 0 }
