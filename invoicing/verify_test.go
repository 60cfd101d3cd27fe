package invoicing

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

var issue = flag.Bool("issue", false, "keep the documents of the cases as issued by the present version of the rules, where none are kept")

// verify computes all final documents again.
func (k *kase) verify(kept Date) (all []*Verified) {
	view := k.registry.View()
	defer view.Close()
	v := &Verifier{DB: k.db, Basis: k.basis(view, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), k.registry.Revision(), 1<<40), Kept: kept}
	var refs []Ref
	require.NoError(k.t, k.change(func(t Table) (err error) {
		refs, err = t.Finals(k.t.Context(), 0, 1<<30)
		return err
	}))
	require.NoError(k.t, v.Verify(k.t.Context(), refs, func(v *Verified) error {
		all = append(all, v)
		return nil
	}))
	return all
}

// verified tells what verify finds.
func verified(all []*Verified) string {
	var b strings.Builder
	for _, v := range all {
		if v.OK() && len(v.Notes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s changed %t same %t", v.Document.Number, v.Changed, v.Same)
		if v.Err != nil {
			fmt.Fprintf(&b, " error: %v", v.Err)
		}
		fmt.Fprintln(&b)
		for _, d := range v.Differences {
			fmt.Fprintf(&b, "  %s: %s\n", d.Part, Short(d))
		}
		for _, n := range v.Notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	return b.String()
}

func played(t testing.TB, name string) *kase {
	k, archive := readCase(t, "testdata/cases/"+name+".txtar")
	k.play(string(archive.Comment))
	return k
}

func TestEveryFinalDocumentIsWhatItsInputsGive(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	documents := 0
	for _, file := range files {
		k := played(t, strings.TrimSuffix(filepath.Base(file), ".txtar"))
		all := k.verify(0)
		require.Empty(t, verified(all), file)
		documents += len(all)
	}
	require.Greater(t, documents, 5)
}

func TestARowThatSomebodyChangedIsFoundByItsLine(t *testing.T) {
	for _, c := range []struct {
		change string
		do     func(*Stored)
		want   string
	}{
		{"the amount of a line", func(s *Stored) { s.Lines[0].Net = decimal.MustParse("35.99") },
			`T-1 changed true same true` + "\n" + `  line 1: stored "net 35.99", computed "net 36"`},
		{"the address of the payer", func(s *Stored) { s.Payer.City = "Porto" }, "payer, seller, terms or notes: stored"},
		{"a line is gone", func(s *Stored) { s.Lines = s.Lines[:2] }, `line 3: missing in the store: line 3 addon "m" "vpn"`},
		{"the due date", func(s *Stored) { s.Due += 30 }, `due: stored "due 2026-05-31", computed "due 2026-05-01"`},
		{"text and hash", func(s *Stored) {
			s.Lines[0].Net = decimal.MustParse("35.99")
			s.Hash = s.Sum()
		}, `T-1 changed false same false`},
	} {
		t.Run(c.change, func(t *testing.T) {
			k := played(t, "sub-accounts-on-their-parents-document")
			k.alter("T-1", c.do)
			require.Contains(t, verified(k.verify(0)), c.want)
		})
	}
	t.Run("a column", func(t *testing.T) {
		k := played(t, "sub-accounts-on-their-parents-document")
		k.exec(`UPDATE invoice_documents SET total = '1'`)
		require.Equal(t, "T-1 changed false same true\n  column total: stored \"1\", computed \"102.85\"\n", verified(k.verify(0)))
	})
	t.Run("a close", func(t *testing.T) {
		k := played(t, "sub-accounts-on-their-parents-document")
		k.exec(`DELETE FROM invoice_closes`)
		require.Contains(t, verified(k.verify(0)), "the close of its cycle from 2026-04-01 is not in the control store")
	})
}

// alter changes the stored text of a document behind the program's back.
func (k *kase) alter(number string, do func(*Stored)) {
	require.NoError(k.t, k.change(func(t Table) error {
		s, err := t.Get(k.t.Context(), number)
		if err != nil {
			return err
		}
		do(s)
		text, err := json.Marshal(&s.Document)
		require.NoError(k.t, err)
		_, err = t.Tx.Exec(k.t.Context(), `UPDATE invoice_documents SET document = ? WHERE id = ?`, string(text), s.ID)
		return err
	}))
}

func (k *kase) exec(query string, args ...any) {
	require.NoError(k.t, k.change(func(t Table) error {
		_, err := t.Tx.Exec(k.t.Context(), query, args...)
		return err
	}))
}

func TestUsageThatTheWarehouseDoesNotKeepIsVerifiedFromTheStoredLines(t *testing.T) {
	k := played(t, "usage-that-comes-after-the-document")
	k.charges = nil
	require.Contains(t, verified(k.verify(0)), "line 2: only in the store", "without usage nothing adds up")
	k = played(t, "usage-that-comes-after-the-document")
	k.charges = nil
	all := k.verify(date(t, "2027-01-01"))
	for _, v := range all {
		require.True(t, v.OK(), verified(all))
	}
	require.Contains(t, verified(all), "usage of the cycle from 2026-04-01 is older than warehouse.keep")
}

func TestACreditNoteIsVerifiedFromTheDocumentThatItCorrects(t *testing.T) {
	k := played(t, "sub-accounts-on-their-parents-document")
	k.play("credit T-1 1=5.55 at 2026-05-03T08:00:00Z\ncredit T-1 1=0.01 2=24.00 at 2026-05-04T08:00:00Z\n")
	require.Len(t, k.verify(0), 3)
	require.Empty(t, verified(k.verify(0)))
	k.alter("TC-2", func(s *Stored) { s.Tax = decimal.MustParse("-5") })
	require.Contains(t, verified(k.verify(0)), `TC-2 changed true same true`)
}

// issued is a case with the documents that came of it, as stored.
const issuedDir = "testdata/issued"

// What a version of the rules issued, it still gives. If an amount is to change, see versions.
func TestDocumentsOfEveryVersionOfTheRulesComeOutAsTheyWereIssued(t *testing.T) {
	if *issue {
		issueAll(t)
	}
	for version := range versions {
		files, err := filepath.Glob(fmt.Sprintf("%s/rules-%d/*.txtar", issuedDir, version))
		require.NoError(t, err)
		require.NotEmpty(t, files, "no documents of rules %d are kept: go test ./invoicing -run EveryVersion -issue keeps them", version)
		for _, file := range files {
			k, archive := readIssued(t, file)
			for _, f := range archive.Files {
				k.insert(f)
			}
			all := k.verify(0)
			require.NotEmpty(t, all, file)
			require.Empty(t, verified(all),
				"%s was issued by rules %d, and they give something else now. Documents never change: let rules %d be "+
					"as they were, and make a new version of the rules (invoicing/rules.go)", file, version, version)
		}
	}
}

func readIssued(t testing.TB, file string) (*kase, *txtar.Archive) {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	return newCase(t, archive).read(&txtar.Archive{}, archive), archive
}

// stored are the tables that say what was issued.
var stored = map[string]string{
	"stored/documents": "invoice_documents", "stored/closes": "invoice_closes", "stored/numbers": "invoice_numbers",
}

// insert adds rows of a table, one a line.
func (k *kase) insert(f txtar.File) {
	table := stored[f.Name]
	if table == "" {
		return
	}
	for line := range strings.Lines(string(f.Data)) {
		row := map[string]any{}
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		require.NoError(k.t, d.Decode(&row))
		var columns, marks []string
		var args []any
		for column, value := range row {
			if n, ok := value.(json.Number); ok {
				value, _ = n.Int64()
			}
			columns, marks, args = append(columns, column), append(marks, "?"), append(args, value)
		}
		k.exec(`INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, args...)
	}
}

func issueAll(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	for _, file := range files {
		to := fmt.Sprintf("%s/rules-%d/%s", issuedDir, document.Rules, filepath.Base(file))
		if _, err := os.Stat(to); err == nil {
			continue // what was issued is not issued again
		}
		k, archive := readCase(t, file)
		k.play(string(archive.Comment))
		out := &txtar.Archive{Comment: []byte("Issued by this version of the rules; never changed.\n")}
		has := map[string]bool{"documents": true}
		for _, a := range []*txtar.Archive{archive, base} {
			for _, f := range a.Files {
				if !has[f.Name] {
					has[f.Name] = true
					out.Files = append(out.Files, f)
				}
			}
		}
		for _, name := range []string{"stored/documents", "stored/closes", "stored/numbers"} {
			out.Files = append(out.Files, txtar.File{Name: name, Data: k.dump(stored[name])})
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, txtar.Format(out), 0o644))
	}
}

// dump is the rows of a table as JSON, one a line.
func (k *kase) dump(table string) []byte {
	var b strings.Builder
	require.NoError(k.t, k.db.Change(k.t.Context(), "test", func(tx *store.Tx) error {
		rows, err := tx.Rows(k.t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2, 3`)
		if err != nil {
			return err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		require.NoError(k.t, err)
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			require.NoError(k.t, rows.Scan(into...))
			row := map[string]any{}
			for i, c := range columns {
				if octets, ok := values[i].([]byte); ok {
					values[i] = string(octets)
				}
				row[c] = values[i]
			}
			text, err := json.Marshal(row)
			require.NoError(k.t, err)
			fmt.Fprintf(&b, "%s\n", text)
		}
		return rows.Err()
	}))
	return []byte(b.String())
}
