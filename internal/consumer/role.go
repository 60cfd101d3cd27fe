package consumer

import (
	"context"
	"log/slog"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/metric"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
)

// Role is a role that applies the rated log in SQL transactions. The package of the effect declares it, internal/roles
// runs it, and cmd/ratemill/run.go lists it.
type Role struct {
	Name    string
	Title   string // title of the role's costs, in the report of the demo
	Migrate func(ctx context.Context, db *store.DB) error
	// Effects begins the role in a process. The returned function creates the effect of a partition.
	Effects func(Given) func() Effect[*store.Tx]
	Linger  time.Duration // how long a block waits for more messages
	Done    string        // see TransactionOptions
	Gone    string

	Metrics *metric.Section
	// For each partition: rows and blocks applied, the next offset, and the number of waiting batches.
	Rows, Blocks, Position, Lag metric.Metric
}

// Given holds the values of a process that effects may use.
type Given struct {
	// Accounts brings accounts and statements in memory to the newest revision of the registry, and returns
	// that revision.
	Accounts  func(ctx context.Context, into *registry.Registry, statements *registry.Statements) (registry.Revision, error)
	Catalogue *rating.Catalogue // catalogue of the project; nil if it has none
	Now       func() time.Time
	StoreNow  func() time.Time // time of the control store: dates of facts do not depend on this machine's clock
	// Facts returns a reader and writer of facts, for the name of their author. All of them share the
	// process's registry.
	Facts func(who string) *control.FactLog
	Log   *slog.Logger
}

// Consumer returns the name under which the control store keeps the positions of the role in an installation.
func (r *Role) Consumer(installation string) string { return r.Name + "/" + installation }
