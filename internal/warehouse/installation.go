package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// installationView stores the name of the installation that the tables belong to. It is a view of one constant,
// because creating a view that does not exist is the one operation that ClickHouse performs for exactly one of
// several callers.
const installationView = "ratemill_installation"

const unknownTable = 60 // UNKNOWN_TABLE of ErrorCodes.cpp

// Installation returns the name of the tables' installation; empty if no installation has claimed them.
func (w *Warehouse) Installation(ctx context.Context) (name string, err error) {
	err = sorted("read which installation it belongs to", w.conn.QueryRow(ctx, "SELECT installation FROM "+installationView).Scan(&name))
	if refused := (*RefusedError)(nil); errors.As(err, &refused) && refused.Code == unknownTable {
		return "", nil
	}
	return name, err
}

// Claim sets the name of the warehouse, unless it has one, and returns the name that is set: of several concurrent
// claims, the first wins. Migrate it before.
func (w *Warehouse) Claim(ctx context.Context, name string) (string, error) {
	if holder, err := w.Installation(ctx); err != nil || holder != "" {
		return holder, err
	}
	err := w.exec(ctx, "record which installation it belongs to", fmt.Sprintf("CREATE VIEW IF NOT EXISTS %s%s AS SELECT %s AS installation",
		installationView, w.layout.onCluster(), quoteText(name)))
	if err != nil {
		return "", err
	}
	return w.Installation(ctx)
}

// Written reports whether any table has rows.
func (w *Warehouse) Written(ctx context.Context) (bool, error) {
	var names []string
	for i := range tables {
		names = append(names, quoteText(tables[i].Name))
	}
	var rows uint64
	err := w.conn.QueryRow(ctx, "SELECT toUInt64(sum(ifNull(total_rows, 0))) FROM system.tables WHERE database = currentDatabase() "+
		"AND name IN ("+strings.Join(names, ", ")+")").Scan(&rows)
	return rows > 0, sorted("check whether it is empty", err)
}
