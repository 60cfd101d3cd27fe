package form

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/config"
)

// table is a table of names and meanings.
func table(of string, rows [][2]string) string {
	var b strings.Builder
	b.WriteString("| " + of + " | meaning |\n| --- | --- |\n")
	for _, r := range rows {
		b.WriteString("| `" + r[0] + "` | " + r[1] + " |\n")
	}
	return b.String()
}

func columnRows[T any](columns []column[T]) (rows [][2]string) {
	for _, c := range columns {
		rows = append(rows, [2]string{c.name, c.meaning})
	}
	return rows
}

// fieldRows are the fields of a type, with those of the types in it. The fields of a type stand there once.
func fieldRows(t reflect.Type, path string, seen map[reflect.Type]string) (rows [][2]string) {
	seen[t] = path
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		in, at, doc := f.Type, path+name, f.Tag.Get("doc")
		if in.Kind() == reflect.Slice {
			in, at = in.Elem(), at+"[]"
		}
		before, known := seen[in]
		if known {
			doc += " Its fields are those of `" + strings.TrimSuffix(before, ".") + "`."
		}
		rows = append(rows, [2]string{at, doc})
		if in.Kind() == reflect.Struct && !known {
			rows = append(rows, fieldRows(in, at+".", seen)...)
		}
	}
	return rows
}

func TestTheConfigurationAllowsTheFormatsThatThereAre(t *testing.T) {
	field, ok := reflect.TypeFor[config.Accounts]().FieldByName("EInvoices")
	require.True(t, ok)
	require.Equal(t, Formats, strings.Split(field.Tag.Get("enum"), "|"))
}

func TestThePageOfEInvoicesHasEveryColumnAndField(t *testing.T) {
	page, err := os.ReadFile("../../docs/e-invoices.md")
	require.NoError(t, err)
	for _, want := range []string{
		table("column", columnRows(lineColumns)), table("column", columnRows(callColumns)),
		table("field", fieldRows(reflect.TypeFor[jsonDocument](), "", map[reflect.Type]string{})),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/e-invoices.md lacks this table, or has an older one; put it there:\n%s", want)
		}
	}
	for _, f := range Formats {
		require.Contains(t, string(page), "| `"+f+"` |")
	}
}
