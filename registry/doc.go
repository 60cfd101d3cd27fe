// Package registry is the log of facts: companies, the tree of accounts, SIMs with their identifiers, owners, plans and
// states, and what else is stated of them, at any time and as known at any revision.
//
// Every fact has two times: its beginning, and the revision of the registry from which it is known. A lookup names
// both, so that a file that is read again gives the same answers even if a SIM has moved meanwhile. Of the facts known
// at a revision, the one with the latest beginning not after the given time is valid; of two with the same beginning,
// the one known later, which is how a mistake is corrected.
//
// The registry is held in memory (ten million SIMs with three states each in about 2 GB); internal/control keeps it durably. Facts arrive as
// change sets (Registry.Apply) while readers continue, and are never removed. The package reads import files (Read) and
// computes the change set that brings the registry to their state (Diff). It owns neither prices (rating), nor a SIM's
// life cycle (simstate), nor storage.
//
// A Registry holds what rating asks for. Other facts are statements (kind.go), whose values belong to the packages that
// know them; Statements holds those of the kinds that somebody asks for. CheckBounds tells what a change set would break
// (bounds.go).
//
// Start at Registry and View; facts.go has the facts, import.go the files in which people state them.
package registry
