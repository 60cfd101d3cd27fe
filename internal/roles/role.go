package roles

import (
	"context"

	"ratemill/internal/metric"
)

// Role is a part of ratemill that a process can run. cmd/ratemill/run.go has the list of all roles of the binary.
type Role struct {
	Name       string
	ClickHouse bool              // the role needs ClickHouse
	Metrics    []*metric.Section // metrics of a process that runs it
	Work       Work
	// Consumer returns the name under which the control store keeps the role's positions in the rated log, so
	// that Kafka keeps the messages that it has not read. It is nil if the role does not read the rated log.
	Consumer func(installation string) string
	// Begin prepares the role in a process whose engines are open.
	Begin func(ctx context.Context, n *Node) (*Running, error)
}

// Work identifies the metrics that count a role's work.
type Work struct {
	Title string        // title of the role's costs, in the report of the demo
	Done  metric.Metric // counts finished work
	Waits metric.Metric // 0 when nothing waits for it; the zero Metric: the files in the control store count instead
	// Records means that Done counts usage records.
	Records bool
}

// Running is a role in this process.
type Running struct {
	// Run does the role's work until ctx ends.
	Run func(ctx context.Context) error
	// Missing lists the conditions that prevent the role from working; Concerns lists problems for an operator
	// although it works. nil: only those of the engines and its partitions.
	Missing, Concerns func() []string
	// Metrics puts the values of the role's metrics; nil: it has none.
	Metrics func(ctx context.Context, s metric.Scrape)
	// stored returns the positions up to which Kafka may delete messages; nil: none.
	stored func(ctx context.Context) []commitment

	partitions *partitions // partitions that a consumer group assigns to the role; nil: none
}

// Names returns the names of roles.
func Names(of []Role) []string {
	names := make([]string, len(of))
	for i, r := range of {
		names[i] = r.Name
	}
	return names
}

// Named returns the roles with some names, in the order of the list.
func Named(of []Role, names []string) (some []Role) {
	for _, r := range of {
		for _, name := range names {
			if r.Name == name {
				some = append(some, r)
				break
			}
		}
	}
	return some
}

// OwnsPartitions reports whether the processes of a role divide the partitions among themselves. Mediators divide
// files instead, and delivery processes divide documents.
func OwnsPartitions(role string) bool { return role != Mediation.Name && role != Delivery.Name }

// Metrics returns the metrics of processes with these roles.
func Metrics(of []Role) []*metric.Section {
	sections := []*metric.Section{processMetrics}
	for _, r := range of {
		sections = append(sections, r.Metrics...)
	}
	return sections
}
