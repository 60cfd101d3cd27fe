package control_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
)

// template is an empty store that is migrated once. Tests get copies of it, because the migrations took longer than most
// tests do.
type template struct {
	migrate func(t *testing.T, dsn string)
	once    sync.Once
	file    []byte // of SQLite
	dsn     string // of a database of PostgreSQL
}

var (
	emptySQLite = template{migrate: migrated}
	newerSQLite = template{migrate: func(t *testing.T, dsn string) {
		db, _ := migrateFurther(t, dsn)
		require.NoError(t, db.Close())
	}}
	emptyPostgres = template{migrate: migrated}
)

func migrated(t *testing.T, dsn string) {
	require.NoError(t, open(t, dsn).Close())
}

// sqlite makes a copy in a file and returns its DSN.
func (m *template) sqlite(t *testing.T, name string) string {
	m.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		m.migrate(t, "sqlite:"+path)
		var err error
		m.file, err = os.ReadFile(path)
		require.NoError(t, err)
	})
	path := filepath.Join(t.TempDir(), name)
	require.NotEmpty(t, m.file, "an earlier test could not make the template")
	require.NoError(t, os.WriteFile(path, m.file, 0o600))
	return "sqlite:" + path
}

// postgres makes a copy in a database and returns its DSN.
func (m *template) postgres(t *testing.T) string {
	server := testengine.SharedPostgres(t)
	m.once.Do(func() {
		dsn := server.NewDatabase(t)
		m.migrate(t, dsn)
		m.dsn = dsn
	})
	require.NotEmpty(t, m.dsn, "an earlier test could not make the template")
	return server.CopyDatabase(t, m.dsn)
}
