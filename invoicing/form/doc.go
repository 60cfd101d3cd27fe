// Package form turns documents into what payers and their programs read: PDF, UBL, CSV and JSON.
//
// The PDF is a page of HTML (html.go, over the view of view.go) that a renderer turns into PDF/A-3b with the electronic invoice attached:
// the built-in one (pdf.go). The words of each language are in words/, the font in fonts/.
//
// It is pure: equal documents give equal bytes. It does not own amounts (invoicing/document), sellers
// (invoicing/terms), or where forms are kept and sent (invoicing, invoicing/delivery).
//
// Start at Printer.
package form
