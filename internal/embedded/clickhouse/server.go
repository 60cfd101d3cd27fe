package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"ratemill/internal/embedded/child"
)

// Engine is the server's name as a child process.
const Engine = "clickhouse"

// Options say where the engine keeps its data and how it listens.
type Options struct {
	Dir       string       // data folder, one server at a time; required
	Listen    string       // host:port; "" is a free port on 127.0.0.1
	Library   string       // path of libchdb; "" looks in the usual places (FindLibrary)
	MaxMemory int64        // bytes the engine may use in all; 0 is ClickHouse's default, 90% of the machine's
	Log       *slog.Logger // gets what the engine writes; nil discards it
}

// Server is a ClickHouse engine in a child process.
type Server struct {
	process *child.Process
	facts   facts
}

type settings struct {
	Dir       string `json:"dir"`
	Listen    string `json:"listen"`
	Library   string `json:"library"`
	MaxMemory int64  `json:"max_memory"`
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
	s := &Server{}
	s.process, err = child.Start(ctx, child.Spec{
		Engine: Engine, Label: dir, Log: o.Log,
		Config: settings{Dir: dir, Listen: o.Listen, Library: library, MaxMemory: o.MaxMemory},
	})
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(s.process.Ready, &s.facts)
}

// Addr is host:port of the HTTP interface.
func (s *Server) Addr() string { return s.facts.Addr }

// DSN is for clickhouse.ParseDSN of clickhouse-go.
func (s *Server) DSN() string { return "http://" + s.facts.Addr + "/default" }

// Version is the engine's, e.g. 26.5.1.1.
func (s *Server) Version() string { return s.facts.Version }

// PID is the child's process id.
func (s *Server) PID() int { return s.process.PID() }

// Kill ends the engine as kill -9 does and returns when it is gone. What it had acknowledged is there when it is
// started again on the same folder.
func (s *Server) Kill() { s.process.Kill() }

// Stop lets running statements end and closes the engine; when ctx ends first it is killed.
func (s *Server) Stop(ctx context.Context) error { return s.process.Stop(ctx) }

// Wait gives a channel that receives once, when the engine has ended for whatever reason.
func (s *Server) Wait() <-chan error { return s.process.Wait() }
