// Package broker says what ratemill needs of Kafka, in terms small enough that a simulated broker can answer them: append
// to a partition and learn the offset, fetch from an offset, know the bounds.
//
// It owns the topics' names and settings, and the implementation over kafka-go. It does not own who reads which
// partition when (the roles), nor what messages mean (udr, internal/ratedlog).
//
// Start at Broker; kafka.go speaks to the real thing, topics.go makes the topics.
package broker
