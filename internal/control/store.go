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

// Store is the control store. It is safe for concurrent use. Others who keep tables in it change them by DB.
type Store struct{ *store.DB }

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the control store, as store.Open does, and brings its tables up to date.
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
	err = s.query(ctx, "reading which programs its tables are for", `SELECT value FROM counters WHERE name = ?`, []any{oldestProgram}, func(rows *sql.Rows) error {
		return rows.Scan(&oldest)
	})
	if err == nil && newest < oldest {
		err = fmt.Errorf("control store %s: its tables have version %d, which needs a program that knows version %d or later; this ratemill knows versions up to %d. A newer ratemill has used this store: start that one, or restore the backup made before the upgrade", s, version, oldest, newest)
	}
	return err
}

// Migrations only add tables, indexes and columns with a default, so that a program which does not know the newest goes
// on beside one that does, and can be started again: it names the columns that it reads and writes. A migration that
// older programs cannot live with says in its own file, and thus in its transaction, what they must know at least:
//
//	INSERT INTO counters (name, value) VALUES ('oldest_program', 7) ON CONFLICT (name) DO UPDATE SET value = excluded.value;
//
// Such programs must then be stopped before the migration, since those that run are not asked again.
const oldestProgram = "oldest_program"

// tx is a write transaction that speaks the store's SQL.
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

// change runs do in one transaction. What do returns as a conflict or a lost lease is handed on as it is.
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

// mtimeAbsent stands for a time of change that the server does not give: 0 is a file of 1970, to the nanosecond.
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
