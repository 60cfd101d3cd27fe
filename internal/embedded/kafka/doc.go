// Package kafka is the embedded Kafka broker: one broker that speaks Kafka's protocol on loopback and keeps its topics,
// groups and offsets in a folder. It is franz-go's kfake with persistence.
//
// Acknowledged data survives the death of the process by any signal, because each batch is written to its segment
// before the answer is sent. The death of the machine (power, kernel) can lose the last batches that the operating
// system had not written yet, like an Apache Kafka broker without replicas at its default settings. Options.SyncWrites
// closes that gap: every batch is synced to the disk before it is acknowledged, which costs one sync per batch.
//
// The broker compacts topics and applies retention when it starts. In a child process, it also does so while it runs:
// when its log has grown by half, and once a day. For this, it closes the log and opens it again (maintain.go
// explains why), and serves no requests for some seconds; clients wait as during a restart.
//
// It is not a cluster: it is one broker without replicas. For a cluster, configure the addresses of
// an Apache Kafka cluster; nothing else changes.
//
// Start runs it in this process, StartChild in a child process that a test can kill with kill -9.
package kafka
