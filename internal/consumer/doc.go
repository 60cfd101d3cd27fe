// Package consumer brings one partition of the rated log to an effect, each message that counts exactly once.
//
// It owns reading, the position, the bounds of a block, waiting for engines that are away, the hand-over between two
// consumers of a partition, stops, and shutdown. An effect makes a block of messages and applies it, and does nothing
// else. There are two kinds, by what the effect's engine can do:
//
//   - ByToken, for an engine that has no transaction with the position, but drops a block whose token it remembers
//     (ClickHouse): the consumer records its intent, writes the block, and records the position.
//   - InTransaction, for an effect in the SQL store that has the positions: both commit together.
//
// Positions and stops bear the consumer's name. It does not own what a message says (internal/ratedlog) or what an effect
// makes of it (internal/warehouse, account).
//
// Start at Options; blocks.go is what both kinds have in common, token.go and transaction.go are the kinds.
package consumer
