package control

import (
	"context"
	"database/sql"
)

// LastRules returns the version of the rules that read a source's last file; empty if there is no such file.
func (s *Store) LastRules(ctx context.Context, source string) (version string, err error) {
	err = s.query(ctx, "looking for the last rules of "+source,
		`SELECT rules FROM files WHERE source = ? AND pinned = 1 AND retry = 0 ORDER BY number DESC LIMIT 1`, []any{source},
		func(rows *sql.Rows) error { return rows.Scan(&version) })
	return version, err
}

// PathsRead calls do with the path of each begun file of a source.
func (s *Store) PathsRead(ctx context.Context, source string, do func(path string)) error {
	return s.query(ctx, "looking for the files that "+source+" has read",
		`SELECT DISTINCT path FROM files WHERE source = ? AND pinned = 1 AND retry = 0`, []any{source}, func(rows *sql.Rows) error {
			var path string
			err := rows.Scan(&path)
			do(path)
			return err
		})
}
