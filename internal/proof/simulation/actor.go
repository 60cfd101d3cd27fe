package simulation

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"time"
)

// actor is a piece of ratemill's code that runs as a coroutine: it goes on when the scheduler lets it, up to its next
// effect.
type actor struct {
	world     *world
	name      string
	kind      kind
	partition int

	resume func() (struct{}, bool)
	kill   func()
	yield  func(struct{}) bool

	ctx    context.Context
	cancel context.CancelFunc

	at         string                   // the effect that it stands at
	wake       time.Time                // it need not go on before
	ready      func() bool              // or before this, nil for nothing
	paused     int                      // it does not go on before this step
	idle       bool                     // it waits for something to read
	floor      int64                    // of an owner: usage below was decided when it began
	ratedFloor int64                    // of an owner or a consumer: of the rated log it may need what is from here on
	file       *file                    // of a sender: what it works on
	removed    bool                     // of a mediator: its project has no source
	ahead      time.Duration            // by which its machine is ahead of the time
	next       func(topic string) int64 // of an owner or a consumer: how far it is
	passed     func() int64             // of an owner: up to here it has usage in a checkpoint
	ended      bool
	dead       bool
}

type kind int

const (
	ownerKind kind = iota
	senderKind
	sinkKind
	accountKind
)

func (k kind) String() string { return [...]string{"owner", "mediator", "sink", "account"}[k] }

// killed unwinds the coroutine of an actor that crashed.
type killed struct{}

// start makes an actor. It does nothing until it is scheduled.
func (w *world) start(name string, k kind, partition int, run func(ctx context.Context) error) *actor {
	a := &actor{world: w, name: name, kind: k, partition: partition, at: "start"}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.resume, a.kill = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if p := recover(); p != nil && p != (killed{}) {
				w.fail("%s panics: %v\n%s", a.name, p, debug.Stack())
			}
		}()
		a.yield = yield
		if err := run(a.ctx); err != nil {
			w.fail("%s ends: %v", a.name, err)
		}
	})
	w.actors = append(w.actors, a)
	return a
}

// run lets the actor go on up to its next effect.
func (a *actor) run() {
	a.world.current = a
	a.ready, a.wake = nil, time.Time{}
	if _, more := a.resume(); !more {
		a.ended = true
	}
	a.world.current = nil
}

// crash ends the actor where it stands.
func (a *actor) crash() {
	a.dead, a.ended = true, true
	a.world.current = a
	a.kill()
	a.world.current = nil
}

func (a *actor) runnable() bool {
	w := a.world
	if a.ended || w.step < a.paused {
		return false
	}
	if a.ready == nil {
		return !w.now.Before(a.wake)
	}
	return a.ready() || !a.wake.IsZero() && !w.now.Before(a.wake) || a.ctx.Err() != nil
}

// point is where an effect begins or ends: the actor may stop here for a while or for ever.
func (w *world) point(what string, n, m int64) {
	a := w.current
	if a == nil {
		panic("an effect outside of any actor: " + what)
	}
	if a.dead {
		panic(killed{})
	}
	a.at = what
	w.note(a.name, what, n, m)
	if !a.yield(struct{}{}) {
		a.dead = true
		panic(killed{})
	}
}

// wait is point until something is ready, or a time has come (never when d < 0), or the actor is told to end.
func (w *world) wait(what string, d time.Duration, ready func() bool) {
	a := w.current
	if a != nil {
		a.ready = ready
		if d >= 0 {
			a.wake = w.now.Add(d)
		}
	}
	w.point(what, int64(d/time.Millisecond), 0)
}

// clock is the simulated time.
type clock struct{ w *world }

// Now is the time of the machine on which somebody acts.
func (c clock) Now() time.Time {
	if a := c.w.current; a != nil {
		return c.w.now.Add(a.ahead)
	}
	return c.w.now
}

// mostAhead is how wrong the clocks of each kind get.
var mostAhead = [...]time.Duration{ownerKind: 500 * 24 * time.Hour, senderKind: 500 * 24 * time.Hour, sinkKind: 500 * 24 * time.Hour,
	accountKind: 500 * 24 * time.Hour}

// jumps sets the clock of an actor's machine to another time: a moment off, or much.
func (w *world) jumps(a *actor) {
	r := w.faults[ClockJumps]
	most := mostAhead[a.kind]
	for range r.IntN(12) {
		most /= 8
	}
	a.ahead = time.Duration(r.Int64N(int64(2*most)+1)) - most
	if a.kind == ownerKind {
		// Owners go by the control store's time, which runs ahead when it is set wrong. One that is set back by more than the
		// window of duplicate keys, while a backlog is rated, would forget keys too early.
		a.ahead = max(a.ahead, -11*time.Hour)
	}
	w.notef(a.name, "HAS A CLOCK that is ahead by %v", a.ahead)
}

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	c.w.wait("sleep", d, func() bool { return false })
	return ctx.Err()
}

// entry is a line of the trace.
type entry struct {
	step       int
	ms         int64
	who, what  string
	n, m       int64
	annotation string
}

func (e entry) String() string {
	if e.annotation != "" {
		return fmt.Sprintf("%5d %7d ms  %-14s %s", e.step, e.ms, e.who, e.annotation)
	}
	return fmt.Sprintf("%5d %7d ms  %-14s %s %d %d", e.step, e.ms, e.who, e.what, e.n, e.m)
}

func (w *world) note(who, what string, n, m int64) {
	if w.options.Trace > 0 {
		w.keep(entry{step: w.step, ms: w.now.Sub(epoch).Milliseconds(), who: who, what: what, n: n, m: m})
	}
}

func (w *world) notef(who, format string, args ...any) {
	if w.options.Trace > 0 {
		w.keep(entry{step: w.step, ms: w.now.Sub(epoch).Milliseconds(), who: who, annotation: fmt.Sprintf(format, args...)})
	}
}

func (w *world) keep(e entry) {
	if len(w.trace) >= 2*w.options.Trace {
		w.trace = w.trace[:copy(w.trace, w.trace[w.options.Trace:])]
	}
	w.trace = append(w.trace, e)
}
