package backoffice

import (
	"fmt"
	"strings"

	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/invoicing/product"
)

// ListedPrice is a price of a part.
type ListedPrice struct {
	Part     string `json:"part"`
	From     string `json:"from"` // "" for always
	Charge   string `json:"charge"`
	Of       string `json:"of"`
	States   string `json:"states"` // "" for all others
	Price    string `json:"price"`  // "" for a part without prices
	Currency string `json:"currency"`
	Every    int    `json:"every"` // cycles
	Tax      string `json:"tax"`
	Products string `json:"products"` // products that have the part
}

// ListProducts returns the prices of the parts of a project's catalogue in all their versions, sorted by name.
func ListProducts(dir string) (all []ListedPrice, err error) {
	p, mistakes := project.LoadDir(dir)
	if mistakes.HasErrors() {
		return nil, &BrokenProjectError{dir, mistakes}
	}
	if p == nil || p.Catalogue == nil {
		return nil, &Problem{Invalid, fmt.Errorf("the folder %s has no catalogue; name the project's folder: ratemill product list FOLDER", dir)}
	}
	c := p.Catalogue
	d, list := product.DocumentsOf(c)
	if err := list.Err(); err != nil {
		return nil, err
	}
	in := map[string][]string{}
	for _, name := range d.Products.Names() {
		for _, part := range d.Products.Newest(name).Parts {
			in[part.Value] = append(in[part.Value], name)
		}
	}
	for _, name := range d.Parts.Names() {
		for _, p := range d.Parts[name] {
			l := ListedPrice{Part: name, Charge: p.Charge, Of: p.Of.String(), Currency: p.Currency.Value, Every: int(p.Every), Tax: p.Tax.Value,
				Products: strings.Join(in[name], ", ")}
			if p.From != 0 {
				l.From = p.From.String()
			}
			if len(p.Prices) == 0 {
				all = append(all, l)
			}
			for _, price := range p.Prices {
				l.States, l.Price = names(price.States), price.Price.Value.String()
				all = append(all, l)
			}
		}
	}
	return all, nil
}

func names(texts []diag.Text) string {
	list := make([]string, len(texts))
	for i := range texts {
		list[i] = texts[i].Value
	}
	return strings.Join(list, ", ")
}
