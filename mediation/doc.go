// Package mediation turns carriers' files into usage: it lists new files, takes a file, reads its records, applies the
// source's rules, finds the owner of each SIM, and sends batches to the partitions of the usage topic.
//
// It owns the order of these steps (watcher.go, mediator.go), so that a crash between any two neither loses a record
// nor sends it twice. It also owns the counts of what happened to every record and byte (reader.go), and the decision
// which file continues which (beginning.go, resume.go). It does not own formats (mediation/decode), transports and the
// spool (mediation/collect), source documents (mediation/source), the rule language (rules), the ledger's tables
// (internal/control), or anything after the usage topic.
//
// A file's identity and everything on which its records depend are pinned before the first record is sent. A mediator
// that reads the file a second time therefore sends the same records, with the same sequence numbers, to the same
// partitions, and the owners of the partitions drop the records that they already have.
//
// Start at Mediator.
package mediation
