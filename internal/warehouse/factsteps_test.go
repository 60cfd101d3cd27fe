package warehouse_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/safeguard"
	"ratemill/internal/warehouse"
)

// factFaults are faults that a sink of facts outlives, each by a protective step.
var factFaults = map[safeguard.Step]func(w *factWorld){
	// Killed after a page arrived; the table has forgotten its token when the range is found.
	safeguard.FoundIsAsked: func(w *factWorld) {
		w.histories(1, 4)
		_, err := w.sink((&deadly{at: 3, after: true}).in).Step(w.Context())
		require.ErrorIs(w, err, errKilled)
		for _, table := range warehouse.TableNames() {
			require.NoError(w, w.warehouse.Conn().Exec(w.Context(), "ALTER TABLE "+table+" MODIFY SETTING non_replicated_deduplication_window = 0"))
		}
		w.arrive(w.sink(nil))
		w.once()
	},
	// ClickHouse stored the token of a page and lost its rows.
	safeguard.RepeatedIsAsked: func(w *factWorld) {
		w.histories(1, 4)
		o := w.options()
		o.Warehouse = tokenAlone{w.warehouse, w}
		s, err := warehouse.NewFactSink(o)
		require.NoError(w, err)
		_, err = s.Step(w.Context())
		require.ErrorIs(w, err, errKilled)
		w.arrive(w.sink(nil))
		w.once()
	},
	// Killed after the intent.
	safeguard.IntentCompleted: func(w *factWorld) {
		w.histories(1, 4)
		_, err := w.sink((&deadly{at: 1, after: true}).in).Step(w.Context())
		require.ErrorIs(w, err, errKilled)
		w.arrive(w.sink(nil))
		w.once()
	},
	// A process is stopped for hours; its range is completed meanwhile, and the tables forget it.
	safeguard.CompareAndSet: func(w *factWorld) {
		w.histories(4, 4)
		late := &stoppedClock{}
		o := w.options()
		o.Clock = late
		o.Warehouse = afterInsert{w.warehouse, func() {
			if late.by > 0 {
				return
			}
			late.by = 5 * time.Hour
			w.arrive(w.sink(nil))
			for _, table := range warehouse.TableNames() {
				require.NoError(w, w.warehouse.Conn().Exec(w.Context(), "ALTER TABLE "+table+" MODIFY SETTING non_replicated_deduplication_window = 0"))
			}
		}}
		s, err := warehouse.NewFactSink(o)
		require.NoError(w, err)
		_, err = s.Step(w.Context())
		require.ErrorIs(w, err, control.ErrConflict)
		w.once()
	},
	// An insert fails, and the same process goes on.
	safeguard.PositionAfter: func(w *factWorld) {
		w.histories(1, 4)
		s := w.sink(func(o *warehouse.FactSinkOptions) { o.Warehouse = &onceAway{FactInserter: o.Warehouse} })
		_, err := s.Step(w.Context())
		require.ErrorIs(w, err, errKilled)
		w.arrive(s)
		w.once()
	},
}

// tokenAlone lets a table keep the token of a page alone.
type tokenAlone struct {
	warehouse.FactInserter
	w *factWorld
}

func (i tokenAlone) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	require.NoError(i.w, i.w.warehouse.Insert(ctx, b, token))
	require.NoError(i.w, i.w.warehouse.Conn().Exec(ctx, "DELETE FROM "+b.Table+" WHERE 1"))
	return errKilled
}

// onceAway refuses the first insert.
type onceAway struct {
	warehouse.FactInserter
	calls int
}

func (i *onceAway) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	if i.calls++; i.calls == 1 {
		return errKilled
	}
	return i.FactInserter.Insert(ctx, b, token)
}

// TestFactsOutliveFaults, one for each protective step.
func TestFactsOutliveFaults(t *testing.T) {
	for step, fault := range factFaults {
		t.Run(step.String(), func(t *testing.T) {
			fault(newFactWorld(t, testengine.SharedClickHouse(t), fmt.Sprint("fact_fault_", int(step))))
		})
	}
}
