package control

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"math"
	"time"

	"ratemill/internal/store"
)

// Store is the control store. It is safe for concurrent use. Owners of other tables in the control store use DB
// to change them.
type Store struct{ *store.DB }

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the control store, like store.Open, and migrates its tables.
func Open(ctx context.Context, dsn string) (*Store, error) {
	db, err := store.Open(dsn)
	if err != nil {
		return nil, err
	}
	s := &Store{db}
	if err := s.migrate(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	version, newest, err := s.Migrate(ctx, store.Migrations{Files: files})
	if err != nil {
		return err
	}
	if version <= newest {
		return nil
	}
	var oldest int64
	err = s.query(ctx, "reading which programs its tables are for", `SELECT value FROM counters WHERE name = ?`, []any{oldestProgram},
		func(rows *sql.Rows) error {
			return rows.Scan(&oldest)
		})
	if err == nil && newest < oldest {
		err = fmt.Errorf("control store %s: its tables have version %d, which needs a program that supports version %d or "+
			"later; this ratemill supports versions up to %d."+
			" A newer ratemill has used this store: start that one, or restore the backup made "+
			"before the upgrade", s, version, oldest, newest)
	}
	return err
}

// Migrations only add tables, indexes and columns with a default. An older program lists the columns that it reads
// and writes, so it can run beside a newer one and can be started again. A migration that is incompatible with
// older programs states in its own file, and so in its transaction, which migration a program must know at least:
//
//	INSERT INTO counters (name, value) VALUES ('oldest_program', 7) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
//
// Older programs must be stopped before the migration, because running programs do not check again.
const oldestProgram = "oldest_program"

// tx is a write transaction in the store's SQL dialect.
type tx struct {
	*store.Tx
	s *Store
}

func (t tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return t.Exec(ctx, query, args...)
}

func (t tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.Row(ctx, query, args...)
}

func (t tx) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.Rows(ctx, query, args...)
}

// change runs do in one transaction. If do returns a conflict or a lost lease, change returns that error
// unchanged.
func (s *Store) change(ctx context.Context, what string, do func(tx) error) error {
	var own error
	err := s.Change(ctx, what, func(t *store.Tx) error {
		err := do(tx{t, s})
		if ours(err) && ctx.Err() == nil {
			own = err
		}
		return err
	})
	if own != nil {
		return own
	}
	return err
}

// count takes the next n numbers of a counter and returns the first.
func (t tx) count(ctx context.Context, name string, n int) (first int64, err error) {
	var last int64
	err = t.row(ctx, `INSERT INTO counters (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value`, name, n).Scan(&last)
	return last - int64(n) + 1, err
}

func (s *Store) query(ctx context.Context, what, query string, args []any, each func(*sql.Rows) error) error {
	return s.Query(ctx, what, query, args, each)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// mtimeAbsent represents an unknown modification time, because 0 is the time of a file from exactly
// the beginning of 1970.
const mtimeAbsent = math.MinInt64

func mtimeNanos(t time.Time) int64 {
	if t.IsZero() {
		return mtimeAbsent
	}
	return t.UnixNano()
}

func mtimeOf(n int64) time.Time {
	if n == mtimeAbsent {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
