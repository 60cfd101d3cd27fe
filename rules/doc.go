// Package rules is the language in which billing engineers define the meaning of a carrier's records: which records are
// left out, how fields map to the usage record, and which records are suspended.
//
// A document (Document, which is the part filter, let, fan, map and duplicate of a source) is checked and compiled into
// a Program; a Runner runs it over records. The expressions have expr's grammar and ratemill's types: every name and
// type is checked when the document is loaded, numbers are exact, and every mistake is reported with its position.
//
// # What a document does with a record
//
//  1. filter runs in order: drop leaves the record out if its condition holds, keep if it does not. The outcome names
//     the filter that left the record out.
//  2. fan, if present: each element of the list makes a usage record. Filters that mention the element apply to it
//     alone. A record whose list is empty, or whose elements are all dropped, is filtered.
//  3. map runs entry by entry. An entry without when always runs. Consecutive entries with when form a chain: only the
//     first whose condition holds runs; otherwise ends the chain and runs if no condition holds. A chain without
//     otherwise suspends a record that matches no condition, so no unforeseen type is lost; `otherwise: continue`
//     accepts such records. An entry sets class, runs set from top to bottom, then suspend or drop. A later set
//     replaces an earlier one.
//  4. The usage record must have sim, at, quantity and class, and the quantity must have the unit of the class. If no
//     entry has set it, the country is derived from the network, and the peer's country from the peer's number.
//
// A record is suspended as a whole, even if only one element of its fan-out fails, because a retry would otherwise
// create the other usage records a second time.
//
// # Names and values
//
// A name is an element of the fan-out, a variable of let, or a field of the record. record.x is always a field
// (record["two words"]), out.x is a field set by an earlier entry, file.name is the file's name. A field of a format
// without types (CSV) is a text. A field of JSON is used as a text where a text is expected; functions convert it to
// anything else: int(x), octets(x); a.b.c is a path, as is record.a.b.c. A path through a present value that is not an
// object suspends the record.
//
// An absent value (an empty field, "NULL", null) makes the result of a normalizer absent: octets("") is absent. An
// absent value can be set (the field stays empty), tested by absent(x) and replaced by x ?? y; any other operator on it
// suspends the record, so a missing number is never taken for zero.
//
// Numbers are 64-bit ints, exact decimals, or quantities with a unit (B, s, 1). Overflow suspends the record; / must be
// exact or suspends it, and div and round take a rounding mode. A number literal takes the unit required by its
// context.
//
// The package does not own the normalizers themselves (normalize), the origin of records (mediation), or the owners of
// SIMs (registry). It has no clock, no network and no goroutine.
//
// Start at Compile and Runner.Run. check.go and operators.go check types, closure.go compiles, dispatch.go and
// chain.go turn conditions about one field into a single lookup, and vm.go is the reference that verifies all of it
// against the meaning in apply.go.
package rules
