// Package terms has the catalogue's documents on which the form of an invoice rests: sellers, accounting groups and tax tables.
//
// seller.go is who sells: the operator and each reseller, with what stands on their documents. group.go is an accounting group: currency,
// number ranges, periodicity, prices with or without tax, and when a document is held. number.go writes numbers. tax.go says which category
// and rate of tax a line has on a date.
//
// It is pure. It does not own amounts (invoicing/document), what is due (invoicing/product, invoicing/contract), or the counters of
// numbers (invoicing).
//
// Start at Kinds and Documents.
package terms
