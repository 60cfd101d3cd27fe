// Package generate writes usage files as carriers send them, and the registry that knows their SIMs. The same options
// give the same bytes, on any machine: a record is a function of the seed, its carrier and its place, so files can be
// written in any order, at once, and as large as one likes.
//
// It owns three invented carriers: skylink (delimited text whose columns mean something else in each record type, local
// times, gzip), northwave (CSV with header and quotes, a file a day) and meshnet (nested JSON lines). It does not own
// the rules and prices for them; those stand in package demo.
//
// Start at Options and Files; Registry has the accounts and SIMs, Tally says what a pipeline should find.
package generate
