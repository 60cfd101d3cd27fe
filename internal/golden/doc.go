// Package golden runs the golden cases of a project: each is a text file with raw records, their registry, and the
// expected results, including amounts.
//
// A case about SIMs and accounts over time has steps (steps.go): they run in a separate small installation
// (lives.go), with the code of the back office and of the roles that keep states and balances.
//
// It owns the format of a case (case.go), the tables of expectations (outcome.go), the coverage of a project
// (coverage.go), and the display of differences (diff.go). It does not own reading and rating records: internal/offline
// does that, with the code that runs in production.
//
// The same cases run under `ratemill test` and under `go test` (goldentest.Run). Start at Cases and Case.Run.
package golden
