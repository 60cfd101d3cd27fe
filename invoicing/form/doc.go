// Package form writes documents in the formats that payers and their programs read: PDF, UBL, CSV and JSON.
//
// The PDF is a page of HTML (html.go, with the view in view.go) that a renderer turns into PDF/A-3b with the electronic
// invoice attached. The renderer is built in (pdf.go), or is a program of the installation (command.go). The words of
// each language are in words/, the font in fonts/.
//
// The electronic invoice is UBL 2.1 (ubl.go, with its elements in ublxml.go). ublwrong.go lists the reasons why a
// document cannot be an e-invoice. csv.go writes the lines of a document and call detail, json.go the document
// for programs.
//
// Apart from that program the package is pure: equal documents give equal bytes. It does not own amounts
// (invoicing/document), sellers (invoicing/terms), or storing and sending (invoicing, invoicing/delivery).
//
// Start at Printer and UBL.
package form
