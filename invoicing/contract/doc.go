// Package contract knows contracts: what customers committed to, what is due when they use less, and what it costs to leave early.
//
// It is pure. Facts of contracts at a revision, documents of the catalogue and what a cycle counts go in, items of the kinds commitment and
// penalty come out. As in invoicing/product, what is due for a cycle is computed anew each time, and a close takes the difference to the
// close before (rule R9). So late usage, moves and terminations that become known late correct the true-ups of earlier cycles by
// themselves.
//
// The terms of a contract follow from its facts: first day, length of the term, renewal, and whether notice was given in time. No process
// renews a contract, so none can miss it, and the end of a term is known as soon as the time for notice is over.
//
// It counts nothing itself. Close.Now and Close.Was are what counts as known at this close and at the one before; see Counts. Sums holds
// them for a caller that has items: add the items of all closes up to this one to Now, and those up to the one before to Was.
//
// It owns neither lines, taxes and rounding to cents (invoicing/document, invoicing/terms), nor what a SIM costs (invoicing/product), nor
// when a cycle closes (invoicing).
//
// Start at Engine.Items. document.go has the catalogue's document, signed.go the facts, term.go terms and their ends, due.go the true-up of
// a commitment, leave.go early termination and the what-if, close.go the difference.
package contract
