package form

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	folio "github.com/carlos7ags/folio/document"
	foliohtml "github.com/carlos7ags/folio/html"
)

// limits are the limits of the built-in renderer for one document, far above what a page with the most
// lines needs.
const (
	mostElements = 200_000
	mostDepth    = 64
	mostAssets   = 32 << 20
)

// draw converts a page to PDF/A-3b, with the electronic invoice attached. Only this function depends on the
// drawing library.
func draw(ctx context.Context, v *view, page []byte, in *Print) (pdf []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // a document that the library cannot draw must not end the process that draws the other documents
			pdf, err = nil, fmt.Errorf("the built-in renderer cannot draw document %s: %v; report this, or use another program "+
				"to draw it (invoicing.pdf.command)", cmp.Or(in.Document.Number, in.Document.ID), r)
		}
	}()
	doc := folio.NewDocument(folio.PageSizeA4)
	doc.Info.Title, doc.Info.Author, doc.Info.Language = v.Title, v.Author, v.Lang
	doc.Info.Creator, doc.Info.Producer = "ratemill", "ratemill"
	doc.Info.CreationDate = in.Document.Issued.UTC() // not the clock: the same document gives the same file; 1970 for a draft
	doc.Info.ModDate = doc.Info.CreationDate
	doc.SetPdfA(folio.PdfAConfig{Level: folio.PdfA3B})
	result, err := foliohtml.ConvertFullWithContext(ctx, string(page), &foliohtml.Options{
		PageWidth: folio.PageSizeA4.Width, PageHeight: folio.PageSizeA4.Height, BaseFS: fontsFS{}, StrictAssets: true,
		MaxElements: mostElements, MaxDepth: mostDepth, MaxTotalAssetBytes: mostAssets,
	})
	if err != nil {
		return nil, fmt.Errorf("the page of the document: %w", err)
	}
	if !v.ownLines {
		if result.Elements, err = takeLines(result.Elements, v.groups()); err != nil {
			return nil, err
		}
	}
	if err := doc.AddConvertResult(result); err != nil {
		return nil, fmt.Errorf("the page of the document: %w", err)
	}
	if in.XML != nil {
		doc.AttachFile(folio.FileAttachment{FileName: cmp.Or(in.XMLName, "invoice.xml"), MIMEType: "text/xml",
			AFRelationship: "Alternative", Data: in.XML})
	}
	var b bytes.Buffer
	if _, err := doc.WriteToWithContext(ctx, &b, folio.WriteOptions{Deterministic: true}); err != nil {
		return nil, fmt.Errorf("the PDF of the document: %w", err)
	}
	return b.Bytes(), nil
}
