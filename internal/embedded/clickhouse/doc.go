// Package clickhouse is the embedded ClickHouse: the real engine, as the library libchdb, in a child process that
// serves ClickHouse's HTTP interface on loopback. clickhouse-go/v2 (protocol HTTP), curl and other HTTP clients use
// it like a ClickHouse server.
//
// It is a child process because libchdb handles SIGSEGV, so that a nil dereference in its process hangs instead of
// panicking, and because an engine that runs out of memory must not end rating.
//
// Start and Server are the parent's side; Main is the child's. In the child, http.go accepts requests, answer.go
// answers them, sql.go finds where an INSERT's rows go, and libchdb.go calls the engine. Each request uses a
// separate session (0.15 ms), so no setting leaks from one request to the next, and SELECTs run beside INSERTs.
//
// It does not support users and passwords (it listens on loopback and refuses browsers), HTTP sessions, external
// tables, and replication. For those, configure the DSN of a ClickHouse server; nothing else changes.
package clickhouse
