package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
)

// ErrConflict means that the row has changed since the caller read it; read the row again.
var ErrConflict = errors.New("control store: this was changed by another process since it was read")

// ErrNotFound means that the requested object does not exist.
var ErrNotFound = errors.New("control store: there is no such entry")

// BrokenError reports that a row is not what ratemill stored, so another program wrote it. Only work with that
// row fails; lists, sums and work with other rows continue.
type BrokenError struct {
	What   string // description of the row: document INV-1
	Column string // with its table
	Err    error
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("%s is not what ratemill stored (column %s: %v); put that row back from a backup of the control store", e.What,
		e.Column, e.Err)
}

func (e *BrokenError) Unwrap() error { return e.Err }

// Away returns the error for a store that did not answer, or could not accept the change now. No change is known
// to have happened, but a commit whose answer was lost may have happened. what completes "while".
func Away(name, what string, err error) error {
	says := fmt.Sprintf("control store %s does not answer while %s: %v; ratemill keeps trying; check that the database is up, "+
		"reachable and has disk space", name, what, err)
	if accesserr.Is(err) {
		says = fmt.Sprintf("control store %s, while %s: %v", name, what, err)
	}
	return &backoff.UnavailableError{Engine: backoff.ControlStore, Says: says, Err: err}
}

// Failed converts an error to one of the kinds that callers handle.
func (d *DB) Failed(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound), backoff.Unavailable(err):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("control store %s: %s: %w", d.name, what, context.Canceled)
	case temporary(err):
		return Away(d.name, what, accesserr.Encrypted(err, fields))
	case refused(err):
		return Away(d.name, what, accesserr.Login(err, fields))
	}
	return fmt.Errorf("control store %s: %s: %w", d.name, what, err)
}

// fields are the configuration fields for access; all are in the DSN.
var fields = accesserr.Fields{
	CA: "sslrootcert=FILE in control", Cert: "sslcert=FILE and sslkey=FILE in control", Encrypt: "sslmode in control",
	Login: "control, and its password_file, PGPASSWORD or PGPASSFILE",
}

// refused reports whether PostgreSQL refused the connection: class 28, invalid authorization, which includes
// pg_hba.conf.
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, "28")
}

// Contended reports whether a transaction was rolled back because of a conflict with another one, so that it should
// be repeated.
func Contended(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code {
		case "40001", "40P01", "23505": // serialization failure, deadlock, another process inserted the row at the same time
			return true
		}
		return false
	}
	return errors.Is(err, ErrConflict)
}

func temporary(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code[:2] {
		case "08", // connection exception
			"53", // insufficient resources
			"57", // operator intervention: shut down, cancelled by statement_timeout
			"58": // system error
			return true
		}
		// Serialization failure, deadlock, lock_timeout, idle_in_transaction_session_timeout, read-only standby.
		return strings.Contains("40001 40P01 55P03 25P03 25006", answer.Code)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
			return true
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		// a killed server sends no error
		errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}
