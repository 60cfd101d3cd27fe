package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"ratemill/internal/embedded/child"
	"ratemill/internal/embedded/keys"
)

// Main is the main function of the child process; embedded.RunIfChild calls it.
func Main() {
	var o settings
	child.Run(&o, func(life *child.Life) error { return serve(o, life) })
}

func serve(o settings, life *child.Life) error {
	lock, err := child.Lock(o.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	// ClickHouse reads config.xml in its working directory, no matter who put it there.
	if err := os.Chdir(o.Dir); err != nil {
		return err
	}
	e, err := openEngine(o)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; choose another address with clickhouse.listen, or port 0 for any", o.Listen)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", o.Listen, err)
	}
	// Passwords are passed unchanged.
	if tcp := listener.Addr().(*net.TCPAddr); !tcp.IP.IsLoopback() {
		return fmt.Errorf("the embedded ClickHouse listens on loopback only, not on %s; use a ClickHouse server to share it between machines",
			o.Listen)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 1 << 20}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var watch sync.WaitGroup
	watch.Go(func() { e.watchWrites(life.Stop) })
	if err := life.Ready(facts{Addr: listener.Addr().String(), Version: e.version}); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-life.Stop:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		return server.Close() // a statement is still running; acknowledged data is on disk
	}
	watch.Wait()
	e.keep.close()
	return nil
}

// engine is the open library with its limits.
type engine struct {
	lib      *libchdb
	args     []string
	keep     *session // the engine lives as long as one session
	version  string
	timezone string
	data     string // the engine's own settings
	incoming string // folder for bodies of INSERTs
	always   string // settings of every statement
	keys     keys.Keys
	slots    chan struct{}
	queries  queryNumbers
}

// maxRunning limits concurrent statements; more statements wait for their turn.
const maxRunning = 16

func openEngine(o settings) (*engine, error) {
	e := &engine{
		data:     filepath.Join(o.Dir, "data"),
		incoming: filepath.Join(o.Dir, "incoming"),
		// chdb runs a bare expression as a SELECT; a server reports a syntax error.
		always: "implicit_select = 0",
		keys:   o.Keys,
		slots:  make(chan struct{}, maxRunning),
	}
	if e.keys.Owner == "" || e.keys.Reader == "" {
		return nil, errors.New("the embedded ClickHouse was started without passwords for its users")
	}
	// Unfinished work of an earlier process was not acknowledged.
	err := errors.Join(os.RemoveAll(e.incoming), os.MkdirAll(e.incoming, 0o700))
	if err != nil {
		return nil, err
	}
	if e.lib, err = openLibrary(o.Library); err != nil {
		return nil, err
	}
	// ClickHouse's caches are sized for a dedicated machine (5 GiB each).
	config, err := writeConfig(filepath.Join(o.Dir, "config"))
	if err != nil {
		return nil, err
	}
	e.args = []string{"clickhouse", "--path=" + e.data, "--config-file=" + config,
		"--mark_cache_size=268435456", "--primary_index_cache_size=268435456", "--index_mark_cache_size=67108864"}
	if o.MaxMemory > 0 {
		e.args = append(e.args, fmt.Sprintf("--max_server_memory_usage=%d", o.MaxMemory))
	}
	if e.keep, err = e.lib.open(e.args...); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Dir, err)
	}
	if err := e.keep.query("CREATE DATABASE IF NOT EXISTS "+Database, "TSV", nil); err != nil {
		return nil, err
	}
	spread(e.data)
	if n, err := failedWrites(e.keep); err != nil || n > 0 {
		return nil, cmp.Or(err, fmt.Errorf("%s: ClickHouse could not write %d times while it started: is the disk full or broken? "+
			"See `df %[1]s` and the kernel's log", o.Dir, n))
	}
	err = e.keep.query("SELECT version(), timezone()", "TSV", func(b []byte) error {
		e.version, e.timezone, _ = strings.Cut(strings.TrimSpace(string(b)), "\t")
		return nil
	})
	return e, err
}
