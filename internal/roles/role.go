package roles

import (
	"context"

	"ratemill/internal/metric"
)

// Role is a part of ratemill that processes run. cmd/ratemill/run.go lists the roles of the binary; whatever goes through
// all roles asks that list.
type Role struct {
	Name       string
	ClickHouse bool              // it needs ClickHouse
	Metrics    []*metric.Section // of a process that runs it
	Work       Work
	// Consumer is the name under which the control store keeps the role's positions in the rated log, so that Kafka keeps
	// what it has not read; nil: it does not read the rated log.
	Consumer func(installation string) string
	// Begin prepares the role in a process whose engines are open.
	Begin func(ctx context.Context, n *Node) (*Running, error)
}

// Work says where a role's work is counted.
type Work struct {
	Title string        // of its costs, in the report of the demo
	Done  metric.Metric // counts what it has done
	Waits metric.Metric // 0 when nothing waits for it; the zero Metric: files in the control store tell it
	// Records says that Done counts usage records.
	Records bool
}

// Running is a role in this process.
type Running struct {
	// Run does the role's work until ctx ends.
	Run func(ctx context.Context) error
	// Missing lists what keeps the role from its work, Concerns what a person should look at although it works; nil:
	// nothing but what the engines and its partitions tell.
	Missing, Concerns func() []string
	// Metrics gives the values of the role's metrics; nil: it has none.
	Metrics func(ctx context.Context, s metric.Scrape)
	// stored are the positions that Kafka need not keep any more; nil: none.
	stored func(ctx context.Context) []commitment

	partitions *partitions // that a consumer group gives the role; nil: none
}

// Names are the names of roles.
func Names(of []Role) []string {
	names := make([]string, len(of))
	for i, r := range of {
		names[i] = r.Name
	}
	return names
}

// Named are the roles with some names, in the order of the list.
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

// OwnsPartitions reports whether the processes of a role divide the partitions among themselves. Mediators divide files, and those that
// deliver documents.
func OwnsPartitions(role string) bool { return role != Mediation.Name && role != Delivery.Name }

// Metrics are the metrics of processes with these roles.
func Metrics(of []Role) []*metric.Section {
	sections := []*metric.Section{processMetrics}
	for _, r := range of {
		sections = append(sections, r.Metrics...)
	}
	return sections
}
