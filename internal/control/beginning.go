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
// A file continues an earlier file of its source if the earlier file had a record that was not filtered, and if its
// whole content is the beginning of this file's content. Such files have the same header and the same first
// unfiltered record; this beginning is called the opening.

// Beginning is a file that was read, or is being read, and that another file may continue.
type Beginning struct {
	Number  int64
	Path    string
	Size    int64  // bytes of the unpacked content that Hash covers
	Hash    []byte // nil if unknown: no file can then continue it
	Open    bool   // not read to its end yet
	Gone    bool   // the file will not be read to its end, unless its content arrives again
	Held    bool   // the file had a record that was not filtered
	Alike   bool   // the file has the given opening
	Records int64
}

const (
	mostAlike = 500 // limit of files with the same opening, longest first: parts of a file that grew
	// mostNamed is the limit of files with the same name, newest first: they are files of older programs, which had no
	// openings, and files with other decode options.
	mostNamed = 20
)

// Beginnings returns the files that a leased file may continue: files of its source with the same opening, and the
// last files with its path. known is the number of files with the opening, for Pin. Named excludes files with
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

// ReadOnly records how many bytes at the beginning of a leased file's content could be read, and their hash: a
// file that continues it starts there.
func (s *Store) ReadOnly(ctx context.Context, lease Lease, hash []byte, size int64) error {
	return s.change(ctx, "recording how much of "+fileName(lease.File)+" was read", func(t tx) error {
		return t.held(ctx, lease, `begins = ?, begins_size = ?`, hash, size)
	})
}

// openingLock is the first half of the advisory locks that serialize pins of files with the same opening; the second
// half is the source.
const openingLock = 0x72617466

// pinPart pins which part of its content a file has, unless it was pinned before.
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

// Resumption holds what is needed to read a file that continues another file without the bytes of the other file.
type Resumption struct {
	Number   int64 // number of the file that was read
	FileID   udr.FileID
	Rules    string // its source's version
	Size     int64  // size of that file's content in bytes
	Opening  []byte
	Compared time.Time // when all of this content was last fetched and compared
	State    []byte    // decoder state at the end of the content; opaque here
}

// ReadOn records how to continue after the content of a leased file, all of whose records are acknowledged.
//
// A crash before it: a file that continues this file is read from its beginning. After it: the state applies to
// the content and the rules to which the file is pinned, no matter which mediator reads it to its end.
func (s *Store) ReadOn(ctx context.Context, lease Lease, state []byte, compared time.Time) error {
	return s.change(ctx, "recording how to read on after "+fileName(lease.File), func(t tx) error {
		return t.held(ctx, lease, `resumes = ?, compared_at = ?`, state, nanos(compared))
	})
}

// Resumes returns the Resumption for reading only the new bytes of a file. A pinned file continues after the file
// that it continues. A file that is not pinned may continue after the last file of its source that was read under
// its path, had a record that was not filtered, and is shorter. found is false if that file has not been read to
// its end, or if its resumption was not recorded.
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
