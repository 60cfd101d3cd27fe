package control

import (
	"context"
	"database/sql"
	"path"
	"time"

	"ratemill/internal/steps"
	"ratemill/udr"
)

// Which file continues which.
//
// A file continues another of its source if that one held a record that was not filtered, and its content is what this
// one's begins with. Files that may be so related begin alike: with the same header and the same first such record, the
// opening.

// Beginning is a file that was read, or is being read, and that another may continue.
type Beginning struct {
	Number  int64
	Path    string
	Size    int64  // bytes of the content, unpacked, of which Hash is
	Hash    []byte // nil when it is not known: nothing continues such a file
	Open    bool   // it is not read to its end yet
	Gone    bool   // nor will it be, unless its content comes again
	Held    bool   // it held a record that was not filtered
	Alike   bool   // it has the opening that was asked for
	Records int64
}

const (
	mostAlike = 500 // of the files with an opening, the longest: those of a file that grew
	mostNamed = 20  // of the files that had a name, the newest: of older programs, which knew no openings, and of other decode options
)

// Beginnings are the files of a leased file's source that it may continue: those that begin with its opening, and the last
// ones of its path. known is how many have the opening, for Pin. Named leaves out files of another name.
func (s *Store) Beginnings(ctx context.Context, lease Lease, opening []byte, named bool) (found []Beginning, known int64, err error) {
	file, err := s.File(ctx, lease.File)
	if err != nil {
		return nil, 0, err
	}
	what := "looking for files that begin like " + file.Path
	if err := s.query(ctx, what, countOpening, []any{file.Source, opening, lease.File}, func(rows *sql.Rows) error { return rows.Scan(&known) }); err != nil {
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
				b.Size, b.Hash = listed, content // of an older program
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

// ReadOnly records that of a leased file no more than the first bytes of its content could be read, and their hash: a file
// that continues it goes on from there.
func (s *Store) ReadOnly(ctx context.Context, lease Lease, hash []byte, size int64) error {
	return s.change(ctx, "recording how much of "+fileName(lease.File)+" was read", func(t tx) error {
		return t.held(ctx, lease, `begins = ?, begins_size = ?`, hash, size)
	})
}

// openingLock is the first half of the advisory locks that order pins of files that begin alike; the second is the source.
const openingLock = 0x72617466

// pinPart pins which part of its content a file is read, unless it was pinned before.
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
	if known != part.Known && steps.On(steps.BeginningKnown) {
		return ErrConflict
	}
	return t.held(ctx, lease, `opening = ?, begins = ?, begins_size = ?, content_size = ?, continues = ?, continues_from = ?, changed = ?, fetched = ?`,
		part.Opening, part.Content, part.Size, part.Size, part.Continues, part.From, part.Changed, part.Fetched)
}

// ReadFrom has a file that was begun, and whose content is gone, read where another file has it: at its beginning.
func (s *Store) ReadFrom(ctx context.Context, number, there int64) error {
	return s.change(ctx, "recording where "+fileName(number)+" is read", func(t tx) error {
		_, err := t.exec(ctx, `UPDATE files SET found_as = ?, gone = 0, state = 'reading', still_open = 1, closed_at = 0, retry_at = 0, attempts = 0, why = ''
			WHERE number = ? AND gone > 0 AND pinned = 1`, there, number)
		return err
	})
}

// Resumption is how to read a file that continues another without the bytes of that one.
type Resumption struct {
	Number   int64 // of the file that was read
	FileID   udr.FileID
	Rules    string // its source's version
	Size     int64  // bytes of its content
	Opening  []byte
	Compared time.Time // when all of them were last fetched and compared
	State    []byte    // at their end; opaque here
}

// ReadOn records how to read on after the content of a leased file, all of whose records are acknowledged.
//
// A crash before it: a file that continues this one is read from its beginning. After it: the state holds for the content
// and the rules that the file is pinned to, whoever reads it to its end.
func (s *Store) ReadOn(ctx context.Context, lease Lease, state []byte, compared time.Time) error {
	return s.change(ctx, "recording how to read on after "+fileName(lease.File), func(t tx) error {
		return t.held(ctx, lease, `resumes = ?, compared_at = ?`, state, nanos(compared))
	})
}

// Resumes is how to read a file by its new bytes. A file that was pinned goes on after the one that it continues; another
// may go on after the last one of its source that was read under its path, held a record that was not filtered, and is
// shorter. found is false when that one is not read to its end, or how to read on was not recorded.
func (s *Store) Resumes(ctx context.Context, file *File) (r Resumption, found bool, err error) {
	where, args := `source = ? AND path = ? AND number <> ? AND pinned = 1 AND retry = 0 AND mapped + suspended > 0 AND state IN ('reading', 'done', 'failed')
		ORDER BY number DESC LIMIT 1`, []any{file.Source, file.Path, file.Number}
	if file.Pinned {
		where, args = `number = ?`, []any{file.Pins.Part.Continues}
	}
	err = s.query(ctx, "looking for how to read on in "+file.Path, `SELECT number, file_id, state, rules, begins_size, opening, compared_at, resumes FROM files WHERE `+where, args, func(rows *sql.Rows) error {
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
