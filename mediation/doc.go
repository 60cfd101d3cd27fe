// Package mediation turns carriers' files into usage: it lists new files, takes a file, reads its records, applies the
// source's rules, finds the owner of each SIM, and sends batches to the partitions of the usage topic.
//
// It owns the order of these steps (watcher.go, mediator.go), so that a crash between any two neither loses nor doubles
// a record. It also owns the count of every record's and byte's outcome (reader.go), and the decision which file
// continues which (beginning.go, resume.go). It does not own formats (mediation/decode), transports and the spool
// (mediation/collect), source documents (mediation/source), the rule language (rules), the ledger's tables
// (internal/control), or anything after the usage topic.
//
// A file's identity and everything that its records depend on are pinned before the first record is sent. So a mediator
// that reads the file again sends the same records, with the same sequences, to the same partitions, and the owners of
// the partitions drop the ones they have.
//
// Start at Mediator.
package mediation
