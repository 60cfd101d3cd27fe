package warehouse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/safeguard"
	"ratemill/internal/warehouse"
	"ratemill/registry"
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
	// A process stands still before a page arrives. Meanwhile another revision becomes known, and another process brings
	// everything: without an intent, it would bring another range, in pages with other tokens.
	safeguard.IntentFirst: func(w *factWorld) {
		w.companies(1)
		held := &heldOnce{FactInserter: w.warehouse, until: func() {
			w.companies(2)
			w.arrive(w.sink(nil))
		}}
		s := w.sink(held.in)
		_, _ = s.Step(w.Context())
		w.arrive(s)
		w.once()
	},
	// A process stands still before a page arrives. Another finds its intent, and is killed when the table has the token of
	// that page without its rows. The first process then takes the page for written.
	safeguard.IntentTaken: func(w *factWorld) {
		held := &heldOnce{FactInserter: w.warehouse}
		s := w.sink(held.in)
		w.companies(2)
		w.arrive(s)
		w.companies(2)
		held.until = func() {
			_, err := w.sink(func(o *warehouse.FactSinkOptions) { o.Warehouse = tokenAlone{w.warehouse, w} }).Step(w.Context())
			require.ErrorIs(w, err, errKilled)
		}
		_, _ = s.Step(w.Context())
		w.arrive(s)
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
	_, place, _ := strings.Cut(token, b.Table+"/")
	first, _, _ := strings.Cut(place, ".")
	require.NoError(i.w, i.w.warehouse.Conn().Exec(ctx, "DELETE FROM "+b.Table+" WHERE known >= "+first))
	return errKilled
}

// companies states companies, each with its own revision.
func (w *factWorld) companies(n int) {
	for range n {
		w.state(&registry.Changes{Companies: []registry.Company{{ID: fmt.Sprint("company-", w.known), Name: "Acme"}}})
	}
}

// heldOnce holds an insert until something else is done.
type heldOnce struct {
	warehouse.FactInserter
	until func()
}

func (i *heldOnce) in(o *warehouse.FactSinkOptions) { o.Warehouse = i }

func (i *heldOnce) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	if until := i.until; until != nil {
		i.until = nil
		until()
	}
	return i.FactInserter.Insert(ctx, b, token)
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
