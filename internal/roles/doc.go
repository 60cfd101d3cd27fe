// Package roles runs ratemill's parts as long-lived processes: it opens the engines, starts mediation, rating and the
// warehouse sink, restarts the parts that may be restarted, and reports their state (metrics, health, readiness).
//
// It owns wiring and supervision, and no decision about a record. To scale a role out, start it again: mediators share
// files through the ledger, raters and sinks share partitions through Kafka's consumer groups. A group only distributes
// the work; exactness depends on epochs (internal/rater) and compare-and-set (internal/consumer).
//
// Start at Node; installation.go keeps the engines of other installations away.
package roles
