// Package roles runs ratemill's roles as long-lived processes: it begins those of a process, gives them partitions,
// restarts the parts that may be restarted, and reports their state (metrics, health, readiness).
//
// It owns supervision, mediation's, rating's and the warehouse's wiring, and how a package's consumer.Role becomes a role
// (sql.go). It owns no decision about a record, and not the engines (internal/engines). To scale a role out, start it
// again: mediators share files through the ledger, raters and sinks share partitions through Kafka's consumer groups. A
// group only distributes the work; exactness depends on epochs (internal/rater) and compare-and-set (internal/consumer).
//
// Start at Role and Node; cmd/ratemill/run.go lists the roles.
package roles
