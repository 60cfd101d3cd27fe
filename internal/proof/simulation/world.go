package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/internal/rater"
	"ratemill/udr"
)

// partitions is the number of partitions of each topic: two meet everything that many do.
const partitions = 2

// epoch is when simulated time begins: after all usage, since rules suspend usage of later than its file.
var epoch = time.Date(2026, 2, 10, 12, 0, 0, 0, time.UTC)

// Options bound a schedule.
type Options struct {
	Faults Faults
	Steps  int // of the scheduler, in which faults may happen; then everything calms down
	Files  int // 0: as the seed says
	Trace  int // lines of trace to be kept, 0 for none
	// Senders: in all schedules records come from senders, and sinks begin when all is calm. What owners do is denser then.
	Senders bool
	// Sinks: in all schedules records come from senders, and sinks run all the time. What sinks do is denser then.
	Sinks bool
	// Mediators: in all schedules records come from mediators, and sinks run all the time. What mediators look up in the
	// warehouse is denser then.
	Mediators bool
}

// Defaults is what a schedule has unless somebody wants less of it.
func Defaults() Options { return Options{Faults: AllFaults, Steps: 900} }

// Report says how a schedule ended.
type Report struct {
	Seed    uint64
	Options Options
	Failure string // what is wrong, empty when nothing is
	Trace   []string
	Steps   int
	Records int
	Met     Met
	Zombies Zombies
}

// Zombies are actors that stood still while others took over what they had, by what they were about to do. The names
// follow from effects: "owner: append sim.checkpoint" is an owner in the middle of a sweep.
type Zombies map[string]int

// Add adds those of another schedule.
func (z Zombies) Add(other Zombies) {
	for what, times := range other {
		z[what] += times
	}
}

// world is everything that is in a simulation.
type world struct {
	seed    uint64
	options Options
	rng     *rand.Rand             // who is next, and how long things take
	faults  [FaultCount]*rand.Rand // one each, so that leaving a fault out leaves the others as they were
	harsh   int                    // how much more often faults happen

	now      time.Time
	step     int
	phase    phase
	actors   []*actor
	current  *actor
	requests []*request
	started  int

	topics broker.Topics
	usage  [partitions]*partitionLog
	rated  [partitions]*partitionLog
	checks [partitions]*partitionLog

	store     store
	warehouse simWarehouse
	files     []*file
	expect    [partitions]*expectation
	judged    [partitions]*judgement
	low       [partitions]lowMark // the newest in the checkpoint topic
	stopped   [partitions]*ratedlog.StoppedError
	owners    [partitions]*rater.Owner // that was started last
	lost      bool                     // and it was lost
	active    Faults                   // those of this schedule: what is rare needs few others beside it
	losing    bool                     // this is one of the few schedules in which a message is lost
	back      back

	revision  uint64
	catalogue int
	rules     int
	mediated  bool             // files are read by mediators, otherwise records come from senders
	sinking   bool             // sinks and what makes balances run all the time, otherwise they begin when all is calm: what owners do is then denser
	contents  map[string]*file // that came, by hash

	claimed map[udr.ID]bool          // suspended records that were brought back
	lines   map[udr.ID]*line         // of carriers, by the records that they are
	orders  []control.Stop           // to go on without a message
	halts   []control.Stop           // stops that are open
	full    [engines]int             // an engine takes nothing before this step
	removed int                      // the project has no source before this step
	changed []control.RegistryChange // when the revisions of the registry became known

	met     Met
	zombies Zombies
	failure string
	trace   []entry
}

// phase is what a schedule is about.
type phase int

const (
	troubled phase = iota // faults happen
	calm                  // none do; everything must come to its end
	probing               // new owners restore; everything is used once more
	compared              // and once more, to compare what they know
)

// Run is the schedule that follows from a seed.
func Run(seed uint64, o Options) Report {
	w := newWorld(seed, o)
	w.run()
	for _, a := range w.actors {
		if !a.ended {
			a.crash()
		}
	}
	report := Report{Seed: seed, Options: o, Failure: w.failure, Steps: w.step, Met: w.met, Zombies: w.zombies}
	for _, e := range w.trace {
		report.Trace = append(report.Trace, e.String())
	}
	for _, f := range w.files {
		report.Records += len(f.records)
	}
	return report
}

func newWorld(seed uint64, o Options) *world {
	w := &world{seed: seed, options: o, rng: rand.New(rand.NewPCG(seed, 0)), now: epoch, topics: broker.TopicsUnder("sim"), revision: 1}
	for f := range w.faults {
		w.faults[f] = rand.New(rand.NewPCG(seed, uint64(f)+1))
	}
	w.mediated = o.Mediators || seed%2 == 1 && !o.Senders && !o.Sinks
	w.sinking, w.contents = o.Sinks || o.Mediators || seed%4 >= 2 && !o.Senders, map[string]*file{}
	w.claimed, w.lines, w.zombies = map[udr.ID]bool{}, map[udr.ID]*line{}, Zombies{}
	w.changed = []control.RegistryChange{{Revision: 1, At: epoch}}
	w.harsh = 1 + w.rng.IntN(3)
	w.active = o.Faults
	if o.Faults == AllFaults {
		w.active &= mix(seed)
	}
	w.back.may = w.active.Has(SetBack) && w.faults[SetBack].IntN(12) == 0
	w.losing = w.active.Has(Loss) && w.faults[Loss].IntN(12) == 0
	for p := range partitions {
		w.usage[p], w.rated[p], w.checks[p] = &partitionLog{name: "usage"}, &partitionLog{name: "rated"}, &partitionLog{name: "checkpoint"}
		w.expect[p] = newExpectation(w)
		w.judged[p] = &judgement{input: -1}
		w.usage[p].appended = w.expect[p].take
		w.rated[p].appended = w.judged[p].take
		w.low[p].input = -1
		w.checks[p].appended = w.low[p].take
	}
	w.store.w = w
	w.warehouse.init(w)
	w.plant()
	return w
}

// mix is the faults that a schedule may have: all in some, about half of them in the others.
func mix(seed uint64) Faults {
	r := rand.New(rand.NewPCG(seed, 1<<32))
	if r.IntN(4) == 0 {
		return AllFaults
	}
	return Faults(r.Uint64()) | 1<<Crash | 1<<Rebalance
}

func (w *world) log(topic string, partition int) *partitionLog {
	switch topic {
	case w.topics.Usage:
		return w.usage[partition]
	case w.topics.Rated:
		return w.rated[partition]
	case w.topics.Checkpoint:
		return w.checks[partition]
	}
	panic("no topic " + topic)
}

// engine is one that has a disk.
type engine int

const (
	brokerDisk engine = iota
	storeDisk
	warehouseDisk
	engines
)

// isFull says that an engine has no room now.
func (w *world) isFull(e engine) bool { return w.phase == troubled && w.step < w.full[e] }

// happens says whether a fault happens now: in one of n cases, more often in a harsh schedule.
func (w *world) happens(f Fault, n int) bool {
	if w.phase != troubled || !w.active.Has(f) || w.faults[f].IntN(n) >= w.harsh {
		return false
	}
	w.met[f]++
	return true
}

// spread is a number of steps for something that comes late: often soon, sometimes much later.
func (w *world) spread(f Fault) int { return w.faults[f].IntN(10 << w.faults[f].IntN(6)) }

func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...)
		w.notef("judge", "%s", w.failure)
	}
}

func (w *world) run() {
	for ; w.failure == ""; w.step++ {
		if w.back.refused {
			w.judgeRefusal()
			return
		}
		w.now = w.now.Add(time.Duration(w.rng.IntN(15)) * time.Millisecond)
		if w.phase == troubled && w.step >= w.options.Steps {
			w.calmDown()
		}
		w.deliver()
		w.warehouse.deliver()
		w.trouble()
		w.goOn()
		w.staff()
		if a := w.next(); a != nil {
			a.run()
		}
		if w.phase != troubled && w.step%4 == 0 && w.settled() && w.sunk() && w.advance() {
			return
		}
		if w.step > 20*w.options.Steps+20_000 {
			w.fail("no end: %s", w.missing())
		}
	}
}

// calmDown ends the faults: whoever stood still goes on, for a while. Of many who think that they have a partition all but
// the last two are told that they do not.
func (w *world) calmDown() {
	w.phase = calm
	w.notef("judge", "CALM from here on")
	var have [accountKind + 1][partitions]int
	for _, a := range slices.Backward(w.actors) {
		a.paused = 0
		if have[a.kind][a.partition]++; have[a.kind][a.partition] > 2 && a.kind != senderKind {
			a.cancel()
		}
	}
}

// next chooses who goes on. When all wait for a time to come, it comes.
func (w *world) next() *actor {
	n := 0
	var chosen *actor
	for _, a := range w.actors {
		if a.runnable() {
			n++
			if w.rng.IntN(n) == 0 {
				chosen = a
			}
		}
	}
	if chosen != nil || len(w.requests) > 0 {
		return chosen
	}
	var wake time.Time
	for _, a := range w.actors {
		if !a.ended && a.paused <= w.step && !a.wake.IsZero() && (wake.IsZero() || a.wake.Before(wake)) {
			wake = a.wake
		}
	}
	if wake.After(w.now) {
		w.now = wake
	}
	return nil
}

// deliver brings appends that are due into their logs.
func (w *world) deliver() {
	w.requests = slices.DeleteFunc(w.requests, func(r *request) bool {
		if r.due <= w.step || w.phase != troubled {
			r.apply()
		}
		return r.done
	})
}

// trouble does to actors and topics what the seed has for them.
func (w *world) trouble() {
	if w.phase != troubled {
		return
	}
	for _, a := range w.actors {
		switch {
		case a.ended:
		case w.happens(Crash, 300):
			w.notef(a.name, "CRASHES at %s", a.at)
			a.crash()
			w.requests = slices.DeleteFunc(w.requests, func(r *request) bool {
				return r.by == a && w.faults[Crash].IntN(2) == 0
			})
		case a.paused <= w.step && w.happens(Pause, w.nerve(a)):
			a.paused = w.step + 1 + w.spread(Pause)
			if a.at == "bounds "+w.topics.Checkpoint { // for long enough that another restores, and writes a checkpoint
				a.paused += w.faults[Pause].IntN(300)
			}
			w.notef(a.name, "PAUSES at %s until step %d", a.at, a.paused)
			if a.kind == senderKind {
				w.zombies[a.kind.String()+": "+a.at]++ // its lease ends
			} else if w.active.Has(Rebalance) && w.faults[Pause].IntN(2) == 0 {
				w.zombies[a.kind.String()+": "+a.at]++
				w.replace(a)
			}
		case w.happens(ClockJumps, 300):
			w.jumps(a)
		case a.ctx.Err() == nil && w.happens(Stop, 700):
			w.notef(a.name, "is told to STOP at %s", a.at)
			a.cancel()
		}
	}
	w.actors = slices.DeleteFunc(w.actors, func(a *actor) bool { return a.ended })
	p := w.rng.IntN(partitions)
	if w.happens(Rebalance, 150) {
		w.startOwner(p)
	}
	if w.sinking && w.happens(Rebalance, 250) {
		w.startSink(p)
	}
	if w.sinking && w.happens(Rebalance, 250) {
		w.startAccount(p)
	}
	if w.happens(Compaction, w.compactions(p)) && w.checks[p].end > 0 {
		r := w.faults[Compaction]
		w.checks[p].compact(r.Int64N(w.checks[p].end)+1, func() bool { return r.IntN(2) == 0 })
		w.note("broker", "COMPACTS checkpoint", int64(p), 0)
	}
	if w.active.Has(Retention) && w.faults[Retention].IntN(60) == 0 {
		w.forgetUsage(p)
	}
	if w.active.Has(RatedRetention) && w.faults[RatedRetention].IntN(20) == 0 {
		w.forgetRated(p)
	}
	if w.happens(Change, 100) {
		w.change()
	}
	if w.happens(Poison, 500) {
		w.met[Poison]-- // counted when it is met
		w.poisons(p)
	}
	if w.happens(Forged, 500) {
		w.forges(p)
	}
	if w.happens(DiskFull, 300) {
		w.full[w.faults[DiskFull].IntN(int(engines))] = w.step + 5 + w.spread(DiskFull)
	}
	if w.mediated && w.happens(SourceRemoved, 300) {
		w.removesSource()
	}
	w.setBack()
	for p := range partitions {
		w.warehouse.forget(p)
	}
	if w.mediated && w.active.Has(Retry) && w.faults[Retry].IntN(25) == 0 {
		w.retry()
	}
}

// replace starts another for the partition of an actor that stands still.
func (w *world) replace(a *actor) {
	switch a.kind {
	case ownerKind:
		w.startOwner(a.partition)
	case sinkKind:
		w.startSink(a.partition)
	case accountKind:
		w.startAccount(a.partition)
	}
}

// compactions is in how many cases the checkpoints of a partition are compacted now: more often while somebody reads them.
func (w *world) compactions(p int) int {
	for _, a := range w.actors {
		if a.kind == ownerKind && a.partition == p && !a.ended && a.at == "fetch "+w.topics.Checkpoint {
			return 6
		}
	}
	return 40
}

// nerve is in how many cases an actor stands still here: more often where an owner knows its epoch and nobody else does,
// where it has taken a partition and not looked at what is known of it, and where it is about to say what it knows.
func (w *world) nerve(a *actor) int {
	switch a.at {
	case tookEpoch:
		return 12
	case "bounds " + w.topics.Checkpoint:
		return 15
	case "append " + w.topics.Checkpoint, "fetch " + w.topics.Checkpoint:
		return 50
	}
	return 200
}

// staff sees to it that there is somebody for all work.
func (w *world) staff() {
	var owners, sinks, accounts [partitions]bool
	senders := 0
	for _, a := range w.actors {
		switch {
		case a.ended:
		case a.kind == ownerKind:
			owners[a.partition] = true
		case a.kind == sinkKind:
			sinks[a.partition] = true
		case a.kind == accountKind:
			accounts[a.partition] = true
		case a.kind == senderKind:
			senders++
			if a.removed && w.hasSource() {
				a.cancel() // it starts anew, with the source
			}
		}
	}
	for p, there := range owners {
		if !there && w.stopped[p] == nil && w.rng.IntN(6) == 0 {
			w.startOwner(p)
		}
	}
	for p, there := range sinks {
		if !there && (w.sinking || w.phase != troubled) && w.rng.IntN(12) == 0 {
			w.startSink(p)
		}
		if !accounts[p] && (w.sinking || w.phase != troubled) && w.rng.IntN(12) == 0 {
			w.startAccount(p)
		}
	}
	if senders < 2 && !w.allSent() && w.rng.IntN(6) == 0 {
		w.startSender()
	}
}

// startSender starts somebody who reads files.
func (w *world) startSender() {
	if w.mediated {
		w.startMediator()
		return
	}
	w.started++
	w.start(fmt.Sprintf("sender-%d", w.started), senderKind, 0, (&sender{w: w, id: w.started}).run)
}

// startOwner starts what a rater runs for a partition that it was given.
func (w *world) startOwner(p int) {
	w.started++
	name := fmt.Sprintf("owner-%d/%d", w.started, p)
	a := w.start(name, ownerKind, p, func(ctx context.Context) error { return w.own(ctx, name, p) })
	a.floor, a.ratedFloor = w.judged[p].input+1, w.low[p].next
}

func (w *world) own(ctx context.Context, name string, p int) error {
	sweepEvery := time.Duration(1+w.rng.IntN(20)) * 50 * time.Millisecond
	portion := []int{1, 3, 0, 0}[w.rng.IntN(4)]
	for {
		o, err := rater.NewOwner(rater.Options{
			Partition: p, Topics: w.topics, Broker: simBroker{w}, Reference: reference{w}, Clock: clock{w},
			Log: slog.New(slog.DiscardHandler), DaysKept: 500,
			Progress: &rater.Progress{}, SweepEvery: sweepEvery, Portion: portion, BlockKeys: 2,
			NextEpoch: func(ctx context.Context, seen int64) (int64, error) { return w.store.nextEpoch(ctx, p, seen) },
			Origin:    w.origin(p),
			Skips:     func(ctx context.Context, topic string) ([]control.Stop, error) { return w.skips(ctx, topic, p) },
		})
		if err != nil {
			return err
		}
		w.owners[p] = o
		w.current.next = func(topic string) int64 {
			if topic == w.topics.Usage {
				return o.Progress.Next.Load()
			}
			return o.Progress.Known.Load()
		}
		w.current.passed = o.Progress.StoredUsage.Load
		err = o.Run(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		w.notef(name, "%v", err)
		var fenced *rater.FencedError
		var stopped *ratedlog.StoppedError
		switch {
		case errors.As(err, &fenced):
			if w.rng.IntN(3) > 0 {
				return nil // the group gave the partition to another
			}
		case errors.As(err, &stopped) && w.refuses(stopped):
			return nil
		case errors.As(err, &stopped) && w.ordered(ownerKind, stopped):
		case errors.As(err, &stopped):
			return w.stops(p, stopped)
		case !broker.Unavailable(err) && !storeUnavailable(err):
			return err
		}
		if err := (clock{w}).Sleep(ctx, 100*time.Millisecond); err != nil {
			return nil
		}
	}
}

// stops takes note that a partition waits for a person: right only where a message was lost.
func (w *world) stops(p int, err *ratedlog.StoppedError) error {
	if e := w.expect[p]; !w.lost || e.gap < 0 || err.Offset != e.gap {
		return err
	}
	w.met[Loss]++
	w.stopped[p] = err
	return nil
}

// reference gives catalogues and the registry. All revisions are there from the beginning: what a batch sees is its pin.
type reference struct{ w *world }
