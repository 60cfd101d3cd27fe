package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Warehouse is a ClickHouse that holds the tables.
type Warehouse struct {
	options *clickhouse.Options
	conn    driver.Conn
	client  *http.Client // for blocks, which the driver would take value by value
	address atomic.Int64 // index of the server that answered last
}

// UnavailableError says that ClickHouse did not answer, or cannot take anything now; trying again later is right, with
// the same token.
type UnavailableError struct {
	What string
	Err  error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the warehouse does not answer to %s: %v; it is tried again, look whether ClickHouse is up, reachable and has room", e.What, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// RefusedError says that ClickHouse does not want what it was given, and will not later.
type RefusedError struct {
	Code int // ClickHouse's
	Text string
}

func (e *RefusedError) Error() string { return e.Text }

// Open prepares to use a ClickHouse, http://user:password@host:8123/database or clickhouse://host:9000/database, and
// asks it who it is. It returns *UnavailableError when there is no answer.
func Open(ctx context.Context, dsn string) (*Warehouse, error) {
	options, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("warehouse: the DSN is not one of ClickHouse (http://user:password@host:8123/database, or clickhouse://host:9000/database for the native protocol): %w", err)
	}
	if options.Auth.Database == "" {
		options.Auth.Database = "default"
	}
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
		return nil, sorted("say that it is there", err)
	}
	return w, nil
}

// Close closes the connections.
func (w *Warehouse) Close() error {
	w.client.CloseIdleConnections()
	return w.conn.Close()
}

// Conn is the driver's connection, for questions that this package does not ask.
func (w *Warehouse) Conn() driver.Conn { return w.conn }

// exec runs a statement that gives no rows.
func (w *Warehouse) exec(ctx context.Context, what, statement string) error {
	return sorted(what, w.conn.Exec(ctx, statement))
}

// sorted makes an error of the driver one that callers act on.
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
	return &UnavailableError{what, err}
}

// explain sorts ClickHouse's exceptions (ErrorCodes.cpp) by whether they pass.
func explain(what string, code int, text string) error {
	switch code {
	case 159, // TIMEOUT_EXCEEDED
		198, 209, 210, // DNS_ERROR, SOCKET_TIMEOUT, NETWORK_ERROR
		202, 203, // TOO_MANY_SIMULTANEOUS_QUERIES, NO_FREE_CONNECTION
		225, 999, // NO_ZOOKEEPER, KEEPER_EXCEPTION
		236, 394, // ABORTED, QUERY_WAS_CANCELLED
		241, 243, // MEMORY_LIMIT_EXCEEDED, NOT_ENOUGH_SPACE
		242,      // TABLE_IS_READ_ONLY
		252,      // TOO_MANY_PARTS
		285, 286, // TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
		319,      // UNKNOWN_STATUS_OF_INSERT
		439,      // CANNOT_SCHEDULE_TASK
		516, 164: // AUTHENTICATION_FAILED, READONLY: somebody is changing the server's users
		return &UnavailableError{what, errors.New(text)}
	}
	return &RefusedError{code, text}
}
