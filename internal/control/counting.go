package control

import (
	"context"
	"database/sql"

	"ratemill/registry"
)

// Counting describes the first files for which a revision of the registry is used. When a mediator begins to read
// a file, it pins the file to the newest revision, and the file keeps that revision.
type Counting struct {
	Reading []CountingFile // files that are being read by an earlier revision; only the first ones
	Others  int64          // more of them
	Waiting int64          // files that wait, and will be read by the revision or a later one
	First   CountingFile   // of them
}

// CountingFile is a file of a source and the revision by which it is read.
type CountingFile struct {
	Source, Path string
	Revision     registry.Revision // 0 if it waits
}

const (
	mostReading = 3

	readEarlier = `FROM files WHERE still_open = 1 AND pinned = 1 AND unread = 0 AND registry < ?`
	readLater   = `FROM files WHERE still_open = 1 AND (pinned = 0 OR unread = 1) AND retry = 0`
)

// CountingFrom returns the first files for which a revision is used.
func (s *Store) CountingFrom(ctx context.Context, revision registry.Revision) (c Counting, err error) {
	const what = "looking for files that wait or are being read"
	err = s.query(ctx, what, `SELECT source, path, registry `+readEarlier+` ORDER BY number LIMIT ?`, []any{int64(revision), mostReading},
		func(rows *sql.Rows) error {
			var f CountingFile
			var known int64
			err := rows.Scan(&f.Source, &f.Path, &known)
			f.Revision = registry.Revision(known)
			c.Reading = append(c.Reading, f)
			return err
		})
	if err != nil {
		return c, err
	}
	if len(c.Reading) == mostReading {
		err = s.query(ctx, what, `SELECT COUNT(*) `+readEarlier, []any{int64(revision)}, func(rows *sql.Rows) error {
			return rows.Scan(&c.Others)
		})
		c.Others -= mostReading
	}
	if err != nil {
		return c, err
	}
	// The oldest file of a source is read first.
	err = s.query(ctx, what, `SELECT source, path `+readLater+` ORDER BY mtime, path, number LIMIT 1`, nil, func(rows *sql.Rows) error {
		return rows.Scan(&c.First.Source, &c.First.Path)
	})
	if err != nil || c.First.Path == "" {
		return c, err
	}
	return c, s.query(ctx, what, `SELECT COUNT(*) `+readLater, nil, func(rows *sql.Rows) error { return rows.Scan(&c.Waiting) })
}
