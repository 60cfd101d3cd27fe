// Package invoicing keeps invoices and credit notes: it moves them through their states, gives them numbers without gaps, and never
// changes one that is final.
//
// states.go has the allowed steps, and the errors for the others. table.go has the documents in the control store,
// number.go the counters of number ranges. A document becomes final in one transaction with its number, so a crash
// leaves neither a gap nor a number twice.
//
// It does not own amounts (invoicing/document), due items (invoicing/product, invoicing/contract), or sellers,
// accounting groups and taxes (invoicing/terms).
//
// Start at Table.
package invoicing
