// Package backoffice is what people do and ask in an installation: the ledger of files, suspense, stopped partitions, the
// registry, balances, and the explanation of a record. Each request and each answer is a type; answers have JSON tags.
//
// It owns the meaning of a request, and the words of an answer: what happened, why, and what to type next. It does not
// own the way in or out: it prints nothing and knows no terminal, no flags and no HTTP (cmd/ratemill is one door, an API
// another). It does not own the words of a charge (rating.Explain), the tables (warehouse), or what roles do.
//
// Start at Office; each topic has its file.
package backoffice
