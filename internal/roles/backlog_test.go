package roles

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/testengine"
	"ratemill/udr/wire"
)

// TestAWarehouseThatIsAwayHoldsBackMediation at the bound: files stay where they are, are read once it is there again, and
// every balance is zero.
func TestAWarehouseThatIsAwayHoldsBackMediation(t *testing.T) {
	w := newWorld(t, "backlog")
	options := clickhouse.Options{Dir: t.TempDir(), Listen: testengine.FreeAddress(t)}
	start := func() *clickhouse.Server {
		s, err := clickhouse.Start(t.Context(), options)
		require.NoError(t, err)
		t.Cleanup(s.Kill)
		return s
	}
	server := start()
	w.config.ClickHouse.DSN, w.config.Listen, w.config.Mediation.Backlog = server.DSN("default"), testengine.FreeAddress(t), 10
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	seconds := 0
	drop := func(wave, files int) {
		for i := range files {
			seconds++
			w.drop(fmt.Sprintf("sky/%d-%02d.csv", wave, i), header+record(1, seconds%60, 1000+seconds))
		}
	}
	drop(1, 5)
	w.settled(5)
	w.tells(map[string]float64{"mediation_held": 0})

	server.Kill()
	drop(2, 20)
	w.tells(map[string]float64{"mediation_held": 1})
	text := w.ready(http.StatusServiceUnavailable, "clickhouse: away since", "held back: the warehouse is")
	require.Regexp(t, `warning: mediation: held back: the warehouse is \d+ batches behind in partition \d, but mediation.backlog is 10`, text)
	before, err := w.Store.Waiting(t.Context())
	require.NoError(t, err)
	drop(3, 30)
	w.tells(map[string]float64{`source_waiting_files{source="sky"}`: float64(before["sky"].Files + 30)})
	files, err := w.Store.Files(t.Context(), control.FileFilter{Source: "sky", Path: "/3-"})
	require.NoError(t, err)
	for _, f := range files {
		require.Equal(t, control.Seen, f.State, f.Path)
	}

	start()
	for _, b := range w.settled(55) {
		require.EqualValues(t, 1, b.Rated, b.Name)
	}
	w.tells(map[string]float64{"mediation_held": 0, `mediation_backlog_batches{partition="0",stage="warehouse"}`: 0,
		`mediation_backlog_batches{partition="0",stage="rating"}`: 0})
	totals, err := w.Warehouse.Totals(t.Context(), time.Nanosecond)
	require.NoError(t, err)
	require.Zero(t, totals)
}

// TestOwnersWithoutWorkDoNotHoldBackMediation, however many there were since something was rated: it would bring no usage,
// and nothing would ever be rated again.
func TestOwnersWithoutWorkDoNotHoldBackMediation(t *testing.T) {
	w := newWorld(t, "backlog_marks")
	w.config.Mediation.Backlog = 5
	w.start()
	fill := func(topic string, messages int, message func(i int) []byte) {
		var all []broker.Message
		for i := range messages {
			all = append(all, broker.Message{Value: message(i)})
		}
		_, err := w.Kafka.Append(t.Context(), topic, 0, all).Wait(t.Context())
		require.NoError(t, err)
	}
	mark := func(i int) []byte { return wire.AppendVarint(nil, 1, uint64(i+1)) }
	fill(w.Topics.Usage, 20, func(int) []byte { return []byte("usage") })
	fill(w.Topics.Rated, 20, func(i int) []byte { return wire.AppendVarint(mark(i), 2, uint64(i+1)) })
	fill(w.Topics.Rated, 1000, mark)
	b, rated := backlog{n: w.Node}, map[int]lastRated{}
	behind, err := b.look(t.Context(), rated)
	require.NoError(t, err)
	require.Zero(t, behind[behindKey{roleRating, 0}])
	fill(w.Topics.Usage, 2, func(int) []byte { return []byte("usage") })
	fill(w.Topics.Rated, 100, mark)
	behind, err = b.look(t.Context(), rated)
	require.NoError(t, err)
	require.EqualValues(t, 2, behind[behindKey{roleRating, 0}])
}
