// Package registry is the log of facts: companies, the tree of accounts, SIMs with their identifiers, owners, plans
// and states, and other statements about them. It answers for any time, and as known at any revision.
//
// Every fact has two times: its beginning, and the revision of the registry that first contained it. A lookup
// specifies both, so that a file that is read a second time gets the same answers even if a SIM has moved
// meanwhile. Of the facts known at a revision, the valid fact is the one that began last, at or before the given
// time. If two facts have the same beginning, the one from the later revision is valid, so a later fact corrects
// a mistake.
//
// The registry is held in memory (ten million SIMs with three states each take about 2 GB); internal/control stores
// it durably. Facts arrive as change sets (Registry.Apply) while readers continue, and are never removed. The
// package reads import files (Read) and computes the change set that brings the registry to their state (Diff). It
// owns neither prices (rating), nor the life cycle of a SIM (simstate), nor storage.
//
// A Registry contains the facts that rating needs. Other facts are statements (kind.go), whose values belong to
// other packages; Statements contains the kinds that its caller asks for. CheckBounds returns the rules that a
// change set would break (bounds.go).
//
// Start at Registry and View; facts.go defines the facts, and import.go the files in which users state them.
package registry
