package control

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/udr"
)

// ImportOptions are the inputs of an import other than the facts.
type ImportOptions struct {
	Who        string // a user, or a consumer such as simstate
	Why        string
	Now        time.Time
	Partitions int // number of partitions over which the usage of new billing roots is distributed; at least 1

	// Files has the options for reading the files. Import fills in the values that come from the store.
	Files registry.ImportOptions

	// DryRun computes the result of an import, and changes nothing.
	DryRun bool

	// LeaveOut imports the lines without mistakes even if others have some.
	LeaveOut bool

	// Portion, if not 0, is the number of lines about SIMs to import at a time, each portion as one revision.
	// Portions imported before an interruption stay, and the next import of the same files does not change them.
	Portion int

	// Progress is called from time to time with the number of facts written so far and the total. May be nil.
	Progress func(written, of int)
}

// RegistryRevision returns the newest revision of the registry.
func (s *Store) RegistryRevision(ctx context.Context) (revision registry.Revision, err error) {
	err = s.query(ctx, "reading the registry's revision", `SELECT COALESCE(MAX(revision), 0) FROM registry_revisions`, nil,
		func(rows *sql.Rows) error {
			return rows.Scan(&revision)
		})
	return revision, err
}

// ImportRegistry publishes a change set as changes.Revision. Each new billing root gets the partition with the least
// load, permanently. ImportRegistry fills in the partition in changes, which can then be applied to a registry in
// memory. ErrConflict means that the revision is not the next one: load the registry's changes and rebuild the
// change set. An empty change set changes nothing.
//
// A crash before it: nothing of the change set is stored. After it: all processes find it at their next query.
func (s *Store) ImportRegistry(ctx context.Context, changes *registry.Changes, o ImportOptions) error {
	if changes.Empty() {
		return nil
	}
	return s.Change(ctx, "importing into the registry", func(t *store.Tx) error { return s.WriteRegistry(ctx, t, changes, o) })
}

// WriteRegistry is ImportRegistry inside the caller's transaction: the facts are stored exactly if the rest of the
// transaction is.
//
// Facts whose cause the registry already has are not written: they are removed from changes, together with the cause.
// If nothing is left, changes.Empty reports true, and there is no new revision.
func (s *Store) WriteRegistry(ctx context.Context, in *store.Tx, changes *registry.Changes, o ImportOptions) error {
	t := tx{in, s}
	if changes.Empty() {
		return nil
	}
	if s.Postgres() {
		// Writing a million SIMs may take longer than the time limit of a statement; the other statements of
		// this transaction are short.
		if _, err := t.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return err
		}
	}
	var newest registry.Revision
	if err := t.row(ctx, `SELECT COALESCE(MAX(revision), 0) FROM registry_revisions`).Scan(&newest); err != nil {
		return err
	}
	if changes.Revision != newest+1 {
		return ErrConflict
	}
	// The row of the revision blocks other change sets until the transaction ends.
	n, err := t.exec(ctx, `INSERT INTO registry_revisions (revision, at, who, why, companies, accounts, sims, identifiers, states, facts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (revision) DO NOTHING`, int64(changes.Revision), nanos(o.Now), o.Who, o.Why,
		len(changes.Companies), len(changes.Accounts), len(changes.SIMs), len(changes.Identifiers), len(changes.States), len(changes.Statements))
	if err != nil || n == 0 {
		return orConflict(n, err)
	}
	if err := t.insertCauses(ctx, changes); err != nil || changes.Empty() {
		return err
	}
	if err := t.place(ctx, changes, max(o.Partitions, 1)); err != nil {
		return err
	}
	return t.insertFacts(ctx, changes, o.Progress)
}

// place assigns partitions to billing roots, beginning with the root with the most SIMs: each new root gets the
// partition with the least load. The number of earlier SIMs is not queried, so each existing root counts as one.
func (t tx) place(ctx context.Context, changes *registry.Changes, partitions int) error {
	roots := false
	for i := range changes.Accounts {
		roots = roots || changes.Accounts[i].Parent == 0
	}
	if !roots {
		return nil
	}
	placed := map[uint32]int{}
	load := make([]int, partitions)
	rows, err := t.rows(ctx, `SELECT number, MAX(partition_number) FROM account_facts WHERE partition_number >= 0 GROUP BY number`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number uint32
		var partition int
		if err := rows.Scan(&number, &partition); err != nil {
			return err
		}
		placed[number] = partition
		if partition < partitions {
			load[partition]++
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	sims := simsBelow(changes)
	var fresh []uint32
	for i := range changes.Accounts {
		f := &changes.Accounts[i]
		if _, ok := placed[f.Number]; f.Parent == 0 && !ok {
			fresh = append(fresh, f.Number)
			placed[f.Number] = registry.NoPartition
		}
	}
	slices.SortStableFunc(fresh, func(a, b uint32) int { return cmp.Compare(sims[b], sims[a]) })
	for _, root := range fresh {
		partition := 0
		for p := range load {
			if load[p] < load[partition] {
				partition = p
			}
		}
		load[partition] += 1 + sims[root]
		placed[root] = partition
	}
	for i := range changes.Accounts {
		f := &changes.Accounts[i]
		f.Partition = registry.NoPartition
		if f.Parent == 0 {
			f.Partition = placed[f.Number]
		}
	}
	return nil
}

// simsBelow returns the number of SIMs in a change set for each billing root, including the SIMs of the
// accounts below.
func simsBelow(changes *registry.Changes) map[uint32]int {
	parents, sims := map[uint32]uint32{}, map[uint32]int{}
	for i := range changes.Accounts {
		parents[changes.Accounts[i].Number] = changes.Accounts[i].Parent
	}
	for i := range changes.SIMs {
		sims[changes.SIMs[i].Account]++
	}
	below := map[uint32]int{}
	for account, n := range sims {
		for level := 0; parents[account] != 0 && level < len(parents); level++ {
			account = parents[account]
		}
		below[account] += n
	}
	return below
}

// LoadRegistry brings a registry in memory from any revision to the newest, and returns the newest revision. Readers
// see all of it at the end, or nothing if it fails; in that case, call it again.
func (s *Store) LoadRegistry(ctx context.Context, into *registry.Registry) (registry.Revision, error) {
	from := into.Revision()
	to, err := s.RegistryRevision(ctx)
	if err != nil || to <= from {
		return from, err
	}
	if err := s.loadCompanies(ctx, into, from, to, condition{}); err != nil {
		return from, err
	}
	if err := s.loadAccounts(ctx, into, from, to, condition{}); err != nil {
		return from, err
	}
	if err := s.loadProfiles(ctx, into, from, to, condition{}); err != nil {
		return from, err
	}
	if err := s.loadBought(ctx, into, from, to, anySIM); err != nil {
		return from, err
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return s.loadSIMs(ctx, into, from, to, anySIM) })
	both.Go(func() error { return s.loadIdentifiers(ctx, into, from, to, anySIM) })
	both.Go(func() error { return s.loadStates(ctx, into, from, to, anySIM) })
	both.Go(func() error { return s.loadMembers(ctx, into, from, to, anySIM) })
	if err := both.Wait(); err != nil {
		return from, err
	}
	into.Publish(to)
	return to, nil
}

// LoadAccounts brings companies, accounts and statements in memory to the newest revision, and returns that
// revision. It loads no SIMs, so a query about accounts needs no memory for millions of SIMs.
func (s *Store) LoadAccounts(ctx context.Context, into *registry.Registry, statements *registry.Statements) (registry.Revision, error) {
	from := into.Revision()
	to, err := s.RegistryRevision(ctx)
	if err != nil || to <= from && statements.Revision() == from {
		return from, err
	}
	if to > from {
		if err := s.loadCompanies(ctx, into, from, to, condition{}); err != nil {
			return from, err
		}
		if err := s.loadAccounts(ctx, into, from, to, condition{}); err != nil {
			return from, err
		}
	}
	if _, err := s.LoadStatements(ctx, statements); err != nil {
		return from, err
	}
	into.Publish(to) // statements may be newer by then; callers pass the revision of their query
	return to, nil
}

// page is the number of facts read in one query: few enough for any statement timeout.
const page = 50000

// place is a fact's position in its table.
type place struct{ known, n int64 }

// factsWhere reads page by page the facts of a table that became known after from and up to to. of is a condition on
// them; each scans a row, which begins with its position, and returns the position; flush ends a page.
func (s *Store) factsWhere(ctx context.Context, table, columns string, of condition, from, to registry.Revision,
	each func(rows *sql.Rows) (place, error), flush func() error) error {
	at := place{known: int64(from), n: math.MaxInt64}
	query := `SELECT known, n, ` + columns + ` FROM ` + table + ` WHERE (known, n) > (?, ?) AND known <= ?` + of.and +
		` ORDER BY known, n LIMIT ` +
		strconv.Itoa(page)
	for {
		rows := 0
		err := s.query(ctx, "loading the registry", query, append([]any{at.known, at.n, int64(to)}, of.args...), func(r *sql.Rows) (err error) {
			rows++
			at, err = each(r)
			return err
		})
		if err == nil {
			err = flush()
		}
		if err != nil || rows < page {
			return err
		}
	}
}

func (s *Store) loadCompanies(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	return s.factsWhere(ctx, "company_facts", "id, name, kind", of, from, to, func(rows *sql.Rows) (at place, err error) {
		var c registry.Company
		var kind string
		if err := rows.Scan(&at.known, &at.n, &c.ID, &c.Name, &kind); err != nil {
			return at, err
		}
		c.Kind, _ = registry.ParseCompanyKind(kind)
		return at, into.Load(&registry.Changes{Revision: registry.Revision(at.known), Companies: []registry.Company{c}})
	}, func() error { return nil })
}

// loadAccounts loads the accounts of a revision together, because deriving one fact needs the others.
func (s *Store) loadAccounts(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	run := registry.Changes{}
	flush := func() error {
		err := into.Load(&run)
		run.Accounts = nil
		return err
	}
	err := s.factsWhere(ctx, "account_facts", "number, id, valid_from, state, company, project, kind, parent, currency, zone, cycle_day, "+
		"plan, share_plans, limits, partition_number", of, from, to,
		func(rows *sql.Rows) (at place, err error) {
			var f registry.AccountFact
			var shares, limits, kind string
			if err := rows.Scan(&at.known, &at.n, &f.Number, &f.ID, &f.From, &f.State, &f.Company, &f.Project, &kind, &f.Parent, &f.Currency,
				&f.Zone, &f.CycleDay, &f.Plan, &shares, &limits, &f.Partition); err != nil {
				return at, err
			}
			f.SharePlans, f.Limits = lines(shares), lines(limits)
			f.Kind, _ = registry.ParseAccountKind(kind)
			if known := registry.Revision(at.known); known != run.Revision {
				if err := flush(); err != nil {
					return at, err
				}
				run.Revision = known
			}
			run.Accounts = append(run.Accounts, f)
			return at, nil
		}, func() error { return nil })
	if err != nil {
		return err
	}
	return flush()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// loadSIMs and loadIdentifiers scan into int64 and string, which database/sql assigns directly; with other types it
// takes 0.3 µs more per column.
func (s *Store) loadSIMs(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	run := registry.Changes{}
	flush := func() error {
		err := into.Load(&run)
		run.SIMs = run.SIMs[:0]
		return err
	}
	var at place
	var sim, since, state, account int64
	var plan string
	into64 := []any{&at.known, &at.n, &sim, &since, &state, &account, &plan}
	return s.factsWhere(ctx, "sim_facts", "sim, valid_from, state, account, plan", of, from, to, func(rows *sql.Rows) (place,
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
		run.SIMs = append(run.SIMs, registry.OwnershipFact{SIM: uint32(sim), From: udr.Instant(since), State: registry.State(state),
			Account: uint32(account), Plan: plan})
		return at, nil
	}, flush)
}

func (s *Store) loadIdentifiers(ctx context.Context, into *registry.Registry, from, to registry.Revision, of condition) error {
	run := registry.Changes{}
	flush := func() error {
		err := into.Load(&run)
		run.Identifiers = run.Identifiers[:0]
		return err
	}
	var at place
	var kind, since, state, sim int64
	var value string
	into64 := []any{&at.known, &at.n, &kind, &value, &since, &state, &sim}
	return s.factsWhere(ctx, "identifier_facts", "kind, value, valid_from, state, sim", of, from, to,
		func(rows *sql.Rows) (place, error) {
			if err := rows.Scan(into64...); err != nil {
				return at, err
			}
			if known := registry.Revision(at.known); known != run.Revision {
				if err := flush(); err != nil {
					return at, err
				}
				run.Revision = known
			}
			run.Identifiers = append(run.Identifiers, registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IDKind(kind), Value: value},
				From: udr.Instant(since), State: registry.State(state), SIM: uint32(sim)})
			return at, nil
		}, flush)
}

// RegistryChange describes a revision of the registry.
type RegistryChange struct {
	Revision                               registry.Revision
	At                                     time.Time
	Who, Why                               string
	Companies, Accounts, SIMs, Identifiers int64
	States, Statements                     int64
}

// RegistryHistory lists the newest revisions, newest first.
func (s *Store) RegistryHistory(ctx context.Context, limit int) (all []RegistryChange, err error) {
	err = s.query(ctx, "reading the registry's history", `SELECT `+changeColumns+` FROM registry_revisions ORDER BY revision DESC LIMIT ?`,
		[]any{limit}, func(rows *sql.Rows) error {
			c, err := scanChange(rows)
			all = append(all, c)
			return err
		})
	return all, err
}

const changeColumns = `revision, at, who, why, companies, accounts, sims, identifiers, states, facts`

func scanChange(rows *sql.Rows) (c RegistryChange, err error) {
	var at int64
	err = rows.Scan(&c.Revision, &at, &c.Who, &c.Why, &c.Companies, &c.Accounts, &c.SIMs, &c.Identifiers, &c.States, &c.Statements)
	c.At = instant(at)
	return c, err
}

// RegistryRevisions returns the times at which the revisions after a given one became known, in order.
func (s *Store) RegistryRevisions(ctx context.Context, after registry.Revision) (all []RegistryChange, err error) {
	err = s.query(ctx, "reading when revisions of the registry became known",
		`SELECT revision, at FROM registry_revisions WHERE revision > ? ORDER BY revision`,
		[]any{int64(after)}, func(rows *sql.Rows) error {
			var c RegistryChange
			var at int64
			err := rows.Scan(&c.Revision, &at)
			c.At = instant(at)
			all = append(all, c)
			return err
		})
	return all, err
}
