// Package invoicing keeps invoices and credit notes: it moves them through their states, gives them numbers without gaps, and never
// changes one that is final.
//
// states.go says which steps are allowed, and by what they are refused. table.go has the documents in the control store, number.go the
// counters of number ranges. A document becomes final in one transaction with its number, so a crash leaves neither a gap nor a number
// twice.
//
// It does not own amounts (invoicing/document), what is due (invoicing/product, invoicing/contract), or sellers, accounting
// groups and taxes (invoicing/terms).
//
// Start at Table.
package invoicing
