// Package contract computes the charges of contracts: the true-up when a customer falls short of a commitment, and
// the price of leaving early.
//
// It is pure. It takes the contract facts known at a revision, documents of the catalogue and the counts of a
// cycle. It returns items of the kinds commitment and penalty. As invoicing/product does, it recomputes the due
// amounts of a cycle each time, and a close bills the difference from the previous close (rule R9). So late
// usage, moves and terminations automatically correct the true-ups of earlier cycles.
//
// The terms of a contract follow from its facts: first day, length of the term, renewal, and whether notice was given
// in time. No process renews a contract, so no renewal can be missed, and the end of a term is known as soon as the
// deadline for notice has passed.
//
// The package counts nothing itself. Close.Now and Close.Was hold the counts as known at this close and at the
// previous one; see Counts. Callers that have items can use Sums: add the items of all closes up to this one to
// Now, and the items up to the previous close to Was.
//
// It does not own lines, taxes and rounding to cents (invoicing/document, invoicing/terms), recurring charges of SIMs
// (invoicing/product), or the closing of cycles (invoicing).
//
// Start at Engine.Items. document.go has the catalogue document, signed.go the facts, term.go terms and their ends,
// due.go the true-up of a commitment, leave.go early termination and the what-if question, and close.go the difference
// between two closes.
package contract
