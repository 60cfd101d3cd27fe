package engines

import (
	"context"
	"math/rand/v2"
	"time"

	"ratemill/internal/backoff"
)

// engine is a child process that can be waited for and stopped.
type engine struct {
	wait func() <-chan error
	stop func(context.Context) error
}

// supervise restarts an engine when it dies, until Close.
func (e *Engines) supervise(name string, child engine, start func(context.Context) (engine, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case err := <-child.wait():
				if ctx.Err() != nil {
					return
				}
				e.Log.Error("embedded engine exited; restarting it", "engine", name, "err", err)
			}
			absence := backoff.Absence{Backoff: backoff.Backoff{First: 200 * time.Millisecond, Most: 10 * time.Second, Random: rand.Float64}}
			for ctx.Err() == nil {
				again, err := start(ctx)
				if err == nil {
					child = again
					absence.Worked(time.Now(), e.Log, "embedded engine runs again", "engine", name)
					break
				}
				_ = backoff.RealTime{}.Sleep(ctx, absence.Failed(time.Now(), e.Log, "embedded engine does not start", err, "engine", name))
			}
		}
	}()
	e.enders = append(e.enders, func(grace context.Context) error {
		cancel()
		<-done
		return child.stop(grace)
	})
}
