// Package backoffice has the requests of people in an installation: about the ledger of files, suspense, stopped
// partitions, the registry, balances, and the explanation of a record. Each request and each answer is a type;
// answers have JSON tags.
//
// It owns the meaning of a request, and the words of an answer: the result, the reason, and the next command. It does
// not own input or output: it prints nothing and has no terminal, no flags and no HTTP (cmd/ratemill calls it, and an
// API may). It does not own the words of a charge (rating.Explain), the tables (warehouse), or what roles do.
//
// Start at Office; each topic has its file.
package backoffice
