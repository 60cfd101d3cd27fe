package invoicing

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/terms"
)

// harmless are the stored values that neither verify nor balance compares, with the reason.
var harmless = map[string]string{
	"invoice_documents.reasons":                   "why it was held; a final document is not held",
	"invoice_documents.version":                   "counts the changes of a draft; nothing changes a final document",
	"invoice_documents.document.inputs.closes.at": "when the close was made; its cut and its revision decide what it has",
	"invoice_closes.reasons":                      "why it was held; one with a final document is not held",
	"invoice_closes.released":                     "reasons that a person reviewed before it became final",
	"invoice_closes.waits":                        "why its items had no document; they have one now",
	"invoice_closes.close.at":                     "when it was made; its cut and its revision decide what it has",
	"invoice_numbers.issued":                      "the earliest date of the next document; those of earlier documents are compared",
	"invoice_number_skips.at":                     "when a person left numbers out",
	"invoice_number_skips.who":                    "the person",
	"invoice_number_skips.why":                    "the person's reason",
}

// tampered are the tables whose values the test changes.
var tampered = []string{"invoice_documents", "invoice_closes", "invoice_numbers", "invoice_number_skips"}

// unread are the tables on which no final document rests.
var unread = map[string]string{
	"invoice_steps":           "who did what to a document",
	"invoice_exports":         "what is copied to ClickHouse next",
	"invoice_exports_counter": "the last of invoice_exports",
	"invoice_balance_off":     "what the last balance found; the next one writes it again",
}

// Whatever somebody changes in the rows of final documents, of their closes and of their number ranges, verify or
// balance tells it.
func TestEachStoredValueOfAFinalDocumentThatSomebodyChangesIsTold(t *testing.T) {
	k := played(t, "sub-accounts-on-their-parents-document")
	k.play("credit T-1 1=5.55 at 2026-05-03T08:00:00Z\n")
	r, err := terms.ParseRange("T-{n}")
	require.NoError(t, err)
	require.NoError(t, k.change(func(table Table) error {
		_, err := table.SetNext(t.Context(), "", r, 0, 9, By{Who: "maria", Why: "2 to 8 were mailed before the restore", At: time.Unix(1, 0)})
		return err
	}))
	require.Empty(t, verified(k.verify(0)))
	require.Empty(t, off(k.balance()))
	used := map[string]bool{}
	for _, table := range tampered {
		for line := range strings.Lines(string(k.dump(table))) {
			row := map[string]any{}
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			require.NoError(t, d.Decode(&row))
			for column, value := range row {
				for _, change := range changes(table+"."+column, value) {
					if harmless[change.name] != "" {
						used[change.name] = true
						continue
					}
					where, args := whole(row)
					k.exec(`UPDATE `+table+` SET `+column+` = ? WHERE `+where, append([]any{change.to}, args...)...)
					found := tells(k)
					row[column] = change.to
					where, args = whole(row)
					row[column] = value
					k.exec(`UPDATE `+table+` SET `+column+` = ? WHERE `+where, append([]any{plain(value)}, args...)...)
					if found == "" {
						t.Errorf("%s: nobody tells that it is %v", change.name, short(change.to))
					}
				}
			}
		}
	}
	for name := range harmless {
		require.True(t, used[name], "%s is not stored", name)
	}
	require.Empty(t, verified(k.verify(0)), "the test did not put everything back")
}

// tells returns what verify finds, or balance if that finds nothing.
func tells(k *kase) string {
	if text := verified(k.verify(0)); text != "" {
		return text
	}
	return off(k.balance())
}

func short(value any) string {
	text := fmt.Sprint(value)
	return text[:min(len(text), 200)]
}

// plain is a value as the engine takes it.
func plain(value any) any {
	if n, ok := value.(json.Number); ok {
		i, _ := n.Int64()
		return i
	}
	return value
}

// whole selects a row by all of its values.
func whole(row map[string]any) (where string, args []any) {
	var all []string
	for column, value := range row {
		all, args = append(all, column+" = ?"), append(args, plain(value))
	}
	return strings.Join(all, " AND "), args
}

// changed is another value of a column. Its name also has the path in a JSON text.
type changed struct {
	name string
	to   any
}

// changes returns values that somebody could write into a column: another number or text, and in a JSON text each of
// its values in turn.
func changes(name string, value any) (all []changed) {
	switch v := value.(type) {
	case json.Number:
		i, _ := v.Int64()
		return []changed{{name, i + 1}}
	case string:
		var tree any
		d := json.NewDecoder(strings.NewReader(v))
		d.UseNumber()
		if (strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[")) && d.Decode(&tree) == nil {
			if list, ok := tree.([]any); ok && len(list) > 0 {
				all = append(all, changed{name, "[]"})
			}
			walk(name, tree, func(path string) {
				text, err := json.Marshal(tree)
				if err == nil {
					all = append(all, changed{path, string(text)})
				}
			})
			return all
		}
		return []changed{{name, v + "7"}}
	}
	return nil
}

var dated = regexp.MustCompile(`^\d{4}-\d\d-\d\d`)

// walk changes each value of a tree in turn, and puts it back.
func walk(path string, node any, give func(path string)) {
	put := func(path string, value any, set func(any)) {
		switch v := value.(type) {
		case json.Number:
			i, _ := strconv.ParseInt(v.String(), 10, 64)
			set(i + 1)
			give(path)
		case bool:
			set(!v)
			give(path)
		case string:
			switch {
			case dated.MatchString(v):
				set("2019-01-01" + v[len("2019-01-01"):])
			default:
				set(v + "7")
			}
			give(path)
		case []any:
			if len(v) > 0 {
				set(v[1:])
				give(path)
			}
		}
		set(value)
		walk(path, value, give)
	}
	switch n := node.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(n)) {
			put(path+"."+name, n[name], func(v any) { n[name] = v })
		}
	case []any:
		for i := range n {
			put(path, n[i], func(v any) { n[i] = v })
		}
	}
}

func TestEachTableOfInvoicesIsComparedOrHasAReasonWhyNot(t *testing.T) {
	k := played(t, "sub-accounts-on-their-parents-document")
	var names []string
	require.NoError(t, k.db.Query(t.Context(), "test", `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'invoice_%'`, nil,
		func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		}))
	names = slices.DeleteFunc(names, func(name string) bool { return unread[name] != "" })
	require.ElementsMatch(t, tampered, names)
}
