package control

import (
	"context"
	"database/sql"
)

// Setting is a single value of the installation.
type Setting struct {
	Value   []byte
	Version int64 // 0 if it was never set
}

// Setting returns the value of a setting.
func (s *Store) Setting(ctx context.Context, name string) (Setting, error) {
	var setting Setting
	err := s.query(ctx, "reading setting "+name, `SELECT value, version FROM settings WHERE name = ?`, []any{name},
		func(rows *sql.Rows) error {
			return rows.Scan(&setting.Value, &setting.Version)
		})
	return setting, err
}

// SetSetting changes a setting that was read at a version, 0 if it was never set. It returns ErrConflict if the
// setting has another version now.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte, version int64) error {
	return s.change(ctx, "changing setting "+name, func(t tx) error {
		var n int64
		var err error
		if version == 0 {
			n, err = t.exec(ctx, `INSERT INTO settings (name, value, version) VALUES (?, ?, 1) ON CONFLICT (name) DO NOTHING`, name, value)
		} else {
			n, err = t.exec(ctx, `UPDATE settings SET value = ?, version = version + 1 WHERE name = ? AND version = ?`, value, name, version)
		}
		return orConflict(n, err)
	})
}

// SettingOrSet returns the value of a setting; the first caller sets it to first.
func (s *Store) SettingOrSet(ctx context.Context, name string, first []byte) ([]byte, error) {
	setting, err := s.Setting(ctx, name)
	if err != nil || setting.Version > 0 {
		return setting.Value, err
	}
	if err := s.SetSetting(ctx, name, first, 0); err != nil && err != ErrConflict {
		return nil, err
	}
	setting, err = s.Setting(ctx, name)
	return setting.Value, err
}
