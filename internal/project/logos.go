package project

import (
	"errors"
	"io/fs"
	"path"

	"ratemill/diag"
	"ratemill/invoicing/form"
	"ratemill/invoicing/terms"
)

// mostLogo is the size of the largest file that is read as a logo, in octets.
const mostLogo = 8 << 20

// Logo returns the file with the logo of a seller, which is beside the document that describes the seller;
// nil if the document has no logo.
func (p *Project) Logo(s *terms.Seller) ([]byte, error) {
	return p.beside(s.Name.Pos, s.Logo)
}

// Template returns the file with the template of an accounting group, or else of a seller; nil if neither has
// one.
func (p *Project) Template(s *terms.Seller, g *terms.Group) ([]byte, error) {
	if g != nil && g.Template.Value != "" {
		return p.beside(g.Template.Pos, g.Template.Value)
	}
	return p.beside(s.Template.Pos, s.Template.Value)
}

// beside returns a file beside a document, nil if none is given.
func (p *Project) beside(at diag.Pos, file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	dir := CatalogueFolder
	if at.File != nil {
		dir = path.Dir(at.File.Name)
	}
	name := path.Join(dir, file)
	info, err := fs.Stat(p.FS, name)
	if err == nil && info.Size() > mostLogo {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("it is larger than 8 MB")}
	}
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(p.FS, name)
}

// checkLogos reports logos that are missing or that documents cannot show.
func (p *Project) checkLogos(l *diag.List) {
	docs, _ := terms.DocumentsOf(p.Catalogue)
	for _, s := range docs.Sellers() {
		file, err := p.Logo(s)
		if err != nil {
			l.Errorf(s.Name.Pos, "the logo of seller %s cannot be read, so none of its documents could be created: %v", s.Name.Value, err)
			continue
		}
		undrawn := (*form.UndrawnError)(nil)
		if err := form.CheckLogo(file); errors.As(err, &undrawn) {
			l.Warnf(s.Name.Pos, "%v. Without that, only a program set in invoicing.pdf.command can create documents of seller %s", err,
				s.Name.Value)
		} else if err != nil {
			l.Errorf(s.Name.Pos, "%v (%s)", err, s.Logo)
		}
	}
}

// checkTemplates reports missing templates, and all mistakes of the others. The built-in renderer may fail at a template
// that another program can draw.
func (p *Project) checkTemplates(l *diag.List) {
	docs, _ := terms.DocumentsOf(p.Catalogue)
	check := func(what string, t diag.Text) {
		file, err := p.beside(t.Pos, t.Value)
		if err != nil {
			l.Errorf(t.Pos, "the template of %s cannot be read, so none of its documents could be created: %v", what, err)
			return
		}
		for _, err := range form.CheckTemplate(file) {
			if undrawn := (*form.UndrawnPageError)(nil); errors.As(err, &undrawn) {
				l.Warnf(t.Pos, "template %s: %v. Without a change, only a program set in invoicing.pdf.command can create documents of %s",
					t.Value, err, what)
				continue
			}
			l.Errorf(t.Pos, "template %s: %v", t.Value, err)
		}
	}
	for _, s := range docs.Sellers() {
		if s.Template.Value != "" {
			check("seller "+s.Name.Value, s.Template)
		}
	}
	for _, name := range docs.Groups() {
		for _, g := range docs.GroupVersions(name) {
			if g.Template.Value != "" {
				check("accounting group "+name, g.Template)
			}
		}
	}
}
