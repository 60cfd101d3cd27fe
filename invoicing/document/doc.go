// Package document knows invoices and credit notes as values: items, lines, tax groups, totals, who sells and who pays, and the inputs
// from which all of it was computed.
//
// It owns the arithmetic of documents, and the only two places where money is rounded: a line (line.go) and a tax group (tax.go). The
// part that rounding removed is kept. Credit notes take back lines in parts, and give back the tax exactly (credit.go). The canonical
// text of a document, whose hash proves that nobody changed it, is in canonical.go.
//
// It is pure. It does not own what is due (invoicing/product, invoicing/contract), tax tables and sellers (invoicing/terms), storing and
// numbering (invoicing), or how a document looks (invoicing/form).
//
// Start at Document.
package document
