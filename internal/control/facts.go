package control

import (
	"context"
	"database/sql"
	"strings"

	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/udr"
)

// insertCauses adds the causes of a change set. If causes already exist, it removes their facts from the change set.
func (t tx) insertCauses(ctx context.Context, c *registry.Changes) error {
	c.FindCauses()
	if len(c.Causes) == 0 {
		return nil
	}
	known := int64(c.Revision)
	for {
		added := int64(0)
		err := t.insertNew(ctx, `fact_causes (cause, known, n, kind, subject)`, ` ON CONFLICT (cause) DO NOTHING`, 5, len(c.Causes), &added,
			func(i int, args []any) []any {
				cause := &c.Causes[i]
				return append(args, cause.Cause, known, i+1, string(cause.Kind), cause.Subject)
			})
		if err != nil || added == int64(len(c.Causes)) {
			return err
		}
		// This also changes the positions of the new facts.
		if _, err := t.exec(ctx, `DELETE FROM fact_causes WHERE known = ?`, known); err != nil {
			return err
		}
		if err := t.removeKnown(ctx, c); err != nil {
			return err
		}
		if c.Empty() {
			_, err := t.exec(ctx, `DELETE FROM registry_revisions WHERE revision = ?`, known)
			return err
		}
		_, err = t.exec(ctx, `UPDATE registry_revisions SET companies = ?, accounts = ?, sims = ?, identifiers = ?, states = ?, facts = ?
			WHERE revision = ?`,
			len(c.Companies), len(c.Accounts), len(c.SIMs), len(c.Identifiers), len(c.States), len(c.Statements), known)
		if err != nil {
			return err
		}
	}
}

// KnowsCause reports whether any change set had a cause.
func (s *Store) KnowsCause(ctx context.Context, cause string) (known bool, err error) {
	err = s.query(ctx, "reading whether a request was made before", `SELECT 1 FROM fact_causes WHERE cause = ?`, []any{cause},
		func(*sql.Rows) error {
			known = true
			return nil
		})
	return known, err
}

// removeKnown removes causes that an earlier revision has, and causes that occur twice in the change set, together
// with their facts.
func (t tx) removeKnown(ctx context.Context, c *registry.Changes) error {
	known := map[string]bool{}
	for first := 0; first < len(c.Causes); first += rowsPerStatement {
		some := c.Causes[first:min(len(c.Causes), first+rowsPerStatement)]
		args := make([]any, 0, len(some))
		for _, cause := range some {
			args = append(args, cause.Cause)
		}
		rows, err := t.Rows(ctx, `SELECT cause FROM fact_causes WHERE cause IN (`+marks(len(some))+`)`, args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			var cause string
			if err := rows.Scan(&cause); err != nil {
				rows.Close()
				return err
			}
			known[cause] = true
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
	}
	Once(c, known)
	return nil
}

// Once removes causes that are already known, and causes that occur twice in the change set, together with their
// facts.
func Once(c *registry.Changes, known map[string]bool) {
	seen := map[string]bool{}
	c.Without(func(cause string) bool {
		twice := seen[cause] || known[cause] && safeguard.On(safeguard.CauseOnce)
		seen[cause] = true
		return twice
	})
}

func (t tx) insertFacts(ctx context.Context, c *registry.Changes, progress func(written, of int)) error {
	known := int64(c.Revision)
	written, of := 0, c.Facts()
	insert := func(into string, columns, n int, row func(i int, args []any) []any) error {
		return t.insert(ctx, into, columns, n, func(i int, args []any) []any {
			if written++; progress != nil && written%1024 == 0 {
				progress(written, of)
			}
			return row(i, args)
		})
	}
	err := insert(`company_facts (known, n, id, name, kind, cause)`, 6, len(c.Companies), func(i int, args []any) []any {
		f := &c.Companies[i]
		return append(args, known, i, f.ID, f.Name, f.Kind.String(), int64(f.Cause))
	})
	if err != nil {
		return err
	}
	err = insert(`account_facts (known, n, number, id, valid_from, state, company, project, kind, parent, currency, zone, cycle_day,
		plan, share_plans, limits, partition_number, cause)`,
		18, len(c.Accounts), func(i int, args []any) []any {
			f := &c.Accounts[i]
			return append(args, known, i, int64(f.Number), f.ID, int64(f.From), int64(f.State), f.Company, f.Project, f.Kind.String(),
				int64(f.Parent),
				f.Currency, f.Zone, f.CycleDay, f.Plan, strings.Join(f.SharePlans, "\n"), strings.Join(f.Limits, "\n"), f.Partition, int64(f.Cause))
		})
	if err != nil {
		return err
	}
	err = insert(`sim_facts (known, n, sim, valid_from, state, account, plan, cause)`, 8, len(c.SIMs), func(i int, args []any) []any {
		f := &c.SIMs[i]
		return append(args, known, i, int64(f.SIM), int64(f.From), int64(f.State), int64(f.Account), f.Plan, int64(f.Cause))
	})
	if err != nil {
		return err
	}
	err = insert(`identifier_facts (known, n, kind, value, valid_from, state, sim, cause)`, 8, len(c.Identifiers), func(i int,
		args []any) []any {
		f := &c.Identifiers[i]
		return append(args, known, i, int64(f.Identifier.Kind), f.Identifier.Value, int64(f.From), int64(f.State), int64(f.SIM), int64(f.Cause))
	})
	if err != nil {
		return err
	}
	err = insert(`sim_state_facts (known, n, sim, valid_from, state, name, core, lifecycle, brought, origin, cause)`, 11, len(c.States),
		func(i int, args []any) []any {
			f := &c.States[i]
			brought := 0
			if f.Brought {
				brought = 1
			}
			return append(args, known, i, int64(f.SIM), int64(f.From), int64(f.State), f.Name, f.Core.String(), f.Lifecycle, brought,
				int64(f.Origin), int64(f.Cause))
		})
	if err != nil {
		return err
	}
	return insert(`facts (known, n, kind, subject, name, valid_from, state, value, cause)`, 9, len(c.Statements), func(i int,
		args []any) []any {
		f := &c.Statements[i]
		return append(args, known, i, string(f.Kind), f.Subject, f.Name, int64(f.From), int64(f.State), string(f.Value), int64(f.Cause))
	})
}

// rowsPerStatement is the largest number of rows of a statement. A statement costs as much as several rows.
const rowsPerStatement = 128

// parameters is the largest number of parameters of an INSERT into SQLite. Its driver searches all parameters for
// each one, so the cost of a statement grows with the square of their number. Compared with 128 rows, this limit
// reduced the CPU time of importing 100,000 SIMs from 6.8 to 3.7 s.
const parameters = 96

// rowsOf returns the number of rows of an INSERT that has a number of columns.
func (t tx) rowsOf(columns int) int {
	if t.s.Postgres() {
		return rowsPerStatement
	}
	return max(1, parameters/columns)
}

// insert inserts n rows into a table.
func (t tx) insert(ctx context.Context, into string, columns, n int, row func(i int, args []any) []any) error {
	var added int64
	return t.insertNew(ctx, into, "", columns, n, &added, row)
}

// insertNew inserts n rows into a table, with a clause for existing rows, and returns how many were added.
func (t tx) insertNew(ctx context.Context, into, conflict string, columns, n int, added *int64, row func(i int, args []any) []any) error {
	var args []any
	var full *sql.Stmt
	most := t.rowsOf(columns)
	for i := 0; i < n; {
		rows := min(most, n-i)
		args = args[:0]
		for range rows {
			args = row(i, args)
			i++
		}
		query := func() string {
			return t.s.SQL(`INSERT INTO ` + into + ` VALUES ` + repeated(`(`+marks(columns)+`)`, rows) + conflict)
		}
		var result sql.Result
		var err error
		if rows < most {
			result, err = t.ExecContext(ctx, query(), args...)
		} else {
			if full == nil {
				if full, err = t.PrepareContext(ctx, query()); err != nil {
					return err
				}
				defer full.Close()
			}
			result, err = full.ExecContext(ctx, args...)
		}
		if err != nil {
			return err
		}
		rowsAdded, err := result.RowsAffected()
		if err != nil {
			return err
		}
		*added += rowsAdded
	}
	return nil
}

const stateColumns = "sim, valid_from, state, name, core, lifecycle, brought"

// stateOrigin is the SQL expression for the origin of a state fact. Facts written by older programs have only their
// causes.
const stateOrigin = `COALESCE(origin, (SELECT CASE WHEN c.cause LIKE 'usage:%' THEN 1 WHEN c.cause LIKE 'timer:%' THEN 2
	WHEN c.cause LIKE 'cascade:%' THEN 3 ELSE 0 END FROM fact_causes c
	WHERE c.known = sim_state_facts.known AND c.n = sim_state_facts.cause), 0)`

// stateRow is the scan target for a row of sim_state_facts. It uses int64 and string, as in loadSIMs.
type stateRow struct {
	sim, since, state, brought, origin int64
	name, core, lifecycle              string
}

func (r *stateRow) fact() registry.StateFact {
	core, _ := registry.ParseCore(r.core)
	return registry.StateFact{SIM: uint32(r.sim), From: udr.Instant(r.since), StateValue: registry.StateValue{
		State: registry.State(r.state), Name: r.name, Core: core, Lifecycle: r.lifecycle, Brought: r.brought != 0},
		Origin: registry.Origin(r.origin)}
}

func (s *Store) loadStates(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	run := registry.Changes{}
	flush := func() error {
		err := into.Load(&run)
		run.States = run.States[:0]
		return err
	}
	var at place
	var r stateRow
	into64 := []any{&at.known, &at.n, &r.sim, &r.since, &r.state, &r.name, &r.core, &r.lifecycle, &r.brought, &r.origin}
	return s.factsWhere(ctx, "sim_state_facts", stateColumns+", "+stateOrigin, of, from, to, func(rows *sql.Rows) (place,
		error) {
		if err := rows.Scan(into64...); err != nil {
			return at, err
		}
		if known := registry.Revision(at.known); known != run.Revision {
			if err := flush(); err != nil {
				return at, err
			}
			run.Revision = known
		}
		run.States = append(run.States, r.fact())
		return at, nil
	}, flush)
}

// loadProfiles loads the values of account statements that rating needs: the accounts with a billing profile, the
// installation's own fields, the settings, and the accounts in business.
func (s *Store) loadProfiles(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	return s.loadRated(ctx, into, from, to, condition{` AND (kind IN (?, ?, ?) OR kind = ? AND subject NOT LIKE 'sim:%')` + of.and,
		append([]any{string(registry.KindProfile), string(registry.KindDetails), string(registry.KindStatus), string(registry.KindSettings)},
			of.args...)})
}

// loadMembers loads the groups and the settings of SIMs.
func (s *Store) loadMembers(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	return s.loadRated(ctx, into, from, to, condition{` AND kind IN (?, ?) AND subject LIKE 'sim:%'` + of.and,
		append([]any{string(registry.KindMember), string(registry.KindSettings)}, of.args...)})
}

// loadBought loads the packages and add-ons of accounts and SIMs.
func (s *Store) loadBought(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	kinds := []any{string(registry.KindPackage), string(registry.KindAddon)}
	return s.loadRated(ctx, into, from, to, condition{` AND kind IN (?, ?)` + of.and, append(kinds, of.args...)})
}

// loadRated loads the statements from which a Registry keeps values.
func (s *Store) loadRated(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	run := registry.Changes{}
	flush := func() error {
		err := into.Load(&run)
		run.Statements = run.Statements[:0]
		return err
	}
	var at place
	return s.factsWhere(ctx, "facts", statementColumns, of, from, to,
		func(rows *sql.Rows) (place, error) {
			var f registry.Statement
			var value string
			if err := rows.Scan(append([]any{&at.known, &at.n}, statementFields(&f, &value)...)...); err != nil {
				return at, err
			}
			if known := registry.Revision(at.known); known != run.Revision {
				if err := flush(); err != nil {
					return at, err
				}
				run.Revision = known
			}
			f.Value = []byte(value)
			run.Statements = append(run.Statements, f)
			return at, nil
		}, flush)
}

const statementColumns = "kind, subject, name, valid_from, state, value"

func statementFields(f *registry.Statement, value *string) []any {
	return []any{(*string)(&f.Kind), &f.Subject, &f.Name, (*int64)(&f.From), &f.State, value}
}

// LoadStatements brings statements in memory from any revision to the newest, and returns the newest revision. Readers
// see all of it at the end, or nothing if it fails; in that case, call it again.
func (s *Store) LoadStatements(ctx context.Context, into *registry.Statements) (registry.Revision, error) {
	from := into.Revision()
	to, err := s.RegistryRevision(ctx)
	if err != nil || to <= from {
		return from, err
	}
	var of condition
	if kinds := into.Kinds(); kinds != nil {
		of.and = ` AND kind IN (` + marks(len(kinds)) + `)`
		for _, kind := range kinds {
			of.args = append(of.args, string(kind))
		}
	}
	if err := s.loadStatements(ctx, into, from, to, of); err != nil {
		return from, err
	}
	into.Publish(to)
	return to, nil
}

func (s *Store) loadStatements(ctx context.Context, into *registry.Statements, from, to registry.Revision, of condition) error {
	return s.factsWhere(ctx, "facts", statementColumns, of, from, to, func(rows *sql.Rows) (at place, err error) {
		var f registry.Statement
		var value string
		if err := rows.Scan(append([]any{&at.known, &at.n}, statementFields(&f, &value)...)...); err != nil {
			return at, err
		}
		f.Value = []byte(value)
		into.Load(registry.Revision(at.known), []registry.Statement{f})
		return at, nil
	}, func() error { return nil })
}

// StatesOf returns all facts ever stated about the states of SIMs, up to a revision, by SIM, in the order of
// (From, Known). It queries the store, for callers without a registry.
func (s *Store) StatesOf(ctx context.Context, sims []uint32, to registry.Revision) (map[uint32][]registry.KnownState, error) {
	all := map[uint32][]registry.KnownState{}
	for first := 0; first < len(sims); first += rowsPerStatement {
		some := sims[first:min(len(sims), first+rowsPerStatement)]
		args := []any{int64(to)}
		for _, sim := range some {
			args = append(args, int64(sim))
		}
		var known int64
		var r stateRow
		err := s.query(ctx, "reading the states of SIMs", `SELECT known, `+stateColumns+` FROM sim_state_facts WHERE known <= ? AND sim IN (`+
			marks(len(some))+`) ORDER BY sim, valid_from, known, n`, args, func(rows *sql.Rows) error {
			if err := rows.Scan(&known, &r.sim, &r.since, &r.state, &r.name, &r.core, &r.lifecycle, &r.brought); err != nil {
				return err
			}
			all[uint32(r.sim)] = append(all[uint32(r.sim)], registry.KnownState{StateFact: r.fact(), Known: registry.Revision(known)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// StatementsOf returns all statements ever made about some subjects, up to a revision. It queries the store, for
// callers without statements.
func (s *Store) StatementsOf(ctx context.Context, subjects []string, to registry.Revision) (*registry.Statements, error) {
	all := registry.NewStatements()
	for first := 0; first < len(subjects); first += rowsPerStatement {
		some := subjects[first:min(len(subjects), first+rowsPerStatement)]
		args := []any{int64(to)}
		for _, subject := range some {
			args = append(args, subject)
		}
		err := s.query(ctx, "reading statements", `SELECT known, `+statementColumns+` FROM facts WHERE known <= ? AND subject IN (`+
			marks(len(some))+`) ORDER BY known, n`, args, func(rows *sql.Rows) error {
			var f registry.Statement
			var known int64
			var value string
			if err := rows.Scan(append([]any{&known}, statementFields(&f, &value)...)...); err != nil {
				return err
			}
			f.Value = []byte(value)
			all.Load(registry.Revision(known), []registry.Statement{f})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	all.Publish(to)
	return all, nil
}
