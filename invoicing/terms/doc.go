// Package terms has the catalogue documents that define the form of an invoice: sellers, accounting groups and
// tax tables.
//
// seller.go has the sellers: the operator and each reseller, with the texts on their documents. group.go has
// accounting groups: currency, number ranges, periodicity, prices with or without tax, and the rules for holding a
// document. number.go writes numbers. tax.go finds the tax category and rate of a line on a date.
//
// It is pure. It does not own amounts (invoicing/document), due items (invoicing/product, invoicing/contract), or the
// counters of numbers (invoicing).
//
// Start at Kinds and Documents.
package terms
