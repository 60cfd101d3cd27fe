// Package offline runs the whole pipeline in memory: files in, rated batches and balances out, one file after the other
// in the given order. The same input gives the same output, byte for byte.
//
// It owns the engines that stand in for the real ones where nothing needs to outlive the process: a ledger of the files
// given (files.go), a broker whose every append is decided at once (rater.go), a clock that stands still. What is done
// with records is not here: mediation.Mediator reads them and internal/ledger decides about them, online as offline.
//
// `ratemill rate`, `ratemill test` and the comparison of a crash test with what ought to have come out use it.
//
// Start at Pipeline. Try is the other way to look at a file: each record by itself, and why.
package offline
