// Package ratedlog is the rated log from its readers' point of view: the content of its messages (batch.go,
// proto/ratemill/v1/log.proto), the rules for which of them count (fold.go), and the handling of messages that cannot
// be read, that have an epoch nobody gave out, or that Kafka has lost.
//
// A message counts once: those of an older epoch than seen before, and those of an input position that was seen, do
// not. Every fold of the log from its beginning, or from where another fold stopped, decides the same.
//
// It does not own rating (internal/rater, which writes the log) or the use of rated records (internal/consumer and its
// effects). It imports neither.
package ratedlog
