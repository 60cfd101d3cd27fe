// Package store provides SQL for both SQLite and PostgreSQL: opening, transactions, queries and migrations, with
// errors that state whether to try again.
//
// It contains no tables. Tables shared by processes belong to internal/control; each package with its own tables in
// the same store has its own migrations (Migrations) and works in a Tx.
//
// Start at DB.
package store
