// Package document defines invoices and credit notes as values: items, lines, tax groups, totals, seller and payer,
// and the inputs of the computation.
//
// It owns the arithmetic of documents, and the only two places that round money: a line (line.go) and a tax group
// (tax.go). It keeps the remainder of each rounding. Credit notes credit lines in parts, and return exactly the
// tax that was charged (credit.go). The canonical text of a document, whose hash proves that nobody changed it,
// is in canonical.go.
//
// It is pure. It does not own due items (invoicing/product, invoicing/contract), tax tables and sellers
// (invoicing/terms), storing and numbering (invoicing), or the layout of documents (invoicing/form).
//
// Start at Document.
package document
