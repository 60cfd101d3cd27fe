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
	"text/template/parse"

	"github.com/carlos7ags/folio/reader"

	"ratemill/diag"
	"ratemill/invoicing/document"
)

// blocks are the parts of the page that the template of a seller or an accounting group can replace, in the order of
// the page.
var blocks = []string{"styles", "header", "parties", "title", "box", "greeting", "lines", "taxes", "notes", "end"}

// A page is the built-in page with the blocks of a template.
type page struct {
	*template.Template
	ownLines bool // the template replaces the lines: the built-in renderer lays them out like any other HTML
}

// templates are the parsed pages, by the text of their template.
var templates sync.Map

// pageOf returns the page with the blocks of a template; for nil, the built-in page.
func pageOf(text []byte) (*page, error) {
	if text == nil {
		return &page{Template: pageTemplate()}, nil
	}
	if t, ok := templates.Load(string(text)); ok {
		return t.(*page), nil
	}
	t, wrong := parseTemplate(text)
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	templates.Store(string(text), t)
	return t, nil
}

// parseTemplate returns the page with the blocks of a template, and the mistakes in their names.
func parseTemplate(text []byte) (whole *page, wrong []error) {
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
				wrong = append(wrong, fmt.Errorf("text outside of blocks is not printed; a template consists of blocks: {{define "+
					"\"header\"}} … {{end}}"))
			}
		case !slices.Contains(blocks, name):
			wrong = append(wrong, fmt.Errorf("the page has no block %s%s", name, hint(name)))
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	whole = &page{Template: template.Must(template.New("page").Parse(pageText)),
		ownLines: own.Lookup("lines") != nil && !empty(own.Lookup("lines"))}
	_, err = whole.New("template").Parse(string(text))
	if err != nil {
		return nil, []error{err}
	}
	return whole, nil
}

// empty reports whether a block has no content. An empty block replaces nothing.
func empty(t *template.Template) bool { return t.Tree == nil || parse.IsEmptyTree(t.Tree.Root) }

// emptyBlocks reports empty blocks, which do not remove anything from the page although that was probably meant.
func emptyBlocks(text []byte) (wrong []error) {
	own, err := template.New("template").Parse(string(text))
	if err != nil {
		return []error{err}
	}
	for _, name := range blocks[1 : len(blocks)-1] { // styles and end are also empty in the built-in page
		if t := own.Lookup(name); t != nil && empty(t) {
			wrong = append(wrong, fmt.Errorf("block %s is empty, so ratemill's own is printed; to leave it out, write {{define %q}}{{\"\"}}{{end}}",
				name, name))
		}
	}
	return wrong
}

func hint(name string) string {
	if h := diag.Suggest(name, blocks); h != "" {
		return h
	}
	return "; it has " + strings.Join(blocks, ", ")
}

// probe is a document in which all mandatory texts of an invoice differ, and none of them is part of another.
func probe(draft bool) *view {
	v := &view{Lang: "en", Title: "§title§", Look: lookOf("#0b7a5b"), Brand: "§brand§", Sender: "§sender§",
		Contact: []string{"§contact§"},
		To:      []string{"§payer§"}, ToTax: []string{"§payer-tax§"},
		Facts:   []fact{{"§number-name§", "§number§"}, {"§date-name§", "§date§"}},
		Heading: "§heading§", Box: box{"§box§", "§due§", []string{"§pay§"}}, Greeting: []string{"§greeting§"},
		Head:  columns{"A", "B", "C", "§amounts-are§"},
		Taxes: []taxView{{"§tax§", "§reason§", "§rate§", "§basis§", "§tax-amount§"}}, TaxHead: columns{"A", "B", "C", "D"},
		Totals: []fact{{"Net", "§net§"}, {"Tax", "§tax-total§"}, {"Total", "§total§"}}, Notes: []string{"§note§"}, Builtin: true}
	for account := range probeAccounts {
		v.Rows = append(v.Rows, row{Kind: "account", Text: probeText("account", account), Keep: true},
			row{Kind: "group", Text: probeText("group", account), Amount: "7", Keep: true})
		for n := range probeLines {
			n += account * probeLines
			v.Rows = append(v.Rows, row{Kind: "line", Text: probeText("line", n), Detail: probeText("detail", n), Quantity: probeText("quantity", n),
				Price: probeText("price", n), Amount: probeText("amount", n)})
		}
	}
	countSpans(v.Rows)
	if draft {
		v.Mark, v.Warnings = "§mark§", []string{"§warning§"}
	}
	return v
}

// musts lists the texts of a probe that a page must contain, with their meanings: the texts required by directive
// 2006/112/EC article 226, and the mark of a document that is not an invoice.
var musts = []must{
	{"§sender§", "the seller (.Sender)", "header"}, {"§payer§", "the payer (.To)", "parties"},
	{"§payer-tax§", "the payer's VAT number (.ToTax)", "parties"},
	{"§number§", "the number of the document (.Facts)", "parties"}, {"§date§", "the date of issue (.Facts)", "parties"},
	{"§heading§", "the kind of document (.Heading)", "title"}, {"§due§", "the amount due (.Box.Amount)", "box"},
	{"§pay§", "how it is paid (.Box.Lines)", "box"}, {"§reason§", "why there is no tax (.Reason of .Taxes)", "taxes"},
	{"§rate§", "the rates of tax (.Rate of .Taxes)", "taxes"}, {"§basis§", "the taxable amounts (.Basis of .Taxes)", "taxes"},
	{"§tax-amount§", "the taxes by rate (.Tax of .Taxes)", "taxes"}, {"§net§", "the total without tax (.Totals)", "taxes"},
	{"§tax-total§", "the sum of taxes (.Totals)", "taxes"}, {"§total§", "the total (.Totals)", "taxes"},
	{"§note§", "the notes (.Notes)", "notes"},
	{"§amounts-are§", "the currency of the lines, and whether they contain tax (.Head.D)", "lines"},
	{"§warning§", "that a draft or a test is no invoice (.Warnings)", "title"},
}

// A probe has several accounts with lines on several pages, because a template may print the first lines and omit the
// others.
const probeAccounts, probeLines = 2, 40

func probeText(what string, n int) string { return fmt.Sprintf("§%s-%d§", what, n) }

// lineMusts lists the texts of a probe's lines that a page must contain.
var lineMusts = func() (all []must) {
	for n := range probeAccounts {
		all = append(all, must{probeText("account", n), "the accounts (.Text of .Rows with .Kind account)", "lines"})
	}
	for n := range probeAccounts {
		all = append(all, must{probeText("group", n), "the titles of sections (.Text of .Rows with .Kind group)", "lines"})
	}
	for _, m := range []must{{"line", "what is charged (.Text of .Rows)", ""}, {"detail", "the details of lines (.Detail of .Rows)", ""},
		{"quantity", "the quantities (.Quantity of .Rows)", ""}, {"price", "the prices (.Price of .Rows)", ""},
		{"amount", "the amounts of lines (.Amount of .Rows)", ""}} {
		for n := range probeAccounts * probeLines {
			all = append(all, must{probeText(m.text, n), m.what, "lines"})
		}
	}
	return all
}()

// missing returns the musts that a text lacks, one of each kind.
func missing(text string) (all []must) {
	for _, m := range slices.Concat(musts, lineMusts) {
		if !strings.Contains(text, m.text) && (len(all) == 0 || all[len(all)-1].what != m.what) {
			all = append(all, m)
		}
	}
	return all
}

// must is a text of a probe that a page must contain.
type must struct{ text, what, block string }

// mostWrong is the largest number of unknown fields that are reported for a block.
const mostWrong = 20

var unknownField = regexp.MustCompile(`<([^>]*)>: (can't evaluate field (\w+) in type .*)$`)

// CheckTemplate reports all mistakes of a template: unknown blocks and fields, and mandatory texts of an invoice that
// would be missing.
func CheckTemplate(text []byte) (wrong []error) {
	page, wrong := parseTemplate(text)
	if len(wrong) == 0 {
		wrong = emptyBlocks(text)
	}
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
		// The check continues with the next field: $ is the document, also within a range.
		text = regexp.MustCompile(`([\s{(|])\.`+m[3]+`\b`).ReplaceAll(text, []byte("${1}$$.Title"))
		text = regexp.MustCompile(`\.`+m[3]+`\b`).ReplaceAll(text, []byte(".Title"))
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
	for _, m := range missing(body) {
		wrong = append(wrong, fmt.Errorf("it leaves out %s, which ratemill's block %s prints", m.what, m.block))
	}
	if len(wrong) > 0 {
		return wrong
	}
	return checkDrawn(page)
}

// checkDrawn reports mandatory texts of a page that the built-in renderer does not print, because CSS, a comment or a
// script hides them. If the renderer cannot draw the page, it returns an *UndrawnPageError.
func checkDrawn(page *page) (wrong []error) {
	v := probe(true)
	v.Fonts, v.ownLines = localFonts(), page.ownLines
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
	for _, m := range missing(printed) {
		wrong = append(wrong, fmt.Errorf("it hides %s: the page has it, but the built-in renderer does not print it", m.what))
	}
	return wrong
}

// UndrawnPageError means that the built-in renderer cannot draw a page. A program of the installation may be able to
// draw it.
type UndrawnPageError struct{ err error }

func (e *UndrawnPageError) Error() string {
	return "the built-in renderer cannot make a document with it: " + e.err.Error()
}

func (e *UndrawnPageError) Unwrap() error { return e.err }

// textOf returns the text of a PDF in lower case, without the blanks and line ends that the renderer inserts.
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
