// Package generate writes usage files as carriers send them, and the registry that contains their SIMs. The same
// options give the same bytes on any machine: a record is a function of the seed, its carrier and its position.
// Files can therefore be written in any order, concurrently, and of any size.
//
// It owns three invented carriers: skylink (delimited text with different columns for each record type, local times,
// gzip), northwave (CSV with header and quotes, a file a day) and meshnet (nested JSON lines). It does not own the
// rules and prices of the carriers, which are in package demo.
//
// Start at Options and Files; Registry has the accounts and SIMs, Tally the expected counts.
package generate
