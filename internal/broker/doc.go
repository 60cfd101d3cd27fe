// Package broker describes the part of Kafka that ratemill needs: append to a partition and get the offset, fetch
// from an offset, and read the bounds. It is small enough for a simulated broker to implement it.
//
// It owns the topics' names and settings, and the implementation over kafka-go. It does not own the assignment of
// partitions to readers (the roles) or the meaning of messages (udr, internal/ratedlog).
//
// Start at Broker; kafka.go implements it for Kafka, topics.go creates the topics.
package broker
