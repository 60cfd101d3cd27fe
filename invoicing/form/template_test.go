package form

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAllThatIsWrongWithATemplateIsTold(t *testing.T) {
	whole, err := os.ReadFile("testdata/reseller.html")
	require.NoError(t, err)
	require.Empty(t, CheckTemplate(whole))
	require.Empty(t, CheckTemplate(nil), "a template without blocks is ratemill's page")
	for text, want := range map[string]string{
		`{{define "header"}}{{.Brand}`: "template: template:1: bad character U+007D '}'",
		`Hello {{define "heder"}}{{end}}`: "the page has no block heder; did you mean header?\n" +
			"text outside of blocks is not printed; a template consists of blocks: {{define \"header\"}} … {{end}}",
		`{{define "rows"}}{{end}}`:  "the page has no block rows; it has styles, header, parties, title, box, greeting, lines, taxes, notes, end",
		`{{define "lines"}}{{end}}`: `block lines is empty, so ratemill's own is printed; to leave it out, write {{define "lines"}}{{""}}{{end}}`,
		`{{define "lines"}}{{range .Rows}}{{.Text}} {{.Sum}}{{end}}{{end}}`: "a document has no field Sum (.Sum)",
		`{{define "header"}}{{.Sender}} {{.Brnd}} {{.Contct}}{{end}}{{define "title"}}{{.Heading}}{{range .Warnings}}{{.}}{{end}}` +
			`{{.Numbr}}{{end}}`: "a document has no field Brnd (.Brnd)\n" +
			"a document has no field Contct (.Contct)\n" +
			"a document has no field Numbr (.Numbr)",
		`{{define "parties"}}{{.To}}{{end}}{{define "box"}}<p>Pay soon</p>{{end}}` +
			`{{define "title"}}{{.Title}}{{end}}`: "it leaves out the payer's VAT number (.ToTax), which ratemill's block parties prints\n" +
			"it leaves out the number of the document (.Facts), which ratemill's block parties prints\n" +
			"it leaves out the date of issue (.Facts), which ratemill's block parties prints\n" +
			"it leaves out the kind of document (.Heading), which ratemill's block title prints\n" +
			"it leaves out the amount due (.Box.Amount), which ratemill's block box prints\n" +
			"it leaves out how it is paid (.Box.Lines), which ratemill's block box prints\n" +
			"it leaves out that a draft or a test is no invoice (.Warnings), which ratemill's block title prints",
	} {
		require.EqualError(t, errors.Join(CheckTemplate([]byte(text))...), want)
	}
}

// What the source of a page has may still not be on the paper: CSS hides it, or the built-in renderer fails.
func TestATemplateThatHidesWhatAnInvoiceMustHaveIsTold(t *testing.T) {
	hidden := `{{define "taxes"}}<div style="display:none">{{range .Taxes}}{{.Reason}} {{.Rate}} {{.Basis}} {{.Tax}} {{end}}` +
		`{{range .Totals}}{{.Value}} {{end}}</div>{{end}}`
	require.EqualError(t, errors.Join(CheckTemplate([]byte(hidden))...), "it hides why there is no tax (.Reason of .Taxes): the page has it, "+
		"but the built-in renderer does not print it\nit hides the rates of tax (.Rate of .Taxes): the page has it, but the built-in renderer "+
		"does not print it\nit hides the taxable amounts (.Basis of .Taxes): the page has it, but the built-in renderer does not print it\n"+
		"it hides the taxes by rate (.Tax of .Taxes): the page has it, but the built-in renderer does not print it\nit hides the total without "+
		"tax (.Totals): the page has it, but the built-in renderer does not print it\nit hides the sum of taxes (.Totals): the page has it, but "+
		"the built-in renderer does not print it\nit hides the total (.Totals): the page has it, but the built-in renderer does not print it")
	script := `{{define "box"}}<script>pay({{.Box.Amount}}, {{.Box.Lines}})</script>{{end}}`
	require.ErrorContains(t, errors.Join(CheckTemplate([]byte(script))...), "it hides the amount due (.Box.Amount)")
	for text, want := range map[string]string{
		`{{define "styles"}}table { display: none }{{end}}`:           "the renderer did not create the 80 tables of the lines",
		`{{define "end"}}<img src="stamp.png">{{end}}`:                "image load failed src=stamp.png",
		`{{define "end"}}` + strings.Repeat("<div>", 600) + `{{end}}`: "open stack of elements exceeds",
	} {
		wrong := CheckTemplate([]byte(text))
		require.Len(t, wrong, 1)
		require.ErrorContains(t, wrong[0], want)
		require.ErrorAs(t, wrong[0], new(*UndrawnPageError), "another program may draw it")
	}
}

// The lines are what an invoice is about: a block of one's own prints each of them, whatever their number.
func TestATemplateThatLeavesOutLinesIsTold(t *testing.T) {
	const every = `{{.Text}} {{.Detail}} {{.Quantity}} {{.Price}} {{.Amount}}`
	for _, c := range []struct{ text, want string }{
		{`{{.Head.D}}{{range .Rows}}<p>` + every + `</p>{{end}}`, ""},
		{`{{.Head.D}}{{range .Rows}}{{template "row" .}}{{end}}`, ""},
		{`{{range .Rows}}{{.Text}} {{.Detail}} {{.Quantity}}{{end}}`,
			"leaves out the currency of the lines, and whether they contain tax (.Head.D)"},
		{`{{.Head.D}}{{range .Rows}}{{.Text}} {{.Amount}}{{end}}`, "leaves out the details of lines (.Detail of .Rows), which"},
		{`{{.Head.D}}{{range .Rows}}{{if eq .Kind "line"}}` + every + `{{end}}{{end}}`,
			"leaves out the accounts (.Text of .Rows with .Kind account)"},
		{`{{.Head.D}}{{range $i, $r := .Rows}}{{if lt $i 50}}{{with $r}}` + every + `{{end}}{{end}}{{end}}`,
			"leaves out what is charged (.Text of .Rows)"},
		{`<div style="display:none">{{.Head.D}}{{range .Rows}}` + every + `{{end}}</div>`,
			"hides the amounts of lines (.Amount of .Rows): the page has it"},
	} {
		err := errors.Join(CheckTemplate([]byte(`{{define "lines"}}` + c.text + `{{end}}`))...)
		if c.want == "" {
			require.NoError(t, err, c.text)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
}

func TestTheLinesOfATemplateAreOnThePaper(t *testing.T) {
	text, err := os.ReadFile("testdata/lines.html")
	require.NoError(t, err)
	require.Empty(t, CheckTemplate(text))
	p, err := New(Options{})
	require.NoError(t, err)
	in := samples(t)["rates-and-accounts"]
	in.Template = text
	v, err := p.view(in)
	require.NoError(t, err)
	pdf, err := p.PDF(t.Context(), in)
	require.NoError(t, err)
	printed, err := textOf(pdf)
	require.NoError(t, err)
	for _, r := range v.Rows {
		for _, text := range []string{r.Text, r.Detail, r.Quantity, r.Price, r.Amount} {
			require.Contains(t, printed, strings.ToLower(strings.Join(strings.Fields(text), "")))
		}
	}
}
