// Package control is the control store: what ratemill's processes must agree on and must not forget, in PostgreSQL or
// SQLite.
//
// It owns the durable form of the registry, the ledger of files, the counters of epochs, the positions of sinks,
// versions of documents, retry batches, settings, tokens and the audit log. It does not own what these mean: mediation
// decides when a file is done, the rater what an epoch fences, the registry who owns a SIM.
//
// Every operation is one short transaction: before its commit nothing of it is there, after it all of it is. Each says
// what a crash on either side means. Times are passed in and never taken from a clock. Whoever may be overtaken writes
// by compare-and-set and learns of it: *LeaseLostError, ErrConflict. A store that does not answer is an
// *UnavailableError: try again later. Any other error is a mistake of ours or of who asked.
//
// One SQL for both engines: question marks for parameters, BIGINT for whole numbers and for times (nanoseconds since
// 1970 in UTC), BYTEA for bytes. migrations/ has the tables, with what each column means.
//
// Start at Open; ledger.go has the life of a file.
package control
