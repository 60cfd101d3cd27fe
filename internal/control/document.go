package control

import (
	"context"
	"database/sql"
	"time"
)

// PutDocument stores a version of a document under the hash of its content. It does not change an existing
// version.
func (s *Store) PutDocument(ctx context.Context, kind, hash string, content []byte, now time.Time) error {
	return s.change(ctx, "keeping a version of "+kind, func(t tx) error {
		_, err := t.exec(ctx, `INSERT INTO documents (kind, hash, content, created) VALUES (?, ?, ?, ?) ON CONFLICT (kind, hash) DO NOTHING`,
			kind, hash, content, nanos(now))
		return err
	})
}

// Document returns the content stored under a hash.
func (s *Store) Document(ctx context.Context, kind, hash string) (content []byte, err error) {
	found := false
	err = s.query(ctx, "reading a version of "+kind, `SELECT content FROM documents WHERE kind = ? AND hash = ?`, []any{kind, hash},
		func(rows *sql.Rows) error {
			found = true
			return rows.Scan(&content)
		})
	if err == nil && !found {
		err = ErrNotFound
	}
	return content, err
}

// DocumentBeginning returns the content whose hash begins with a given text, if there is exactly one. Otherwise
// it returns ErrNotFound.
func (s *Store) DocumentBeginning(ctx context.Context, kind, beginning string) (content []byte, err error) {
	found := 0
	err = s.query(ctx, "reading a version of "+kind, `SELECT content FROM documents WHERE kind = ? AND substr(hash, 1, ?) = ? LIMIT 2`,
		[]any{kind, len(beginning), beginning}, func(rows *sql.Rows) error {
			found++
			return rows.Scan(&content)
		})
	if err == nil && found != 1 {
		err = ErrNotFound
	}
	return content, err
}

// LatestDocument returns the content that was stored last; ErrNotFound if there is no document of the kind.
func (s *Store) LatestDocument(ctx context.Context, kind string) (content []byte, err error) {
	found := false
	err = s.query(ctx, "reading the latest "+kind, `SELECT content FROM documents WHERE kind = ? ORDER BY created DESC, hash LIMIT 1`,
		[]any{kind}, func(rows *sql.Rows) error {
			found = true
			return rows.Scan(&content)
		})
	if err == nil && !found {
		err = ErrNotFound
	}
	return content, err
}

// Effective is a version of a document that is in force from a given time on.
type Effective struct {
	Revision int64 // revision under the document's name, from 1
	From     time.Time
	Hash     string
	SetAt    time.Time
	Who      string
}

// SetEffective puts a version of a document into force from a time on, as the revision after the one that the caller
// read; 0 means that there was none. It returns ErrConflict if another version was put into force in the meantime.
func (s *Store) SetEffective(ctx context.Context, kind, name string, after int64, e Effective) error {
	return s.change(ctx, "putting "+kind+" "+name+" into force", func(t tx) error {
		n, err := t.exec(ctx, `INSERT INTO effective_documents (kind, name, revision, effective_from, hash, set_at, who)
			SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT)
			WHERE (SELECT COALESCE(MAX(revision), 0) FROM effective_documents WHERE kind = ? AND name = ?) = ?
			ON CONFLICT (kind, name, revision) DO NOTHING`,
			kind, name, after+1, nanos(e.From), e.Hash, nanos(e.SetAt), e.Who, kind, name, after)
		return orConflict(n, err)
	})
}

// EffectiveDocuments returns the versions that were put into force under a name, in that order.
func (s *Store) EffectiveDocuments(ctx context.Context, kind, name string) (all []Effective, err error) {
	err = s.query(ctx, "reading the version in force",
		`SELECT revision, effective_from, hash, set_at, who FROM effective_documents WHERE kind = ? AND name = ? ORDER BY revision`,
		[]any{kind, name}, func(rows *sql.Rows) error {
			var e Effective
			var from, set int64
			err := rows.Scan(&e.Revision, &from, &e.Hash, &set, &e.Who)
			e.From, e.SetAt = instant(from), instant(set)
			all = append(all, e)
			return err
		})
	return all, err
}
