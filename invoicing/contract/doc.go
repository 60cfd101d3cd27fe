// Package contract computes the charges of contracts: the true-up if a customer uses less than the commitment, and
// the price of leaving early.
//
// It is pure. It takes facts of contracts at a revision, documents of the catalogue and the counts of a cycle, and
// returns items of the kinds commitment and penalty. As in invoicing/product, it recomputes the due amounts of a
// cycle each time, and a close takes the difference to the previous close (rule R9). So late usage, moves and
// terminations automatically correct the true-ups of earlier cycles.
//
// The terms of a contract follow from its facts: first day, length of the term, renewal, and whether notice was given in time. No process
// renews a contract, so none can miss it, and the end of a term is known as soon as the time for notice is over.
//
// It counts nothing itself. Close.Now and Close.Was have the counts as known at this close and at the previous one;
// see Counts. Sums holds them for a caller that has items: add the items of all closes up to this one to Now, and
// those up to the one before to Was.
//
// It does not own lines, taxes and rounding to cents (invoicing/document, invoicing/terms), recurring charges of SIMs
// (invoicing/product), or the closing of cycles (invoicing).
//
// Start at Engine.Items. document.go has the catalogue's document, signed.go the facts, term.go terms and their ends, due.go the true-up of
// a commitment, leave.go early termination and the what-if, close.go the difference.
package contract
