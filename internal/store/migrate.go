package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrations are the migrations of the package that owns the tables. They only go forward, and one process at a time
// applies them. After a crash between two migrations, the next Migrate continues.
type Migrations struct {
	Files fs.FS
	Table string // table with the version of these tables; empty for the control store's own tables
}

// MigrateFolder migrates the tables of a package by the files in one of its folders. table contains their
// version.
func (d *DB) MigrateFolder(ctx context.Context, files fs.FS, folder, table string) error {
	files, err := fs.Sub(files, folder)
	if err != nil {
		return err
	}
	_, _, err = d.Migrate(ctx, Migrations{Files: files, Table: table})
	return err
}

// Migrate migrates tables. It returns the version of the tables, and the newest version in these migrations; a newer
// program may have migrated further.
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
	if !d.postgres {
		// A new index sorts a whole table, which may not fit in memory.
		if _, err := d.write.ExecContext(ctx, "PRAGMA temp_store=FILE"); err != nil {
			return 0, 0, d.Failed("bringing the tables up to date", Ended(ctx, err))
		}
		defer d.write.ExecContext(context.WithoutCancel(ctx), "PRAGMA temp_store=MEMORY") // if this fails, statements are only slower
	}
	// SQLite has no lock that spans transactions: of two concurrent migrations one fails, and finds the tables when it
	// tries again.
	for attempt := 0; ; attempt++ {
		_, err = provider.Up(ctx)
		if err == nil {
			break
		}
		if d.postgres || attempt == 4 || ctx.Err() != nil {
			return 0, 0, d.Failed("bringing the tables up to date", Ended(ctx, err))
		}
	}
	version, err = provider.GetDBVersion(ctx)
	if err != nil {
		return 0, 0, d.Failed("reading the version of the tables", Ended(ctx, err))
	}
	sources := provider.ListSources()
	newest = sources[len(sources)-1].Version
	return version, newest, nil
}
