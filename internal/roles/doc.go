// Package roles runs ratemill's parts as long-lived processes: it opens the engines, starts mediation, rating and the
// warehouse sink, restarts what may be restarted, and shows how they are (metrics, health, readiness).
//
// It owns wiring and supervision, and nothing that decides about a record. Each role scales out by starting it again:
// mediators share files through the ledger, raters and sinks share partitions through Kafka's consumer groups. A group
// only spreads the work; exactness rests on epochs (internal/ledger) and compare-and-set (internal/consumer).
//
// Start at Node; installation.go keeps the engines of other installations away.
package roles
