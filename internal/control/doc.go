// Package control is the control store: the state that ratemill's processes share and must not lose, in PostgreSQL or
// SQLite.
//
// It owns the durable form of the registry, the ledger of files, the counters of epochs, the positions of sinks,
// versions of documents, retry batches, settings, tokens and the audit log. It does not own what this state means:
// mediation decides when a file is done, the rater how an epoch fences an owner, the registry which account owns a
// SIM.
//
// Every operation is one short transaction: it takes effect completely at its commit, and not at all before. Each
// comment describes the effect of a crash before and after the commit. Times are parameters, never read from a clock.
// A writer that may have been overtaken uses compare-and-set, and gets *LeaseLostError or ErrConflict.
// *backoff.UnavailableError means that the store does not answer: retry later. Any other error is a bug in this
// package or its caller.
//
// One SQL dialect serves both engines: question marks for parameters, BIGINT for whole numbers and for times
// (nanoseconds since 1970 in UTC), BYTEA for bytes. migrations/ has the tables, with the meaning of each column.
//
// Start at Open; ledger.go has the life of a file.
package control
