// Package grid prints rows as people and programs read them: a table, JSON objects, or CSV.
//
// It owns how cells are aligned, which of them are numbers in JSON, and what keeps a carrier's text from doing harm in a
// terminal or a spreadsheet. It does not own what is printed.
package grid
