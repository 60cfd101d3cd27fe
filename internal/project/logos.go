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

// Logo is the file with the logo of a seller, beside the document that describes it; nil if it names none.
func (p *Project) Logo(s *terms.Seller) ([]byte, error) {
	if s.Logo == "" {
		return nil, nil
	}
	dir := CatalogueFolder
	if s.Name.Pos.File != nil {
		dir = path.Dir(s.Name.Pos.File.Name)
	}
	name := path.Join(dir, s.Logo)
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
			l.Errorf(s.Name.Pos, "the logo of seller %s cannot be read, and none of its documents could be made: %v", s.Name.Value, err)
			continue
		}
		undrawn := (*form.UndrawnError)(nil)
		if err := form.CheckLogo(file); errors.As(err, &undrawn) {
			l.Warnf(s.Name.Pos, "%v. Without that, only a program that you name as invoicing.pdf.command makes documents of seller %s", err,
				s.Name.Value)
		} else if err != nil {
			l.Errorf(s.Name.Pos, "%v (%s)", err, s.Logo)
		}
	}
}
