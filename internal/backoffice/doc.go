// Package backoffice carries out the requests of users: about the ledger of files, suspense, stopped partitions,
// the registry, balances, and the explanation of a record. Each request and each answer is a type; answers have
// JSON tags.
//
// It owns the meaning of a request and the wording of an answer: the result, the reason, and the next command. It
// does not own input or output: it prints nothing and has no terminal, flags or HTTP (cmd/ratemill calls it, and an
// API could). It does not own the wording of charges (rating.Explain), the tables (warehouse), or the work of the
// roles.
//
// Start at Office; each topic has its own file.
package backoffice
