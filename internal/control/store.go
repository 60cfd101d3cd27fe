package control

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite"
)

// Store is the control store. It is safe for concurrent use.
type Store struct {
	name     string // for people, without credentials
	postgres bool
	read     *sql.DB
	write    *sql.DB // SQLite: one connection, since it has one writer; PostgreSQL: the same as read
	queries  sync.Map
}

const (
	// statementTimeout bounds every statement but those of an import.
	statementTimeout = 30 * time.Second
	connectTimeout   = 10 * time.Second
	maxConnections   = 8
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the control store and brings its tables up to date. The DSN is sqlite:PATH or postgres://USER@HOST/DB. The
// password of PostgreSQL comes from the file that password_file=PATH in the DSN names, from PGPASSWORD, or from
// ~/.pgpass; one inside the DSN works and is never shown.
//
// Migrations go forward only and are applied by one process at a time. A crash between two leaves a store that the next
// Open continues with.
func Open(ctx context.Context, dsn string) (*Store, error) {
	var s *Store
	var err error
	switch scheme, rest, _ := strings.Cut(dsn, ":"); {
	case scheme == "sqlite" && rest != "":
		s, err = openSQLite(strings.TrimPrefix(rest, "//"))
	case scheme == "postgres" || scheme == "postgresql":
		s, err = openPostgres(dsn)
	default:
		return nil, errors.New("control store: the DSN is neither sqlite:PATH nor postgres://USER@HOST/DATABASE")
	}
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func openSQLite(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	if err := ownFile(path); err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	// synchronous=FULL: an epoch given before a power failure must not be given again.
	options := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16384)",
	}}
	open := func(extra string, connections int) (*sql.DB, error) {
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()+"?"+options.Encode()+extra)
		if err != nil {
			return nil, fmt.Errorf("control store sqlite:%s: %w", path, err)
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db, nil
	}
	s := &Store{name: "sqlite:" + path}
	var err error
	// An immediate transaction takes the writer's lock when it begins: it never fails half-way for another's lock.
	if s.write, err = open("&_txlock=immediate", 1); err != nil {
		return nil, err
	}
	if s.read, err = open("", maxConnections/2); err != nil {
		return nil, err
	}
	return s, nil
}

// ownFile makes the file for its owner alone, whatever the umask: accounts, identifiers of SIMs and raw records are in it.
// SQLite gives its journal and shared memory the mode of the file.
func ownFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

func openPostgres(dsn string) (*Store, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		// The parser's words would repeat the DSN, and with it the password.
		return nil, errors.New("control store: the postgres:// DSN is not a URL; a special character in the password must be percent-encoded, or keep the password in a file and write password_file=PATH")
	}
	query := u.Query()
	passwordFile := query.Get("password_file")
	query.Del("password_file")
	u.RawQuery = query.Encode()
	name := "postgres://" + u.Host + u.Path
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		if file := (*fs.PathError)(nil); errors.As(err, &file) {
			return nil, fmt.Errorf("control store %s: a file that the DSN names: %w", name, file)
		}
		return nil, fmt.Errorf("control store %s: the DSN has an unknown or wrong option; see the connection URIs of PostgreSQL's manual", name)
	}
	if passwordFile != "" {
		password, err := os.ReadFile(passwordFile)
		if err != nil {
			return nil, fmt.Errorf("control store %s: password_file: %w", name, err)
		}
		config.Password = strings.TrimRight(string(password), "\r\n")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	for parameter, value := range map[string]string{
		"application_name":                    "ratemill",
		"statement_timeout":                   milliseconds(statementTimeout),
		"lock_timeout":                        milliseconds(statementTimeout / 3),
		"idle_in_transaction_session_timeout": milliseconds(2 * statementTimeout),
	} {
		if _, set := config.RuntimeParams[parameter]; !set {
			config.RuntimeParams[parameter] = value
		}
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &Store{name: name, postgres: true, read: db, write: db}, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption(nil)
	if s.postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, s.write, files, options...)
	if err != nil {
		return fmt.Errorf("control store %s: %w", s.name, err)
	}
	// SQLite has no lock that spans transactions: of two processes that migrate at once one fails, and finds the
	// tables there when it tries again.
	for attempt := 0; ; attempt++ {
		_, err = provider.Up(ctx)
		if err == nil {
			break
		}
		if s.postgres || attempt == 4 || ctx.Err() != nil {
			return s.failed("bringing the tables up to date", err)
		}
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return s.failed("reading the version of the tables", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	if version <= newest {
		return nil
	}
	var oldest int64
	err = s.query(ctx, "reading which programs its tables are for", `SELECT value FROM counters WHERE name = ?`, []any{oldestProgram}, func(rows *sql.Rows) error {
		return rows.Scan(&oldest)
	})
	if err == nil && newest < oldest {
		err = fmt.Errorf("control store %s: its tables have version %d, which needs a program that knows version %d or later; this ratemill knows versions up to %d. A newer ratemill has used this store: start that one, or restore the backup made before the upgrade", s.name, version, oldest, newest)
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

// Close lets go of the store's connections.
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// String names the store without its credentials.
func (s *Store) String() string { return s.name }

// Ping says whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.failed("checking that it is up", s.read.PingContext(ctx))
}

// sql is a query in the engine's own way of numbering parameters.
func (s *Store) sql(query string) string {
	if !s.postgres {
		return query
	}
	if done, ok := s.queries.Load(query); ok {
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
	s.queries.Store(query, b.String())
	return b.String()
}

// tx is a write transaction that speaks the store's SQL.
type tx struct {
	*sql.Tx
	s *Store
}

func (t tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, t.s.sql(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.QueryRowContext(ctx, t.s.sql(query), args...)
}

func (t tx) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.QueryContext(ctx, t.s.sql(query), args...)
}

// change runs do in one transaction. What do returns as a conflict or a lost lease is handed on as it is.
func (s *Store) change(ctx context.Context, what string, do func(tx) error) error {
	begun, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(what, orEnded(ctx, err))
	}
	defer begun.Rollback()
	if err := do(tx{begun, s}); err != nil {
		return s.failed(what, orEnded(ctx, err))
	}
	return s.failed(what, orEnded(ctx, begun.Commit()))
}

// orEnded is the context's error for one that the end of the context caused: a transaction that is over, an interrupted
// statement.
func orEnded(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
		return ctx.Err()
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

// query calls each for every row.
func (s *Store) query(ctx context.Context, what, query string, args []any, each func(*sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, s.sql(query), args...)
	if err != nil {
		return s.failed(what, orEnded(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return s.failed(what, err)
		}
	}
	return s.failed(what, orEnded(ctx, rows.Err()))
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
