// Package consumer applies the messages of one partition of the rated log to an effect, each message that counts
// exactly once.
//
// It owns reading, the position, the limits of a block, waiting for unreachable engines, the handover between two
// consumers of a partition, stops, and shutdown. An effect builds a block from messages and applies it, and does
// nothing else. There are two kinds, depending on the effect's engine:
//
//   - ByToken, for an engine without a transaction that includes the position, but which drops a block whose token it
//     remembers (ClickHouse): the consumer records its intent, writes the block, and records the position.
//   - InTransaction, for an effect in the SQL store with the positions: both commit together.
//
// Positions and stops are stored under the consumer's name. It does not own the meaning of messages
// (internal/ratedlog) or the effects (internal/warehouse, account).
//
// Start at Options; blocks.go has the common parts of both kinds, token.go and transaction.go the two kinds.
package consumer
