package form

import (
	"context"
	"html/template"
	"slices"
	"time"
)

// Options are the installation's choices.
type Options struct {
	Command []string      // draws the page instead of the built-in renderer: HTML on its standard input, PDF on its standard output
	Timeout time.Duration // of the command
	Most    int           // lines that a document prints; with more it prints the sums of its sections. 0: 2,000
}

// Printer makes forms. It may be used by several goroutines.
type Printer struct {
	command []string
	timeout time.Duration
	most    int
}

// New makes a printer.
func New(o Options) *Printer {
	p := &Printer{command: o.Command, timeout: o.Timeout, most: o.Most}
	if p.most == 0 {
		p.most = 2000
	}
	return p
}

// PDF is the PDF of a document. Equal documents give equal bytes, unless a command draws them.
func (p *Printer) PDF(_ context.Context, in *Print) ([]byte, error) {
	v, err := p.view(in)
	if err != nil {
		return nil, err
	}
	v.Fonts, v.Builtin = slices.Clone(fontFaces()), true
	for i := range v.Fonts {
		v.Fonts[i].Source = template.URL("fonts/IBMPlexSans-" + v.Fonts[i].name + ".woff")
	}
	page, err := v.html()
	if err != nil {
		return nil, err
	}
	return draw(v, page, in)
}

// cleaner is what foreign text goes through.
func (p *Printer) cleaner() cleaner {
	return cleaner{has: func(r rune) bool { return fontFaces()[0].face.GlyphIndex(r) != 0 }}
}
