// Package ledger keeps rating exact: the rated log is the ledger of everything that was rated, and the state of a
// partition's owner is a fold of it.
//
// It owns the state that is folded (state.go, seen.go), its checkpoints (checkpoint.go), and the Owner, who takes a
// partition, restores its state, rates its usage and appends the outcome (owner.go). It does not own the messages of the
// rated log and which of them count (internal/ratedlog), prices (rating), where usage comes from (mediation), or what is
// done with rated records (internal/consumer).
//
// Why it is exact, in short. A rated message carries its input position and its owner's epoch together with the deltas it
// made to every counter, so output and state change are one atomic append. A message counts once: those of an older
// epoch than seen before, and those of an input position that was seen, do not. An owner appends an epoch mark before it
// restores, so whoever held the partition before can append nothing more that counts. Everything else here keeps
// restoring short.
//
// It has no clock and starts nothing on its own: time comes in by Clock, effects go through broker.Broker, so that a
// simulation can run it with every fault.
package ledger
