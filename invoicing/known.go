package invoicing

import (
	"context"
	"slices"
	"strings"
)

// Known returns which of the names are numbers or ids of documents in any state.
func (t Table) Known(ctx context.Context, names []string) (known map[string]bool, err error) {
	known = map[string]bool{}
	for some := range slices.Chunk(names, 500) { // a query has a bounded number of arguments
		for _, column := range []string{"id", "number_text"} { // two queries, because with OR, SQLite would read all documents
			if err := t.known(ctx, column, some, known); err != nil {
				return nil, err
			}
		}
	}
	return known, nil
}

func (t Table) known(ctx context.Context, column string, names []string, known map[string]bool) error {
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = name
	}
	rows, err := t.Tx.Rows(ctx, `SELECT `+column+` FROM invoice_documents WHERE `+column+` <> '' AND `+column+` IN (`+
		strings.Repeat("?, ", len(names)-1)+`?)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		known[name] = true
	}
	return rows.Err()
}
