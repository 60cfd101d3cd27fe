package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// DB is a SQL store. It is safe for concurrent use.
type DB struct {
	name     string // name of the store for display, without credentials
	postgres bool
	read     *sql.DB
	write    *sql.DB // SQLite: one connection, because it has one writer; PostgreSQL: the same as read
	queries  sync.Map
}

const (
	// statementTimeout limits every statement except those of an import.
	statementTimeout = 30 * time.Second
	connectTimeout   = 10 * time.Second
	maxConnections   = 8
)

// Open opens a store, and creates SQLite's file. The DSN is sqlite:PATH or postgres://USER@HOST/DB. The password of
// PostgreSQL comes from the file in password_file=PATH in the DSN, from PGPASSWORD, or from ~/.pgpass; a password
// in the DSN itself works and is never shown. It sends no query: the first query is in Migrate.
func Open(dsn string) (*DB, error) {
	switch scheme, rest, _ := strings.Cut(dsn, ":"); {
	case scheme == "sqlite" && rest != "":
		return openSQLite(strings.TrimPrefix(rest, "//"))
	case scheme == "postgres" || scheme == "postgresql":
		return openPostgres(dsn)
	}
	return nil, errors.New("control store: the DSN is neither sqlite:PATH nor postgres://USER@HOST/DATABASE")
}

func openSQLite(path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	if err := ownFile(path); err != nil {
		return nil, fmt.Errorf("control store: %w", err)
	}
	// synchronous=FULL: an epoch given out before a power failure must not be given out again.
	options := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16384)",
	}}
	open := func(extra string, connections int) (*sql.DB, error) {
		db, err := openKeeping((&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String() + "?" + options.Encode() + extra)
		if err != nil {
			return nil, fmt.Errorf("control store sqlite:%s: %w", path, err)
		}
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		return db, nil
	}
	s := &DB{name: "sqlite:" + path}
	var err error
	// An immediate transaction takes the writer's lock at its beginning, so it never fails half-way because of
	// another's lock. A statement for many rows keeps the old pages until it ends; in memory, this takes a quarter less
	// CPU time than in a temporary file.
	if s.write, err = open("&_txlock=immediate&_pragma=temp_store(MEMORY)", 1); err != nil {
		return nil, err
	}
	if s.read, err = open("", maxConnections/2); err != nil {
		return nil, err
	}
	return s, nil
}

// ownFile creates the file with access only for its owner, whatever the umask: it contains accounts, identifiers of
// SIMs and raw records. SQLite gives its journal and shared memory the mode of the file.
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

func openPostgres(dsn string) (*DB, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		// The parser's error would repeat the DSN, and with it the password.
		return nil, errors.New("control store: the postgres:// DSN is not a URL; a special character in the password must be " +
			"percent-encoded, or keep the password in a file and write password_file=PATH")
	}
	query := u.Query()
	passwordFile := query.Get("password_file")
	query.Del("password_file")
	u.RawQuery = query.Encode()
	name := "postgres://" + u.Host + u.Path
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		if file := (*fs.PathError)(nil); errors.As(err, &file) {
			return nil, fmt.Errorf("control store %s: a file to which the DSN refers: %w", name, file)
		}
		return nil, fmt.Errorf("control store %s: the DSN has an unknown or wrong option; see the connection URIs of PostgreSQL's manual",
			name)
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
	return &DB{name: name, postgres: true, read: db, write: db}, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Close closes the store's connections.
func (d *DB) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// String returns the name of the store without its credentials.
func (d *DB) String() string { return d.name }

// Ping checks whether the store answers.
func (d *DB) Ping(ctx context.Context) error {
	return d.Failed("checking that it is up", d.read.PingContext(ctx))
}

// Postgres reports whether the store is PostgreSQL.
func (d *DB) Postgres() bool { return d.postgres }

// Read returns the connection for queries.
func (d *DB) Read() *sql.DB { return d.read }
