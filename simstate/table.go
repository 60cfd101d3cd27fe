package simstate

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of this package up to date.
func Migrate(ctx context.Context, db *store.DB) error {
	return db.MigrateFolder(ctx, migrations, "migrations", "simstate_version")
}

// Table gives access to the tables of this package in the control store.
type Table struct{}

const rowsAtOnce = 500

func values(columns, rows int) string {
	row := "(" + strings.Repeat("?, ", columns-1) + "?)"
	return strings.Repeat(row+", ", rows-1) + row
}

// AddUsage stores the effects of usage, each cause once.
func (Table) AddUsage(ctx context.Context, tx *store.Tx, fresh []Usage) error {
	for some := range slices.Chunk(fresh, rowsAtOnce) {
		var args []any
		for i := range some {
			u := &some[i]
			args = append(args, u.Cause, int64(u.SIM), int64(u.At), u.Kind.String())
		}
		if _, err := tx.Exec(ctx, `INSERT INTO simstate_usage (cause, sim, at, kind) VALUES `+values(4, len(some))+
			` ON CONFLICT (cause) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// Usage returns the effects of usage on SIMs so far.
func (Table) Usage(ctx context.Context, tx *store.Tx, sims []uint32) (map[uint32][]life.Event, error) {
	all := map[uint32][]life.Event{}
	for some := range slices.Chunk(sims, rowsAtOnce) {
		rows, err := tx.Rows(ctx, usageOf(len(some)), numbers(some)...)
		if err != nil {
			return nil, err
		}
		if err := readUsage(rows, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// UsageOf is Usage for one SIM, outside a transaction.
func (Table) UsageOf(ctx context.Context, db *store.DB, sim uint32) ([]life.Event, error) {
	all := map[uint32][]life.Event{}
	err := db.Ask(ctx, "reading the effects of usage on a SIM", usageOf(1), numbers([]uint32{sim}),
		func(rows *sql.Rows) error { return readUsage(rows, all) })
	return all[sim], err
}

func usageOf(sims int) string {
	return `SELECT sim, at, kind, cause FROM simstate_usage WHERE sim IN ` + values(sims, 1) + ` ORDER BY sim, at, cause`
}

func readUsage(rows *sql.Rows, all map[uint32][]life.Event) error {
	defer rows.Close()
	for rows.Next() {
		var sim, at int64
		var kind string
		var e life.Event
		if err := rows.Scan(&sim, &at, &kind, &e.Cause); err != nil {
			return err
		}
		e.At = udr.Instant(at)
		var known bool
		if e.Kind, known = life.ParseEventKind(kind); !known {
			return fmt.Errorf("simstate_usage has the kind %q, which this ratemill does not support; start the newest ratemill", kind)
		}
		all[uint32(sim)] = append(all[uint32(sim)], e)
	}
	return rows.Err()
}

func numbers(sims []uint32) (args []any) {
	for _, sim := range sims {
		args = append(args, int64(sim))
	}
	return args
}

// SetTimers replaces the next time limits of SIMs; 0 means none.
func (Table) SetTimers(ctx context.Context, tx *store.Tx, due map[uint32]udr.Instant) error {
	var none []uint32
	var args []any
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO simstate_timers (sim, due) VALUES `+values(2, len(args)/2)+
			` ON CONFLICT (sim) DO UPDATE SET due = excluded.due`, args...)
		args = args[:0]
		return err
	}
	for _, sim := range slices.Sorted(maps.Keys(due)) {
		if due[sim] == 0 {
			none = append(none, sim)
			continue
		}
		if args = append(args, int64(sim), int64(due[sim])); len(args) == 2*rowsAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	for some := range slices.Chunk(none, rowsAtOnce) {
		if _, err := tx.Exec(ctx, `DELETE FROM simstate_timers WHERE sim IN `+values(len(some), 1), numbers(some)...); err != nil {
			return err
		}
	}
	return nil
}

// DueBy returns SIMs whose time limit is due by a time, longest overdue first.
func (Table) DueBy(ctx context.Context, tx *store.Tx, by udr.Instant, most int) (sims []uint32, err error) {
	rows, err := tx.Rows(ctx, `SELECT sim FROM simstate_timers WHERE due <= ? ORDER BY due, sim LIMIT ?`, int64(by), most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var sim int64
		if err := rows.Scan(&sim); err != nil {
			return nil, err
		}
		sims = append(sims, uint32(sim))
	}
	return sims, rows.Err()
}

// Position is the progress of settling SIMs after changes of facts.
type Position struct {
	Revision registry.Revision // revision up to which all SIMs are settled
	Next     registry.Revision // revision up to which settling is in progress; 0 if none is
	SIM      uint32            // the last SIM settled for Next
	Version  int64             // version of the row, which changes at every move
}

// Position returns the change of facts up to which SIMs are settled. It locks the position until the transaction
// ends; SQLite locks it anyway.
func (Table) Position(ctx context.Context, tx *store.Tx) (p Position, err error) {
	lock := ""
	if tx.Postgres() {
		lock = ` FOR UPDATE`
	}
	rows, err := tx.Rows(ctx, `SELECT revision, next, sim, version FROM simstate_facts WHERE id = 1`+lock)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	for rows.Next() {
		var revision, next, sim int64
		if err := rows.Scan(&revision, &next, &sim, &p.Version); err != nil {
			return p, err
		}
		p.Revision, p.Next, p.SIM = registry.Revision(revision), registry.Revision(next), uint32(sim)
	}
	return p, rows.Err()
}

// Move moves the position. It returns store.ErrConflict if another process moved it.
func (Table) Move(ctx context.Context, tx *store.Tx, from, to Position) error {
	var n int64
	var err error
	if from.Version == 0 {
		n, err = tx.Exec(ctx, `INSERT INTO simstate_facts (id, revision, next, sim, version) VALUES (1, ?, ?, ?, 1) ON CONFLICT (id) DO NOTHING`,
			int64(to.Revision), int64(to.Next), int64(to.SIM))
	} else {
		n, err = tx.Exec(ctx, `UPDATE simstate_facts SET revision = ?, next = ?, sim = ?, version = version + 1 WHERE id = 1 AND version = ?`,
			int64(to.Revision), int64(to.Next), int64(to.SIM), from.Version)
	}
	if err == nil && n == 0 {
		err = store.ErrConflict
	}
	return err
}

// nanos converts a time to the form used in the control store.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
