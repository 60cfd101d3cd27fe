package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// SQL converts the parameters of a query to the engine's own notation.
func (d *DB) SQL(query string) string {
	if !d.postgres {
		return query
	}
	if done, ok := d.queries.Load(query); ok {
		return done.(string)
	}
	var b strings.Builder
	n := 0
	for _, c := range query {
		if c != '?' {
			b.WriteRune(c)
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	d.queries.Store(query, b.String())
	return b.String()
}

// Tx is a write transaction in the store's SQL dialect.
type Tx struct {
	*sql.Tx
	db *DB
}

// Postgres reports whether the database is PostgreSQL, not SQLite.
func (t *Tx) Postgres() bool { return t.db.postgres }

// Exec returns the number of changed rows. Parameters are written as ?.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, t.db.SQL(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Row queries one row.
func (t *Tx) Row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.QueryRowContext(ctx, t.db.SQL(query), args...)
}

// Rows queries rows.
func (t *Tx) Rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(ctx, t.db.SQL(query), args...)
}

// Change runs do in one transaction; the words describe it. It returns do's ErrConflict unchanged.
func (d *DB) Change(ctx context.Context, what string, do func(*Tx) error) error {
	begun, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return d.Failed(what, Ended(ctx, err))
	}
	defer begun.Rollback()
	if err := do(&Tx{begun, d}); err != nil {
		return d.Failed(what, Ended(ctx, err))
	}
	return d.Failed(what, Ended(ctx, begun.Commit()))
}

// Snapshot runs do in a transaction that only reads; the words describe it. All its statements see the store as of the
// first statement, and they wait for no writer.
func (d *DB) Snapshot(ctx context.Context, what string, do func(*Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if d.postgres { // by default, each statement sees what was committed before it
		options.Isolation = sql.LevelRepeatableRead
	}
	begun, err := d.read.BeginTx(ctx, options)
	if err != nil {
		return d.Failed(what, Ended(ctx, err))
	}
	defer begun.Rollback()
	return d.Failed(what, Ended(ctx, do(&Tx{begun, d})))
}

// Ended returns the context's error if the end of the context caused the error: a finished transaction, an
// interrupted statement.
func Ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
		return ctx.Err()
	}
	return err
}

// Ask passes the rows of an answer to all, which calls Next itself.
func (d *DB) Ask(ctx context.Context, what, query string, args []any, all func(*sql.Rows) error) error {
	rows, err := d.read.QueryContext(ctx, d.SQL(query), args...)
	if err != nil {
		return d.Failed(what, Ended(ctx, err))
	}
	defer rows.Close()
	return d.Failed(what, Ended(ctx, all(rows)))
}

// Query calls each for every row.
func (d *DB) Query(ctx context.Context, what, query string, args []any, each func(*sql.Rows) error) error {
	rows, err := d.read.QueryContext(ctx, d.SQL(query), args...)
	if err != nil {
		return d.Failed(what, Ended(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return d.Failed(what, err)
		}
	}
	return d.Failed(what, Ended(ctx, rows.Err()))
}
