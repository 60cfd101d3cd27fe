// Package store is SQL that SQLite and PostgreSQL both speak: one way to open, to change in a transaction, to ask, and to
// bring tables up to date, with errors that say whether trying again is right.
//
// It knows no tables. Those that processes agree on belong to internal/control, and each package that keeps its own in the
// same store brings its migrations (Migrations) and works in a Tx.
//
// Start at DB.
package store
