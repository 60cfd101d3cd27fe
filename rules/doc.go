// Package rules is the language in which billing engineers say what a carrier's records mean: which are left out,
// which fields become which part of the usage record, and what is suspended.
//
// A document (Document, the part filter, let, fan, map and duplicate of a source) is checked and compiled into a
// Program; a Runner runs it over records. The expressions have expr's grammar and ratemill's types: every name and
// type is checked when the document is loaded, numbers are exact, and every mistake is told with its place.
//
// # What a document does with a record
//
//  1. filter, in order: drop leaves the record out when its condition holds, keep unless it does. The first that does
//     is named in the outcome.
//  2. fan, if there is one: each element of the list makes a usage record. Filters that mention the element decide
//     about it alone. A record whose list is empty, or whose elements are all dropped, is filtered.
//  3. map, entry by entry. An entry without when is always done. Entries with when that follow each other are a chain:
//     the first whose condition holds is done; otherwise closes the chain and is done when none holds. A chain without
//     otherwise suspends a record that it does not know, so nothing is lost by an unforeseen type; `otherwise:
//     continue` says that such records are fine as they are. An entry does class, then set from top to bottom, then
//     suspend or drop. A later set replaces an earlier one.
//  4. The usage record must have sim, at, quantity and class, and the quantity the unit of the class. The country
//     follows from the network and the peer's country from its number, in each record for which no entry has set one.
//
// A record is suspended as a whole, also when one element of its fan-out fails: a retry must not make the others twice.
//
// # Names and values
//
// A name is an element of the fan-out, a variable of let, or a field of the record. record.x is a field in any case
// (record["two words"]), out.x what an entry before has set, file.name the file's name. A field of a format without
// types (CSV) is a text. A field of JSON is a text where a text is wanted, and anything else by a function: int(x),
// octets(x); a.b.c is a path, as is record.a.b.c. A path through something that is there and is no object suspends the record.
//
// An absent value (an empty field, "NULL", null) makes the result of a normalizer absent: octets("") is absent. What
// is absent can be set (the field stays empty), tested by absent(x) and replaced by x ?? y; any operator on it
// suspends the record, so a missing number is never taken for zero.
//
// Numbers are ints of 64 bits, exact decimals, or quantities with a unit (B, s, 1). Overflow suspends; / is exact or
// suspends, and div and round say how to round. A number written in the rules takes the unit that it needs.
//
// It does not own the normalizers themselves (normalize), where records come from (mediation), or whose SIM it is
// (registry). It has no clock, no network and no goroutine.
//
// Start at Compile and Runner.Run; check.go and operators.go have the types, closure.go how it runs fast, dispatch.go and
// chain.go how conditions about one field become one lookup, vm.go the reference that holds all of it to the meaning in
// apply.go.
package rules
