package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"

	"modernc.org/sqlite"
)

// SQLite's driver prepares each statement anew. statements keeps prepared statements with their connection, as pgx does for
// PostgreSQL: preparing took 24 to 31 % of the CPU of invoice finalise.
//
// SQLite itself prepares a kept statement again after a change of the schema.
type statements struct {
	sqliteConn
	idle map[string]driver.Stmt // by their text; statements that are running, or have open rows, are not in it
}

// sqliteConn has the methods of the driver's connections that this package uses.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

const (
	maxStatements = 128  // number of statements that a connection keeps
	maxStatement  = 4096 // largest text of a kept statement, in bytes; longer texts are from bulk imports, and vary
)

// keeper opens connections that keep their statements.
type keeper struct{ driver.Connector }

func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &statements{c.(sqliteConn), map[string]driver.Stmt{}}, nil
}

func openKeeping(dsn string) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(keeper{connector}), nil
}

// kept reports whether a statement is worth keeping. A PRAGMA must be prepared each time, because some PRAGMAs take
// effect then.
func kept(query string) bool {
	if len(query) > maxStatement {
		return false
	}
	text := strings.TrimLeft(query, " \t\n")
	switch strings.ToUpper(text[:max(0, strings.IndexAny(text, " \t\n"))]) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
		return true
	}
	return false
}

// take returns a statement for exclusive use until put.
func (s *statements) take(ctx context.Context, query string) (driver.Stmt, error) {
	if stmt := s.idle[query]; stmt != nil {
		delete(s.idle, query)
		return stmt, nil
	}
	return s.PrepareContext(ctx, query)
}

// put keeps a statement for its next use. After an error, the statement is closed, and so is a second statement
// with the same text.
func (s *statements) put(query string, stmt driver.Stmt, err error) {
	if err != nil || s.idle[query] != nil {
		stmt.Close()
		return
	}
	if len(s.idle) >= maxStatements {
		for other, one := range s.idle {
			delete(s.idle, other)
			one.Close()
			break
		}
	}
	s.idle[query] = stmt
}

// ExecContext implements driver.ExecerContext.
func (s *statements) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !kept(query) {
		return s.sqliteConn.ExecContext(ctx, query, args)
	}
	stmt, err := s.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	s.put(query, stmt, err)
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (s *statements) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !kept(query) {
		return s.sqliteConn.QueryContext(ctx, query, args)
	}
	stmt, err := s.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		s.put(query, stmt, err)
		return nil, err
	}
	return &keptRows{rows, s, query, stmt}, nil
}

// Close closes the statements, without which SQLite would not close its files, and the connection.
func (s *statements) Close() error {
	for query, stmt := range s.idle {
		delete(s.idle, query)
		stmt.Close()
	}
	return s.sqliteConn.Close()
}

// keptRows give their statement back when they are closed.
type keptRows struct {
	driver.Rows
	of    *statements
	query string
	stmt  driver.Stmt
}

func (r *keptRows) Close() error {
	err := r.Rows.Close()
	if r.stmt != nil {
		r.of.put(r.query, r.stmt, err)
		r.stmt = nil
	}
	return err
}
