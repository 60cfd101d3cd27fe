package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// MissingTablesError reports that tables which were created here no longer exist.
type MissingTablesError struct{ Tables []string }

func (e *MissingTablesError) Error() string {
	what, it := "table "+e.Tables[0]+" is", "it"
	if len(e.Tables) > 1 {
		what, it = "tables "+strings.Join(e.Tables, ", ")+" are", "them"
	}
	return fmt.Sprintf("warehouse: the %s missing, although ratemill created %s here: a user dropped or renamed %s. Restore %s from a "+
		"backup of ClickHouse, or rename back; only if the rows are lost for good, recreate %s empty: ratemill stores remake %s --why \"…\"; "+
		"see docs/runbooks/table-missing.md", what, it, it, it, it, strings.Join(e.Tables, " "))
}

// remakeMissing recreates missing tables, empty, when a user orders it. It refuses to do so if other
// tables are missing that migrations up to done have created.
func (w *Warehouse) remakeMissing(ctx context.Context, l Layout, done int) error {
	there, err := w.there(ctx)
	if err != nil {
		return err
	}
	if done == 0 { // the table of migrations is new; if other tables have rows, it was dropped
		if written, err := w.Written(ctx); err != nil || !written {
			return err
		}
		done = 1
	}
	var missing []string
	for i := range tables {
		t := &tables[i]
		switch {
		case t.Since > done || slices.Contains(there, t.Name):
		case slices.Contains(l.Remake, t.Name):
			if err := w.exec(ctx, "make table "+t.Name+" again", t.create(l, version)); err != nil {
				return err
			}
		default:
			missing = append(missing, t.Name)
		}
	}
	if len(missing) > 0 {
		return &MissingTablesError{missing}
	}
	return nil
}

// viewsMissing reports whether a view was dropped. Views hold no rows, so they are recreated.
func (w *Warehouse) viewsMissing(ctx context.Context) (bool, error) {
	there, err := w.there(ctx)
	for i := range views {
		if err == nil && !slices.Contains(there, views[i].Name) {
			return true, nil
		}
	}
	return false, err
}

// there returns the names of all tables and views.
func (w *Warehouse) there(ctx context.Context) (names []string, err error) {
	err = w.conn.QueryRow(ctx, "SELECT groupArray(name) FROM system.tables WHERE database = currentDatabase()").Scan(&names)
	return names, sorted("list its tables", err)
}

// TableNames returns the names of all tables.
func TableNames() (names []string) {
	for i := range tables {
		names = append(names, tables[i].Name)
	}
	return names
}
