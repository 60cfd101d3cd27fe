// Package invoicing keeps invoices and credit notes: it moves them through their states, gives them numbers without
// gaps, and never changes a final document.
//
// states.go has the allowed steps, and the errors for steps that are not allowed. table.go has the documents in
// the control store, number.go the counters of number ranges. A document becomes final in the same transaction
// that assigns its number, so a crash leaves neither a gap nor a duplicate number.
//
// It does not own amounts (invoicing/document), due items (invoicing/product, invoicing/contract), or sellers,
// accounting groups and taxes (invoicing/terms).
//
// Start at Table.
package invoicing
