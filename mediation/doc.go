// Package mediation takes carriers' files and makes usage of them: it lists what is new, takes a file, reads its records,
// applies the source's rules, finds who owns each SIM, and sends batches to the partitions of the usage topic.
//
// It owns the order of these steps (watcher.go, mediator.go), so that a crash between any two neither loses nor doubles a
// record, the count of what became of every record and byte (reader.go), and which file continues which (beginning.go,
// known.go). It does not own formats (mediation/decode), transports and the spool (mediation/collect), source documents
// (mediation/source), the rule language (rules), the ledger's tables (internal/control), or anything after the usage topic.
//
// A file's identity and all that its records depend on are pinned before the first record leaves. So whoever reads it
// again sends the same records, with the same sequences, to the same partitions, and the owners of the partitions drop
// what they have.
//
// Start at Mediator.
package mediation
