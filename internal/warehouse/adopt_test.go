package warehouse_test

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

// TestTablesOfAnEarlierVersionAreMovedWithTheirRowsAndWhatTheyRemember also after the move was broken off at any table.
func TestTablesOfAnEarlierVersionAreMovedWithTheirRowsAndWhatTheyRemember(t *testing.T) {
	server := testengine.SharedClickHouse(t)
	old := open(t, server, "earlier")
	_, err := old.Claim(t.Context(), "the-installation")
	require.NoError(t, err)
	r := rand.New(rand.NewSource(11))
	usage := random(r, 1)
	block := func() *warehouse.Block {
		return warehouse.BlockOf(t.Context(), message(1, 0, udr.FileID{1}, nil, record{usage: usage, tiers: []string{"1"}}), accountID)
	}
	require.NoError(t, old.Insert(t.Context(), block(), "a token"))
	exec := func(statement string) {
		require.NoError(t, old.Conn().Exec(t.Context(), statement), statement)
	}
	exec("CREATE VIEW earlier.somebodys AS SELECT sum(amount) AS amount FROM earlier.charges")
	// An earlier attempt moved one table and was ended.
	exec("CREATE DATABASE here")
	exec("DROP VIEW earlier.charges")
	exec("RENAME TABLE earlier.tier_charges TO here.tier_charges")

	here, err := warehouse.Open(t.Context(), server.DSN("here"))
	require.NoError(t, err)
	t.Cleanup(func() { here.Close() })
	for range 2 {
		require.NoError(t, here.Adopt(t.Context(), "earlier"))
		require.NoError(t, here.Migrate(t.Context(), warehouse.Layout{}))
		require.NoError(t, here.AdoptViews(t.Context(), "earlier"))
	}
	name, err := here.Installation(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the-installation", name)
	require.NoError(t, here.Insert(t.Context(), block(), "a token"), "the block is known")
	for _, question := range []string{"SELECT toString(count()) FROM here.charges", "SELECT toString(count()) FROM earlier.charges",
		"SELECT toString(count()) FROM earlier.rated_usage",
		"SELECT toString(toInt64(amount)) FROM earlier.somebodys"} {
		var n string
		require.NoError(t, here.Conn().QueryRow(t.Context(), question).Scan(&n), question)
		require.Equal(t, "1", n, question)
	}
	var left uint64
	require.NoError(t, here.Conn().QueryRow(t.Context(),
		"SELECT count() FROM system.tables WHERE database = 'earlier' AND engine != 'View'").Scan(&left))
	require.Zero(t, left)
}

// TestADatabaseWithoutEarlierTablesIsLeftAlone: what others keep there is theirs.
func TestADatabaseWithoutEarlierTablesIsLeftAlone(t *testing.T) {
	server := testengine.SharedClickHouse(t)
	w := open(t, server, "alone")
	require.NoError(t, w.Conn().Exec(t.Context(), "CREATE DATABASE others"))
	require.NoError(t, w.Conn().Exec(t.Context(), "CREATE TABLE others.customers (id UInt32) ENGINE = MergeTree ORDER BY id"))
	require.NoError(t, w.Adopt(t.Context(), "others"))
	require.NoError(t, w.AdoptViews(t.Context(), "others"))
	var n uint64
	require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT count() FROM system.tables WHERE database = 'others'").Scan(&n))
	require.EqualValues(t, 1, n)
}
