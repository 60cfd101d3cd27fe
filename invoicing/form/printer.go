package form

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options are the installation's choices.
type Options struct {
	// Command draws pages instead of the built-in renderer. It gets HTML on its standard input and writes the PDF to
	// its standard output. If it is empty, the built-in renderer draws the pages.
	Command []string
	Timeout time.Duration // of the command; 0: 30 s
	Most    int           // largest number of printed lines; a document with more lines prints the sums of its sections. 0: 2,000
}

const defaultMost = 2000

// Printer makes PDFs. Several goroutines may use it.
type Printer struct {
	command []string
	timeout time.Duration
	most    int
}

// New returns a printer.
func New(o Options) (*Printer, error) {
	switch {
	case len(o.Command) > 0 && o.Command[0] == "":
		return nil, errors.New("invoicing.pdf.command has no program")
	case o.Timeout < 0 || o.Most < 0:
		return nil, errors.New("a printer's timeout and number of lines must not be negative")
	}
	return &Printer{command: o.Command, timeout: cmp.Or(o.Timeout, defaultTime), most: cmp.Or(o.Most, defaultMost)}, nil
}

// PDF returns the PDF of a document. Equal documents give equal bytes, unless a command draws them.
func (p *Printer) PDF(ctx context.Context, in *Print) ([]byte, error) {
	if in.Seller == nil {
		return nil, fmt.Errorf("no document of the catalogue describes the seller of %s; add `seller:` for it",
			cmp.Or(in.Document.Number, in.Document.ID))
	}
	if len(p.command) == 0 {
		if err := CheckLogo(in.Logo); err != nil {
			return nil, err
		}
	}
	v, err := p.view(in)
	if err != nil {
		return nil, err
	}
	v.Builtin = len(p.command) == 0
	if v.Builtin {
		v.Fonts = localFonts()
	} else {
		v.Fonts = slices.Clone(fontFaces())
		if in.XML != nil {
			v.Attached = dataURL("text/xml", in.XML)
		}
	}
	page, err := v.html(in.Template)
	switch {
	case err != nil:
		return nil, err
	case v.Builtin:
		return draw(ctx, v, page, in)
	default:
		return p.run(ctx, page)
	}
}

// cleaner cleans foreign text. Only the built-in renderer is limited to the font of the page.
func (p *Printer) cleaner() cleaner {
	if len(p.command) > 0 {
		return cleaner{}
	}
	return cleaner{has: printed}
}
