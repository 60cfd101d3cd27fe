package control

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
)

// FactLog reads the facts of SIMs and their accounts into memory, and adds new facts, for a role that writes facts.
type FactLog struct {
	store      *Store
	who        string
	now        func() time.Time
	mu         sync.Mutex
	registry   *registry.Registry
	refresh    func(ctx context.Context) error
	statements *registry.Statements

	changed changedSIMs // result of the last query
}

// changedSIMs is a result of Changed.
type changedSIMs struct {
	after, to registry.Revision
	sims      []uint32
}

// NewFactLog reads into a registry that other parts of the process may also use; refresh brings it to the newest
// revision.
func NewFactLog(s *Store, who string, now func() time.Time, shared *registry.Registry, refresh func(ctx context.Context) error) *FactLog {
	return &FactLog{store: s, who: who, now: now, registry: shared, refresh: refresh,
		statements: registry.NewStatements(registry.KindStatus, registry.KindSettings, registry.KindProfile, registry.KindDetails)}
}

// Latest brings the registry and the statements to the newest revision, and returns that revision.
func (f *FactLog) Latest(ctx context.Context) (*registry.Registry, *registry.Statements, registry.Revision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	statements, err := f.store.LoadStatements(ctx, f.statements)
	if err != nil {
		return nil, nil, 0, err
	}
	err = f.refresh(ctx)
	return f.registry, f.statements, min(f.registry.Revision(), statements), err
}

// Write adds a change set in a transaction. It returns ErrConflict if the revision is not the next one.
func (f *FactLog) Write(ctx context.Context, tx *store.Tx, changes *registry.Changes, why string) error {
	return f.store.WriteRegistry(ctx, tx, changes, ImportOptions{Who: f.who, Why: why, Now: f.now()})
}

// StatesOf returns all facts ever stated about the states of SIMs, up to a revision, with the causes, by SIM in
// the order of (From, Known), as the transaction sees them.
func (f *FactLog) StatesOf(ctx context.Context, tx *store.Tx, sims []uint32, to registry.Revision) (map[uint32][]life.Told, error) {
	return StatesTold(ctx, tx, sims, to)
}

// StatesTold does the same as FactLog.StatesOf, for callers without facts in memory.
func StatesTold(ctx context.Context, tx *store.Tx, sims []uint32, to registry.Revision) (map[uint32][]life.Told, error) {
	all := map[uint32][]life.Told{}
	for some := range slices.Chunk(sims, rowsPerStatement) {
		var args []any
		for _, sim := range some {
			args = append(args, int64(sim))
		}
		// There is no condition on known, because PostgreSQL would then read all revisions: 1 ms
		// per SIM instead of 0.03.
		rows, err := tx.Rows(ctx, `SELECT f.known, COALESCE((SELECT c.cause FROM fact_causes c WHERE c.known = f.known AND c.n = f.cause), ''),
			COALESCE(f.origin, 0), f.`+strings.ReplaceAll(stateColumns, ", ", ", f.")+`
			FROM sim_state_facts f WHERE f.sim IN (`+marks(len(some))+`) ORDER BY f.sim, f.valid_from, f.known, f.n`, args...)
		if err != nil {
			return nil, err
		}
		err = each(rows, func() error {
			var known int64
			var cause string
			var r stateRow
			if err := rows.Scan(&known, &cause, &r.origin, &r.sim, &r.since, &r.state, &r.name, &r.core, &r.lifecycle, &r.brought); err != nil {
				return err
			}
			if registry.Revision(known) > to {
				return nil
			}
			fact := life.Told{KnownState: registry.KnownState{StateFact: r.fact(), Known: registry.Revision(known)}, Cause: cause}
			all[fact.SIM] = append(all[fact.SIM], fact)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// KnownCauses returns the given causes that the registry already has, with the revision of their facts.
func KnownCauses(ctx context.Context, tx *store.Tx, causes []string) (map[string]registry.Revision, error) {
	all := map[string]registry.Revision{}
	for some := range slices.Chunk(causes, rowsPerStatement) {
		args := make([]any, 0, len(some))
		for _, cause := range some {
			args = append(args, cause)
		}
		rows, err := tx.Rows(ctx, `SELECT cause, known FROM fact_causes WHERE cause IN (`+marks(len(some))+`)`, args...)
		if err != nil {
			return nil, err
		}
		err = each(rows, func() error {
			var cause string
			var known int64
			err := rows.Scan(&cause, &known)
			all[cause] = registry.Revision(known)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func each(rows *sql.Rows, scan func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Changed returns the SIMs with statements after one revision and up to another, ordered by number. The
// statements may be about the SIM, about an account that owned it then or owns it now, or about an account above
// that account. It keeps the last result, because a role processes it in portions, and each query takes seconds
// after an import of a million SIMs.
func (f *FactLog) Changed(ctx context.Context, after, to registry.Revision) ([]uint32, error) {
	f.mu.Lock()
	last := f.changed
	f.mu.Unlock()
	if last.sims != nil && last.after == after && last.to == to {
		return last.sims, nil
	}
	sims, err := f.askChanged(ctx, after, to)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changed = changedSIMs{after, to, sims}
	}
	return sims, err
}

func (f *FactLog) askChanged(ctx context.Context, after, to registry.Revision) ([]uint32, error) {
	sims, accounts := map[uint32]bool{}, map[string]bool{}
	revisions := []any{int64(after), int64(to)}
	for _, table := range []string{"sim_facts", "sim_state_facts"} {
		err := f.store.query(ctx, "reading which SIMs changed", `SELECT DISTINCT sim FROM `+table+` WHERE known > ? AND known <= ?`, revisions,
			func(rows *sql.Rows) error {
				var sim int64
				err := rows.Scan(&sim)
				sims[uint32(sim)] = true
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	subject := func(rows *sql.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if sim, ok := registry.SIMOf(id); ok {
			sims[sim] = true
		} else {
			accounts[id] = true
		}
		return nil
	}
	err := f.store.query(ctx, "reading which accounts changed", `SELECT DISTINCT id FROM account_facts WHERE known > ? AND known <= ?`,
		revisions, subject)
	if err == nil {
		err = f.store.query(ctx, "reading what was stated",
			`SELECT DISTINCT subject FROM facts WHERE known > ? AND known <= ? AND kind IN (?, ?, ?, ?)`,
			append(revisions, string(registry.KindStatus), string(registry.KindSettings), string(registry.KindProfile),
				string(registry.KindDetails)), subject)
	}
	if err != nil {
		return nil, err
	}
	if len(accounts) > 0 {
		f.below(accounts, sims)
	}
	return slices.Sorted(maps.Keys(sims)), nil
}

// below adds the SIMs that accounts, or accounts below them, own or owned.
func (f *FactLog) below(accounts map[string]bool, sims map[uint32]bool) {
	view := f.registry.View()
	defer view.Close()
	concerned := map[uint32]bool{}
	for id := range accounts {
		if number, ok := view.AccountNumber(id); ok {
			concerned[number] = true
		}
	}
	view.Below(concerned)
	for sim := uint32(1); sim <= view.SIMs(); sim++ {
		if sims[sim] {
			continue
		}
		for _, p := range view.History(sim) {
			if concerned[p.Account] {
				sims[sim] = true
				break
			}
		}
	}
}
