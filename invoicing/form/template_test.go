package form

import (
	"errors"
	"os"
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
			"text outside of blocks is printed nowhere; a template consists of blocks: {{define \"header\"}} … {{end}}",
		`{{define "lines"}}{{end}}`: "the page has no block lines; it has styles, header, parties, title, box, greeting, taxes, notes, end",
		`{{define "header"}}{{.Sender}} {{.Brnd}} {{.Contct}}{{end}}{{define "title"}}{{.Heading}}{{range .Warnings}}{{.}}{{end}}` +
			`{{.Numbr}}{{end}}`: "a document has no field Brnd (.Brnd)\n" +
			"a document has no field Contct (.Contct)\n" +
			"a document has no field Numbr (.Numbr)",
		`{{define "parties"}}{{.To}}{{end}}{{define "box"}}<p>Pay soon</p>{{end}}` +
			`{{define "title"}}{{.Title}}{{end}}`: "it leaves out the payer's VAT number (.ToTax), which ratemill's block parties prints\n" +
			"it leaves out the number of the document (.Facts), which ratemill's block parties prints\n" +
			"it leaves out the date of issue (.Facts), which ratemill's block parties prints\n" +
			"it leaves out what the document is (.Heading), which ratemill's block title prints\n" +
			"it leaves out the amount that is due (.Box.Amount), which ratemill's block box prints\n" +
			"it leaves out how it is paid (.Box.Lines), which ratemill's block box prints\n" +
			"it leaves out that a draft or a test is no invoice (.Warnings), which ratemill's block title prints",
	} {
		require.EqualError(t, errors.Join(CheckTemplate([]byte(text))...), want)
	}
}
