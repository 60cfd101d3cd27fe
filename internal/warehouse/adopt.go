package warehouse

import (
	"context"
	"fmt"
	"slices"
)

// Adopt moves the tables that an earlier version created in another database of the same server to this database, with
// their rows and their deduplication state, and leaves a view under each old name. If it is interrupted, the next call
// continues. Call it before Migrate, and call AdoptViews after Migrate.
func (w *Warehouse) Adopt(ctx context.Context, from string) error {
	there, err := w.made(ctx, from)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(ownNames(), func(name string) bool { return there[name] != "" && there[name] != "View" }) {
		return nil
	}
	for i := range views {
		// The views refer to their tables together with the old database. Migrate creates them here.
		if err := w.exec(ctx, "move its views", fmt.Sprintf("DROP VIEW IF EXISTS %s.%s", quoteName(from), quoteName(views[i].Name))); err != nil {
			return err
		}
	}
	for _, name := range append(ownNames(), installationView) {
		if name == installationView && there[name] == "" || name != installationView && (there[name] == "" || there[name] == "View") {
			continue
		}
		if err := w.exec(ctx, "move its tables", fmt.Sprintf("RENAME TABLE %s.%s TO %s.%s", quoteName(from), quoteName(name),
			quoteName(w.options.Auth.Database), quoteName(name))); err != nil {
			return fmt.Errorf("warehouse: table %s of database %s cannot be moved to %s: %w", name, from, w.options.Auth.Database, err)
		}
		if err := w.oldName(ctx, from, name); err != nil {
			return err
		}
	}
	return nil
}

// AdoptViews keeps the old names of the views and tables, if there are old names.
func (w *Warehouse) AdoptViews(ctx context.Context, from string) error {
	there, err := w.made(ctx, from)
	if err != nil || there[ratedTable] == "" {
		return err
	}
	for i := range tables {
		if err := w.oldName(ctx, from, tables[i].Name); err != nil {
			return err
		}
	}
	for i := range views {
		if len(views[i].Takes) > 0 {
			continue // a view with parameters is newer than the old names
		}
		if err := w.oldName(ctx, from, views[i].Name); err != nil {
			return err
		}
	}
	return nil
}

// oldName creates a view in another database, with the name of a table in this one.
func (w *Warehouse) oldName(ctx context.Context, from, name string) error {
	return w.exec(ctx, "keep the old name of "+name, fmt.Sprintf("CREATE OR REPLACE VIEW %s.%s AS (SELECT * FROM %s.%s) COMMENT %s",
		quoteName(from), quoteName(name), quoteName(w.options.Auth.Database), quoteName(name),
		quoteText("The earlier name of "+w.options.Auth.Database+"."+name)))
}

// ownNames returns the tables that ratemill creates.
func ownNames() []string {
	names := []string{migrationTable}
	for i := range tables {
		names = append(names, tables[i].Name)
	}
	return names
}

// made lists the tables and views of a database, with their engines.
func (w *Warehouse) made(ctx context.Context, database string) (map[string]string, error) {
	rows, err := w.conn.Query(ctx, "SELECT name, engine FROM system.tables WHERE database = ?", database)
	if err != nil {
		return nil, sorted("list its tables", err)
	}
	defer rows.Close()
	there := map[string]string{}
	for rows.Next() {
		var name, engine string
		if err := rows.Scan(&name, &engine); err != nil {
			return nil, sorted("list its tables", err)
		}
		there[name] = engine
	}
	return there, sorted("list its tables", rows.Err())
}
