// Package load runs a whole installation under load and measures it: how long a file takes until SELECT shows it, what
// memory does over an hour, what a second process of a role gives, and what a record costs with more partitions or files.
//
// It owns the schedule by which files land, what is read from processes and ClickHouse meanwhile, and the tables and
// pictures that come of it. It does not own the installation (internal/plant) or the files (internal/generate). What a
// stage costs by itself is measured beside its code (internal/bench).
//
// Files land by a schedule that knows nothing of how far the installation is, so that a stall is felt by every file that
// lands while it lasts, and not by one alone.
//
// Everything is a benchmark of load_test.go, which make bench-latency, soak, bench-scale and bench-curves run.
package load
