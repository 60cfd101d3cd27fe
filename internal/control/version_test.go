package control_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
)

// tables is the content of a database, as its engine's driver returns it.
func tables(t *testing.T, dsn string) (*sql.DB, goose.Dialect) {
	driver, dialect, name := "pgx", goose.DialectPostgres, dsn
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dialect, name = "sqlite", goose.DialectSQLite3, file
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db, dialect
}

// migrateFurther does what a newer version of ratemill might: it adds a column to every table, and a table.
func migrateFurther(t *testing.T, dsn string) (db *sql.DB, version int64) {
	s, err := control.Open(t.Context(), dsn)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, dialect := tables(t, dsn)
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'"
	if dialect == goose.DialectPostgres {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'"
	}
	rows, err := db.Query(query)
	require.NoError(t, err)
	var names []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.Contains(t, names, "files")
	statements := []string{"CREATE TABLE of_a_newer_version (n BIGINT NOT NULL PRIMARY KEY)"}
	for _, name := range names {
		statements = append(statements, "ALTER TABLE "+name+" ADD COLUMN of_a_newer_version TEXT NOT NULL DEFAULT 'x'")
	}
	require.NoError(t, db.QueryRow("SELECT MAX(version_id) + 1 FROM goose_db_version").Scan(&version))
	statements = append(statements, fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, %s)", version,
		map[goose.Dialect]string{goose.DialectPostgres: "true", goose.DialectSQLite3: "1"}[dialect]))
	for _, statement := range statements {
		_, err := db.Exec(statement)
		require.NoError(t, err, statement)
	}
	return db, version
}

func engines(t *testing.T) map[string]string {
	return map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "control.db"),
		"postgres": testengine.SharedPostgres(t).NewDatabase(t)}
}

func TestAnOlderProgramIsStartedBesideANewerOneUnlessItMayNot(t *testing.T) {
	for name, dsn := range engines(t) {
		t.Run(name, func(t *testing.T) {
			db, version := migrateFurther(t, dsn)
			s := open(t, dsn)
			epoch, err := s.NextEpoch(t.Context(), "rated", 0, 0)
			require.NoError(t, err)
			require.EqualValues(t, 1, epoch)

			may := func(oldest int64) error {
				_, err := db.Exec(fmt.Sprintf("INSERT INTO counters (name, value) VALUES ('oldest_program', %d) ON CONFLICT (name) DO UPDATE SET "+
					"value = excluded.value", oldest))
				require.NoError(t, err)
				s, err := control.Open(t.Context(), dsn)
				if err == nil {
					require.NoError(t, s.Close())
				}
				return err
			}
			require.NoError(t, may(version-1))
			require.ErrorContains(t, may(version), fmt.Sprintf("its tables have version %d, which needs a program that "+
				"supports version %d or later; this ratemill supports versions up to %d. A newer ratemill has used this store: start that one, or restore the backup made before "+
				"the upgrade", version, version, version-1))
		})
	}
}

// The tables of every former version become those of this one, and keep their content.
func TestTablesOfEveryVersionAreBroughtUpToDate(t *testing.T) {
	files, err := filepath.Glob("migrations/*.sql")
	require.NoError(t, err)
	for version := 1; version < len(files); version++ {
		for name, dsn := range engines(t) {
			t.Run(fmt.Sprintf("%s from version %d", name, version), func(t *testing.T) {
				db, dialect := tables(t, dsn)
				provider, err := goose.NewProvider(dialect, db, os.DirFS("migrations"))
				require.NoError(t, err)
				_, err = provider.UpTo(t.Context(), int64(version))
				require.NoError(t, err)
				_, err = db.Exec("INSERT INTO counters (name, value) VALUES ('files', 41)")
				require.NoError(t, err)
				s := open(t, dsn)
				require.Equal(t, 1, sight(t, s, "skylink", at(0), sighting("a.csv", 0)))
				found, err := s.Files(t.Context(), control.FileFilter{})
				require.NoError(t, err)
				require.Len(t, found, 1)
				require.EqualValues(t, 42, found[0].Number)
			})
		}
	}
}

// A migration only adds, or says which programs can live with it.
func TestMigrationsOnlyAdd(t *testing.T) {
	files, err := filepath.Glob("migrations/*.sql")
	require.NoError(t, err)
	comment := regexp.MustCompile("--[^\n]*")
	takes := regexp.MustCompile(`(?i)\b(DROP|RENAME|ALTER COLUMN|DELETE|UPDATE)\b`)
	column := regexp.MustCompile(`(?i)\bADD COLUMN\b[^;]*`)
	for _, path := range files[1:] {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(text), "+goose Down", "%s: there is no way back", path)
		if strings.Contains(string(text), "oldest_program") {
			continue
		}
		statements := comment.ReplaceAllString(string(text), "")
		require.NotRegexp(t, takes, statements, "%s: an older program may need what is there; see oldestProgram in store.go", path)
		for _, added := range column.FindAllString(statements, -1) {
			if strings.Contains(added, "NOT NULL") {
				require.Contains(t, added, "DEFAULT", "%s: an older program does not name the column %q when it inserts", path, added)
			}
		}
	}
}
