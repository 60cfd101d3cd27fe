// Package ratedlog is the rated log, as all who read it see it: what its messages say (batch.go,
// proto/ratemill/v1/log.proto), which of them count (fold.go), and what is done about those that cannot be read, that
// nobody was given an epoch for, or that Kafka has lost.
//
// A message counts once: those of an older epoch than seen before, and those of an input position that was seen, do not.
// Whoever folds the log from its beginning, or from where another fold of it stopped, decides the same.
//
// It does not own what is rated (internal/ledger, which writes the log) or what is done with rated records
// (internal/consumer and the effects that stand on it). It imports neither.
package ratedlog
