package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/registry"
)

var errKilled = errors.New("the process was killed here")

// deadly kills the process at one of its calls: before the call has its effect, or after it, so that its answer is lost.
type deadly struct {
	mu    sync.Mutex
	calls int
	at    int // 0: never
	after bool
	dead  bool
}

func (d *deadly) do(effect func() error) error {
	d.mu.Lock()
	d.calls++
	now, dead := d.calls == d.at, d.dead
	d.dead = d.dead || now
	d.mu.Unlock()
	switch {
	case dead || now && !d.after:
		return errKilled
	case now:
		_ = effect()
		return errKilled
	}
	return effect()
}

type deadlyPositions struct {
	consumer.Positions
	*deadly
}

func (p deadlyPositions) SinkIntent(ctx context.Context, sink string, partition int, at control.SinkPosition,
	intent control.Intent) (v int64, err error) {
	err = p.do(func() error { v, err = p.Positions.SinkIntent(ctx, sink, partition, at, intent); return err })
	return v, err
}

func (p deadlyPositions) SinkTakeOver(ctx context.Context, sink string, partition int, at control.SinkPosition) (v int64, err error) {
	err = p.do(func() error { v, err = p.Positions.SinkTakeOver(ctx, sink, partition, at); return err })
	return v, err
}

func (p deadlyPositions) SinkCommit(ctx context.Context, sink string, partition int, at control.SinkPosition,
	next int64, fold []byte) (v int64, err error) {
	err = p.do(func() error { v, err = p.Positions.SinkCommit(ctx, sink, partition, at, next, fold); return err })
	return v, err
}

type deadlyInserter struct {
	warehouse.FactInserter
	*deadly
}

func (i deadlyInserter) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	return i.do(func() error { return i.FactInserter.Insert(ctx, b, token) })
}

func (d *deadly) in(o *warehouse.FactSinkOptions) {
	o.Page = 3
	o.Positions, o.Warehouse = deadlyPositions{o.Positions, d}, deadlyInserter{o.Warehouse, d}
}

// once checks that the tables have every fact of the control store once, and the revisions too.
func (w *factWorld) once() {
	for table, from := range map[string]control.FactTable{"company_facts": control.CompanyFacts, "account_facts": control.AccountFacts,
		"sim_facts":        control.SIMFacts,
		"identifier_facts": control.IdentifierFacts, "sim_state_facts": control.StateFacts, "statement_facts": control.StatementFacts} {
		var want []string
		require.NoError(w, w.store.FactPage(w.Context(), from, control.FactPlace{}, w.known, 1e6, func(f *control.StoredFact) error {
			want = append(want, fmt.Sprintf("%d,%d,%s", f.Known, f.N, f.Cause))
			return nil
		}))
		require.Equal(w, strings.Join(want, "\n"), strings.Join(w.rows("SELECT known, n, cause FROM "+table+" ORDER BY known, n"), "\n"), table)
	}
	var want []string
	for r := registry.Revision(1); r <= w.known; r++ {
		want = append(want, fmt.Sprint(r))
	}
	require.Equal(w, want, w.rows("SELECT revision FROM registry_revisions ORDER BY revision"))
}

func (w *factWorld) histories(seed uint64, revisions int) {
	r := rand.New(rand.NewPCG(seed, 3))
	for range revisions {
		w.state(randomFacts(r, w.known))
	}
}

// TestFactsArriveOnceWhereverTheProcessIsKilled: at each call in turn, before it or after it, and then again while the next
// process completes what it finds.
func TestFactsArriveOnceWhereverTheProcessIsKilled(t *testing.T) {
	w := newFactWorld(t, testengine.SharedClickHouse(t), "fact_crashes")
	r := rand.New(rand.NewPCG(7, 7))
	for round := 1; ; round++ {
		w.state(randomFacts(r, w.known))
		w.state(randomFacts(r, w.known))
		first, second := &deadly{at: (round + 1) / 2, after: round%2 == 0}, &deadly{at: 1 + r.IntN(6), after: r.IntN(2) == 0}
		_, err := w.sink(first.in).Step(t.Context())
		if err == nil { // there are not so many calls
			w.once()
			break
		}
		require.ErrorIs(t, err, errKilled)
		_, _ = w.sink(second.in).Step(t.Context())
		w.arrive(w.sink(func(o *warehouse.FactSinkOptions) { o.Page = 3 }))
		w.once()
		require.Less(t, round, 60)
	}
}

// TestTwoSinksOfFactsShareThem: a partition of a consumer group has two owners for a moment.
func TestTwoSinksOfFactsShareThem(t *testing.T) {
	w := newFactWorld(t, testengine.SharedClickHouse(t), "fact_owners")
	w.histories(5, 20)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			s := w.sink(func(o *warehouse.FactSinkOptions) { o.Page = 2 })
			for done := false; !done; {
				more, err := s.Step(t.Context())
				done = err == nil && !more
			}
		})
	}
	wg.Wait()
	w.once()
}

// TestFactsThatClickHouseLostAreWrittenAgain: the control store has them all.
func TestFactsThatClickHouseLostAreWrittenAgain(t *testing.T) {
	w := newFactWorld(t, testengine.SharedClickHouse(t), "fact_losses")
	do := func(sql string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), sql), sql) }
	w.histories(1, 10)
	w.arrive(w.sink(nil))
	w.once()
	t.Run("a table that was made again", func(t *testing.T) {
		do("DROP TABLE sim_state_facts")
		require.NoError(t, w.warehouse.Migrate(t.Context(), warehouse.Layout{Remake: []string{"sim_state_facts"}}))
		w.arrive(w.sink(nil))
		w.once()
	})
	t.Run("the newest revisions", func(t *testing.T) {
		for _, table := range []string{"company_facts", "account_facts", "sim_facts", "identifier_facts", "sim_state_facts", "statement_facts"} {
			do("DELETE FROM " + table + " WHERE known > 7")
		}
		do("DELETE FROM registry_revisions WHERE revision > 7")
		w.histories(2, 3)
		w.arrive(w.sink(nil))
		w.once()
	})
	t.Run("the position", func(t *testing.T) {
		w.histories(3, 2)
		w.arrive(w.sink(func(o *warehouse.FactSinkOptions) { o.Name = "another" }))
		w.once()
	})
	t.Run("facts in the middle", func(t *testing.T) {
		do("DELETE FROM sim_facts WHERE known < 5")
		_, err := w.sink(nil).Step(t.Context())
		require.ErrorContains(t, err, "ratemill stores remake sim_facts")
	})
	t.Run("facts of another control store", func(t *testing.T) {
		other := newFactWorld(t, testengine.SharedClickHouse(t), "fact_losses")
		other.known, other.warehouse = 0, w.warehouse
		other.state(randomFacts(rand.New(rand.NewPCG(9, 9)), 0))
		_, err := other.sink(nil).Step(t.Context())
		require.ErrorContains(t, err, "the control store has a different revision")
	})
}

// TestARevisionIsSeenAsAWholeOrNotAtAll: a page of it that has arrived is not.
func TestARevisionIsSeenAsAWholeOrNotAtAll(t *testing.T) {
	w := newFactWorld(t, testengine.SharedClickHouse(t), "fact_wholes")
	c := &registry.Changes{Accounts: []registry.AccountFact{{Number: 1, ID: accountName(1), Currency: "EUR", Zone: "UTC", CycleDay: 1}}}
	for sim := uint32(1); sim <= 10; sim++ {
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, Account: 1})
	}
	w.state(c)
	for at := 1; ; at++ {
		d := &deadly{at: at, after: true}
		_, err := w.sink(d.in).Step(t.Context())
		n := w.rows("SELECT count() FROM sims")[0]
		if err == nil {
			require.Equal(t, "10", n)
			return
		}
		require.Contains(t, []string{"0", "10"}, n)
		require.NotZero(t, d.calls)
	}
}

type stoppedClock struct{ by time.Duration }

func (c *stoppedClock) Now() time.Time { return time.Now().Add(c.by) }

// afterInsert calls something after each insert.
type afterInsert struct {
	warehouse.FactInserter
	call func()
}

func (i afterInsert) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	err := i.FactInserter.Insert(ctx, b, token)
	i.call()
	return err
}
