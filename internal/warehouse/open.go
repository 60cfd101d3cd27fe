package warehouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
)

// Warehouse is a ClickHouse that holds the tables.
type Warehouse struct {
	options *clickhouse.Options
	conn    driver.Conn
	client  *http.Client // for blocks, which the driver would take value by value
	address atomic.Int64 // index of the server that answered last
	layout  Layout       // layout that Migrate applied
}

// Away returns the error for a ClickHouse that did not answer, or cannot write now; retry later, with the same
// token. what completes "a request to".
func Away(what string, err error) error {
	says := fmt.Sprintf("the warehouse does not answer a request to %s: %v; ratemill keeps trying; check that ClickHouse is up, reachable "+
		"and has disk space", what, err)
	if accesserr.Is(err) {
		says = fmt.Sprintf("the warehouse refuses to let ratemill %s: %v", what, err)
	}
	return &backoff.UnavailableError{Engine: backoff.ClickHouse, Says: says, Err: err}
}

// RefusedError reports that ClickHouse refuses its input, and will refuse it again.
type RefusedError struct {
	Code int // ClickHouse's
	Text string
}

func (e *RefusedError) Error() string { return e.Text }

// Access is the address of a ClickHouse, with the credentials.
type Access struct {
	DSN      string      // http(s)://user@host:8123/database or clickhouse://user@host:9000/database
	Password string      // instead of a password in the DSN
	TLS      *tls.Config // settings of an encrypted connection; nil: the system's settings, for https://
	Cluster  string      // the cluster of the DSN's servers; needed for several
}

// Open prepares to use a ClickHouse, http://user:password@host:8123/database or clickhouse://host:9000/database, and
// queries its identity. It returns *backoff.UnavailableError if there is no answer.
func Open(ctx context.Context, dsn string) (*Warehouse, error) { return Access{DSN: dsn}.Open(ctx) }

// Open does the same as the function Open.
func (a Access) Open(ctx context.Context) (*Warehouse, error) {
	options, err := a.options()
	if err != nil {
		return nil, err
	}
	if a.Cluster != "" { // acknowledged rows must survive the loss of the replica that accepted them
		if options.Settings == nil {
			options.Settings = clickhouse.Settings{}
		}
		options.Settings["insert_quorum"] = "auto"
	}
	return open(ctx, options)
}

func open(ctx context.Context, options *clickhouse.Options) (*Warehouse, error) {
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("warehouse: %w", err)
	}
	w := &Warehouse{options: options, conn: conn, client: &http.Client{
		Timeout: 5 * time.Minute,
		Transport: &http.Transport{
			TLSClientConfig: options.TLS, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
			DisableCompression: true, WriteBufferSize: 1 << 18,
		},
	}}
	if err := conn.Ping(ctx); err != nil {
		conn.Close()
		return nil, sorted("check that it is up", err)
	}
	return w, nil
}

func (a Access) options() (*clickhouse.Options, error) {
	dsn := a.DSN
	scheme, _, _ := strings.Cut(dsn, "://")
	if scheme == "https" && !strings.Contains(dsn, "secure=") { // the driver does not derive this from https
		if strings.Contains(dsn, "?") {
			dsn += "&secure=true"
		} else {
			dsn += "?secure=true"
		}
	}
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		// The parser's message may repeat the DSN, and with it the password.
		return nil, errors.New("warehouse: the DSN is not one of ClickHouse: https://user@host:8443/database, or " +
			"clickhouse://user@host:9440/database?secure=true for the native protocol; a special character in it is percent-encoded, and an " +
			"option must be one of the driver's")
	}
	if len(options.Addr) > 1 && a.Cluster == "" {
		return nil, fmt.Errorf("warehouse: the DSN names %d servers, and without clickhouse.cluster each has its own tables: a block whose "+
			"answer from one server was lost would be written again to the next. Name one server, or the cluster that they are replicas of",
			len(options.Addr))
	}
	if options.Auth.Database == "" {
		options.Auth.Database = "default"
	}
	if a.Password != "" {
		options.Auth.Password = a.Password
	}
	if a.TLS != nil {
		if scheme == "http" {
			return nil, errors.New("warehouse: clickhouse.tls is enabled, but the DSN begins with http://, which is not encrypted; write " +
				"https://, with the port for it")
		}
		dsns := options.TLS
		options.TLS = a.TLS.Clone()
		if dsns != nil {
			options.TLS.InsecureSkipVerify, options.TLS.ServerName = dsns.InsecureSkipVerify, dsns.ServerName
		}
	}
	return options, nil
}

// As returns the same ClickHouse and database for another user.
func (w *Warehouse) As(ctx context.Context, user, password string) (*Warehouse, error) {
	options := *w.options
	options.Auth.Username, options.Auth.Password = user, password
	return open(ctx, &options)
}

// Close closes the connections.
func (w *Warehouse) Close() error {
	w.client.CloseIdleConnections()
	return w.conn.Close()
}

// Conn returns the driver's connection, for queries that this package does not have.
func (w *Warehouse) Conn() driver.Conn { return w.conn }

// exec runs a statement that returns no rows.
func (w *Warehouse) exec(ctx context.Context, what, statement string) error {
	return sorted(what, w.conn.Exec(ctx, statement))
}

// sorted converts an error of the driver to one that callers handle.
func sorted(what string, err error) error {
	var exception *clickhouse.Exception
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &exception):
		return explain(what, int(exception.Code), exception.Error())
	}
	return Away(what, accesserr.Encrypted(err, fields))
}

// fields are the configuration fields for access to ClickHouse.
var fields = accesserr.Fields{CA: "clickhouse.tls.ca_file", Cert: "clickhouse.tls.cert_file and key_file",
	Encrypt: "clickhouse.dsn", Login: "clickhouse.dsn and clickhouse.password_file or password_env"}

// explain classifies ClickHouse's exceptions as temporary if they pass with time, or after an operator has repaired
// the server's disk, memory, network, replicas or users. All other exceptions concern the input.
func explain(what string, code int, text string) error {
	switch _, passes := passingCodes[code]; {
	case code == 192 || code == 193 || code == 194 || code == 516: // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
		return Away(what, accesserr.Login(errors.New(text), fields))
	case passes, lacksRoom(text):
		return Away(what, errors.New(text))
	}
	return &RefusedError{code, text}
}

// lacksRoom reports whether the operating system refused the server a resource; the error code depends on where the
// server noticed it.
func lacksRoom(text string) bool {
	for _, words := range []string{"No space left on device", "Disk quota exceeded", "Too many open files", "Cannot allocate memory",
		"std::bad_alloc"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// passingCodes lists the temporary error codes of ErrorCodes.cpp.
var passingCodes = map[int]string{
	23: "CANNOT_READ_FROM_ISTREAM", 24: "CANNOT_WRITE_TO_OSTREAM", 33: "CANNOT_READ_ALL_DATA", // the request was cut short
	74: "CANNOT_READ_FROM_FILE_DESCRIPTOR", 75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR", 76: "CANNOT_OPEN_FILE", 77: "CANNOT_CLOSE_FILE",
	87: "CANNOT_SEEK_THROUGH_FILE", 88: "CANNOT_TRUNCATE_FILE", 172: "CANNOT_CREATE_DIRECTORY", 204: "CANNOT_FSYNC", 214: "CANNOT_STATVFS",
	243: "NOT_ENOUGH_SPACE", 274: "AIO_READ_ERROR", 275: "AIO_WRITE_ERROR", 294: "CANNOT_WRITE_TO_FILE", 424: "CANNOT_LINK",
	425: "SYSTEM_ERROR", 458: "CANNOT_UNLINK",
	521: "ATOMIC_RENAME_FAIL", 531: "CANNOT_FSTAT", 566: "CANNOT_RMDIR", 586: "CANNOT_CREATE_FILE", 641: "CANNOT_APPEND_TO_FILE",
	499: "S3_ERROR", 500: "AZURE_BLOB_STORAGE_ERROR", 693: "AWS_ERROR", // a disk elsewhere

	173: "CANNOT_ALLOCATE_MEMORY", 241: "MEMORY_LIMIT_EXCEEDED", 411: "PTHREAD_ERROR", 439: "CANNOT_SCHEDULE_TASK", 745: "SERVER_OVERLOADED",
	159: "TIMEOUT_EXCEEDED", 201: "QUOTA_EXCEEDED", 202: "TOO_MANY_SIMULTANEOUS_QUERIES", 203: "NO_FREE_CONNECTION", 252: "TOO_MANY_PARTS",
	364: "RECEIVED_ERROR_TOO_MANY_REQUESTS",
	692: "TOO_MANY_MUTATIONS", 700: "USER_SESSION_LIMIT_EXCEEDED", 749: "TCP_CONNECTION_LIMIT_REACHED", 762: "HTTP_CONNECTION_LIMIT_REACHED",
	236: "ABORTED", 394: "QUERY_WAS_CANCELLED", 473: "DEADLOCK_AVOIDED", 677: "THREAD_WAS_CANCELED", 735: "QUERY_WAS_CANCELLED_BY_CLIENT",

	95: "CANNOT_READ_FROM_SOCKET", 96: "CANNOT_WRITE_TO_SOCKET", 198: "DNS_ERROR", 209: "SOCKET_TIMEOUT", 210: "NETWORK_ERROR",
	279: "ALL_CONNECTION_TRIES_FAILED", 1000: "POCO_EXCEPTION",

	225: "NO_ZOOKEEPER", 242: "TABLE_IS_READ_ONLY", 244: "UNEXPECTED_ZOOKEEPER_ERROR", 254: "NO_ACTIVE_REPLICAS", 265: "NO_AVAILABLE_REPLICA",
	285: "TOO_FEW_LIVE_REPLICAS",
	286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", 289: "REPLICA_IS_NOT_IN_QUORUM", 319: "UNKNOWN_STATUS_OF_INSERT",
	384: "PART_IS_TEMPORARILY_LOCKED", 416: "REPLICA_STATUS_CHANGED",
	529: "NOT_A_LEADER", 568: "RAFT_ERROR", 574: "DISTRIBUTED_TOO_MANY_PENDING_BYTES", 733: "TABLE_IS_BEING_RESTARTED",
	999: "KEEPER_EXCEPTION",

	164: "READONLY", // the server's users are being changed
}

// Assume sets the layout to which another process migrated the warehouse, for queries that depend on it.
func (w *Warehouse) Assume(l Layout) { w.layout = l }
