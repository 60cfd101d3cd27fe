// Package engines opens the three engines of an installation for a process: the control store, Kafka and ClickHouse. It
// starts the embedded ones and restarts them if they die, and knows which are away.
//
// It refuses engines of another installation (installation.go) and engines that were restored from backups of different
// days (marks.go). It does not own what is done with the engines: that are the roles (internal/roles), commands, and
// what people do (internal/backoffice).
//
// Start at Options and Open.
package engines
