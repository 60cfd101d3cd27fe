package control

import (
	"context"
	"database/sql"
	"time"
)

// Arrival is a file's path and the time when it was first seen.
type Arrival struct {
	Path string
	At   time.Time
}

// NewestFiles returns the files of a source that were seen last, newest first, without retry batches.
func (s *Store) NewestFiles(ctx context.Context, source string, most int) ([]Arrival, error) {
	var files []Arrival
	err := s.query(ctx, "looking for the newest files of "+source,
		`SELECT path, first_seen FROM files WHERE source = ? AND retry = 0 ORDER BY number DESC LIMIT ?`,
		[]any{source, most}, func(rows *sql.Rows) error {
			var f Arrival
			var at int64
			err := rows.Scan(&f.Path, &at)
			f.At = instant(at)
			files = append(files, f)
			return err
		})
	return files, err
}
