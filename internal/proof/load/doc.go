// Package load runs a whole installation under load and measures it: how long it takes until SELECT shows a file,
// memory over an hour, the gain from a second process of a role, and the cost of a record with more partitions or
// files.
//
// It owns the schedule by which files arrive, the measurements of processes and ClickHouse, and the resulting tables.
// It does not own the installation (internal/proof/installation) or the files (internal/demo/generate). The cost of a single
// stage is measured beside its code (internal/proof/bench).
//
// Files land by a schedule that does not depend on the installation's progress, so a stall delays every file that lands
// meanwhile, not only one.
//
// Everything is a benchmark of load_test.go, which make bench-latency, soak, bench-scale and bench-curves run.
package load
