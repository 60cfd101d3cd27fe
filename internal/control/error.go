package control

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

	"ratemill/internal/refusal"
	"ratemill/udr"
)

// ErrConflict says that somebody else changed what was to be changed since it was read: read it again.
var ErrConflict = errors.New("control store: somebody else changed this since it was read")

// ErrNotFound says that what was named is not there.
var ErrNotFound = errors.New("control store: there is no such entry")

// LeaseLostError says that a file has another owner by now: whoever gets it stops working on the file at once.
type LeaseLostError struct {
	File  int64
	Owner string
}

func (e *LeaseLostError) Error() string {
	return fmt.Sprintf("file %d is no longer leased to %s: another mediator took it over, or an operator changed it", e.File, e.Owner)
}

// OtherContentError says that a file has another content than when it was pinned. Records of the first may be out, so it
// is not gone on with: the other content is another file.
type OtherContentError struct {
	File     int64
	Was, Now udr.FileID
}

func (e *OtherContentError) Error() string {
	return fmt.Sprintf("the content of file %d has changed since reading began: it was %s and is now %s", e.File, e.Was.Short(), e.Now.Short())
}

// EndedError says that a file which broke off is not taken again. Its end is out, with what came before: raters drop the
// rest of it while they remember that, and a rater that does not any more would stop at it.
type EndedError struct{ Number int64 }

func (e *EndedError) Error() string {
	return fmt.Sprintf("file %d was read as far as possible and closed: the records before that point count, and the rest waits in suspense as one record with the code file. Ask the carrier for the whole file under another name; with a duplicate key in the rules, the records already rated are not rated again", e.Number)
}

// UnavailableError says that the store did not answer, or could not take the change now. Nothing is known to have
// changed; a commit whose answer was lost may have. Every operation may be tried again.
type UnavailableError struct {
	Store string
	What  string
	Err   error
}

func (e *UnavailableError) Error() string {
	if refusal.Is(e.Err) {
		return fmt.Sprintf("control store %s, while %s: %v", e.Store, e.What, e.Err)
	}
	return fmt.Sprintf("control store %s does not answer while %s: %v; ratemill keeps trying; check that the database is up, reachable and has disk space", e.Store, e.What, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// failed puts an error into one of the kinds that callers act on.
func (s *Store) failed(what string, err error) error {
	var lost *LeaseLostError
	var other *OtherContentError
	var unavailable *UnavailableError
	var setBack *SetBackError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound), errors.As(err, &lost), errors.As(err, &other), errors.As(err, &unavailable), errors.As(err, &setBack):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("control store %s: %s: %w", s.name, what, context.Canceled)
	case temporary(err):
		return &UnavailableError{Store: s.name, What: what, Err: refusal.Encrypted(err, fields)}
	case refused(err):
		return &UnavailableError{Store: s.name, What: what, Err: refusal.Login(err, fields)}
	}
	return fmt.Errorf("control store %s: %s: %w", s.name, what, err)
}

// fields are those of the configuration that say how to be let in; all are in the DSN.
var fields = refusal.Fields{
	CA: "sslrootcert=FILE in control", Cert: "sslcert=FILE and sslkey=FILE in control", Encrypt: "sslmode in control",
	Login: "control, and its password_file, PGPASSWORD or PGPASSFILE",
}

// refused says that PostgreSQL does not let us in: class 28, invalid authorization. pg_hba.conf speaks through it too.
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, "28")
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
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || // a killed server says nothing
		errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}
