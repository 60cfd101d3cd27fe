package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"

	"ratemill/internal/embedded/child"
	"ratemill/internal/embedded/keys"
)

// Engine is the server's name as a child process.
const Engine = "clickhouse"

// Options control where the engine keeps its data and how it listens.
type Options struct {
	Dir       string       // data folder, used by one server at a time; required
	Keys      keys.Keys    // passwords of its users; none: new passwords are created in Dir
	Listen    string       // host:port; "" is a free port on 127.0.0.1
	Library   string       // path of libchdb; "" searches the usual places (FindLibrary)
	MaxMemory int64        // bytes that the engine may use in total; 0 is ClickHouse's default, 90% of the machine's memory
	Log       *slog.Logger // gets the engine's output; nil discards it
}

// allocator configures jemalloc to keep freed memory for a minute before it returns it to the kernel, because merges
// and inserts allocate and free the same megabytes repeatedly. With ClickHouse's own 5 s and 0 s, and its profiling, a
// merged row cost 4.0 to 4.5 µs instead of 3.8, and an inserted row 2.2 to 2.4 instead of 2.15.
const allocator = "JE_MALLOC_CONF=dirty_decay_ms:60000,muzzy_decay_ms:60000,prof:false"

// Server is a ClickHouse engine in a child process.
type Server struct {
	process *child.Process
	facts   facts
	keys    keys.Keys
}

type settings struct {
	Dir       string    `json:"dir"`
	Listen    string    `json:"listen"`
	Library   string    `json:"library"`
	MaxMemory int64     `json:"max_memory"`
	Keys      keys.Keys `json:"keys"`
}

type facts struct {
	Addr    string `json:"addr"`
	Version string `json:"version"`
}

// Start runs the engine and returns when it serves; this binary must call embedded.RunIfChild.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("clickhouse: the embedded engine needs a data folder")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: data folder: %w", err)
	}
	library, err := FindLibrary(o.Library)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Keys == (keys.Keys{}) {
		if o.Keys, err = keys.Make(dir); err != nil {
			return nil, fmt.Errorf("clickhouse: %w", err)
		}
	}
	s := &Server{keys: o.Keys}
	s.process, err = child.Start(ctx, child.Spec{
		Engine: Engine, Label: dir, Log: o.Log, Env: []string{allocator},
		Config: settings{Dir: dir, Listen: o.Listen, Library: library, MaxMemory: o.MaxMemory, Keys: o.Keys},
	})
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(s.process.Ready, &s.facts)
}

// Addr returns host:port of the HTTP interface.
func (s *Server) Addr() string { return s.facts.Addr }

// Database is the database with ratemill's tables, the only database that the read-only user may read.
const Database = "ratemill"

// DSN returns the owner's DSN for clickhouse.ParseDSN of clickhouse-go. The driver sends the password in a
// header.
func (s *Server) DSN(database string) string {
	return dsn(keys.Owner, s.keys.Owner, s.facts.Addr, database)
}

// ReaderDSN returns the DSN for the read-only user.
func (s *Server) ReaderDSN(database string) string {
	return dsn(keys.Reader, s.keys.Reader, s.facts.Addr, database)
}

func dsn(user, password, addr, database string) string {
	return (&url.URL{Scheme: "http", User: url.UserPassword(user, password), Host: addr, Path: "/" + database}).String()
}

// Keys returns the passwords of the users.
func (s *Server) Keys() keys.Keys { return s.keys }

// Version returns the engine's version, e.g. 26.5.1.1.
func (s *Server) Version() string { return s.facts.Version }

// PID returns the child's process id.
func (s *Server) PID() int { return s.process.PID() }

// Kill kills the engine with kill -9 and returns when it is gone. Everything acknowledged is there when it is
// restarted on the same folder.
func (s *Server) Kill() { s.process.Kill() }

// Stop lets running statements finish and closes the engine; if ctx ends first, the engine is killed.
func (s *Server) Stop(ctx context.Context) error { return s.process.Stop(ctx) }

// Wait returns a channel that receives once, when the engine has ended for any reason.
func (s *Server) Wait() <-chan error { return s.process.Wait() }
