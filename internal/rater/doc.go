// Package rater keeps rating exact: the rated log is the ledger of everything that was rated, and the state of a
// partition's owner is a fold of it.
//
// It owns the state that is folded (state.go, seen.go), its checkpoints (checkpoint.go), and the Owner, who takes a
// partition, restores its state, rates its usage and appends the outcome (owner.go). It does not own the messages of
// the rated log and the rules for which of them count (internal/ratedlog), prices (rating), the origin of usage
// (mediation), or the use of rated records (internal/consumer).
//
// It is exact for these reasons. A rated message carries its input position and its owner's epoch together with the deltas
// it made to every counter, so output and state change are one atomic append. A message counts once: messages with an
// older epoch or an input position seen before do not count. An owner appends an epoch mark before it restores, so that
// nothing that a former owner appends afterwards counts. Everything else here keeps restoring short.
//
// It has no clock and starts nothing on its own: time comes from Clock, and effects go through broker.Broker,
// so that a simulation can run it with every fault.
package rater
