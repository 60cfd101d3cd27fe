package form

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carlos7ags/folio/reader"
	"github.com/stretchr/testify/require"
)

// drawn are the samples as PDF, by name, drawn once for all tests.
func drawn(t testing.TB) map[string][]byte {
	p, all := New(Options{}), map[string][]byte{}
	for name, in := range samples(t) {
		pdf, err := p.PDF(context.Background(), in)
		require.NoError(t, err, name)
		all[name] = pdf
	}
	if dir := os.Getenv("FORMS"); dir != "" { // to look at them: FORMS=/tmp/forms go test ./invoicing/form -run Text
		for name, pdf := range all {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o644))
		}
	}
	return all
}

// textOf is the text of each page of a PDF, with single blanks.
func textOf(t testing.TB, pdf []byte) (pages []string) {
	r, err := reader.Parse(pdf)
	require.NoError(t, err)
	for n := range r.PageCount() {
		page, err := r.Page(n)
		require.NoError(t, err)
		text, err := page.ExtractText()
		require.NoError(t, err)
		pages = append(pages, strings.Join(strings.Fields(text), " "))
	}
	return pages
}

func TestTheSameDocumentIsTheSameFile(t *testing.T) {
	first, second := drawn(t), drawn(t)
	for name, pdf := range first {
		require.Equal(t, pdf, second[name], name)
	}
}

func TestADocumentSaysWhatIsDue(t *testing.T) {
	pages := textOf(t, drawn(t)["regular-en"])
	for _, want := range []string{"Invoice", "INV-2026-000412", "Due on 1 May 2026, by SEPA direct debit", "Page 1 of 2"} {
		require.Contains(t, pages[0], want)
	}
}
