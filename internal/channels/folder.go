package channels

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"

	"ratemill/invoicing/delivery"
)

// Folder puts a file of each document into a folder, where a printer or the service of an access point takes it.
type Folder struct {
	Dir  string
	Kind string // of the file
	// Lack explains why a document has no such file; nil: every document has one.
	Lack func(*delivery.Package) string
}

// Send implements delivery.Sender. It is done when the whole file is there. The person or program that takes the file
// confirms the delivery.
func (f *Folder) Send(_ context.Context, p *delivery.Package) (delivery.Outcome, bool) {
	file := p.File(f.Kind)
	if file == nil {
		why := "the document has no file of the kind " + f.Kind
		if f.Lack != nil {
			why = f.Lack(p)
		}
		return delivery.Outcome{State: delivery.Failed, Why: why}, false
	}
	// Sellers have their own numbers, which may be the same.
	err := delivery.Place(filepath.Join(f.Dir, filepath.Base(cmp.Or(p.Document.Seller.Account, "operator")), file.Name), file.Content)
	switch {
	case errors.Is(err, os.ErrExist):
		return delivery.Outcome{State: delivery.Failed, Why: err.Error()}, false
	case err != nil:
		return delivery.Outcome{State: delivery.Pending, Why: err.Error()}, true
	}
	return delivery.Outcome{State: delivery.Sent}, false
}
