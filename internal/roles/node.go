package roles

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"ratemill/internal/config"
	"ratemill/internal/engines"
	"ratemill/internal/options"
	"ratemill/internal/project"
)

// Options are the inputs of a Node.
type Options struct {
	Config  *config.Config
	Project *project.Project
	Log     *slog.Logger
	Known   []Role // of this binary
	Roles   []Role // those of the binary's roles that this process runs
	Owner   string // name of this process in leases and groups; empty: a new name
	Attach  bool   // use the embedded engines of a running process, and do not start any
	// BalanceDue is the time after a file's end from which its balance counts in the metrics; 0 means 10 minutes.
	BalanceDue time.Duration
}

func (o *Options) check() error {
	c := options.Of("roles: a process needs ")
	c.Need(o.Config != nil, "a configuration")
	c.Need(o.Project != nil, "a project")
	c.Need(o.Log != nil, "a log")
	c.Need(o.BalanceDue >= 0, "a time after which the balance of a file counts that is 0, for the default, or longer")
	known := map[string]bool{}
	for _, r := range o.Known {
		c.Need(r.Name != "" && r.Begin != nil, fmt.Sprintf("roles with a name and a beginning; %q lacks one of them", r.Name))
		c.Need(!known[r.Name], "one role of each name, and has two named "+r.Name)
		known[r.Name] = true
	}
	running := map[string]bool{}
	for _, r := range o.Roles {
		c.Need(known[r.Name], "roles of this binary, and "+r.Name+" is none")
		c.Need(!running[r.Name], "each role once, and was given "+r.Name+" twice")
		running[r.Name] = true
	}
	return c.Err()
}

// Node is a process with its engines and roles.
type Node struct {
	Options
	*engines.Engines

	reference *reference
	roles     map[string]*Running // by name; they do not change while they run
	running   atomic.Bool         // the roles
	close     func()              // ends the server of metrics and health
}

// Open reports all mistakes in the options, and otherwise starts or connects to the engines. Close the node after
// use.
func Open(ctx context.Context, o Options) (*Node, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	o.Owner = cmp.Or(o.Owner, fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().UnixNano()))
	clickHouse := len(o.Roles) == 0
	for _, r := range o.Roles {
		clickHouse = clickHouse || r.ClickHouse
	}
	e, err := engines.New(engines.Options{Config: o.Config, Log: o.Log, Attach: o.Attach, ClickHouse: clickHouse, Marks: len(o.Roles) > 0})
	if err != nil {
		return nil, err
	}
	n := &Node{Options: o, Engines: e, close: func() {}}
	if err := n.open(ctx); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	if err := n.listen(); err != nil {
		return err
	}
	if err := n.Engines.Open(ctx); err != nil {
		return err
	}
	return n.WaitFor(ctx, engines.Control, func() (err error) {
		n.reference, err = newReference(ctx, n.Store, n.Project, n.Log)
		return err
	})
}

// Close stops the engines that this process started, and leaves the others.
func (n *Node) Close() {
	n.close()
	n.Engines.Close()
}
