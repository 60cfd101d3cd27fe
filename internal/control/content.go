package control

import (
	"bytes"
	"context"
	"database/sql"
	"path"
	"time"

	"ratemill/udr"
)

// This file tracks the owner and the place of each content.
//
// Among a source's files with the same content, the file that was identified first owns the content, and the others are
// its duplicates. The owner keeps the content once it is pinned, because its records may have been sent under the
// owner's id. If the content is then no longer where it was listed, the owner is read at the place of a duplicate, or
// waits for a duplicate. A file that was never pinned passes its content on to a duplicate, which is then read like any
// file.

// Values of the column gone, for a pinned file and for a duplicate that was to be read in its place: the content is
// not where it was listed.
const (
	contentMissing = 1 // the path has no file, or a file that was listed separately
	contentOther   = 2 // the path has different content, although the listing is the same
)

// SetIdentity records the identity of a spooled file: its id, the hash of its content, and its true size. If another
// file of the source has the same content, under this name or another, this file is closed as its duplicate, and
// original is that file; otherwise original is nil. If the original cannot be read where it was listed, it continues
// with this file's content. Empty files are duplicates only if their names are equal. *OtherContentError reports that
// the file was pinned with different content. others are additional keys of the content.
//
// A crash before it: the next owner spools again. After it: the next owner does the same and gets the same answer.
func (s *Store) SetIdentity(ctx context.Context, lease Lease, id udr.FileID, content []byte, size int64, now time.Time,
	others ...OtherKey) (original *File, err error) {
	var other int64
	err = s.change(ctx, "recording a file's identity", func(t tx) error {
		key := content
		if size == 0 {
			key = id[:]
		}
		var source string
		var wasID, wasContent []byte
		var pinned int64
		if err := t.row(ctx, `SELECT source, file_id, content, pinned FROM files WHERE number = ?`, lease.File).Scan(&source, &wasID, &wasContent,
			&pinned); err != nil {
			return notFound(err)
		}
		if pinned == 1 && wasID != nil && !bytes.Equal(wasID, id[:]) {
			return &OtherContentError{File: lease.File, Was: udr.FileID(wasID), Now: id}
		}
		if err := t.held(ctx, lease, `file_id = ?, content = ?, spooled_at = ?`, id[:], content, nanos(now)); err != nil {
			return err
		}
		if wasContent != nil && !bytes.Equal(wasContent, content) {
			if err := t.giveUpContent(ctx, lease.File); err != nil {
				return err
			}
		}
		if other, err = t.knownAs(ctx, lease.File, source, others); err != nil {
			return err
		}
		if other > 0 {
			return t.duplicateOf(ctx, lease, other, now)
		}
		if _, err := t.exec(ctx, `INSERT INTO file_contents (source, content, file) VALUES (?, ?, ?) ON CONFLICT (source, content) DO NOTHING`,
			source, key, lease.File); err != nil {
			return err
		}
		if err := t.row(ctx, `SELECT file FROM file_contents WHERE source = ? AND content = ?`+t.forUpdate(), source,
			key).Scan(&other); err != nil || other == lease.File {
			return err
		}
		if other, err = t.contentOf(ctx, source, key, other, lease.File); err != nil || other == lease.File {
			return err
		}
		return t.duplicateOf(ctx, lease, other, now)
	})
	if err != nil || other == lease.File {
		return nil, err
	}
	file, err := s.File(ctx, other)
	return &file, err
}

// duplicateOf closes a leased file as the duplicate of another.
func (t tx) duplicateOf(ctx context.Context, lease Lease, other int64, now time.Time) error {
	return t.held(ctx, lease, `state = 'duplicate', still_open = 0, lease_until = 0, duplicate_of = ?, closed_at = ?,
		why = (SELECT 'the same content as ' || o.path || ', file ' || o.number || ' of the ledger' FROM files o WHERE o.number = ?)`,
		other, nanos(now), other)
}

// OtherKey is an additional key of a file's content.
type OtherKey struct {
	Key   []byte
	Named bool // the content counts as the same only under the same name, or if a begun file lost its content
}

// knownAs returns the number of another file whose content has one of the keys, 0 if there is none.
func (t tx) knownAs(ctx context.Context, newcomer int64, source string, keys []OtherKey) (int64, error) {
	for _, k := range keys {
		var number, gone int64
		var here, there string
		err := t.row(ctx, `SELECT f.number, f.gone, f.path, n.path FROM files f, files n WHERE n.number = ? AND f.number <> n.number
			AND (f.number = (SELECT c.file FROM file_contents c WHERE c.source = ? AND c.content = ?) OR f.source = ? AND f.begins = ? AND f.gone > 0)
			ORDER BY f.number LIMIT 1`, newcomer, source, k.Key, source, k.Key).Scan(&number, &gone, &there, &here)
		switch {
		case err == sql.ErrNoRows, err == nil && k.Named && gone == 0 && path.Base(here) != path.Base(there):
			continue
		case err != nil:
			return 0, err
		}
		if found, err := t.contentOf(ctx, source, k.Key, number, newcomer); err != nil || found != newcomer {
			return found, err
		}
	}
	return 0, nil
}

// forUpdate locks the selected row, so that a transaction that declares the content gone at the same time is serialized
// with this one.
func (t tx) forUpdate() string {
	if t.s.Postgres() {
		return ` FOR UPDATE`
	}
	return ``
}

// contentOf returns the number of the file that owns the content of a new file: number, or the new file's own if
// that file gave up the content without sending a record.
func (t tx) contentOf(ctx context.Context, source string, key []byte, number, newcomer int64) (int64, error) {
	var state FileState
	var open, pinned, gone int64
	if err := t.row(ctx, `SELECT state, still_open, pinned, gone FROM files WHERE number = ?`+t.forUpdate(), number).Scan(&state, &open,
		&pinned, &gone); err != nil {
		return 0, err
	}
	switch {
	case open == 0 && pinned == 0 && state != Done:
		if _, err := t.exec(ctx, `UPDATE file_contents SET file = ? WHERE source = ? AND content = ?`, newcomer, source, key); err != nil {
			return 0, err
		}
		if _, err := t.exec(ctx, `UPDATE files SET file_id = NULL, content = NULL WHERE number = ?`, number); err != nil {
			return 0, err
		}
		_, err := t.exec(ctx, `UPDATE files SET duplicate_of = ? WHERE duplicate_of = ? AND state = 'duplicate'`, newcomer, number)
		return newcomer, err
	case gone > 0:
		_, err := t.exec(ctx,
			`UPDATE files SET found_as = ?, gone = 0, state = 'reading', still_open = 1, closed_at = 0, retry_at = 0, attempts = 0, why = ''
				WHERE number = ?`, newcomer, number)
		return number, err
	}
	return number, nil
}

// giveUpContent removes the content of a file from which nothing was sent. The first of its duplicates owns it from
// then on, and waits for a mediator.
func (t tx) giveUpContent(ctx context.Context, file int64) error {
	heir, err := t.duplicate(ctx, file, `number`)
	if err != nil {
		return err
	}
	if heir == 0 {
		_, err := t.exec(ctx, `DELETE FROM file_contents WHERE file = ?`, file)
		return err
	}
	if _, err := t.exec(ctx, `UPDATE file_contents SET file = ? WHERE file = ?`, heir, file); err != nil {
		return err
	}
	if _, err := t.exec(ctx,
		`UPDATE files SET state = 'seen', still_open = 1, duplicate_of = 0, why = '', closed_at = 0, retry_at = 0 WHERE number = ?`,
		heir); err != nil {
		return err
	}
	_, err = t.exec(ctx, `UPDATE files SET duplicate_of = ? WHERE duplicate_of = ? AND state = 'duplicate'`, heir, file)
	return err
}

// duplicate returns the first duplicate of a file, in the given order, that is still where it was listed as far as the
// ledger shows; 0 for none.
func (t tx) duplicate(ctx context.Context, of int64, order string) (number int64, err error) {
	rows, err := t.rows(ctx, `SELECT number FROM files WHERE duplicate_of = ? AND state = 'duplicate' AND after_at = 0 ORDER BY `+order+
		` LIMIT 1`, of)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&number); err != nil {
			return 0, err
		}
	}
	return number, rows.Err()
}

// Gone records that the content of a leased file is no longer at its place. other means that different content is
// there, with the same size and modification time. A file that was not pinned vanishes. A pinned file is read under
// the path of a duplicate, whose number is found. If there is none, the file fails, and continues when its content
// arrives again. If the file returns, it is not leased before retryAt.
//
// A crash before it: the next owner finds the same situation. After it: the next owner reads the content at the
// new place.
func (s *Store) Gone(ctx context.Context, lease Lease, other bool, why string, retryAt, now time.Time) (found int64, err error) {
	err = s.change(ctx, "recording that the content of "+fileName(lease.File)+" is gone", func(t tx) error {
		err := t.held(ctx, lease, `attempts = attempts + 1, retry_at = ?, retry_for = ?, lease_until = 0`,
			nanos(retryAt), int64(retryAt.Sub(now)))
		if err != nil {
			return err
		}
		var pinned, place int64
		if err := t.row(ctx, `SELECT pinned, found_as FROM files WHERE number = ?`, lease.File).Scan(&pinned, &place); err != nil {
			return err
		}
		if pinned == 0 {
			if err := t.giveUpContent(ctx, lease.File); err != nil {
				return err
			}
			return t.held(ctx, lease, `state = 'vanished', still_open = 0, closed_at = ?, why = ?, file_id = NULL, content = NULL`, nanos(now), why)
		}
		gone := contentMissing
		if other {
			gone = contentOther
		}
		if place > 0 {
			if _, err := t.exec(ctx,
				`UPDATE files SET gone = ?, after_at = ?, after_why = 'it was gone, or replaced, when it was to be read'
					WHERE number = ? AND after_at = 0`, gone, nanos(now), place); err != nil {
				return err
			}
			gone = contentMissing // the file's own content: it may be where it was listed
		}
		if found, err = t.duplicate(ctx, lease.File, `number DESC`); err != nil {
			return err
		}
		if found > 0 {
			return t.held(ctx, lease, `state = 'reading', found_as = ?, retry_at = 0, why = ''`, found)
		}
		return t.held(ctx, lease, `state = 'failed', still_open = 0, gone = ?, closed_at = ?, why = ?`, gone, nanos(now), why)
	})
	return found, err
}
