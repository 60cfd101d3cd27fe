// Package store is SQL for both SQLite and PostgreSQL: opening, transactions, queries and migrations, with errors that
// say whether to try again.
//
// It knows no tables. Tables shared by processes belong to internal/control; each package with its own tables in the
// same store brings its migrations (Migrations) and works in a Tx.
//
// Start at DB.
package store
