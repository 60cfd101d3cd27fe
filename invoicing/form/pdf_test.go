package form

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carlos7ags/folio/reader"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ratemill/invoicing/document"
)

var rewritePDF = flag.Bool("rewrite-pdf", false, "write the texts of testdata/pdf; read the diff, and look at the PDFs of FORMS=/tmp/forms")

func printer(t testing.TB, o Options) *Printer {
	p, err := New(o)
	require.NoError(t, err)
	return p
}

var (
	drawOnce sync.Once
	drawnPDF map[string][]byte
)

// drawn are the samples as PDF, by name, drawn once for all tests.
func drawn(t testing.TB) map[string][]byte {
	drawOnce.Do(func() { drawnPDF = drawAll(t) })
	return drawnPDF
}

func drawAll(t testing.TB) map[string][]byte {
	p, all := printer(t, Options{}), map[string][]byte{}
	for name, in := range samples(t) {
		pdf, err := p.PDF(context.Background(), in)
		require.NoError(t, err, name)
		all[name] = pdf
	}
	if dir := os.Getenv("FORMS"); dir != "" { // to look at them
		for name, pdf := range all {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o644))
		}
	}
	return all
}

// pagesOf is the text of each page of a PDF. The reader finds no blanks in bold text, where words are kerned; pdftotext does.
func pagesOf(t testing.TB, pdf []byte) (pages []string) {
	r, err := reader.Parse(pdf)
	require.NoError(t, err)
	for n := range r.PageCount() {
		page, err := r.Page(n)
		require.NoError(t, err)
		text, err := page.ExtractText()
		require.NoError(t, err)
		pages = append(pages, strings.TrimSpace(text))
	}
	return pages
}

func TestDocumentsSayWhatTheFilesSay(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(drawn(t))) {
		var got strings.Builder
		for n, page := range pagesOf(t, drawn(t)[name]) {
			fmt.Fprintf(&got, "-- page %d --\n%s\n", n+1, page)
		}
		file := filepath.Join("testdata", "pdf", name+".txt")
		if *rewritePDF {
			require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "go test ./invoicing/form -run DocumentsSay -rewrite-pdf writes it")
		require.Equal(t, string(want), got.String(),
			"go test ./invoicing/form -run DocumentsSay -rewrite-pdf writes it anew; read the diff")
	}
}

func TestTheSameDocumentIsTheSameFileAlsoWhenSeveralAreDrawnAtOnce(t *testing.T) {
	want := drawn(t)
	p := printer(t, Options{})
	var g errgroup.Group
	g.SetLimit(4)
	for name, in := range samples(t) {
		g.Go(func() error {
			pdf, err := p.PDF(context.Background(), in)
			if err == nil && !bytes.Equal(want[name], pdf) {
				err = fmt.Errorf("%s is another file", name)
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
}

func TestEachPageRepeatsTheHeadingOfTheTable(t *testing.T) {
	pages := pagesOf(t, drawn(t)["long-sandbox"])
	require.Greater(t, len(pages), 5)
	for n, page := range pages[:len(pages)-1] {
		require.Contains(t, page, "Descripción", "page %d", n+1)
		require.Contains(t, page, fmt.Sprintf("Página %d de %d", n+1, len(pages)))
		require.Contains(t, page, "PRUEBAS", "page %d", n+1)
	}
}

// Nothing is lost where a page ends: every line of the document is on one page, once, and a title is never the last row of a page.
func TestEveryLineIsPrintedOnce(t *testing.T) {
	pages := pagesOf(t, drawn(t)["long-sandbox"])
	for n := range 230 {
		require.Equal(t, 1, strings.Count(strings.Join(pages, "\n"), fmt.Sprintf("zone %03d", n)), "zone %03d", n)
	}
}

func TestADocumentWithTooManyLinesPrintsTheSumsOfItsSections(t *testing.T) {
	d := sampleDocument("en")
	sums := document.NewSums()
	for n := range 100_000 {
		i := sampleUsage(fmt.Sprintf("harbour/%02d", n%50), "data", fmt.Sprint(n), 1_000_000, "B", "0.02", 1_000_000, "0.02",
			wholeMonth(2026, 3))
		require.NoError(t, sums.Add(&i))
	}
	require.NoError(t, d.Make(sums, taxedAt("S", "19", "")))
	pdf, err := printer(t, Options{}).PDF(context.Background(), printOf(t, d))
	require.NoError(t, err)
	text := strings.Join(pagesOf(t, pdf), "\n")
	require.Equal(t, 50, strings.Count(text, "2,000 lines"))
	require.Contains(t, text, "This document has 100,000 lines, too many to print.")
	require.Contains(t, text, "2,380.00")

	pdf, err = printer(t, Options{Most: 49}).PDF(context.Background(), printOf(t, d)) // the accounts alone are too many
	require.NoError(t, err)
	text = strings.Join(pagesOf(t, pdf), "\n")
	require.NotContains(t, text, "harbour/")
	require.Contains(t, text, "2,000.00")
}
