package form_test

import (
	"archive/zip"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/form"
)

var rewrite = flag.Bool("rewrite-ubl", false, "write the e-invoices of testdata/ubl; read the diff")

func TestEInvoicesAreThoseOfTheFiles(t *testing.T) {
	for name, in := range ublCases(t) {
		t.Run(name, func(t *testing.T) {
			got, err := form.UBL(in)
			require.NoError(t, err)
			file := filepath.Join("testdata", "ubl", name+".xml")
			if *rewrite {
				require.NoError(t, os.WriteFile(file, got, 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "go test ./invoicing/form -run EInvoices -rewrite-ubl writes it")
			require.Equal(t, string(want), string(got),
				"go test ./invoicing/form -run EInvoices -rewrite-ubl writes it anew; read the diff")
		})
	}
}

// broken are e-invoices with one mistake, and the rule that finds it: the proof that the validator looks.
var broken = []struct{ name, of, old, new, rule string }{
	{"a-cent-more-in-the-total", "invoice", `<cbc:TaxInclusiveAmount currencyID="EUR">13.35<`,
		`<cbc:TaxInclusiveAmount currencyID="EUR">13.36<`, "BR-CO-15"},
	{"another-sum-of-lines", "invoice", `<cbc:LineExtensionAmount currencyID="EUR">11.03<`, `<cbc:LineExtensionAmount currencyID="EUR">11.02<`,
		"BR-CO-10"},
	{"no-reason-for-no-tax", "reverse-charge", `<cbc:TaxExemptionReasonCode>VATEX-EU-AE</cbc:TaxExemptionReasonCode>
        <cbc:TaxExemptionReason>Reverse charge: the customer owes the VAT (Article 196 of Directive 2006/112/EC).</cbc:TaxExemptionReason>`,
		"", "BR-AE-10"},
	{"a-negative-price", "invoice", `<cbc:PriceAmount currencyID="EUR">`, `<cbc:PriceAmount currencyID="EUR">-`, "BR-27"},
	{"more-than-two-decimals", "invoice", "</cbc:PayableAmount>", "0</cbc:PayableAmount>", "BR-DEC-18"},
	{"a-peppol-line-off-by-cents", "peppol", `<cbc:PriceAmount currencyID="EUR">0.4<`, `<cbc:PriceAmount currencyID="EUR">0.5<`,
		"PEPPOL-EN16931-R120"},
}

// schematrons are the rules of EN 16931 and of Peppol, as the jars have them.
var schematrons = []struct{ jar, file string }{
	{"phive-rules-en16931-4.1.2.jar", "external/schematron/1.3.15/ubl/EN16931-UBL-validation.xslt"},
	{"phive-rules-peppol-4.1.2.jar", "external/schematron/openpeppol/2025.5/xslt/PEPPOL-EN16931-UBL.xslt"},
}

func TestEInvoicesPassTheValidationOfEN16931AndPeppol(t *testing.T) {
	libs, err := filepath.Abs("../../.deps/einvoices/libs")
	require.NoError(t, err)
	all, peppol := t.TempDir(), t.TempDir()
	files, err := filepath.Glob("testdata/ubl/*.xml")
	require.NoError(t, err)
	put := func(name string, text []byte, ofPeppol bool) {
		for _, dir := range []string{all, peppol} {
			if dir == all || ofPeppol {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
			}
		}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		put(filepath.Base(file), text, strings.Contains(file, "peppol"))
	}
	wrongly := map[string]string{}
	for _, b := range broken {
		text, err := os.ReadFile(filepath.Join("testdata", "ubl", b.of+".xml"))
		require.NoError(t, err)
		wrong := strings.Replace(string(text), b.old, b.new, 1)
		require.NotEqual(t, string(text), wrong, "%s changes nothing", b.name)
		put(b.name+".xml", []byte(wrong), strings.Contains(b.of, "peppol"))
		wrongly[b.name+".xml"] = b.rule
	}
	found := map[string][]string{}
	for i, dir := range []string{all, peppol} {
		for name, rules := range failed(t, libs, schematrons[i].jar, schematrons[i].file, dir) {
			found[name] = append(found[name], rules...)
		}
	}
	require.Len(t, found, len(files)+len(broken), "e-invoices that were validated")
	for _, name := range slices.Sorted(maps.Keys(found)) {
		rules := found[name]
		if rule, ok := wrongly[name]; ok {
			require.Contains(t, strings.Join(rules, "\n"), rule+": ", name)
			continue
		}
		require.Empty(t, rules, name)
	}
}

// failed are the failed assertions of each e-invoice of a folder: one process of Java validates all of them, since starting it and
// compiling the rules takes most of the time.
func failed(t *testing.T, libs, jar, schematron, dir string) map[string][]string {
	rules := filepath.Join(t.TempDir(), "rules.xslt")
	require.NoError(t, os.WriteFile(rules, inJar(t, filepath.Join(libs, jar), schematron), 0o600))
	out := t.TempDir()
	jars, err := filepath.Glob(filepath.Join(libs, "*.jar"))
	require.NoError(t, err)
	c := exec.Command("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", strings.Join(jars, ":"), "net.sf.saxon.Transform",
		"-s:"+dir, "-o:"+out, "-xsl:"+rules)
	text, err := c.CombinedOutput()
	require.NoError(t, err, "%s", text)
	reports, err := os.ReadDir(out)
	require.NoError(t, err)
	found := map[string][]string{}
	for _, e := range reports {
		f, err := os.Open(filepath.Join(out, e.Name()))
		require.NoError(t, err)
		var report struct {
			Failed []struct {
				ID   string `xml:"id,attr"`
				Flag string `xml:"flag,attr"`
				Text string `xml:"text"`
			} `xml:"failed-assert"`
			Fired []struct{} `xml:"fired-rule"`
		}
		require.NoError(t, xml.NewDecoder(f).Decode(&report))
		require.NoError(t, f.Close())
		require.NotEmpty(t, report.Fired, "no rule was asked about %s", e.Name())
		found[e.Name()] = nil
		for _, a := range report.Failed {
			found[e.Name()] = append(found[e.Name()], fmt.Sprintf("%s %s: %s", a.Flag, a.ID, strings.TrimSpace(a.Text)))
		}
	}
	return found
}

// inJar is a file in a jar.
func inJar(t testing.TB, jar, name string) []byte {
	z, err := zip.OpenReader(jar)
	require.NoError(t, err, "the validator of e-invoices is missing: make deps-test")
	defer func() { _ = z.Close() }()
	f, err := z.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	return text
}
