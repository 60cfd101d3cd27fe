// Package golden runs the golden cases of a project: each is a text file with raw records, the registry that they meet,
// and what must come out of them, money included.
//
// It owns the format of a case (case.go), the tables that expectations are written in (table.go, outcome.go), what of a
// project the cases reach (coverage.go), and how differences are shown (diff.go). It does not own how records are read
// and rated: internal/offline does that, with the code that runs online.
//
// The same cases run under `ratemill test` and under `go test` (goldentest.Run). Start at Cases and Case.Run.
package golden
