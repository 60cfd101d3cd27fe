// Package roles runs ratemill's roles as long-lived processes. It starts the roles of a process, assigns partitions
// to them, restarts parts after temporary errors, and reports their state (metrics, health, readiness).
//
// It owns supervision, the wiring of mediation, rating and the warehouse, and the step from a package's consumer.Role
// to a role (sql.go). It does not own decisions about records, or the engines (internal/engines). To scale a role
// out, start more processes: mediators share files through the ledger, raters and sinks share partitions through
// Kafka's consumer groups. A group only distributes the work; exactness depends on epochs (internal/rater) and
// compare-and-set (internal/consumer).
//
// Start at Role and Node; cmd/ratemill/run.go lists the roles.
package roles
