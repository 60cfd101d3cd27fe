package form

import (
	"bytes"
	"fmt"
	"time"

	folio "github.com/carlos7ags/folio/document"
	foliohtml "github.com/carlos7ags/folio/html"
)

// draw makes PDF/A-3b of a page. It is the only place that knows the library that draws.
func draw(v *view, page []byte, in *Print) ([]byte, error) {
	doc := folio.NewDocument(folio.PageSizeA4)
	doc.Info.Title, doc.Info.Author, doc.Info.Language = v.Title, v.Author, v.Lang
	doc.Info.Creator, doc.Info.Producer = "ratemill", "ratemill"
	doc.Info.CreationDate = in.Document.Issued.UTC() // the same document is the same file
	if in.Document.Issued == 0 {
		doc.Info.CreationDate = time.Unix(0, 0).UTC()
	}
	doc.Info.ModDate = doc.Info.CreationDate
	doc.SetPdfA(folio.PdfAConfig{Level: folio.PdfA3B})
	if err := doc.AddHTML(string(page), &foliohtml.Options{StrictAssets: true, BaseFS: fontFiles, PageWidth: folio.PageSizeA4.Width, PageHeight: folio.PageSizeA4.Height}); err != nil {
		return nil, fmt.Errorf("the page of the document: %w", err)
	}
	if in.XML != nil {
		doc.AttachFile(folio.FileAttachment{FileName: in.XMLName, MIMEType: "text/xml", AFRelationship: "Alternative", Data: in.XML})
	}
	var b bytes.Buffer
	if _, err := doc.WriteToWithOptions(&b, folio.WriteOptions{Deterministic: true}); err != nil {
		return nil, fmt.Errorf("the PDF of the document: %w", err)
	}
	return b.Bytes(), nil
}
