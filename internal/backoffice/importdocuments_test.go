package backoffice_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// importedRows are the warnings and errors of an import of files, by name and text, and the facts that it makes.
func importedRows(t *testing.T, o *backoffice.Office, dry bool, files ...string) (told []string, facts int) {
	t.Helper()
	r := backoffice.ImportRequest{Who: "ada", Why: "a test", DryRun: dry}
	for i := 0; i < len(files); i += 2 {
		text := strings.ReplaceAll(files[i+1], "DAY", yesterday)
		r.Files = append(r.Files, registry.Input{Name: files[i],
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
	}
	done, list, err := o.Import(t.Context(), r)
	if !list.HasErrors() {
		require.NoError(t, err)
	}
	for _, d := range list {
		word := "warning"
		if d.Severity == diag.Error {
			word = "error"
		}
		told = append(told, fmt.Sprintf("%s:%d: %s: %s", d.Pos.File.Name, d.Pos.Line, word, d.Message))
	}
	return told, done.Statements
}

// draft is a document of globex that is not final.
func draft(t *testing.T, o *backoffice.Office) string {
	s := &invoicing.Stored{PayerNumber: number(t, o, "globex"), Seq: 7, Document: document.Document{Form: document.Regular, Currency: "EUR"}}
	require.NoError(t, o.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
		return invoicing.Table{Tx: tx}.Put(t.Context(), s, invoicing.By{At: time.Now()})
	}))
	return s.ID
}

func TestAnImportTellsWhichPaymentsNameNoDocument(t *testing.T) {
	o := withDocuments(t, "100.00")
	csv := "id,payer,document,amount,currency,date\n" +
		"y1,globex,INV-9,12.50,EUR,DAY\n" +
		"y2,,INV-8,5,EUR,DAY\n" +
		"y3,globex,INV-0001,10,EUR,DAY\n" +
		"y4,initech,INV-0001,1,EUR,DAY\n" +
		"y5,globex,INV-0001,1,USD,DAY\n" +
		"y6,globex,,1,EUR,DAY\n" +
		"y7,globex," + draft(t, o) + ",1,EUR,DAY\n"
	yaml := "payments:\n  y8: { payer: globex, amount: 9, currency: EUR, date: DAY,\n" +
		"    parts: [{ document: INV-0001, amount: 2 }, { document: INV-7, amount: 3 }] }\n"
	const correct = "; correct the row and import it again, or pay a document with the credit: ratemill payment assign "
	want := []string{
		"payments.csv:2: warning: there is no final document INV-9: 12.5 EUR is a credit of globex" + correct + "y1 DOCUMENT",
		"payments.csv:3: warning: there is no final document INV-8: 5 EUR is a credit without a payer until you name the payer" + correct +
			"y2 DOCUMENT",
		"payments.csv:5: warning: document INV-0001 is of globex, not of that payer: 1 EUR is a credit of initech" + correct + "y4 DOCUMENT",
		"payments.csv:6: warning: document INV-0001 is in EUR, and the payment in USD: 1 USD is a credit of globex" + correct + "y5 DOCUMENT",
		"payments.csv:8: warning: there is no final document " + draft(t, o) + ": 1 EUR is a credit of globex" + correct + "y7 DOCUMENT",
		"x.yaml:3: warning: there is no final document INV-7: 3 EUR is a credit of globex" + correct + "y8 DOCUMENT",
	}
	for _, dry := range []bool{true, false} {
		told, facts := importedRows(t, o, dry, "payments.csv", csv, "x.yaml", yaml)
		require.Equal(t, want, told)
		require.Equal(t, 8, facts)
	}
	told, facts := importedRows(t, o, false, "payments.csv", csv, "x.yaml", yaml)
	require.Empty(t, told, "the same files again change nothing")
	require.Zero(t, facts)

	// Of many rows, the first are told one by one.
	var many strings.Builder
	for i := range 60 {
		fmt.Fprintf(&many, "z%d,globex,INV-%d,1,EUR,DAY\n", i, 100+i)
	}
	told, facts = importedRows(t, o, true, "payments.csv", "id,payer,document,amount,currency,date\n"+many.String())
	require.Len(t, told, 51)
	require.Contains(t, strings.Join(told, "\n"), "there are 10 more warnings")
	require.Equal(t, 60, facts)
}

func TestAnImportRefusesDisputesAndWriteOffsOfNoDocument(t *testing.T) {
	o := withDocuments(t, "100.00")
	told, _ := importedRows(t, o, true, "payments.csv", "id,payer,document,amount,currency,date,kind\n"+
		"d1,globex,INV-9,12.50,EUR,DAY,dispute\nd2,globex,INV-0001,1,EUR,DAY,dispute\nw1,globex,INV-9,5,EUR,DAY,write_off\n")
	require.Equal(t, []string{
		"payments.csv:2: error: there is no final document INV-9, so a dispute changes nothing; correct the document, or leave out the row",
		"payments.csv:4: error: there is no final document INV-9, so there is nothing to write off; correct the document, or leave out the row",
	}, told)
}

func TestAnImportTellsWhichChargesAdjustNoDocument(t *testing.T) {
	o := withDocuments(t, "100.00")
	told, facts := importedRows(t, o, true, "oneoffs.csv", "id,account,product,amount,currency,adjusts,tax\n"+
		"o1,globex,goodwill,-5,EUR,INV-9/1,telecom\no2,globex,goodwill,-5,EUR,INV-0001/1,telecom\no3,globex,goodwill,-5,EUR,"+draft(t, o)+
		"/1,telecom\no4,globex,goodwill,-5,EUR,INV-0001,telecom\no5,globex,goodwill,-5,EUR,,telecom\n")
	const anyway = "; the charge is an adjustment of the next invoice all the same; correct adjusts and import the row again"
	require.Equal(t, []string{
		"oneoffs.csv:2: warning: there is no document INV-9" + anyway,
		`oneoffs.csv:5: warning: "INV-0001" is not the line of a document, as INV-2026-000412/3` + anyway,
	}, told)
	require.Equal(t, 5, facts)
}
