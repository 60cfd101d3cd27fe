package clickhouse_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/testengine"
)

// fullDisk runs a test of an engine with a table t (n, s) on a small disk.
func fullDisk(t *testing.T, test func(t *testing.T, disk *testengine.Disk, s *clickhouse.Server, exec func(string) error)) {
	testengine.WithDisks(t, func(t *testing.T) {
		disk := testengine.NewDisk(t, filepath.Join(t.TempDir(), "clickhouse"), "64m")
		s := start(t, disk.Dir)
		conn := connect(t, s)
		exec := func(s string) error { return conn.Exec(t.Context(), s) }
		require.NoError(t, exec("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n SETTINGS "+
			"non_replicated_deduplication_window = 100"))
		test(t, disk, s, exec)
	})
}

// stored is n of all rows that a new engine finds when there is room again.
func stored(t *testing.T, disk *testengine.Disk) (rows []uint64) {
	disk.Free(t)
	require.NoError(t, connect(t, start(t, disk.Dir)).QueryRow(t.Context(), "SELECT arraySort(groupArray(n)) FROM t").Scan(&rows))
	return rows
}

// A write that the kernel refuses is no error for libchdb; its table would have the rows until the engine ends.
func TestABlockThatIsNotOnTheDiskIsNotAcknowledged(t *testing.T) {
	fullDisk(t, func(t *testing.T, disk *testengine.Disk, s *clickhouse.Server, exec func(string) error) {
		require.NoError(t, exec("INSERT INTO t SELECT 1, randomString(1000)"))
		// There is room for what ClickHouse reserves, the size of the rows, but not for all files of a part.
		disk.Leave(t, 1<<20+20<<10)
		require.Error(t, exec("INSERT INTO t SELECT 2, randomString(1048576)"))
		require.Error(t, <-s.Wait(), "the engine ends, because it has rows in memory that are not on its disk")
		require.Equal(t, []uint64{1}, stored(t, disk))
	})
}

func TestPartsWhoseMergeIsNotOnTheDiskAreThereAgain(t *testing.T) {
	fullDisk(t, func(t *testing.T, disk *testengine.Disk, s *clickhouse.Server, exec func(string) error) {
		for n := range 3 {
			require.NoError(t, exec(fmt.Sprintf("INSERT INTO t SELECT %d, repeat(repeat('x', 1024), 2048)", n)))
		}
		// The merged part is much larger than the parts, by whose size ClickHouse reserves room.
		require.NoError(t, exec("ALTER TABLE t MODIFY COLUMN s CODEC(NONE)"))
		disk.Leave(t, 4<<20)
		require.Error(t, exec("OPTIMIZE TABLE t FINAL SETTINGS optimize_throw_if_noop = 1"))
		require.Error(t, <-s.Wait())
		require.Equal(t, []uint64{0, 1, 2}, stored(t, disk))
	})
}
