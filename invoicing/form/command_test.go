package form

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drawnBy draws a document by a shell script.
func drawnBy(t *testing.T, timeout time.Duration, script string) ([]byte, error) {
	p := printer(t, Options{Command: []string{"sh", "-c", script}, Timeout: timeout})
	return p.PDF(context.Background(), samples(t)["draft-gross-yen"])
}

func TestACommandGetsAWholePageAndGivesThePDF(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DIR", dir)
	pdf, err := drawnBy(t, 0, `cat >"`+dir+`/page.html"; printf '%%PDF-1.7\n%%%%EOF\n'`)
	require.NoError(t, err)
	require.Equal(t, "%PDF-1.7\n%%EOF\n", string(pdf))
	page, err := os.ReadFile(filepath.Join(dir, "page.html"))
	require.NoError(t, err)
	for _, want := range []string{
		"設定 setup",                                                // the built-in font lacks these, others may have them
		"Harbour Logistics, S.L.", "<thead>", "font/woff;base64,", // fonts and invoice are in the page: the command needs no other file
		`<link rel="attachment" href="data:text/xml;base64,`,
	} {
		require.Contains(t, string(page), want)
	}
	require.NotContains(t, string(page), "ZgotmplZ", "html/template refused a value")
}

func TestACommandThatFailsIsToldWithItsWords(t *testing.T) {
	for script, want := range map[string]string{
		`cat >/dev/null; echo no font >&2; exit 3`:            "invoicing.pdf.command sh failed: exit status 3; it said: no font",
		`cat >/dev/null; echo; echo an "error page"`:          "invoicing.pdf.command sh wrote no complete PDF to its standard output (15 octets)",
		`cat >/dev/null; printf '%%PDF-1.7 and then nothing'`: "invoicing.pdf.command sh wrote no complete PDF",
		`exit 0`: "invoicing.pdf.command sh wrote no complete PDF to its standard output (0 octets)",
		`cat >/dev/null; printf '\033[31mred\033[0m' >&2; exit 1`: "it said: ␦[31mred␦[0m",
		`cat >/dev/null; yes`:                   "invoicing.pdf.command sh wrote more than 64 MB and was ended",
		`cat >/dev/null; sleep 100 & sleep 100`: "invoicing.pdf.command sh took longer than invoicing.pdf.timeout, 400ms, and was ended",
	} {
		timeout := time.Minute
		if strings.Contains(script, "sleep") {
			timeout = 400 * time.Millisecond
		}
		_, err := drawnBy(t, timeout, script)
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error()), 3000)
	}
	_, err := printer(t, Options{Command: []string{"no-such-program"}}).PDF(context.Background(), samples(t)["draft-gross-yen"])
	require.ErrorContains(t, err, "no-such-program")
}

func TestACommandDoesNotSeeTheSecretsOfTheInstallation(t *testing.T) {
	t.Setenv("PGPASSWORD", "s3cret")
	_, err := drawnBy(t, 0, `cat >/dev/null; env >&2; exit 1`)
	require.ErrorContains(t, err, "PATH=")
	require.NotContains(t, err.Error(), "s3cret")
}
