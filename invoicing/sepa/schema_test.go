package sepa_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/sepa"
)

// wrong are changes of the golden message that the schema refuses: the proof that it is looked at.
var wrong = [][3]string{
	{"<MsgId>RM-20260504-1</MsgId>", "", "MsgId"},
	{"<MsgId>RM-20260504-1</MsgId>", "<MsgId>" + strings.Repeat("x", 36) + "</MsgId>", "Max35Text"},
	{"<CtrlSum>13803.30</CtrlSum>", "<CtrlSum>13,803.30</CtrlSum>", "decimal"},
	{"<NbOfTxs>4</NbOfTxs>", "<NbOfTxs>four</NbOfTxs>", "Max15NumericText"},
	{"<SeqTp>FRST</SeqTp>", "<SeqTp>FIRST</SeqTp>", "SequenceType3Code"},
	{"<IBAN>DE89370400440532013000</IBAN>", "<IBAN>DE89 3704 0044 0532 0130 00</IBAN>", "IBAN2007Identifier"},
	{"<BICFI>COBADEFF</BICFI>", "<BICFI>COBADEF</BICFI>", "BICFIDec2014Identifier"},
	{`Ccy="EUR"`, `Ccy="Euro"`, "ActiveOrHistoricCurrencyCode"},
	{"<DtOfSgntr>2026-01-15</DtOfSgntr>", "<DtOfSgntr>15.01.2026</DtOfSgntr>", "date"},
	{"<PmtMtd>DD</PmtMtd>\n      <BtchBookg>true</BtchBookg>", "<BtchBookg>true</BtchBookg>\n      <PmtMtd>DD</PmtMtd>", "PmtMtd"},
	{"<Ctry>CH</Ctry>", "<Ctry>Schweiz</Ctry>", "CountryCode"},
	{"<Nm>Acme + Sohne GmbH</Nm>", "<Nm>Acme</Nm><Phne>1</Phne>", "Phne"},
}

// The schema is pain.008.001.08 as ISO 20022 publishes it. One process of Java validates all files.
func TestMessagesAreValidByTheSchemaOfISO20022(t *testing.T) {
	jars, err := filepath.Glob("../../.deps/pdfa/libs/rhino-*.jar")
	require.NoError(t, err)
	require.Len(t, jars, 1, "what runs the validator is missing: make deps-test")
	dir := t.TempDir()
	args := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jars[0], "org.mozilla.javascript.tools.shell.Main",
		"testdata/validate.js", "testdata/pain.008.001.08.xsd"}
	put := func(name string, text []byte) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, text, 0o600))
		args = append(args, file)
	}
	golden, err := message(t, debits(t)).XML()
	require.NoError(t, err)
	put("golden", golden)
	put("longest", longest(t))
	for _, w := range wrong {
		changed := strings.Replace(string(golden), w[0], w[1], 1)
		require.NotEqual(t, string(golden), changed, "%q changes nothing", w[0])
		put("without-"+w[2], []byte(changed))
	}
	out, err := exec.Command("java", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, 2+len(wrong), "%s", out)
	require.Equal(t, []string{"ok " + filepath.Join(dir, "golden"), "ok " + filepath.Join(dir, "longest")}, lines[:2])
	for i, w := range wrong {
		require.Contains(t, lines[2+i], w[2], "%q instead of %q", w[1], w[0])
		require.NotContains(t, lines[2+i], "ok ")
	}
}

// longest is a message with the longest texts and the largest amounts that are taken, in the letters of Europe.
func longest(t *testing.T) []byte {
	var all []sepa.Debit
	for i, d := range debits(t) {
		d.Document = strings.Repeat("N", 33) + "-" + string(rune('0'+i))
		d.Mandate, d.Amount = strings.Repeat("M", 35), decimal.MustParse("999999999.99")
		d.Debtor, d.Text = strings.Repeat("ÄŒłß&_東", 40), strings.Repeat("Rechnung für März; ", 20)
		d.IBAN, d.BIC = "CH9300762011623852957", "UBSWCHZH80A"
		d.Address = sepa.Address{Street: strings.Repeat("Straße ", 20), Postcode: strings.Repeat("8", 20), Town: strings.Repeat("Zürich ", 9),
			Country: "CH"}
		all = append(all, d)
	}
	by := globex
	by.Name = strings.Repeat("España & Çelik ", 9)
	m, refused, err := sepa.New(strings.Repeat("I", 35), time.Date(2026, 5, 4, 8, 30, 0, 0, time.UTC), by, all, checks(t))
	require.NoError(t, err)
	require.Empty(t, refused)
	text, err := m.XML()
	require.NoError(t, err)
	return text
}
