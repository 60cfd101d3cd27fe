package control

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"time"
)

// Token is the right to use the API.
type Token struct {
	Number  int64
	Name    string
	Role    string
	Created time.Time
	Expires time.Time // zero is never
	Revoked time.Time // zero while the token is valid
}

// AddToken records a new token of a user or program. Only a hash of the secret is stored, so the secret must be
// long and random.
func (s *Store) AddToken(ctx context.Context, t Token, secret string, now time.Time) (number int64, err error) {
	hash := sha256.Sum256([]byte(secret))
	err = s.change(ctx, "adding a token", func(x tx) error {
		if number, err = x.count(ctx, "api_tokens", 1); err != nil {
			return err
		}
		_, err := x.exec(ctx, `INSERT INTO api_tokens (number, name, hash, role, created, expires, revoked) VALUES (?, ?, ?, ?, ?, ?, 0)`,
			number, t.Name, hash[:], t.Role, nanos(now), nanos(t.Expires))
		return err
	})
	return number, err
}

// TokenOf returns the token that has a secret, or ErrNotFound if there is none that is valid at the given time.
func (s *Store) TokenOf(ctx context.Context, secret string, now time.Time) (Token, error) {
	hash := sha256.Sum256([]byte(secret))
	tokens, err := s.tokens(ctx, `WHERE hash = ? AND revoked = 0 AND (expires = 0 OR expires > ?)`, hash[:], nanos(now))
	if err != nil || len(tokens) == 0 {
		return Token{}, orNotFound(err)
	}
	return tokens[0], nil
}

// RevokeToken ends a token.
func (s *Store) RevokeToken(ctx context.Context, number int64, now time.Time) error {
	return s.change(ctx, "revoking a token", func(t tx) error {
		n, err := t.exec(ctx, `UPDATE api_tokens SET revoked = ? WHERE number = ? AND revoked = 0`, nanos(now), number)
		if err == nil && n == 0 {
			return ErrNotFound
		}
		return err
	})
}

// Tokens returns all tokens, including invalid ones.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	return s.tokens(ctx, `ORDER BY number`)
}

func (s *Store) tokens(ctx context.Context, where string, args ...any) (all []Token, err error) {
	err = s.query(ctx, "reading the tokens", `SELECT number, name, role, created, expires, revoked FROM api_tokens `+where, args,
		func(rows *sql.Rows) error {
			var t Token
			var created, expires, revoked int64
			err := rows.Scan(&t.Number, &t.Name, &t.Role, &created, &expires, &revoked)
			t.Created, t.Expires, t.Revoked = instant(created), instant(expires), instant(revoked)
			all = append(all, t)
			return err
		})
	return all, err
}

// AuditEntry is an action of a user.
type AuditEntry struct {
	Number  int64
	At      time.Time
	Who     string
	What    string // import, suspense.retry, token.create, …
	Subject string
	Detail  string
}

// Audit records an action of a user.
func (s *Store) Audit(ctx context.Context, e AuditEntry) error {
	return s.change(ctx, "writing the audit log", func(t tx) error {
		return t.audit(ctx, e)
	})
}

func (t tx) audit(ctx context.Context, e AuditEntry) error {
	number, err := t.count(ctx, "audit_log", 1)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO audit_log (number, at, who, what, subject, detail) VALUES (?, ?, ?, ?, ?, ?)`,
		number, nanos(e.At), e.Who, e.What, e.Subject, e.Detail)
	return err
}

// AuditLog returns the newest entries of the audit log, newest first.
func (s *Store) AuditLog(ctx context.Context, limit int) (all []AuditEntry, err error) {
	err = s.query(ctx, "reading the audit log", `SELECT number, at, who, what, subject, detail FROM audit_log ORDER BY number DESC LIMIT ?`,
		[]any{limit}, func(rows *sql.Rows) error {
			var e AuditEntry
			var at int64
			err := rows.Scan(&e.Number, &at, &e.Who, &e.What, &e.Subject, &e.Detail)
			e.At = instant(at)
			all = append(all, e)
			return err
		})
	return all, err
}
