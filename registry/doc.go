// Package registry knows who owns what: companies, the tree of accounts, SIMs with their identifiers, and the plans that
// they are on, at any time and as it was known at any revision.
//
// Every fact has two times: from when it is valid, and from which revision of the registry it is known. A lookup names
// both, so that a file read again gives the same answers although a SIM moved meanwhile. Of the facts known at a
// revision, the one with the latest beginning not after the asked time holds; of two with the same beginning the one
// known later, which is how a mistake is corrected.
//
// The registry is held in memory (ten million SIMs in about 1.5 GB); internal/control keeps it durably. Facts arrive as
// change sets (Registry.Apply) while readers go on, and are never removed. The package reads import files (Read) and
// turns them into the change set that makes the registry say what they say (Diff). It owns neither prices (rating), nor
// a SIM's life cycle (simstate), nor storage.
//
// Start at Registry and View; facts.go has what can be said, import.go how people say it.
package registry
