// Package engines opens the three engines of an installation for a process: the control store, Kafka and ClickHouse. It
// starts the embedded engines, restarts them if they die, and tracks which engines are unreachable.
//
// It refuses engines of another installation (installation.go) and engines that were restored from backups of different
// days (marks.go). It does not own the work done with the engines, which belongs to the roles (internal/roles), the
// commands and the back office (internal/backoffice).
//
// Start at Options and Open.
package engines
