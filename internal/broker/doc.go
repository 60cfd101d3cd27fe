// Package broker describes the part of Kafka that ratemill needs, so small that a simulated broker can implement it:
// append to a partition and learn the offset, fetch from an offset, know the bounds.
//
// It owns the topics' names and settings, and the implementation over kafka-go. It does not own the assignment of
// partitions to readers (the roles), nor the meaning of messages (udr, internal/ratedlog).
//
// Start at Broker; kafka.go implements it for Kafka, topics.go creates the topics.
package broker
