package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// SIMs with life cycles: in some schedules, accounts 5 and 6 own SIMs that are tested, wait for their first use, and
// are slowed down and suspended by a limit. The SIMs of account 5, below root 1, move to account 7 and back; account 6
// is a root whose usage is in the other partition.
const (
	firstLife = late + 1
	lastLife  = late + 3
	ofRoot6   = lastLife

	lifeText = `lifecycle: life
states: connected
default: in_testing
test: { quota: { data: 60 B }, time: 14 d, next: billing_ready }
first_use: { threshold: 30 B, after: 12 d, window: 5 d, to: in_billing }
suspend: { max: 4 d, then: in_billing }
`
	lifePlan  = "plan: life\ncurrency: EUR\nzones: world\nclasses:\n  data:\n    prices:\n      - price: 0.02 / 1 B\n"
	lifeLimit = "limit: life\nper: sim\nclasses: [data]\nusage: 150 B\n" +
		"thresholds: [{ at: 60 %, do: [throttle] }, { at: 100 %, do: [suspend] }]\n"
)

var (
	lifeFrom  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)  // time from which the accounts own the SIMs
	lifeBegin = time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC) // the control store's time at the beginning, for simstate
	lifeEnd   = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)  // and at the end
)

// lives holds the SIMs with life cycles of a schedule.
type lives struct {
	w *world
	r *rand.Rand

	registry   *registry.Registry
	statements *registry.Statements
	changes    []registry.Changes     // in the stored form, by revision
	levels     []uint64               // last change of the plant that each revision includes
	told       map[uint32][]life.Told // statements about the states of SIMs
	causes     map[string]registry.Revision
	wishes     []wish // wishes of users, in chronological order

	rows   lifeRows
	at     [partitions]control.SinkPosition
	asking bool // a user is waiting for the answer to a wish
	asked  int
}

// lifeRows are the tables of simstate.
type lifeRows struct {
	usage map[string]simstate.Usage // by cause
	bars  map[string]simstate.Bar   // by cause
	slow  map[uint32]bool           // SIMs that the last request to the network slowed down
	due   map[uint32]udr.Instant
	at    simstate.Position
}

func (r lifeRows) clone() lifeRows {
	return lifeRows{maps.Clone(r.usage), maps.Clone(r.bars), maps.Clone(r.slow), maps.Clone(r.due), r.at}
}

// live decides whether the schedule has SIMs with life cycles, and plants them.
func (w *world) live() {
	r := rand.New(rand.NewPCG(w.seed, 3<<32))
	if !w.options.Lives && (r.IntN(6) > 0 || w.options.Senders || w.options.Sinks || w.options.Mediators) {
		return
	}
	l := newLives(w)
	l.r = r
	w.lives = l
	w.back.may = w.back.may && !w.mediated // mediators know revisions that the store would give to other changes
	first := *shared().changes[0]
	first.Accounts, first.SIMs, first.Identifiers = slices.Clone(first.Accounts), slices.Clone(first.SIMs), slices.Clone(first.Identifiers)
	first.Statements = slices.Clone(first.Statements)
	for n, parent := range map[uint32]uint32{5: 1, 6: 0, 7: 1} {
		id := fmt.Sprintf("account-%d", n)
		first.Accounts = append(first.Accounts, registry.AccountFact{Number: n, ID: id, Company: "c", Parent: parent, Currency: "EUR",
			Zone: "UTC", CycleDay: 1, Partition: registry.NoPartition, Limits: []string{"life"}})
		if parent == 0 {
			first.Accounts[len(first.Accounts)-1].Partition = partitionOf[n]
		}
		first.Statements = append(first.Statements, registry.Statement{Kind: registry.KindSettings, Subject: id,
			Value: []byte(`{"lifecycle":"life"}`)})
	}
	slices.SortFunc(first.Accounts, func(a, b registry.AccountFact) int { return int(a.Number) - int(b.Number) })
	for sim := uint32(firstLife); sim <= lastLife; sim++ {
		first.SIMs = append(first.SIMs, registry.OwnershipFact{SIM: sim, From: udr.InstantOf(lifeFrom), Account: firstOwner(sim), Plan: "life"})
		first.Identifiers = append(first.Identifiers, registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI,
			Value: fmt.Sprintf("26201%010d", sim)}, SIM: sim})
	}
	l.commit(first, 1)
	// Commands that assign a SIM to an account write the SIM's state at the same time.
	states := registry.Changes{Revision: 2}
	for sim := uint32(firstLife); sim <= lastLife; sim++ {
		s, err := l.judging(2, func(k *simstate.Lives) (simstate.Judged, error) {
			return k.Judge(sim, nil, nil, udr.InstantOf(lifeFrom), "")
		})
		if err != nil {
			panic(err)
		}
		life.Add(&states, s.Facts)
	}
	l.commit(states, 1)
	w.changed = w.changed[:0]
	for r := range l.changes {
		w.changed = append(w.changed, control.RegistryChange{Revision: registry.Revision(r + 1), At: epoch})
	}
	w.revision = uint64(len(l.changes))
}

func newLives(w *world) *lives {
	return &lives{w: w, registry: registry.New(), statements: registry.NewStatements(), told: map[uint32][]life.Told{},
		causes: map[string]registry.Revision{}, rows: lifeRows{usage: map[string]simstate.Usage{}, bars: map[string]simstate.Bar{},
			slow: map[uint32]bool{}, due: map[uint32]udr.Instant{}}}
}

func firstOwner(sim uint32) uint32 {
	if sim == ofRoot6 {
		return 6
	}
	return 5
}

// judging returns the facts that simstate knows before a revision.
func (l *lives) judging(revision registry.Revision, do func(*simstate.Lives) (simstate.Judged, error)) (simstate.Judged, error) {
	view := l.registry.View()
	defer view.Close()
	return do(&simstate.Lives{View: view, Revision: revision - 1, Statements: l.statements, Book: shared().catalogues[0].Life()})
}

// commit makes a change set visible.
func (l *lives) commit(c registry.Changes, level uint64) {
	if err := l.registry.Apply(&c); err != nil {
		panic(err)
	}
	if err := l.statements.Apply(&c); err != nil {
		panic(err)
	}
	l.changes, l.levels = append(l.changes, c), append(l.levels, level)
	for i := range c.Causes {
		l.causes[c.Causes[i].Cause] = c.Revision
	}
	for _, f := range c.States {
		fact := life.Told{KnownState: registry.KnownState{StateFact: f, Known: c.Revision}, Cause: causeOf(&c, f.Cause)}
		fact.StateFact.Cause = 0
		at, _ := slices.BinarySearchFunc(l.told[f.SIM], fact, func(a, b life.Told) int {
			if a.From != b.From {
				return cmpInstants(a.From, b.From)
			}
			return int(a.Known) - int(b.Known)
		})
		l.told[f.SIM] = slices.Insert(l.told[f.SIM], at, fact)
	}
}

func cmpInstants(a, b udr.Instant) int { return int(max(-1, min(1, a-b))) }

func causeOf(c *registry.Changes, place uint32) string {
	if place == 0 {
		return ""
	}
	return c.Causes[place-1].Cause
}

// level returns the last change of the plant that a revision includes. If no SIM has a life cycle, every revision
// is a change of the plant.
func (w *world) level(revision uint64) uint64 {
	if w.lives == nil || revision == 0 {
		return revision
	}
	return w.lives.levels[revision-1]
}

// accountOf finds the owner of a SIM in the simplest possible way.
func (w *world) accountOf(sim uint32, at udr.Instant, revision uint64) uint32 {
	if isTariff(sim) {
		return tariffSIMs[sim].account
	}
	if sim < firstLife {
		return accountOf(sim, at, w.level(revision))
	}
	return w.lives.owner(sim, at, registry.Revision(revision))
}

// rootOf finds the billing root of a SIM at a time in the simplest possible way. level is the level of a
// revision.
func (w *world) rootOf(sim uint32, at udr.Instant, level uint64) uint32 {
	switch {
	case isTariff(sim):
		return tariffSIMs[sim].root
	case sim < firstLife:
		return rootOf(accountOf(sim, at, level), at, level)
	case sim == ofRoot6:
		return 6
	}
	return 1
}

// lifeNow returns the control store's time for simstate: days pass while faults happen, so that time limits expire
// during the schedule.
func (w *world) lifeNow() time.Time {
	now := lifeEnd
	if w.phase == troubled {
		now = lifeBegin.Add(lifeEnd.Sub(lifeBegin) * time.Duration(min(w.step, w.options.Steps)) / time.Duration(w.options.Steps))
	}
	return now
}

// lifeRecord turns a record into one of a SIM with a life cycle, and reports whether that is possible. Usage arrives
// in any order: much of it is earlier than states that followed without it.
func (w *world) lifeRecord(u *udr.Usage) bool {
	r := w.lives.r
	if r.IntN(3) > 0 {
		return false
	}
	sim := firstLife + r.Uint32N(lastLife-firstLife+1)
	at := lifeFrom.Add(time.Duration(24*3600+r.IntN(38*24*3600)) * time.Second)
	u.SIM, u.At = sim, udr.InstantOf(at)
	u.Class, u.Unit, u.Quantity, u.Duplicate = "data", udr.Octet, 1+r.Int64N(40), udr.DuplicateKey{}
	u.Identifier.Value = fmt.Sprintf("26201%010d", u.SIM)
	return true
}

// lifeTx is a transaction of simstate: it sees its own changes, and others see them when it commits.
type lifeTx struct {
	l       *lives
	rows    lifeRows
	changes []registry.Changes
	moves   []func()
}

// Change implements simstate.Transactions.
func (l *lives) Change(ctx context.Context, what string, do func(*lifeTx) error) error {
	w := l.w
	return w.store.transaction(ctx, what, func() error {
		tx := &lifeTx{l: l, rows: l.rows.clone()}
		if err := do(tx); err != nil {
			return err
		}
		for _, c := range tx.changes {
			l.commit(c, l.levels[len(l.levels)-1])
			w.revision++
			w.changed = append(w.changed, control.RegistryChange{Revision: c.Revision, At: w.now})
		}
		for _, move := range tx.moves {
			move()
		}
		l.rows = tx.rows
		return nil
	})
}

// change makes the next change of the plant known.
func (l *lives) change() {
	w := l.w
	level := l.levels[len(l.levels)-1]
	if level == lastRevision {
		return
	}
	c := *shared().changes[level]
	c.Revision = l.registry.Revision() + 1
	l.commit(c, level+1)
	w.revision++
	w.changed = append(w.changed, control.RegistryChange{Revision: c.Revision, At: w.now})
}

// lifePositions holds the consumers' transactions.
type lifePositions struct {
	positions
	l *lives
}

func (p lifePositions) InTransaction(ctx context.Context, _ string, do func(*lifeTx) error) error {
	return p.l.Change(ctx, "settling SIMs by usage", do)
}

func (p lifePositions) SinkMove(_ context.Context, tx *lifeTx, name string, partition int, from control.SinkPosition, next int64,
	fold []byte) error {
	at := p.s.position(name, partition)
	if at.Version != from.Version || at.Version > 0 && at.Next != from.Next {
		return control.ErrConflict
	}
	tx.moves = append(tx.moves, func() { at.Version, at.Next, at.Fold = at.Version+1, next, bytes.Clone(fold) })
	return nil
}

// lifeFacts implements simstate.Facts, for one process.
type lifeFacts struct {
	l    *lives
	seen registry.Revision // the newest revision that the process has
}

func (f *lifeFacts) Latest(context.Context) (*registry.Registry, *registry.Statements, registry.Revision, error) {
	l := f.l
	revision := l.registry.Revision()
	if revision > 2 && l.w.happens(NotKnownYet, 20) { // a process may lack the newest revision
		revision--
	}
	f.seen = max(f.seen, revision)
	return l.registry, l.statements, f.seen, nil
}

func (f *lifeFacts) StatesOf(_ context.Context, _ *lifeTx, sims []uint32, to registry.Revision) (map[uint32][]life.Told, error) {
	all := map[uint32][]life.Told{}
	for _, sim := range sims {
		for _, t := range f.l.told[sim] {
			if t.Known <= to {
				all[sim] = append(all[sim], t)
			}
		}
	}
	return all, nil
}

func (f *lifeFacts) Write(_ context.Context, tx *lifeTx, c *registry.Changes, _ string) error {
	if c.Revision != f.l.registry.Revision()+registry.Revision(len(tx.changes))+1 {
		return control.ErrConflict
	}
	c.FindCauses()
	known := map[string]bool{}
	for cause := range f.l.causes {
		known[cause] = true
	}
	control.Once(c, known)
	if !c.Empty() {
		tx.changes = append(tx.changes, *c)
	}
	return nil
}

func (f *lifeFacts) Changed(_ context.Context, after, to registry.Revision) (sims []uint32, err error) {
	for _, c := range f.l.changes[after:to] {
		for _, s := range c.SIMs {
			sims = append(sims, s.SIM)
		}
		for _, s := range c.States {
			sims = append(sims, s.SIM)
		}
		if len(c.Statements) > 0 || len(c.Accounts) > 0 {
			for sim := uint32(firstLife); sim <= lastLife; sim++ {
				sims = append(sims, sim)
			}
		}
	}
	slices.Sort(sims)
	return slices.Compact(sims), nil
}

// lifeTable implements simstate.Rows.
type lifeTable struct{}

func (lifeTable) AddUsage(_ context.Context, tx *lifeTx, fresh []simstate.Usage) error {
	for _, u := range fresh {
		if _, known := tx.rows.usage[u.Cause]; !known {
			tx.rows.usage[u.Cause] = u
		}
	}
	return nil
}

func (lifeTable) Usage(_ context.Context, tx *lifeTx, sims []uint32) (map[uint32][]life.Event, error) {
	all := map[uint32][]life.Event{}
	for _, cause := range slices.Sorted(maps.Keys(tx.rows.usage)) {
		if u := tx.rows.usage[cause]; slices.Contains(sims, u.SIM) {
			all[u.SIM] = append(all[u.SIM], life.Event{At: u.At, Kind: u.Kind, Cause: cause})
		}
	}
	return all, nil
}

func (lifeTable) Follow(_ context.Context, tx *lifeTx, settled map[uint32]simstate.Judged, now time.Time) error {
	bars := slices.Collect(maps.Values(tx.rows.bars))
	for sim, s := range settled {
		b := s.Barred(bars, udr.InstantOf(now))
		tx.rows.slow[sim] = b.Action != ""
		if tx.rows.due[sim] = s.Due; s.Due == 0 || b.Next != 0 && b.Next < s.Due {
			tx.rows.due[sim] = b.Next
		}
		if tx.rows.due[sim] == 0 {
			delete(tx.rows.due, sim)
		}
	}
	return nil
}

func (lifeTable) AddBars(_ context.Context, tx *lifeTx, bars []simstate.Bar) error {
	for _, b := range bars {
		tx.rows.bars[b.Cause] = b
	}
	return nil
}

// Spreading returns nothing, because no limit of an account bars SIMs here.
func (lifeTable) Spreading(context.Context, *lifeTx) (*simstate.Bar, uint32, error) {
	return nil, 0, nil
}

func (lifeTable) Spread(context.Context, *lifeTx, string, uint32, bool) error { return nil }

func (lifeTable) DueBy(_ context.Context, tx *lifeTx, by udr.Instant, _ int) (sims []uint32, err error) {
	for _, sim := range slices.Sorted(maps.Keys(tx.rows.due)) {
		if tx.rows.due[sim] <= by {
			sims = append(sims, sim)
		}
	}
	return sims, nil
}

func (lifeTable) Position(_ context.Context, tx *lifeTx) (simstate.Position, error) {
	return tx.rows.at, nil
}

func (lifeTable) Move(_ context.Context, tx *lifeTx, from, to simstate.Position) error {
	if tx.rows.at.Version != from.Version {
		return control.ErrConflict
	}
	tx.rows.at = to
	tx.rows.at.Version = from.Version + 1
	return nil
}

func (l *lives) keeper() *simstate.Keeper[*lifeTx] {
	return &simstate.Keeper[*lifeTx]{Facts: &lifeFacts{l: l}, Book: shared().catalogues[0].Life(), Now: l.w.lifeNow,
		Log: slog.New(slog.DiscardHandler), Table: lifeTable{}}
}

// startStates starts the consumer that settles SIMs by what a partition's rater recorded.
func (w *world) startStates(p int) {
	w.started++
	name := fmt.Sprintf("simstate-%d/%d", w.started, p)
	a := w.start(name, statesKind, p, func(ctx context.Context) error {
		progress, keeper := &consumer.Progress{}, w.lives.keeper()
		effect := simstate.NewEffect(func(ctx context.Context, tx *lifeTx, fresh []simstate.Usage) error {
			return keeper.WriteStates(ctx, tx, nil, fresh, "")
		})
		c, err := consumer.NewInTransaction(consumer.TransactionOptions[*lifeTx]{
			Options: w.consumes(statesName, p, progress), Store: lifePositions{positions{&w.store}, w.lives}, Effect: effect,
			Done: "in the states of SIMs", Gone: gone,
		})
		if err != nil {
			return err
		}
		return w.keepRunning(ctx, name, statesKind, progress, c.Run, storeUnavailable)
	})
	a.ratedFloor = w.lives.at[p].Next
}

// startKeeper starts the keeper, which settles SIMs after changes of facts and at time limits.
func (w *world) startKeeper() {
	w.started++
	name := fmt.Sprintf("keeper-%d", w.started)
	w.start(name, keeperKind, 0, func(ctx context.Context) error {
		keeper := w.lives.keeper()
		for ctx.Err() == nil {
			_, err := keeper.Follow(ctx, w.lives)
			if err == nil {
				_, err = keeper.Due(ctx, w.lives)
			}
			if err != nil && ctx.Err() == nil && !storeUnavailable(err) && !errors.Is(err, control.ErrConflict) {
				return err
			}
			_ = clock{w}.Sleep(ctx, 100*time.Millisecond)
		}
		return nil
	})
}

// staffLives ensures that actors keep the states of SIMs up to date, and that users change them.
func (w *world) staffLives() {
	var states [partitions]bool
	keeper, people := false, false
	for _, a := range w.actors {
		if !a.ended {
			states[a.partition] = states[a.partition] || a.kind == statesKind
			keeper, people = keeper || a.kind == keeperKind, people || a.kind == peopleKind
		}
	}
	r := w.lives.r
	for p, there := range states {
		if !there && r.IntN(20) == 0 {
			w.startStates(p)
		}
	}
	if !keeper && r.IntN(20) == 0 {
		w.startKeeper()
	}
	if !people && w.phase == troubled && r.IntN(20) == 0 {
		w.startPeople()
	}
}

// settledAll reports whether simstate has nothing left to do.
func (w *world) settledAll() bool {
	l := w.lives
	if l == nil {
		return true
	}
	for p := range partitions {
		if l.at[p].Next < w.rated[p].end {
			return false
		}
	}
	for _, due := range l.rows.due {
		if due <= udr.InstantOf(lifeEnd) {
			return false
		}
	}
	return !l.asking && l.rows.at.Revision == l.registry.Revision() && l.rows.at.Next == 0
}
