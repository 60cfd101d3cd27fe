package form

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
)

// Print is a document with the other inputs that its printed forms need.
type Print struct {
	Document *document.Document
	// Corrected is the date of issue of the document that a credit note corrects, 0 if it is not known.
	Corrected document.Date
	Seller    *terms.Seller     // the seller's version on the date of the document
	Logo      []byte            // the seller's logo: SVG or PNG, nil for none
	Accounts  map[string]string // display names of accounts, by account; if an account has no name here, its id is printed
	XML       []byte            // the electronic invoice that is attached to the PDF, nil for none
	XMLName   string            // its file name, invoice.xml without one
	Template  []byte            // blocks of the page that replace the built-in ones, nil for none
}

// texts are the seller's words in a language.
func (in *Print) texts(lang string) terms.Words {
	for _, t := range in.Seller.Texts {
		if t.Key.Value == lang {
			return t.Value
		}
	}
	return terms.Words{}
}

func (in *Print) account(id string) string {
	if name := in.Accounts[id]; name != "" {
		return name
	}
	return id
}

//go:embed page.html
var pageText string

var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })

// html returns the page of a view, with the blocks of a template.
func (v *view) html(template []byte) ([]byte, error) {
	page, err := pageOf(template)
	if err != nil {
		return nil, fmt.Errorf("the template of the document: %w", err)
	}
	v.ownLines = page.ownLines
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return nil, fmt.Errorf("the page of the document: %w", err)
	}
	return b.Bytes(), nil
}

// look holds the colours of a document.
type look struct {
	Colour template.CSS // of the brand
	Dark   template.CSS // colour of the amount in the box
	Tint   template.CSS // of the box
}

const ink = "#1a1d21"

// lookOf derives the colours from the seller's colour, such as #0b7a5b. If the seller has no colour, documents use
// the colour of ink.
func lookOf(colour string) look {
	rgb, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil || len(colour) != 7 {
		return look{Colour: ink, Dark: ink, Tint: "#f2f4f6"}
	}
	mix := func(other, part uint64) template.CSS {
		out := "#"
		for shift := 16; shift >= 0; shift -= 8 {
			out += fmt.Sprintf("%02x", ((rgb>>shift&255)*part+other*(100-part))/100)
		}
		return template.CSS(out)
	}
	return look{Colour: mix(0, 100), Dark: mix(0, 80), Tint: mix(255, 7)}
}

// countryName returns the name of a country in a language; an unknown code is printed unchanged.
func countryName(lang, code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return code
	}
	if name := regions()[lang].Name(region); name != "" {
		return name
	}
	return code
}

var regions = sync.OnceValue(func() map[string]display.Namer {
	all := map[string]display.Namer{}
	for _, l := range Languages {
		all[l] = display.Regions(language.Make(l))
	}
	return all
})

// cssText returns foreign text as a quoted CSS string, without the characters that would end it.
func cssText(s string) template.CSS {
	r := strings.NewReplacer(`"`, "”", `\`, "/", "<", "‹", ">", "›", "{", "(", "}", ")", ";", ",", "\n", " ")
	return template.CSS(`"` + r.Replace(s) + `"`)
}
