package control

import (
	"context"
	"database/sql"
	"path"
	"time"

	"ratemill/internal/safeguard"
	"ratemill/udr"
)

// Continuation of files.
//
// A file continues another one of its source if that one had a record that was not filtered, and if its whole content
// is the beginning of this file's content. Such files begin alike, with the same header and the same first unfiltered
// record, which is called the opening.

// Beginning is a file that was read, or is being read, and that another file may continue.
type Beginning struct {
	Number  int64
	Path    string
	Size    int64  // bytes of the content, unpacked, covered by Hash
	Hash    []byte // nil if unknown: no file continues such a file
	Open    bool   // it has not been read to its end yet
	Gone    bool   // it will not be read to its end, unless its content arrives again
	Held    bool   // it had a record that was not filtered
	Alike   bool   // it has the given opening
	Records int64
}

const (
	mostAlike = 500 // the longest of the files with the same opening: parts of a file that grew
	// mostNamed is the number of the newest files with the same name: files of older programs, which had no openings, and
	// files with other decode options.
	mostNamed = 20
)

// Beginnings returns the files that a leased file may continue: files of its source with the same opening, and the
// last ones with its path. known is the number of files with the opening, for Pin. Named excludes files with
// another name.
func (s *Store) Beginnings(ctx context.Context, lease Lease, opening []byte, named bool) (found []Beginning, known int64, err error) {
	file, err := s.File(ctx, lease.File)
	if err != nil {
		return nil, 0, err
	}
	what := "looking for files that begin like " + file.Path
	if err := s.query(ctx, what, countOpening, []any{file.Source, opening, lease.File}, func(rows *sql.Rows) error {
		return rows.Scan(&known)
	}); err != nil {
		return nil, 0, err
	}
	seen := map[int64]bool{lease.File: true}
	add := func(where string, args ...any) error {
		return s.query(ctx, what, `SELECT number, path, size, begins_size, begins, content, still_open, gone, mapped + suspended, records, opening = ? FROM files
			WHERE source = ? AND pinned = 1 AND retry = 0 AND state IN ('reading', 'done', 'failed') AND `+where, append([]any{opening, file.Source}, args...), func(rows *sql.Rows) error {
			var b Beginning
			var listed, open, gone, held int64
			var begins, content []byte
			var alike sql.NullBool
			if err := rows.Scan(&b.Number, &b.Path, &listed, &b.Size, &begins, &content, &open, &gone, &held, &b.Records, &alike); err != nil {
				return err
			}
			if b.Hash = begins; begins == nil {
				b.Size, b.Hash = listed, content // from an older program
			}
			b.Open, b.Gone, b.Held, b.Alike = open == 1, gone > 0, held > 0, alike.Bool
			if !seen[b.Number] && (!named || path.Base(b.Path) == path.Base(file.Path)) {
				seen[b.Number] = true
				found = append(found, b)
			}
			return nil
		})
	}
	if err := add(`opening = ? ORDER BY begins_size DESC LIMIT ?`, opening, mostAlike); err != nil {
		return nil, 0, err
	}
	err = add(`path = ? ORDER BY number DESC LIMIT ?`, file.Path, mostNamed)
	return found, known, err
}

const countOpening = `SELECT COUNT(*) FROM files WHERE source = ? AND opening = ? AND number <> ?`

// ReadOnly records that only the first bytes of a leased file's content could be read, and their hash: a file that
// continues it starts there.
func (s *Store) ReadOnly(ctx context.Context, lease Lease, hash []byte, size int64) error {
	return s.change(ctx, "recording how much of "+fileName(lease.File)+" was read", func(t tx) error {
		return t.held(ctx, lease, `begins = ?, begins_size = ?`, hash, size)
	})
}

// openingLock is the first half of the advisory locks that serialize pins of files with one opening; the second is the
// source.
const openingLock = 0x72617466

// pinPart pins which part of its content a file is, unless it was pinned before.
func (t tx) pinPart(ctx context.Context, lease Lease, part *Part) error {
	var source string
	var pinned, known int64
	if err := t.row(ctx, `SELECT source, pinned FROM files WHERE number = ?`, lease.File).Scan(&source, &pinned); err != nil || pinned == 1 {
		return notFound(err)
	}
	if t.s.Postgres() {
		if _, err := t.exec(ctx, `SELECT pg_advisory_xact_lock(?, hashtext(?))`, openingLock, source); err != nil {
			return err
		}
	}
	if err := t.row(ctx, countOpening, source, part.Opening, lease.File).Scan(&known); err != nil {
		return err
	}
	if known != part.Known && safeguard.On(safeguard.BeginningKnown) {
		return ErrConflict
	}
	return t.held(ctx, lease,
		`opening = ?, begins = ?, begins_size = ?, content_size = ?, continues = ?, continues_from = ?, changed = ?, fetched = ?`,
		part.Opening, part.Content, part.Size, part.Size, part.Continues, part.From, part.Changed, part.Fetched)
}

// ReadFrom redirects a begun file whose content is gone to another file that begins with this content.
func (s *Store) ReadFrom(ctx context.Context, number, there int64) error {
	return s.change(ctx, "recording where "+fileName(number)+" is read", func(t tx) error {
		_, err := t.exec(ctx, `UPDATE files SET found_as = ?, gone = 0, state = 'reading', still_open = 1, closed_at = 0, retry_at = 0, attempts = 0, why = ''
			WHERE number = ? AND gone > 0 AND pinned = 1`, there, number)
		return err
	})
}

// Resumption has the data for reading a file that continues another one without the bytes of the other.
type Resumption struct {
	Number   int64 // the file that was read
	FileID   udr.FileID
	Rules    string // its source's version
	Size     int64  // bytes of its content
	Opening  []byte
	Compared time.Time // when all of them were last fetched and compared
	State    []byte    // state at their end; opaque here
}

// ReadOn records how to continue after the content of a leased file, all of whose records are acknowledged.
//
// A crash before it: a file that continues this one is read from its beginning. After it: the state applies to the
// content and the rules to which the file is pinned, whichever mediator reads it to its end.
func (s *Store) ReadOn(ctx context.Context, lease Lease, state []byte, compared time.Time) error {
	return s.change(ctx, "recording how to read on after "+fileName(lease.File), func(t tx) error {
		return t.held(ctx, lease, `resumes = ?, compared_at = ?`, state, nanos(compared))
	})
}

// Resumes returns the Resumption for reading only the new bytes of a file. A pinned file continues after the file
// that it continues. Another may continue after the last file of its source that was read under its path, had a
// record that was not filtered, and is shorter. found is false if that one is not read to its end, or if its
// resumption was not recorded.
func (s *Store) Resumes(ctx context.Context, file *File) (r Resumption, found bool, err error) {
	where, args := `source = ? AND path = ? AND number <> ? AND pinned = 1 AND retry = 0 AND mapped + suspended > 0 AND state IN ('reading', 'done', 'failed')
		ORDER BY number DESC LIMIT 1`, []any{file.Source, file.Path, file.Number}
	if file.Pinned {
		where, args = `number = ?`, []any{file.Pins.Part.Continues}
	}
	err = s.query(ctx, "looking for how to read on in "+file.Path,
		`SELECT number, file_id, state, rules, begins_size, opening, compared_at, resumes FROM files WHERE `+where, args,
		func(rows *sql.Rows) error {
			var state FileState
			var id []byte
			var compared int64
			err := rows.Scan(&r.Number, &id, &state, &r.Rules, &r.Size, &r.Opening, &compared, &r.State)
			copy(r.FileID[:], id)
			r.Compared = instant(compared)
			found = state == Done && r.State != nil && r.Opening != nil && r.Size < file.Size
			return err
		})
	return r, found, err
}
