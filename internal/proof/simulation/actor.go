package simulation

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"time"
)

// actor is a part of ratemill's code that runs as a coroutine: when the scheduler resumes it, it runs up to its next
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

	at         effect                   // the effect before which it is suspended
	wake       time.Time                // the scheduler does not resume it before this time
	ready      func() bool              // nor before this is true; nil: no condition
	paused     int                      // the scheduler does not resume it before this step
	idle       bool                     // the actor is waiting for messages to read
	floor      int64                    // for an owner: the usage below was decided when it began
	ratedFloor int64                    // for an owner or a consumer: it may need the rated log from here on
	file       *file                    // for a sender: the file that it sends
	removed    bool                     // for a mediator: its project does not have the source
	ahead      time.Duration            // how far the clock of its machine is ahead
	next       func(topic string) int64 // for an owner or a consumer: its position
	passed     func() int64             // for an owner: usage up to here is in a checkpoint
	ended      bool
	dead       bool
}

type kind int

const (
	ownerKind kind = iota
	senderKind
	sinkKind
	accountKind
	statesKind // for simstate: a consumer of the rated log
	keeperKind // for simstate: changes of facts, and time
	peopleKind
	kinds
)

func (k kind) String() string {
	return [...]string{"owner", "mediator", "sink", "account", "simstate", "keeper", "people"}[k]
}

// killed unwinds the coroutine of an actor that crashed.
type killed struct{}

// start creates an actor. It does nothing until it is scheduled.
func (w *world) start(name string, k kind, partition int, run func(ctx context.Context) error) *actor {
	a := &actor{world: w, name: name, kind: k, partition: partition, at: effect{"start", ""}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.resume, a.kill = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if p := recover(); p != nil && p != (killed{}) {
				w.fail("%s panics: %v\n%s", a.name, p, debug.Stack())
			}
		}()
		a.yield = yield
		deepen()
		if err := run(a.ctx); err != nil {
			w.fail("%s ends: %v", a.name, err)
		}
	})
	w.actors = append(w.actors, a)
	return a
}

// deepen enlarges the coroutine's stack once to the size that actors need; otherwise it would grow, and be
// copied, four times.
//
//go:noinline
func deepen() {
	var stack [12 << 10]byte
	runtime.KeepAlive(&stack)
}

// run resumes the actor until its next effect.
func (a *actor) run() {
	a.world.current = a
	a.ready, a.wake = nil, time.Time{}
	if _, more := a.resume(); !more {
		a.ended = true
	}
	a.world.current = nil
}

// crash ends the actor at its current effect.
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

// effect is an operation that an actor is about to perform, or has just performed, and the operation's object. The
// two texts are only joined when they are printed, because a schedule has thousands of effects.
type effect struct{ verb, what string }

func (e effect) String() string {
	if e.what == "" {
		return e.verb
	}
	return e.verb + " " + e.what
}

// point is the place where an effect begins or ends: the actor may pause here for a while, or forever.
func (w *world) point(what effect, n, m int64) {
	a := w.current
	if a == nil {
		panic("an effect outside of any actor: " + what.String())
	}
	if a.dead {
		panic(killed{})
	}
	a.at = what
	if w.lives != nil && w.lives.registry.Viewed() {
		w.fail("%s waits with an open view of the registry at %s: who loads the registry would wait for it", a.name, what)
	}
	if w.options.Trace > 0 {
		w.note(a.name, what.String(), n, m)
	}
	if !a.yield(struct{}{}) {
		a.dead = true
		panic(killed{})
	}
}

// wait is like point, but lasts until a condition holds, a time has come (never when d < 0), or the actor is
// asked to end.
func (w *world) wait(what effect, d time.Duration, ready func() bool) {
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

// Now returns the time by the clock of the current actor's machine.
func (c clock) Now() time.Time {
	if a := c.w.current; a != nil {
		return c.w.now.Add(a.ahead)
	}
	return c.w.now
}

// mostAhead is the largest error of the clocks of each kind of actor.
var mostAhead = [...]time.Duration{ownerKind: 500 * 24 * time.Hour, senderKind: 500 * 24 * time.Hour, sinkKind: 500 * 24 * time.Hour,
	accountKind: 500 * 24 * time.Hour, statesKind: 500 * 24 * time.Hour, keeperKind: 500 * 24 * time.Hour, peopleKind: time.Hour}

// jumps sets the clock of an actor's machine to another time, which is slightly or far off.
func (w *world) jumps(a *actor) {
	r := w.faults[ClockJumps]
	most := mostAhead[a.kind]
	for range r.IntN(12) {
		most /= 8
	}
	a.ahead = time.Duration(r.Int64N(int64(2*most)+1)) - most
	if a.kind == ownerKind {
		// Owners use the control store's time, which is ahead if its clock was set wrong. If that clock were set back
		// by more than the window of duplicate keys while a backlog is rated, owners would forget keys too early.
		a.ahead = max(a.ahead, -11*time.Hour)
	}
	w.notef(a.name, "HAS A CLOCK that is ahead by %v", a.ahead)
}

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	c.w.wait(effect{"sleep", ""}, d, func() bool { return false })
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
