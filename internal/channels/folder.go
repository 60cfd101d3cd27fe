package channels

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"

	"ratemill/invoicing/delivery"
)

// Folder writes a file of each document to a folder, from which a printer or the service of an access point
// takes it.
type Folder struct {
	Dir  string
	Kind string // of the file
	// Lack explains why a document has no such file; nil means that every document has one.
	Lack func(*delivery.Package) string
}

// Send implements delivery.Sender. It has succeeded when the whole file is there. The user or program that takes
// the file confirms the delivery.
func (f *Folder) Send(_ context.Context, p *delivery.Package) (delivery.Outcome, bool) {
	file := p.File(f.Kind)
	if file == nil {
		why := "the document has no file of the kind " + f.Kind
		if f.Lack != nil {
			why = f.Lack(p)
		}
		return delivery.Outcome{State: delivery.Failed, Why: why}, false
	}
	// Sellers have separate numbers, which may be equal.
	err := delivery.Place(filepath.Join(f.Dir, filepath.Base(cmp.Or(p.Document.Seller.Account, "operator")), file.Name), file.Content)
	switch {
	case errors.Is(err, os.ErrExist):
		return delivery.Outcome{State: delivery.Failed, Why: err.Error()}, false
	case err != nil:
		return delivery.Outcome{State: delivery.Pending, Why: err.Error()}, true
	}
	return delivery.Outcome{State: delivery.Sent}, false
}
