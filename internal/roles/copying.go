package roles

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/metric"
)

// rowSink copies rows of the control store into the warehouse, a range with each Step: warehouse.FactSink and
// warehouse.DocumentSink.
type rowSink interface {
	// Begin makes the next Step compare the warehouse with the stored position.
	Begin()
	// Step reports whether there was a range.
	Step(ctx context.Context) (more bool, err error)
	// At returns the progress of the sink.
	At() (written, position int64)
}

// copying runs a sink of rows in the one process of the installation that owns the first partition of the rated
// log. Each row is written once even if two processes both believe that they own it.
type copying struct {
	what  string        // name of the rows, for the log
	pause time.Duration // pause after a step that found nothing

	written, position atomic.Int64 // values of the sink after its last step
	begun, failing    atomic.Bool
}

// run steps the sink while this process has the first partition.
func (c *copying) run(ctx context.Context, r *sinkRole, s rowSink) {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	ours := false
	for ctx.Err() == nil {
		pause := time.Second
		if r.assigned(0) {
			if !ours {
				s.Begin()
			}
			ours = true
			more, err := s.Step(ctx)
			switch {
			case err == nil:
				absence.Worked(time.Now(), r.n.Log, c.what+" are written to ClickHouse again")
				c.failing.Store(false)
				written, position := s.At()
				c.written.Store(written)
				c.position.Store(position)
				c.begun.Store(true)
				if pause = c.pause; more {
					pause = 0
				}
			case ctx.Err() == nil:
				c.failing.Store(true)
				pause = absence.Failed(time.Now(), r.n.Log, "cannot write "+c.what+" to ClickHouse", err)
			}
		} else {
			ours = false
			c.begun.Store(false)
		}
		if pause > 0 {
			_ = clock{}.Sleep(ctx, pause)
		}
	}
}

// told puts the metrics of the sink, and reports whether the sink has begun here. A process that does not write these
// rows puts no metrics.
func (c *copying) told(r *sinkRole, s metric.Scrape, failing, written metric.Metric) bool {
	if !r.assigned(0) {
		return false
	}
	s.Put(failing, metric.Yes(c.failing.Load()))
	if !c.begun.Load() {
		return false
	}
	s.Put(written, float64(c.written.Load()))
	return true
}
