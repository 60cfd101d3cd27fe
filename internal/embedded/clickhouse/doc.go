// Package clickhouse is the embedded ClickHouse: the real engine, as the library libchdb, in a child process that
// serves ClickHouse's HTTP interface on loopback. clickhouse-go/v2 (protocol HTTP), curl and other HTTP clients work
// on it as on a ClickHouse server.
//
// Why a child: libchdb handles SIGSEGV, so a nil dereference in its process hangs instead of panicking, and an engine
// that runs out of memory must not end rating.
//
// Start and Server are the parent's side; Main is the child's. In the child, http.go takes requests,
// answer.go answers them, sql.go finds where an INSERT's rows go, libchdb.go calls the engine. Each request uses a
// separate session (0.15 ms), so no setting leaks from one to the next, and SELECTs run beside INSERTs.
//
// What it does not do: users and passwords (it listens on loopback and refuses browsers), HTTP sessions, external
// tables, replication. For those, give ratemill the DSN of a ClickHouse server; nothing else changes.
package clickhouse
