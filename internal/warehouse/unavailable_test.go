package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
	"ratemill/internal/warehouse"
)

// away is a warehouse that is not there for a while.
type away struct {
	warehouse.Inserter
	times int
}

func (a *away) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	if a.times--; a.times >= 0 {
		return warehouse.Away("take rows", errors.New("connection refused"))
	}
	return a.Inserter.Insert(ctx, b, token)
}

func TestASinkWaitsForTheWarehouse(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "waiting")
	l, want := traffic(rand.New(rand.NewSource(11)))
	w.append(0, l.messages)
	s := w.sink(0)
	s.Warehouse = &away{Inserter: w.warehouse, times: 3}
	require.NoError(t, w.run(s, int64(len(l.messages))))
	require.Equal(t, want, w.totals())
}

// TestASinkWaitsForRoomOnTheDisk: it says so, and goes on when there is room.
func TestASinkWaitsForRoomOnTheDisk(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "room")
	l, want := traffic(rand.New(rand.NewSource(14)))
	w.append(0, l.messages)
	full := func(bytes string) {
		require.NoError(t, w.warehouse.Conn().Exec(t.Context(),
			"ALTER TABLE rated_usage MODIFY SETTING min_free_disk_bytes_to_perform_insert = "+bytes))
	}
	full("1000000000000000000")
	var said heard
	s := w.sink(0)
	s.Log = slog.New(slog.NewTextHandler(&said, nil))
	go func() {
		for !strings.Contains(said.String(), "waiting to write into the warehouse") {
			time.Sleep(time.Millisecond)
		}
		full("0")
	}()
	require.NoError(t, w.run(s, int64(len(l.messages))))
	require.Equal(t, want, w.totals())
	require.Contains(t, said.String(), "NOT_ENOUGH_SPACE")
	require.Contains(t, said.String(), "check that ClickHouse is up, reachable and has disk space")
}

// heard is the log, for several goroutines.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func TestCodesThatPassAreThoseOfTheEngine(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "codes")
	for code, name := range warehouse.PassingCodes {
		var known string
		require.NoError(t, w.Conn().QueryRow(t.Context(), fmt.Sprintf("SELECT errorCodeToName(%d)", code)).Scan(&known))
		require.Equal(t, known, name, code)
	}
}

func TestABlockThatIsRefusedStopsThePartition(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "refusing")
	l, want := traffic(rand.New(rand.NewSource(12)))
	w.append(0, l.messages)
	require.NoError(t, w.warehouse.Conn().Exec(t.Context(), "RENAME TABLE files TO elsewhere"))
	err := w.run(w.sink(0), int64(len(l.messages)))
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, err, &stopped)
	require.Contains(t, err.Error(), "the warehouse refuses")
	require.NoError(t, w.warehouse.Conn().Exec(t.Context(), "RENAME TABLE elsewhere TO files"))
	require.NoError(t, w.run(w.sink(0), int64(len(l.messages))))
	require.Equal(t, want, w.totals())
}

// TestTheSameRefusalHasTheSameName at every attempt: an order to leave rows out names what somebody looked at.
func TestTheSameRefusalHasTheSameName(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "refused_again")
	l, _ := traffic(rand.New(rand.NewSource(15)))
	w.append(0, l.messages)
	require.NoError(t, w.warehouse.Conn().Exec(t.Context(), "ALTER TABLE rated_usage ADD CONSTRAINT small CHECK quantity < 20000"))
	var first *ratedlog.StoppedError
	for range 2 {
		var stopped *ratedlog.StoppedError
		require.ErrorAs(t, w.run(w.sink(0), int64(len(l.messages))), &stopped)
		require.Equal(t, control.StopRows, stopped.Kind)
		require.Contains(t, stopped.Reason, "small")
		require.Contains(t, stopped.Reason, "refused_again.rated_usage")
		require.NotContains(t, string(stopped.Detail), "probe_")
		require.Contains(t, string(stopped.Detail), `"offset":1,"why"`, "the first batch follows the mark")
		if first == nil {
			first = stopped
		}
		require.Equal(t, string(first.Detail), string(stopped.Detail))
		require.Equal(t, first.Hash(), stopped.Hash())
	}
}
