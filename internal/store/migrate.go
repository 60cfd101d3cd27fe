package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations are those of the package that owns the tables: they go forward only and are applied by one process at a time.
// A crash between two leaves a store that the next Migrate continues with.
type Migrations struct {
	Files fs.FS
	Table string // in which the version of these tables stands; empty for that of the control store's own
}

// Migrate brings tables up to date. It answers the version that they have, and the newest that these migrations know: a
// newer program may have been here.
func (d *DB) Migrate(ctx context.Context, m Migrations) (version, newest int64, err error) {
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption(nil)
	if d.postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return 0, 0, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	if m.Table != "" {
		options = append(options, goose.WithTableName(m.Table))
	}
	provider, err := goose.NewProvider(dialect, d.write, m.Files, options...)
	if err != nil {
		return 0, 0, fmt.Errorf("control store %s: %w", d.name, err)
	}
	// SQLite has no lock that spans transactions: of two processes that migrate at once one fails, and finds the
	// tables there when it tries again.
	for attempt := 0; ; attempt++ {
		_, err = provider.Up(ctx)
		if err == nil {
			break
		}
		if d.postgres || attempt == 4 || ctx.Err() != nil {
			return 0, 0, d.Failed("bringing the tables up to date", err)
		}
	}
	version, err = provider.GetDBVersion(ctx)
	if err != nil {
		return 0, 0, d.Failed("reading the version of the tables", err)
	}
	sources := provider.ListSources()
	newest = sources[len(sources)-1].Version
	return version, newest, nil
}
