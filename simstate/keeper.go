package simstate

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Facts are the facts of an installation.
type Facts interface {
	// Latest are the registry and the statements of accounts and SIMs, both up to a revision at least.
	Latest(ctx context.Context) (*registry.Registry, *registry.Statements, registry.Revision, error)
	// StatesOf lists all that was ever stated of the states of SIMs up to a revision, with causes, in the order of
	// (From, Known).
	StatesOf(ctx context.Context, tx *store.Tx, sims []uint32, to registry.Revision) (map[uint32][]life.Told, error)
	// Write adds a change set, whose revision is the next one: store.ErrConflict when it is not.
	Write(ctx context.Context, tx *store.Tx, changes *registry.Changes, why string) error
	// Changed are the SIMs about which something was stated after a revision and up to another, of themselves or of their
	// accounts, in the order of their numbers.
	Changed(ctx context.Context, after, to registry.Revision) ([]uint32, error)
}

// Keeper settles SIMs in the control store.
type Keeper struct {
	Facts Facts
	Book  *life.Book
	Now   func() time.Time // of the control store
	Log   *slog.Logger
	Table Table
}

// lookAgain is how long a SIM waits whose rules cannot be found.
const lookAgain = time.Minute

// portion is how many SIMs are settled in one change set.
const portion = 10_000

// Settle writes what the SIMs lack in a transaction: facts, time limits, and requests to the network. fresh is what usage
// did; it is kept, each cause once. reason is the cause of what nothing else causes.
func (k *Keeper) Settle(ctx context.Context, tx *store.Tx, sims []uint32, fresh []Usage, reason string) error {
	if err := k.Table.AddUsage(ctx, tx, fresh); err != nil {
		return err
	}
	sims = slices.Clone(sims)
	for i := range fresh {
		sims = append(sims, fresh[i].SIM)
	}
	slices.Sort(sims)
	sims = slices.Compact(sims)
	reg, statements, revision, err := k.Facts.Latest(ctx)
	if err != nil {
		return err
	}
	view := reg.View()
	defer view.Close()
	lives := &Lives{View: view, Revision: revision, Statements: statements, Book: k.Book}
	for some := range slices.Chunk(sims, portion) {
		if lives.Revision, err = k.settle(ctx, tx, lives, some, reason); err != nil {
			return err
		}
	}
	return nil
}

// settle settles a portion, and returns the revision after it.
func (k *Keeper) settle(ctx context.Context, tx *store.Tx, l *Lives, sims []uint32, reason string) (registry.Revision, error) {
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
	follows := map[uint32]Settled{}
	var problem error
	problems := 0
	for _, sim := range sims {
		s, err := l.Settle(sim, stated[sim], used[sim], udr.InstantOf(now), reason)
		if err != nil {
			// A catalogue that lacks the rules stops no other SIM. This one is looked at again until it has them.
			follows[sim] = Settled{Due: udr.InstantOf(now.Add(lookAgain))}
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
	if err := k.Table.Follow(ctx, tx, follows, now); err != nil {
		return 0, err
	}
	changes := &registry.Changes{Revision: l.Revision + 1}
	life.Add(changes, facts)
	if changes.Empty() {
		return l.Revision, nil
	}
	if err := k.Facts.Write(ctx, tx, changes, "states of SIMs that follow from usage, time limits and changes"); err != nil {
		return 0, err
	}
	if changes.Empty() { // another process was faster
		return l.Revision, nil
	}
	return changes.Revision, nil
}

// Follow writes what belongs to the states of SIMs beside their facts: the next time limits, and requests to the network.
func (t Table) Follow(ctx context.Context, tx *store.Tx, settled map[uint32]Settled, now time.Time) error {
	due := map[uint32]udr.Instant{}
	stands := map[uint32]*life.Stay{}
	for sim, s := range settled {
		due[sim] = s.Due
		if stay := life.At(s.Stays, udr.InstantOf(now)); stay != nil && stay.State != "" {
			stands[sim] = stay
		}
	}
	if err := t.SetTimers(ctx, tx, due); err != nil {
		return err
	}
	return t.Ask(ctx, tx, requests(stands), now)
}

// requests are what the network has to do for the states in which SIMs are.
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

// Due settles SIMs whose time limit is due, some at a time, and reports whether there may be more.
func (k *Keeper) Due(ctx context.Context, db *store.DB) (more bool, err error) {
	err = db.Change(ctx, "ending time limits of SIMs", func(tx *store.Tx) error {
		sims, err := k.Table.DueBy(ctx, tx, udr.InstantOf(k.Now()), portion)
		if err != nil || len(sims) == 0 {
			return err
		}
		more = len(sims) == portion
		return k.Settle(ctx, tx, sims, nil, "timer:due")
	})
	return more, err
}

// Follow settles some of the SIMs about which something was stated since the last time, and reports whether there may be
// more.
func (k *Keeper) Follow(ctx context.Context, db *store.DB) (more bool, err error) {
	err = db.Change(ctx, "settling SIMs after changes of facts", func(tx *store.Tx) error {
		more = false
		from, err := k.Table.Position(ctx, tx)
		if err != nil {
			return err
		}
		to := from
		_, statements, latest, err := k.Facts.Latest(ctx)
		if err != nil || latest <= from.Revision {
			return err
		}
		if to.Next == 0 {
			to.Next = latest
		}
		var sims []uint32
		if anySettings(statements) {
			if sims, err = k.Facts.Changed(ctx, from.Revision, to.Next); err != nil {
				return err
			}
		}
		at, found := slices.BinarySearch(sims, from.SIM)
		if found {
			at++
		}
		if sims = sims[at:]; len(sims) > portion {
			sims, more = sims[:portion], true
		}
		if err := k.Settle(ctx, tx, sims, nil, fmt.Sprintf("facts:%d", to.Next)); err != nil {
			return err
		}
		if to.SIM = 0; more {
			to.SIM = sims[portion-1]
		} else {
			to.Revision, to.Next = to.Next, 0
		}
		return k.Table.Move(ctx, tx, from, to)
	})
	return more, err
}

// anySettings reports whether any account has settings for its SIMs: without them no SIM has states.
func anySettings(statements *registry.Statements) bool {
	for range statements.Subjects(registry.KindSettings) {
		return true
	}
	return false
}
