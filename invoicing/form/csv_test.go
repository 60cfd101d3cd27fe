package form_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
)

// kept compares a form with its file in testdata.
func kept(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./invoicing/form -rewrite-ubl writes it")
	require.Equal(t, string(want), string(got), "go test ./invoicing/form -rewrite-ubl writes it anew; read the diff")
}

func TestLinesOfADocumentAreRowsOfACSVFile(t *testing.T) {
	items := append(month(), item(document.OneOff, "=HYPERLINK(\"http://x\")", "1", "1", worded("@SUM(A1),\n\"quoted\"")))
	for name, d := range map[string]*document.Document{
		"lines.csv":             made(t, items, byClass, nil).Document,
		"lines-gross.csv":       made(t, month(), byClass, func(d *document.Document) { d.Gross = true }).Document,
		"lines-credit-note.csv": credited(t, made(t, month(), byClass, nil)).Document,
	} {
		var b bytes.Buffer
		require.NoError(t, form.CSV(&b, d))
		kept(t, name, b.Bytes())
		rows, err := csv.NewReader(&b).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 1+len(d.Lines))
		var net, rests decimal.D
		for _, r := range rows[1:] {
			cell := func(column string) decimal.D { return decimal.MustParse(r[at(rows[0], column)]) }
			net, _ = net.Add(cell("net"))
			amount, _ := cell("amount").Add(cell("rest"))
			require.Equal(t, cell("exact"), amount)
			rests, _ = rests.Add(cell("rest"))
		}
		require.Equal(t, d.Net, net, name)
	}
}

func at(names []string, name string) int {
	for i := range names {
		if names[i] == name {
			return i
		}
	}
	return -1
}

func TestADocumentAsJSONHasItsAmountsAsTexts(t *testing.T) {
	var b bytes.Buffer
	in := credited(t, made(t, month(), all("AE", "reverse_charge"), nil))
	in.Document.Terms.Storage = &document.Storage{SFTP: "files.acme.example", Secret: "file:/etc/acme.key"}
	in.Document.Terms.IBAN = "DE89370400440532013000"
	require.NoError(t, form.JSON(&b, in.Document))
	kept(t, "document.json", b.Bytes())
	require.NotContains(t, b.String(), "acme.key", "how a document is delivered is not the payer's to read")
	require.NotContains(t, b.String(), "DE8937")
	var read map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &read))
	for _, name := range []string{"net", "tax", "total"} {
		require.Equal(t, reflect.String, reflect.TypeOf(read[name]).Kind(), name)
	}
	b.Reset()
	require.NoError(t, form.JSON(&b, &document.Document{ID: "\u202e\x00\xff"}))
	require.Contains(t, b.String(), `"lines": []`)
	require.Contains(t, b.String(), `"id": "\u202e\u0000`, "characters that are not shown are escaped")
}

// calls are n records, and then an error, if there is one.
func calls(n int, err error) iter.Seq2[*form.Call, error] {
	return func(yield func(*form.Call, error) bool) {
		for i := range n {
			c := &form.Call{
				At: time.Date(2026, 4, 1+i, 13, 30, 0, 500, time.FixedZone("CEST", 7200)), ID: "0123:1", Account: "acme", Kind: "iccid",
				Identifier: "8934071100298765432", Class: "voice_mo", Direction: "mo", Country: "DE", Network: "262-01", Peer: "+4930901820",
				Zone: "eu", Plan: "eu-voice", Tariff: "local", Quantity: 61, Unit: "s", Charged: 120, Covered: 60,
				Amount: decimal.MustParse("0.000000000001"), Currency: "EUR", Cycle: date("2026-04-01"),
			}
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestCallDetailIsWrittenAsItComes(t *testing.T) {
	var b bytes.Buffer
	sum, err := form.CallDetail(&b, calls(3, nil))
	require.NoError(t, err)
	require.Equal(t, form.Sum{Records: 3, Amount: decimal.MustParse("0.000000000003")}, sum)
	kept(t, "call-detail.csv", b.Bytes())

	b.Reset()
	away := errors.New("the warehouse is away")
	sum, err = form.CallDetail(&b, calls(2, away))
	require.ErrorIs(t, err, away)
	require.Equal(t, int64(2), sum.Records)
	require.Equal(t, 3, strings.Count(b.String(), "\n"))

	full := &short{left: 10}
	_, err = form.CallDetail(full, calls(100_000, nil))
	require.ErrorContains(t, err, "no space", "an error of the file ends the reading of records")
}

// short is a file on a full disk.
type short struct{ left int }

func (s *short) Write(p []byte) (int, error) {
	if s.left -= len(p); s.left < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}
