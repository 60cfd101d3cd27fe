package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
)

// counted counts the statements that its connections prepare, by their texts.
type counted struct {
	driver.Connector
	prepared map[string]int
}

type countedConn struct {
	sqliteConn
	of *counted
}

func (c *counted) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &countedConn{conn.(sqliteConn), c}, nil
}

func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.of.prepared[query]++
	return c.sqliteConn.PrepareContext(ctx, query)
}

// keeping opens a store of one connection, in which n holds 1 to 3.
func keeping(t *testing.T) (*sql.DB, *counted, string) {
	path := filepath.Join(t.TempDir(), "store.db")
	base, err := sqlite.NewConnector("file:" + path + "?_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	c := &counted{base, map[string]int{}}
	db := sql.OpenDB(keeper{c})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	_, err = db.Exec(`CREATE TABLE n (id INTEGER PRIMARY KEY)`)
	require.NoError(t, err)
	for i := range 3 {
		_, err = db.Exec(`INSERT INTO n VALUES (?)`, i+1)
		require.NoError(t, err)
	}
	return db, c, path
}

func TestAConnectionPreparesAStatementOnce(t *testing.T) {
	db, c, _ := keeping(t)
	for i := range 3 {
		tx, err := db.Begin()
		require.NoError(t, err)
		var id int
		require.NoError(t, tx.QueryRow(`SELECT id FROM n WHERE id = ?`, i+1).Scan(&id))
		require.Equal(t, i+1, id)
		require.NoError(t, tx.Commit())
	}
	require.Equal(t, map[string]int{`INSERT INTO n VALUES (?)`: 1, `SELECT id FROM n WHERE id = ?`: 1}, c.prepared)
}

func TestAQueryWithinItsOwnRowsHasItsOwnStatement(t *testing.T) {
	db, c, _ := keeping(t)
	const query = `SELECT id FROM n WHERE id > ? ORDER BY id`
	for range 2 {
		tx, err := db.Begin()
		require.NoError(t, err)
		var path []string
		var walk func(above int, to string)
		walk = func(above int, to string) {
			rows, err := tx.Query(query, above)
			require.NoError(t, err)
			defer rows.Close()
			for rows.Next() {
				var id int
				require.NoError(t, rows.Scan(&id))
				path = append(path, fmt.Sprint(to, id))
				walk(id, fmt.Sprint(to, id))
			}
			require.NoError(t, rows.Err())
		}
		walk(0, "")
		require.Equal(t, []string{"1", "12", "123", "13", "2", "23", "3"}, path)
		require.NoError(t, tx.Commit())
	}
	require.Greater(t, c.prepared[query], 1)
}

func TestAKeptStatementSeesAChangeOfTheSchema(t *testing.T) {
	db, c, path := keeping(t)
	columns := func() []string {
		rows, err := db.Query(`SELECT * FROM n WHERE id = 1`)
		require.NoError(t, err)
		defer rows.Close()
		names, err := rows.Columns()
		require.NoError(t, err)
		values := make([]any, len(names))
		for i := range values {
			values[i] = new(any)
		}
		require.True(t, rows.Next())
		require.NoError(t, rows.Scan(values...))
		return names
	}
	require.Equal(t, []string{"id"}, columns())
	other, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer other.Close()
	_, err = other.Exec(`ALTER TABLE n ADD COLUMN name TEXT`)
	require.NoError(t, err)
	require.Equal(t, []string{"id", "name"}, columns())
	require.Equal(t, 1, c.prepared[`SELECT * FROM n WHERE id = 1`])
}

func TestAStatementWorksAfterAnError(t *testing.T) {
	db, _, _ := keeping(t)
	_, err := db.Exec(`INSERT INTO n VALUES (?)`, 1)
	require.ErrorContains(t, err, "UNIQUE constraint failed")
	_, err = db.Exec(`INSERT INTO n VALUES (?)`, 4)
	require.NoError(t, err)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = db.ExecContext(ended, `INSERT INTO n VALUES (?)`, 5)
	require.ErrorIs(t, err, context.Canceled)
	_, err = db.Exec(`INSERT INTO n VALUES (?)`, 5)
	require.NoError(t, err)
	var sum int
	require.NoError(t, db.QueryRow(`SELECT SUM(id) FROM n`).Scan(&sum))
	require.Equal(t, 15, sum)
}

func TestAConnectionKeepsABoundedNumberOfStatements(t *testing.T) {
	db, _, path := keeping(t)
	for i := range 3 * maxStatements {
		var got int
		require.NoError(t, db.QueryRow(fmt.Sprintf(`SELECT id + %d FROM n WHERE id = 1`, i)).Scan(&got))
		require.Equal(t, i+1, got)
	}
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Raw(func(c any) error {
		require.Len(t, c.(*statements).idle, maxStatements)
		return nil
	}))
	require.NoError(t, conn.Close())
	require.NoError(t, db.Close())
	_, err = os.Stat(path + "-wal")
	require.ErrorIs(t, err, os.ErrNotExist, "SQLite closed its files, and so removed the log")
}

func TestAPragmaIsPreparedEachTime(t *testing.T) {
	require.False(t, kept("PRAGMA temp_store=FILE"))
	require.False(t, kept("CREATE TABLE x (id INTEGER)"))
	require.True(t, kept("\n\tSELECT\n\t\tid FROM n"))
	require.True(t, kept("insert into n values (1)"))
}
