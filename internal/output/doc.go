// Package output prints rows for users and programs: a table, JSON objects, or CSV.
//
// It owns the alignment of cells, the choice of numbers in JSON, and the escaping of carriers' text for terminals and
// spreadsheets. It does not own the content.
package output
