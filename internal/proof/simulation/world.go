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

// partitions is the number of partitions of each topic. Everything that can happen with many partitions can
// happen with two.
const partitions = 2

// epoch is the beginning of simulated time. It is after all usage, because rules suspend usage that is later than its
// file.
var epoch = time.Date(2026, 2, 10, 12, 0, 0, 0, time.UTC)

// Options limit a schedule.
type Options struct {
	Faults Faults
	Steps  int // steps of the scheduler in which faults may happen; after them there are no faults
	Files  int // 0: the seed decides
	Trace  int // number of lines of the trace to keep, 0 for none
	// Senders means that records come from senders in all schedules, and sinks begin only after the faults. More
	// of the steps are then steps of owners.
	Senders bool
	// Sinks means that records come from senders in all schedules, and sinks always run. More of the steps
	// are then steps of sinks.
	Sinks bool
	// Mediators means that records come from mediators in all schedules, and sinks always run. Mediators then look
	// up more in the warehouse.
	Mediators bool
	// Lives means that all schedules have SIMs with life cycles.
	Lives bool
}

// Defaults is the default size of a schedule.
func Defaults() Options { return Options{Faults: AllFaults, Steps: 900} }

// Report describes the result of a schedule.
type Report struct {
	Seed    uint64
	Options Options
	Failure string // the failure, empty if there is none
	Trace   []string
	Steps   int
	Records int
	Met     Met
	Zombies Zombies
}

// Zombies counts actors that stood still while others took over their work, by the effect at which they stopped.
// The names come from effects: "owner: append sim.checkpoint" is an owner in the middle of a sweep.
type Zombies map[string]int

// Add adds the counts of another schedule.
func (z Zombies) Add(other Zombies) {
	for what, times := range other {
		z[what] += times
	}
}

// world is the state of a simulation.
type world struct {
	seed    uint64
	options Options
	rng     *rand.Rand             // decides which actor is next, and how long things take
	faults  [FaultCount]*rand.Rand // one for each fault, so that leaving out a fault does not change the others
	harsh   int                    // factor by which faults happen more often

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
	low       [partitions]lowMark // the newest low-water mark in the checkpoint topic
	stopped   [partitions]*ratedlog.StoppedError
	owners    [partitions]*rater.Owner // the owner that was started last
	lost      bool                     // it was lost
	active    Faults                   // the faults of this schedule: a rare fault needs few others beside it
	losing    bool                     // a message is lost in this schedule; few schedules do so
	back      back

	lives     *lives     // nil if no SIM has a life cycle
	tariffs   *rand.Rand // decides the usage of tariffs; nil if there is none
	busyFrom  time.Time  // the first of the days of records that carriers send twice
	revision  uint64
	catalogue int
	rules     int
	renames   bool // the source is renamed in this schedule, once or several times
	renamed   int  // 1: the source has another name
	mediated  bool // mediators read the files; otherwise records come from senders
	// sinking means that sinks and the consumers of balances always run; otherwise they begin only after the faults,
	// and more of the steps are steps of owners.
	sinking  bool
	contents map[string]*file // files that have arrived, by content hash

	claimed map[udr.ID]bool          // suspended records that were retried
	lines   map[udr.ID]*line         // lines of carriers, by the records that they became
	orders  []control.Stop           // orders to skip a message
	halts   []control.Stop           // open stops
	here    []control.Stop           // the orders for one partition, while they are being read
	full    [engines]int             // an engine rejects writes before this step
	removed int                      // the project does not have the source before this step
	changed []control.RegistryChange // when the revisions of the registry became known

	met     Met
	zombies Zombies
	failure string
	trace   []entry
}

// phase is a phase of a schedule.
type phase int

const (
	troubled phase = iota // faults happen
	calm                  // no faults happen; all work must be completed
	probing               // new owners restore; every counter is used once more
	compared              // the comparison is repeated with what the new owners know
)

// Run runs the schedule that follows from a seed.
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
	w.renames = w.mediated && w.active.Has(SourceRenamed) && w.faults[SourceRenamed].IntN(3) == 0
	w.losing = w.active.Has(Loss) && w.faults[Loss].IntN(12) == 0
	for p := range partitions {
		w.usage[p], w.rated[p], w.checks[p] = &partitionLog{name: "usage"}, &partitionLog{name: "rated"}, &partitionLog{name: "checkpoint"}
		w.expect[p] = newExpectation(w)
		w.judged[p] = &judgement{input: -1, fired: map[string]int64{}, drawn: map[string]int64{}}
		w.usage[p].appended = w.expect[p].take
		w.rated[p].appended = w.judged[p].take
		w.low[p].input = -1
		w.checks[p].appended = w.low[p].take
	}
	w.store.w = w
	w.warehouse.init(w)
	w.live()
	if r := rand.New(rand.NewPCG(seed, 4<<32)); r.IntN(3) == 0 && w.lives == nil && !o.Senders && !o.Sinks && !o.Mediators {
		w.tariffs = r
	}
	w.busyFrom = time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	overtaken := w.mediated && rand.New(rand.NewPCG(seed, 5<<32)).IntN(4) == 0
	if overtaken {
		w.busyFrom = movedAt.Add(7*24*time.Hour + 10*time.Hour) // when a SIM belongs to another billing root in some revisions
	}
	w.plant()
	if w.files[0].lags = overtaken && w.active.Has(ServerAway); w.files[0].lags {
		w.files[0].comes = 0
	}
	return w
}

// mix returns the set of faults that may happen in a schedule: all faults in some schedules, about half of them in
// the others.
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

// engine is an engine with a disk.
type engine int

const (
	brokerDisk engine = iota
	storeDisk
	warehouseDisk
	engines
)

// isFull reports whether an engine has no disk space now.
func (w *world) isFull(e engine) bool { return w.phase == troubled && w.step < w.full[e] }

// happens reports whether a fault happens now: in one of n cases, and more often in a harsh schedule.
func (w *world) happens(f Fault, n int) bool {
	if w.phase != troubled || !w.active.Has(f) || w.faults[f].IntN(n) >= w.harsh {
		return false
	}
	w.met[f]++
	return true
}

// spread returns a number of steps for something that is late: often few, sometimes many.
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
		if w.phase != troubled && w.step%4 == 0 && w.complete() && w.sunk() && w.settledAll() && w.advance() {
			return
		}
		if w.step > 20*w.options.Steps+20_000 {
			w.fail("no end: %s", w.missing())
		}
	}
}

// calmDown ends the faults: actors that stood still continue for a while. If several owners believe that they have a
// partition, all but the last two learn that they do not.
func (w *world) calmDown() {
	w.phase = calm
	w.notef("judge", "CALM from here on")
	var have [kinds][partitions]int
	for _, a := range slices.Backward(w.actors) {
		a.paused = 0
		if have[a.kind][a.partition]++; have[a.kind][a.partition] > 2 && a.kind != senderKind {
			a.cancel()
		}
	}
}

// next chooses the next actor. If all actors wait for a time, the clock moves to the earliest of these times.
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

// deliver adds appends that are due to their logs.
func (w *world) deliver() {
	w.requests = slices.DeleteFunc(w.requests, func(r *request) bool {
		if r.due <= w.step || w.phase != troubled {
			r.apply()
		}
		return r.done
	})
}

// trouble applies the seed's faults to actors and topics.
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
			if (a.at == effect{"bounds", w.topics.Checkpoint}) { // long enough for another owner to restore and write a checkpoint
				a.paused += w.faults[Pause].IntN(300)
			}
			w.notef(a.name, "PAUSES at %s until step %d", a.at, a.paused)
			if a.kind == senderKind {
				w.zombies[a.kind.String()+": "+a.at.String()]++ // its lease ends
			} else if w.active.Has(Rebalance) && w.faults[Pause].IntN(2) == 0 {
				w.zombies[a.kind.String()+": "+a.at.String()]++
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
		w.met[Poison]-- // counted when it happens
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
	if w.renames && w.happens(SourceRenamed, 100) {
		w.renamed = 1 - w.renamed
		w.notef("operator", "RENAMES the source to %s", sources()[2*w.renamed].Title)
	}
	w.setBack()
	for p := range partitions {
		w.warehouse.forget(p)
	}
	if w.mediated && w.active.Has(Retry) && w.faults[Retry].IntN(25) == 0 {
		w.retry()
	}
}

// replace starts another actor for the partition of an actor that stands still.
func (w *world) replace(a *actor) {
	switch a.kind {
	case ownerKind:
		w.startOwner(a.partition)
	case sinkKind:
		w.startSink(a.partition)
	case accountKind:
		w.startAccount(a.partition)
	case statesKind:
		w.startStates(a.partition)
	case keeperKind:
		w.startKeeper()
	}
}

// compactions returns n if the checkpoints of a partition are now compacted in one of n cases: more often while an
// owner reads them.
func (w *world) compactions(p int) int {
	for _, a := range w.actors {
		if a.kind == ownerKind && a.partition == p && !a.ended && (a.at == effect{"fetch", w.topics.Checkpoint}) {
			return 6
		}
	}
	return 40
}

// nerve returns n if an actor stands still here in one of n cases. This happens more often where an owner has an epoch
// that no other actor knows, where it has taken a partition and not yet read its state, and where it is about to
// append.
func (w *world) nerve(a *actor) int {
	switch a.at {
	case effect{"committed", takingEpoch}:
		return 12
	case effect{"bounds", w.topics.Checkpoint}:
		return 15
	case effect{"append", w.topics.Checkpoint}, effect{"fetch", w.topics.Checkpoint}:
		return 50
	}
	return 200
}

// staff ensures that there is an actor for every kind of work.
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
				a.cancel() // it restarts with the source
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
	if w.lives != nil {
		w.staffLives()
	}
	if senders < 2 && !w.allSent() && w.rng.IntN(6) == 0 {
		w.startSender()
	}
}

// startSender starts a sender.
func (w *world) startSender() {
	if w.mediated {
		w.startMediator()
		return
	}
	w.started++
	w.start(fmt.Sprintf("sender-%d", w.started), senderKind, 0, (&sender{w: w, id: w.started}).run)
}

// startOwner starts an owner, as a rater does for a partition that was assigned to it.
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
				return nil // the group assigned the partition to another owner
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

// stops records that a partition waits for an operator, which is correct only if a message was lost.
func (w *world) stops(p int, err *ratedlog.StoppedError) error {
	if e := w.expect[p]; !w.lost || e.gap < 0 || err.Offset != e.gap {
		return err
	}
	w.met[Loss]++
	w.stopped[p] = err
	return nil
}

// reference provides catalogues and the registry. All revisions exist from the beginning: a batch sees the one to which
// it is pinned.
type reference struct{ w *world }
