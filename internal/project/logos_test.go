package project_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/project"
)

const sellerWithLogo = `seller: globex
company: { name: Globex IoT S.L., street: Calle Mayor 1, city: Madrid, country: ES }
accounting_groups: []
logo: logo.svg
`

func TestLogosAreCheckedBeforeDocumentsNeedThem(t *testing.T) {
	const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10">`
	for logo, want := range map[string]string{
		head + `<rect width="40" height="10"/></svg>`: "",
		"GIF89a": "catalogue/sellers/globex.yaml:1:9: error: the seller's logo: it is neither PNG nor SVG (logo.svg)\n",
		head + `<text>Globex</text></svg>`: "catalogue/sellers/globex.yaml:1:9: warning: the seller's logo has <text>, " +
			"which the built-in renderer does not draw; save it as plain SVG with texts as paths and styles as attributes, or as PNG. Without " +
			"that, only a program set in invoicing.pdf.command can create documents of seller globex\n",
		"": "catalogue/sellers/globex.yaml:1:9: error: the logo of seller globex cannot be read, so none of its documents could be created: " +
			"open catalogue/sellers/logo.svg: file does not exist\n",
	} {
		files := fstest.MapFS{"catalogue/sellers/globex.yaml": file(sellerWithLogo)}
		if logo != "" {
			files["catalogue/sellers/logo.svg"] = file(logo)
		}
		p, list := project.Load(files, nil)
		require.Equal(t, want, lines(list))
		require.Equal(t, list.HasErrors(), p == nil)
	}
}

func TestTemplatesAreCheckedBeforeDocumentsNeedThem(t *testing.T) {
	const seller = `seller: globex
company: { name: Globex IoT S.L., street: Calle Mayor 1, city: Madrid, country: ES }
accounting_groups: [eu]
template: page.html
`
	const group = `accounting_group: eu
currency: EUR
numbers: { invoice: "INV-{n}", credit_note: "CN-{n}" }
tax: none
template: gone.html
`
	p, list := project.Load(fstest.MapFS{"catalogue/sellers/globex.yaml": file(seller), "catalogue/eu.yaml": file(group),
		"catalogue/none.yaml":         file("tax: none\nrules: [{ category: O, reason: outside_scope }]\n"),
		"catalogue/sellers/page.html": file(`{{define "heder"}}{{end}}{{define "foter"}}{{end}}`)}, nil)
	require.Nil(t, p)
	require.Equal(t, "catalogue/eu.yaml:5:11: error: the template of accounting group eu cannot be read, so none of its documents could be "+
		`created: open catalogue/gone.html: file does not exist
catalogue/sellers/globex.yaml:4:11: error: template page.html: the page has no block foter; did you mean notes?
catalogue/sellers/globex.yaml:4:11: error: template page.html: the page has no block heder; did you mean header?
`, lines(list))
}

func TestATemplateThatOnlyAnotherProgramDrawsIsAWarning(t *testing.T) {
	p, list := project.Load(fstest.MapFS{"catalogue/globex.yaml": file(`seller: globex
company: { name: Globex IoT S.L., street: Calle Mayor 1, city: Madrid, country: ES }
accounting_groups: [eu]
template: page.html
`), "catalogue/eu.yaml": file(`accounting_group: eu
currency: EUR
numbers: { invoice: "INV-{n}", credit_note: "CN-{n}" }
tax: none
`), "catalogue/none.yaml": file("tax: none\nrules: [{ category: O, reason: outside_scope }]\n"),
		"catalogue/page.html": file(`{{define "end"}}<img src="stamp.png">{{end}}`)}, nil)
	require.NotNil(t, p)
	require.Equal(t, "catalogue/globex.yaml:4:11: warning: template page.html: the built-in renderer cannot make a document "+
		"with it: the page of the document: folio/html: image load failed src=stamp.png: open stamp.png: file "+
		"does not exist. Without a change, only a program set in invoicing.pdf.command can create documents "+
		"of seller globex\n", lines(list))
}
