package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"ratemill/internal/embedded/child"
)

// Engine is the broker's name as a child process.
const Engine = "kafka"

// StartChild runs the broker in a child process; this binary must call embedded.RunIfChild.
func StartChild(ctx context.Context, o Options) (*Broker, error) {
	if o.Dir == "" {
		return nil, errors.New("the embedded broker needs a data folder")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	p, err := child.Start(ctx, child.Spec{Engine: Engine, Label: o.Dir, Config: o, Log: o.Log})
	if err != nil {
		return nil, err
	}
	b := &Broker{process: p}
	return b, json.Unmarshal(p.Ready, &b.addr)
}

// garbagePercent is GOGC of the child. Nearly all its allocations are requests, and its live data is an index of a few
// MB, so collecting a quarter as often costs little memory and saves a tenth of its processor time.
const garbagePercent = 400

// memoryBound is the amount of memory from which the child collects garbage earlier, because opening a log reads a
// segment of each partition.
const memoryBound = 256 << 20

// Main is the main function of the child process; embedded.RunIfChild calls it.
func Main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBound)
	}
	var o Options
	child.Run(&o, func(life *child.Life) error {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		b, err := Start(context.Background(), o)
		if err != nil {
			return err
		}
		if err := life.Ready(b.Addr()); err != nil {
			return err
		}
		watch := newWatch(o.Dir, o.Log, time.Now())
		look := time.NewTicker(cleanLook)
		defer look.Stop()
		for {
			select {
			case <-life.Stop:
				return b.Stop(context.Background())
			case <-look.C:
				watch.look(time.Now())
				if !due(o.Dir) {
					continue
				}
				began := time.Now()
				if err := b.clean(); err != nil {
					return err // the next process finds the log as it was either before or after the change
				}
				_, left := cleaned(o.Dir)
				o.Log.Warn("the embedded Kafka cleaned its log; it served no requests during that "+
					"time", "took", time.Since(began).Round(time.Millisecond),
					"bytes", left)
			}
		}
	})
}

// PID returns the process that runs the broker.
func (b *Broker) PID() int {
	if b.process == nil {
		return os.Getpid()
	}
	return b.process.PID()
}

// Kill kills a broker in a child process with kill -9. A broker in this process is stopped gracefully.
func (b *Broker) Kill() {
	if b.process == nil {
		b.Stop(context.Background())
		return
	}
	b.process.Kill()
}

// Wait returns a channel that receives or closes when the broker has ended.
func (b *Broker) Wait() <-chan error {
	if b.process == nil {
		return b.ended
	}
	return b.process.Wait()
}
