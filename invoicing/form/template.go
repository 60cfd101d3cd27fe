package form

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/carlos7ags/folio/reader"

	"ratemill/diag"
	"ratemill/invoicing/document"
)

// blocks are the parts of the page that a template of a seller or an accounting group can replace, in the order of the page. The lines are
// none of them: they are laid out by the renderer.
var blocks = []string{"styles", "header", "parties", "title", "box", "greeting", "taxes", "notes", "end"}

// templates are the pages of templates, by their texts: parsed once.
var templates sync.Map

// pageOf is the page with the blocks of a template; nil is ratemill's own.
func pageOf(text []byte) (*template.Template, error) {
	if text == nil {
		return pageTemplate(), nil
	}
	if t, ok := templates.Load(string(text)); ok {
		return t.(*template.Template), nil
	}
	t, wrong := parseTemplate(text)
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	templates.Store(string(text), t)
	return t, nil
}

// parseTemplate is the page with the blocks of a template, and what is wrong with their names.
func parseTemplate(text []byte) (page *template.Template, wrong []error) {
	own, err := template.New("template").Parse(string(text))
	if err != nil {
		return nil, []error{err}
	}
	all := own.Templates()
	slices.SortFunc(all, func(a, b *template.Template) int { return strings.Compare(a.Name(), b.Name()) })
	for _, t := range all {
		switch name := t.Name(); {
		case name == "template":
			if t.Tree != nil && strings.TrimSpace(t.Tree.Root.String()) != "" {
				wrong = append(wrong, fmt.Errorf("text outside of blocks is printed nowhere; a template consists of blocks: {{define \"header\"}} "+
					"… {{end}}"))
			}
		case !slices.Contains(blocks, name):
			wrong = append(wrong, fmt.Errorf("the page has no block %s%s", name, hint(name)))
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	page = template.Must(template.New("page").Parse(pageText))
	_, err = page.New("template").Parse(string(text))
	if err != nil {
		return nil, []error{err}
	}
	return page, nil
}

func hint(name string) string {
	if h := diag.Suggest(name, blocks); h != "" {
		return h
	}
	return "; it has " + strings.Join(blocks, ", ")
}

// probe is a document in which each text that an invoice must have is another, and none is a part of another.
func probe(draft bool) *view {
	v := &view{Lang: "en", Title: "§title§", Look: lookOf("#0b7a5b"), Brand: "§brand§", Sender: "§sender§", Contact: []string{"§contact§"},
		To: []string{"§payer§"}, ToTax: []string{"§payer-tax§"}, Facts: []fact{{"§number-name§", "§number§"}, {"§date-name§", "§date§"}},
		Heading: "§heading§", Box: box{"§box§", "§due§", []string{"§pay§"}}, Greeting: []string{"§greeting§"}, Head: columns{"A", "B", "C", "D"},
		Rows:  []row{{Kind: "line", Text: "§line§", Amount: "§amount§", Span: 1, Last: true}},
		Taxes: []taxView{{"§tax§", "§reason§", "§rate§", "§basis§", "§tax-amount§"}}, TaxHead: columns{"A", "B", "C", "D"},
		Totals: []fact{{"Net", "§net§"}, {"Tax", "§tax-total§"}, {"Total", "§total§"}}, Notes: []string{"§note§"}, Builtin: true}
	if draft {
		v.Mark, v.Warnings = "§mark§", []string{"§warning§"}
	}
	return v
}

// musts are the texts of a probe that a page has, with what they are: directive 2006/112/EC article 226, and the mark of what is no
// invoice.
var musts = []must{
	{"§sender§", "the seller (.Sender)", "header"}, {"§payer§", "the payer (.To)", "parties"},
	{"§payer-tax§", "the payer's VAT number (.ToTax)", "parties"},
	{"§number§", "the number of the document (.Facts)", "parties"}, {"§date§", "the date of issue (.Facts)", "parties"},
	{"§heading§", "what the document is (.Heading)", "title"}, {"§due§", "the amount that is due (.Box.Amount)", "box"},
	{"§pay§", "how it is paid (.Box.Lines)", "box"}, {"§reason§", "why there is no tax (.Reason of .Taxes)", "taxes"},
	{"§rate§", "the rates of tax (.Rate of .Taxes)", "taxes"}, {"§basis§", "the taxable amounts (.Basis of .Taxes)", "taxes"},
	{"§tax-amount§", "the taxes by rate (.Tax of .Taxes)", "taxes"}, {"§net§", "the total without tax (.Totals)", "taxes"},
	{"§tax-total§", "the sum of taxes (.Totals)", "taxes"}, {"§total§", "the total (.Totals)", "taxes"},
	{"§note§", "the notes (.Notes)", "notes"},
	{"§warning§", "that a draft or a test is no invoice (.Warnings)", "title"},
}

// must is a text of a probe that a page has.
type must struct{ text, what, block string }

// mostWrong bounds how many unknown fields of a block are reported.
const mostWrong = 20

var unknownField = regexp.MustCompile(`<([^>]*)>: (can't evaluate field (\w+) in type .*)$`)

// CheckTemplate says all that is wrong with a template: blocks and fields that are not there, and what an invoice must have and would lack.
func CheckTemplate(text []byte) (wrong []error) {
	page, wrong := parseTemplate(text)
	if len(wrong) > 0 {
		return wrong
	}
	for n := 0; n < mostWrong; n++ {
		err := page.Execute(&bytes.Buffer{}, probe(true))
		if err == nil {
			break
		}
		m := unknownField.FindStringSubmatch(err.Error())
		if m == nil {
			return append(wrong, err)
		}
		wrong = append(wrong, fmt.Errorf("a document has no field %s (%s)", m[3], m[1]))
		text = regexp.MustCompile(`\.`+m[3]+`\b`).ReplaceAll(text, []byte(".Title")) // goes on to the next one
		var more []error
		if page, more = parseTemplate(text); len(more) > 0 {
			return wrong
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	var b bytes.Buffer
	if err := page.Execute(&b, probe(true)); err != nil {
		return append(wrong, err)
	}
	_, body, _ := strings.Cut(b.String(), "<body>")
	for _, m := range musts {
		if !strings.Contains(body, m.text) {
			wrong = append(wrong, fmt.Errorf("it leaves out %s, which ratemill's block %s prints", m.what, m.block))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return checkDrawn(page)
}

// checkDrawn says what of a page the built-in renderer does not print: CSS, a comment or a script hides it. A page that it cannot draw is an
// *UndrawnPageError.
func checkDrawn(page *template.Template) (wrong []error) {
	v := probe(true)
	v.Fonts = localFonts()
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return []error{err}
	}
	pdf, err := draw(context.Background(), v, b.Bytes(), &Print{Document: &document.Document{ID: "of the check"}})
	if err != nil {
		return []error{&UndrawnPageError{err}}
	}
	printed, err := textOf(pdf)
	if err != nil {
		return []error{&UndrawnPageError{err}}
	}
	for _, m := range musts {
		if !strings.Contains(printed, m.text) {
			wrong = append(wrong, fmt.Errorf("it hides %s: the page has it, and the built-in renderer prints it nowhere", m.what))
		}
	}
	return wrong
}

// UndrawnPageError says that the built-in renderer does not draw a page. A program of the installation may draw it.
type UndrawnPageError struct{ err error }

func (e *UndrawnPageError) Error() string {
	return "the built-in renderer cannot make a document with it: " + e.err.Error()
}

func (e *UndrawnPageError) Unwrap() error { return e.err }

// textOf is the text of a PDF in small letters, without the blanks and line ends between which the renderer divides it.
func textOf(pdf []byte) (string, error) {
	r, err := reader.Parse(pdf)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for n := range r.PageCount() {
		page, err := r.Page(n)
		if err != nil {
			return "", err
		}
		text, err := page.ExtractText()
		if err != nil {
			return "", err
		}
		for _, word := range strings.Fields(text) {
			all.WriteString(strings.ToLower(word))
		}
	}
	return all.String(), nil
}
