// Package offline runs the whole pipeline in memory: it reads files and returns rated batches and balances, one file
// after another in the given order. The same input gives the same output, byte for byte.
//
// It owns the in-memory replacements of the engines: a ledger of the given files (files.go), a broker that processes
// every append at once (stages.go), and a clock that stands still. It does not own the processing of records:
// mediation.Mediator reads them and internal/rater decides about them, as in production.
//
// `ratemill rate`, `ratemill test` and the crash test's comparison use it.
//
// Start at Pipeline. Try is another way to look at a file: it decides each record separately, with the reasons.
package offline
