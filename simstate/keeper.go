package simstate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"ratemill/internal/safeguard"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Facts gives access to the facts of an installation. T is a transaction of the control store.
type Facts[T any] interface {
	// Latest returns the registry and the statements of accounts and SIMs, both at the same
	// revision: the given one or a later one.
	Latest(ctx context.Context) (*registry.Registry, *registry.Statements, registry.Revision, error)
	// StatesOf returns all facts ever stated about the states of SIMs up to a revision, with causes, in the
	// order of (From, Known).
	StatesOf(ctx context.Context, tx T, sims []uint32, to registry.Revision) (map[uint32][]life.Told, error)
	// Write adds a change set. It returns store.ErrConflict if the revision is not the next one.
	Write(ctx context.Context, tx T, changes *registry.Changes, why string) error
	// Changed returns the SIMs with statements after one revision and up to another, about themselves or
	// their accounts, ordered by number.
	Changed(ctx context.Context, after, to registry.Revision) ([]uint32, error)
}

// Rows gives access to the data of this package in the control store, other than facts. Table implements it.
type Rows[T any] interface {
	// AddBars stores limits that bar SIMs, each cause once.
	AddBars(ctx context.Context, tx T, bars []Bar) error
	// Spreading returns a bar on all SIMs of an account that has not reached all of them yet, and the last SIM
	// that it has reached; nil for none.
	Spreading(ctx context.Context, tx T) (b *Bar, from uint32, err error)
	// Spread stores the last SIM that a bar has reached; done means that it has reached all SIMs.
	Spread(ctx context.Context, tx T, cause string, to uint32, done bool) error
	// AddUsage stores the effects of usage, each cause once.
	AddUsage(ctx context.Context, tx T, fresh []Usage) error
	// Usage returns the effects of usage on SIMs so far.
	Usage(ctx context.Context, tx T, sims []uint32) (map[uint32][]life.Event, error)
	// Follow writes the next time limits of SIMs and the requests to the network for their states.
	Follow(ctx context.Context, tx T, judged map[uint32]Judged, now time.Time) error
	// DueBy returns SIMs whose time limit is due by a time, longest overdue first.
	DueBy(ctx context.Context, tx T, by udr.Instant, most int) ([]uint32, error)
	// Position returns the change of facts up to which SIMs are settled. It locks the position until the transaction
	// ends.
	Position(ctx context.Context, tx T) (Position, error)
	// Move moves the position. It returns store.ErrConflict if another process moved it.
	Move(ctx context.Context, tx T, from, to Position) error
}

// Transactions runs a function in one transaction, which takes effect as a whole or not at all.
type Transactions[T any] interface {
	Change(ctx context.Context, what string, do func(tx T) error) error
}

// Keeper writes the derived states of SIMs to the control store.
type Keeper[T any] struct {
	Facts Facts[T]
	Book  *life.Book
	Now   func() time.Time // clock of the control store
	Log   *slog.Logger
	Table Rows[T]
}

// lookAgain is how long the keeper waits before it retries a SIM whose rules are missing.
const lookAgain = time.Minute

// portion is the number of SIMs that one change set settles.
const portion = 10_000

// WriteStates writes the missing facts, time limits and network requests of SIMs in a transaction. fresh has new
// effects of usage, which it also stores, each cause once. reason is the cause of changes that have no other
// cause.
func (k *Keeper[T]) WriteStates(ctx context.Context, tx T, sims []uint32, fresh []Usage, reason string) error {
	sims = slices.Clone(sims)
	var used []Usage
	var bars []Bar
	for i := range fresh {
		switch b := fresh[i].Bar; {
		case b == nil:
			used = append(used, fresh[i])
			sims = append(sims, fresh[i].SIM)
		default:
			bars = append(bars, *b)
			sims = append(sims, fresh[i].SIM) // a bar on an account's SIMs; the other SIMs follow
		}
	}
	if err := cmp.Or(k.Table.AddUsage(ctx, tx, used), k.Table.AddBars(ctx, tx, bars)); err != nil {
		return err
	}
	slices.Sort(sims)
	sims = slices.Compact(sims)
	// The lock on the position keeps out other processes that settle SIMs. Otherwise a transaction with older
	// facts could commit after one with newer facts, and delete a time limit that nothing would restore.
	at, err := k.Table.Position(ctx, tx)
	if err != nil {
		return err
	}
	reg, statements, revision, err := k.Facts.Latest(ctx)
	if err == nil && revision < at.Revision && safeguard.On(safeguard.NewestSettles) {
		err = store.ErrConflict
	}
	if err != nil {
		return err
	}
	view := reg.View()
	defer view.Close()
	lives := &Lives{View: view, Revision: revision, Statements: statements, Book: k.Book}
	for some := range slices.Chunk(sims, portion) {
		if lives.Revision, err = k.writePortion(ctx, tx, lives, some, reason); err != nil {
			return err
		}
	}
	return nil
}

// writePortion writes the missing facts of a portion, and returns the revision after it.
func (k *Keeper[T]) writePortion(ctx context.Context, tx T, l *Lives, sims []uint32, reason string) (registry.Revision, error) {
	stated, err := k.Facts.StatesOf(ctx, tx, sims, l.Revision)
	if err != nil {
		return 0, err
	}
	used, err := k.Table.Usage(ctx, tx, sims)
	if err != nil {
		return 0, err
	}
	now := k.Now()
	var facts []life.Fact
	follows := map[uint32]Judged{}
	var problem error
	problems := 0
	for _, sim := range sims {
		s, err := l.Judge(sim, stated[sim], used[sim], udr.InstantOf(now), reason)
		if err != nil {
			// If the catalogue lacks the rules of a SIM, the other SIMs are still settled. The keeper retries
			// this SIM until the catalogue has the rules.
			follows[sim] = Judged{Due: udr.InstantOf(now.Add(lookAgain))}
			if problems++; problem == nil {
				problem = fmt.Errorf("SIM %d: %w", sim, err)
			}
			continue
		}
		facts = append(facts, s.Facts...)
		follows[sim] = s
	}
	if problem != nil {
		k.Log.Warn("the states of SIMs wait, because their rules cannot be found; correct the catalogue or the settings", "sims",
			problems, "first", problem)
	}
	// Facts are written first, as in commands: a transaction that waits for another's revision then holds
	// no lock that the other needs.
	revision := l.Revision
	changes := &registry.Changes{Revision: l.Revision + 1}
	if life.Add(changes, facts); !changes.Empty() {
		if err := k.Facts.Write(ctx, tx, changes, "states of SIMs after usage, time limits and changes"); err != nil {
			return 0, err
		}
		if !changes.Empty() { // otherwise another process was faster
			revision = changes.Revision
		}
	}
	return revision, k.Table.Follow(ctx, tx, follows, now)
}

// Follow writes what the states of SIMs require other than facts: the next time limits, and requests to the
// network.
func (t Table) Follow(ctx context.Context, tx *store.Tx, judged map[uint32]Judged, now time.Time) error {
	bars, err := t.bars(ctx, tx, slices.Sorted(maps.Keys(judged)), udr.InstantOf(now))
	if err != nil {
		return err
	}
	due := map[uint32]udr.Instant{}
	stands, barredBy := map[uint32]*life.Stay{}, map[uint32]barred{}
	for sim, s := range judged {
		due[sim] = s.Due
		if s.lives != nil {
			b := s.Barred(bars, udr.InstantOf(now))
			barredBy[sim] = b
			if b.Next != 0 && (s.Due == 0 || b.Next < s.Due) {
				due[sim] = b.Next
			}
		}
		if stay := life.At(s.Stays, udr.InstantOf(now)); stay != nil && stay.State != "" {
			stands[sim] = stay
		}
	}
	if err := t.SetTimers(ctx, tx, due); err != nil {
		return err
	}
	return t.Ask(ctx, tx, barring(requests(stands), barredBy, now), now)
}

// requests returns the network actions for the states of SIMs.
func requests(stands map[uint32]*life.Stay) (all []Request) {
	for _, sim := range slices.Sorted(maps.Keys(stands)) {
		s := stands[sim]
		if s.Rules.Lifecycle == nil {
			continue
		}
		state, ok := s.Rules.Lifecycle.Model.State(s.State)
		if !ok {
			continue
		}
		action := Activate
		if state.Barred {
			action = Deactivate
		}
		all = append(all, Request{SIM: sim, Action: action, State: s.State, At: s.From})
	}
	return all
}

// Due settles some SIMs whose time limit is due, and reports whether there may be more.
func (k *Keeper[T]) Due(ctx context.Context, db Transactions[T]) (more bool, err error) {
	err = db.Change(ctx, "applying time limits of SIMs", func(tx T) error {
		sims, err := k.Table.DueBy(ctx, tx, udr.InstantOf(k.Now()), portion)
		if err != nil || len(sims) == 0 {
			return err
		}
		more = len(sims) == portion
		return k.WriteStates(ctx, tx, sims, nil, "timer:due")
	})
	return more, err
}

// Follow settles some of the SIMs with statements since the last call, and reports whether there may be more.
func (k *Keeper[T]) Follow(ctx context.Context, db Transactions[T]) (more bool, err error) {
	const what = "settling SIMs after changes of facts"
	var from, to Position
	var sims []uint32
	look := func(tx T) (err error) {
		from, to, sims, err = k.changed(ctx, tx)
		return err
	}
	settle := func(tx T) error {
		return k.WriteStates(ctx, tx, sims, nil, fmt.Sprintf("facts:%d", cmp.Or(to.Next, to.Revision)))
	}
	move := func(tx T) error {
		if to == from {
			return nil
		}
		return k.Table.Move(ctx, tx, from, to)
	}
	if !safeguard.On(safeguard.SettledTogether) {
		err = db.Change(ctx, what, func(tx T) error { return cmp.Or(look(tx), move(tx)) })
		if err == nil {
			err = db.Change(ctx, what, settle)
		}
		return to.SIM > 0, err
	}
	err = db.Change(ctx, what, func(tx T) error {
		if err := look(tx); err != nil {
			return err
		}
		if err := settle(tx); err != nil {
			return err
		}
		return move(tx)
	})
	return to.SIM > 0, err
}

// changed holds SIMs to be settled after changes of facts, and the position before and after them.
func (k *Keeper[T]) changed(ctx context.Context, tx T) (from, to Position, sims []uint32, err error) {
	if from, err = k.Table.Position(ctx, tx); err != nil {
		return from, from, nil, err
	}
	to = from
	_, statements, latest, err := k.Facts.Latest(ctx)
	if err != nil || latest <= from.Revision {
		return from, to, nil, err
	}
	to.Next = cmp.Or(to.Next, latest)
	if anySettings(statements) {
		if sims, err = k.Facts.Changed(ctx, from.Revision, to.Next); err != nil {
			return from, to, nil, err
		}
	}
	at, found := slices.BinarySearch(sims, from.SIM)
	if found {
		at++
	}
	if sims = sims[at:]; len(sims) > portion {
		sims = sims[:portion]
		to.SIM = sims[portion-1]
	} else {
		to.Revision, to.Next, to.SIM = to.Next, 0, 0
	}
	return from, to, sims, nil
}

// anySettings reports whether any account has settings for its SIMs. If there are no settings, no SIM has states.
func anySettings(statements *registry.Statements) bool {
	for range statements.Subjects(registry.KindSettings) {
		return true
	}
	return false
}
