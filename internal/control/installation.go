package control

import (
	"context"
	cryptorand "crypto/rand"
	"database/sql"
)

// installation is the name of the setting that holds the installation's name.
const installation = "installation"

// Installation returns the name of this store's installation, which is also stored in its Kafka and its ClickHouse;
// empty if no process of the installation ever ran.
func (s *Store) Installation(ctx context.Context) (string, error) {
	name, err := s.Setting(ctx, installation)
	return string(name.Value), err
}

// InstallationOrNew is like Installation, but the first caller creates the name.
func (s *Store) InstallationOrNew(ctx context.Context) (string, error) {
	name, err := s.SettingOrSet(ctx, installation, []byte(cryptorand.Text()))
	return string(name), err
}

// GaveEpochs reports whether this store ever gave out an epoch for a topic. Without an epoch, nothing is
// appended.
func (s *Store) GaveEpochs(ctx context.Context, topic string) (bool, error) {
	return s.has(ctx, "asking for epochs", `SELECT 1 FROM epochs WHERE topic = ? LIMIT 1`, topic)
}

// HasSink reports whether a sink ever wrote, or was about to write. Without a position, nothing is written.
func (s *Store) HasSink(ctx context.Context, sink string) (bool, error) {
	return s.has(ctx, "asking for positions of sink "+sink, `SELECT 1 FROM sink_positions WHERE sink = ? LIMIT 1`, sink)
}

func (s *Store) has(ctx context.Context, what, query string, args ...any) (there bool, err error) {
	err = s.query(ctx, what, query, args, func(rows *sql.Rows) error {
		there = true
		return nil
	})
	return there, err
}
