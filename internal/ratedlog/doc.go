// Package ratedlog is the rated log from its readers' point of view. It has the content of its messages (batch.go,
// proto/ratemill/v1/log.proto) and the rules for which of them count (fold.go). It handles unreadable messages,
// messages with an epoch that the control store never gave out, and messages that Kafka has lost.
//
// A message counts once. A message does not count if a newer epoch was seen before it, or if its input position was
// already seen. Every fold of the log from its beginning, or from the position of another fold, makes the same
// decisions.
//
// It does not own rating (internal/rater, which writes the log) or the use of rated records (internal/consumer and its
// effects). It imports neither.
package ratedlog
