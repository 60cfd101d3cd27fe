package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/udr"
)

var errCrash = errors.New("crash")

// fragile is the sink's world that crashes at its nth effect: before it, or after it with the answer lost.
type fragile struct {
	consumer.Positions
	warehouse.Inserter
	at    int
	after bool
	n     int
}

func (f *fragile) effect(do func() error) error {
	f.n++
	if f.n != f.at {
		return do()
	}
	if f.after {
		if err := do(); err != nil {
			return err
		}
	}
	return errCrash
}

func (f *fragile) SinkIntent(ctx context.Context, sink string, partition int, at control.SinkPosition,
	i control.Intent) (v int64, err error) {
	err = f.effect(func() (err error) {
		v, err = f.Positions.SinkIntent(ctx, sink, partition, at, i)
		return err
	})
	return v, err
}

func (f *fragile) SinkTakeOver(ctx context.Context, sink string, partition int, at control.SinkPosition) (v int64, err error) {
	err = f.effect(func() (err error) {
		v, err = f.Positions.SinkTakeOver(ctx, sink, partition, at)
		return err
	})
	return v, err
}

func (f *fragile) SinkCommit(ctx context.Context, sink string, partition int, at control.SinkPosition,
	next int64, fold []byte) (v int64, err error) {
	err = f.effect(func() (err error) {
		v, err = f.Positions.SinkCommit(ctx, sink, partition, at, next, fold)
		return err
	})
	return v, err
}

func (f *fragile) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	return f.effect(func() error { return f.Inserter.Insert(ctx, b, token) })
}

func (f *fragile) Stored(ctx context.Context, b *warehouse.Block) (n int, err error) {
	err = f.effect(func() (err error) {
		n, err = f.Inserter.Stored(ctx, b)
		return err
	})
	return n, err
}

// totals are the sums in the tables, and the expected ones.
type totals struct {
	rated, suspended, duplicate, files, events, tiers int64
	quantity                                          int64
	amount                                            decimal.D
}

func (w *world) totals() (t totals) {
	t.rated, t.suspended, t.duplicate = w.number("count() FROM rated_usage"), w.number("count() FROM suspense"),
		w.number("count() FROM duplicates")
	t.files, t.events, t.tiers = w.number("count() FROM files"), w.number("count() FROM usage_events"), w.number("count() FROM tier_charges")
	t.quantity = w.number("sum(quantity) FROM rated_usage")
	require.Equal(w, t.rated, w.number("uniqExact((file, seq)) FROM rated_usage"))
	var text string
	require.NoError(w, w.warehouse.Conn().QueryRow(w.Context(), "SELECT toString(sum(amount)) FROM charges").Scan(&text))
	t.amount = decimal.MustParse(text)
	return t
}

// traffic is a log with everything that happens to one: files of several batches, messages of owners that were
// replaced, messages that were appended twice, months side by side in a block.
func traffic(r *rand.Rand) (*log, totals) {
	l, want := &log{}, totals{}
	l.mark()
	for f := range 4 {
		file := udr.FileID{byte(f + 1)}
		end := &udr.FileEnd{Name: fmt.Sprintf("file%d.csv", f), Taken: 1773702667_000000000}
		units := map[string]int64{}
		seq := uint64(0)
		for b := range 3 {
			var records []record
			for range 1 + r.Intn(6) {
				seq++
				rec := record{usage: random(r, seq)}
				rec.usage.At -= udr.Instant(r.Intn(3)) * 30 * 24 * 3600_000000000
				end.Records++
				end.Bytes += uint64(rec.usage.Bytes)
				switch r.Intn(6) {
				case 0:
					rec.reason, rec.raw = "not a count", "a;b"
					end.Suspended++
					want.suspended++
				case 1:
					rec.again = true
					want.duplicate++
					units[rec.usage.Class] += rec.usage.Quantity
				default:
					rec.tiers, rec.event = []string{"0.001584", "0.000000000001"}, r.Intn(3) == 0
					want.rated++
					want.tiers++
					want.quantity += rec.usage.Quantity
					want.amount, _ = want.amount.Add(decimal.MustParse("0.001584000001"))
					if rec.event {
						want.events++
					}
					units[rec.usage.Class] += rec.usage.Quantity
				}
				records = append(records, rec)
			}
			if b == 2 {
				for class, quantity := range units {
					end.Units = append(end.Units, udr.UnitTotal{Class: class, Quantity: quantity})
				}
				want.files++
				l.batch(file, end, records...)
			} else {
				l.batch(file, nil, records...)
			}
			last := l.messages[len(l.messages)-1].Value
			switch r.Intn(4) {
			case 0: // its answer was lost
				l.messages = append(l.messages, broker.Message{Value: last})
			case 1: // the owner was replaced, and a late message of it comes after the new one's mark
				l.mark()
				l.messages = append(l.messages, broker.Message{Value: message(l.epoch-1, l.input, file, nil, records...)})
			}
		}
	}
	return l, want
}

func TestACrashAnywhereLosesAndDoublesNothing(t *testing.T) {
	server := testengine.SharedClickHouse(t)
	for i, after := range []bool{false, true, false, true} {
		t.Run(fmt.Sprint("answer-lost=", after, " fresh=", i > 1), func(t *testing.T) {
			w := newWorld(t, server, fmt.Sprint("crash_", i))
			seed := uint64(7)
			if i > 1 {
				seed = seeds.Fresh(t)
			}
			l, want := traffic(rand.New(rand.NewSource(int64(seed))))
			w.append(0, l.messages)
			crashes := 0
			for at := 1; ; at = at%9 + 1 { // a block has up to nine effects, and questions about them when it is found
				s := w.sink(0)
				s.MaxRows = 7
				f := &fragile{Positions: w.store, Inserter: w.warehouse, at: at, after: after}
				s.Positions, s.Warehouse = f, f
				err := w.run(s, int64(len(l.messages)))
				if err == nil {
					break
				}
				require.ErrorIs(t, err, errCrash)
				crashes++
				require.Less(t, crashes, 500, "the sink never comes through")
			}
			require.Greater(t, crashes, 8)
			require.Equal(t, want, w.totals())
			require.EqualValues(t, 0, w.number("countIf(difference != 0 OR difference_bytes != 0) FROM file_balance"))
			require.EqualValues(t, 0, w.number("countIf(difference != 0) FROM file_balance_units"))
			require.EqualValues(t, want.files, w.number("count() FROM file_balance"))
			require.EqualValues(t, 0, w.number("count() FROM file_ends_missing"))
		})
	}
}

func TestTwoSinksOfOnePartitionShareIt(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "racing")
	l, want := traffic(rand.New(rand.NewSource(int64(seeds.Fresh(t)))))
	w.append(0, l.messages)
	var wait sync.WaitGroup
	for range 2 {
		s := w.sink(0)
		s.MaxRows = 5
		s.Linger = func() time.Duration { return time.Millisecond }
		wait.Go(func() { require.NoError(t, w.run(s, int64(len(l.messages)))) })
	}
	wait.Wait()
	require.Equal(t, want, w.totals())
}

func TestAPartOfABlockIsCompleted(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "parts")
	r := rand.New(rand.NewSource(9))
	old, recent := random(r, 1), random(r, 2)
	old.At -= 60 * 24 * 3600_000000000
	// A server that dies within an insert has written the part of one month and not that of the other.
	for _, part := range [][]record{{{usage: old, tiers: []string{"1"}}},
		{{usage: old, tiers: []string{"1"}}, {usage: recent, tiers: []string{"2"}}}} {
		b := warehouse.BlockOf(t.Context(), message(1, 0, udr.FileID{1}, nil, part...), accountID)
		require.NoError(t, w.warehouse.Insert(t.Context(), b, "the/same/token"))
	}
	require.EqualValues(t, 2, w.number("count() FROM rated_usage"))
}

func TestRepeatedBlocksAreDroppedAfterARestart(t *testing.T) {
	dir := t.TempDir()
	server, err := clickhouse.Start(t.Context(), clickhouse.Options{Dir: dir})
	require.NoError(t, err)
	w := open(t, server, "restart")
	r := rand.New(rand.NewSource(10))
	block := func() *warehouse.Block {
		return warehouse.BlockOf(t.Context(), message(1, 0, udr.FileID{1}, nil, record{usage: random(r, 1), tiers: []string{"1"}}), accountID)
	}
	for range 3 {
		require.NoError(t, w.Insert(t.Context(), block(), "a token")) // other content, the same token
	}
	server.Kill()
	server, err = clickhouse.Start(t.Context(), clickhouse.Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(server.Kill)
	again, err := warehouse.Open(t.Context(), server.DSN("restart"))
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, again.Migrate(t.Context(), warehouse.Layout{}))
	require.NoError(t, again.Insert(t.Context(), block(), "a token"))
	require.NoError(t, again.Insert(t.Context(), block(), "another token"))
	var n uint64
	require.NoError(t, again.Conn().QueryRow(t.Context(), "SELECT count() FROM rated_usage").Scan(&n))
	require.EqualValues(t, 2, n)
}

func TestPoisonStopsThePartitionLoudly(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "poison")
	var l log
	l.mark()
	l.batch(udr.FileID{1}, nil, record{usage: random(rand.New(rand.NewSource(1)), 1)})
	l.messages = append(l.messages, broker.Message{Value: append(message(1, 5, udr.FileID{1}, nil), 0x4a, 0x7f)})
	w.append(0, l.messages)
	err := w.run(w.sink(0), 99)
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, err, &stopped)
	require.EqualValues(t, 2, stopped.Offset)
	require.Contains(t, err.Error(), "stops at offset 2")
	require.EqualValues(t, 1, w.number("count() FROM rated_usage"), "what stood before it is written, and nothing of it")
	at, err := w.store.SinkGet(t.Context(), w.sink(0).Name, 0)
	require.NoError(t, err)
	require.EqualValues(t, 2, at.Next)
}

// jumping is a clock that somebody moves.
type jumping struct {
	realClock
	by atomic.Int64
}

func (c *jumping) Now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// stalled is a control store whose caller is stopped for hours after its first intent, while others go on.
type stalled struct {
	consumer.Positions
	meanwhile func()
}

func (s *stalled) SinkIntent(ctx context.Context, sink string, partition int, at control.SinkPosition,
	intent control.Intent) (int64, error) {
	version, err := s.Positions.SinkIntent(ctx, sink, partition, at, intent)
	if meanwhile := s.meanwhile; meanwhile != nil {
		s.meanwhile = nil
		meanwhile()
	}
	return version, err
}

// TestASinkThatWasStoppedForHoursWritesNothingTwice though the warehouse has forgotten the block by then.
func TestASinkThatWasStoppedForHoursWritesNothingTwice(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "stalled")
	for _, table := range tables {
		require.NoError(t, w.warehouse.Conn().Exec(t.Context(), "ALTER TABLE "+table+" MODIFY SETTING non_replicated_deduplication_window = 1"))
	}
	l, want := traffic(rand.New(rand.NewSource(13)))
	w.append(0, l.messages)
	c := &jumping{}
	s := w.sink(0)
	s.MaxRows, s.Clock = 7, c
	s.Positions = &stalled{Positions: w.store, meanwhile: func() {
		other := w.sink(0)
		other.MaxRows = 7
		require.NoError(t, w.run(other, int64(len(l.messages))))
		c.by.Store(int64(5 * time.Hour))
	}}
	require.NoError(t, w.run(s, int64(len(l.messages))))
	require.Equal(t, want, w.totals())
}

// TestABlockThatStoppedForLongIsNotWrittenTwice: its first tables have it, a later one refuses it, and when somebody
// has corrected that, the first have forgotten its token.
func TestABlockThatStoppedForLongIsNotWrittenTwice(t *testing.T) {
	for _, refuses := range []string{"suspense", "suspense_closed", "files"} {
		t.Run(refuses, func(t *testing.T) {
			w := newWorld(t, testengine.SharedClickHouse(t), "stopped_before_"+refuses)
			exec := func(statement string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), statement)) }
			l, want := traffic(rand.New(rand.NewSource(16)))
			retry := udr.FileID{0xee}
			l.batch(retry, &udr.FileEnd{Name: "retry 1", Retried: []udr.ID{{File: udr.FileID{1}, Seq: 1}, {File: udr.FileID{1}, Seq: 2}}})
			want.files++
			w.append(0, l.messages)
			exec("RENAME TABLE " + refuses + " TO elsewhere")
			var stopped *ratedlog.StoppedError
			require.ErrorAs(t, w.run(w.sink(0), int64(len(l.messages))), &stopped)
			exec("RENAME TABLE elsewhere TO " + refuses)
			for _, table := range tables { // other partitions fill the window meanwhile
				exec("ALTER TABLE " + table + " MODIFY SETTING non_replicated_deduplication_window = 1")
				exec("INSERT INTO " + table + " (file) SETTINGS insert_deduplication_token = 'other' VALUES ('other')")
				exec("ALTER TABLE " + table + " DELETE WHERE file = 'other' SETTINGS mutations_sync = 1")
			}
			require.NoError(t, w.run(w.sink(0), int64(len(l.messages))))
			require.Equal(t, want, w.totals())
			require.EqualValues(t, 2, w.number("count() FROM suspense_closed"))
		})
	}
}

// forgetful is a warehouse whose answer to the first insert is lost, and which is away for hours then; meanwhile others make
// it forget the block.
type forgetful struct {
	warehouse.Inserter
	meanwhile func()
}

func (f *forgetful) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	err := f.Inserter.Insert(ctx, b, token)
	if f.meanwhile != nil && err == nil {
		f.meanwhile()
		f.meanwhile, err = nil, warehouse.Away("take rows", errors.New("connection reset"))
	}
	return err
}

func TestAnInsertWhoseAnswerWasLostHoursAgoIsNotRepeated(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "lost_for_hours")
	exec := func(statement string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), statement)) }
	l, want := traffic(rand.New(rand.NewSource(20)))
	w.append(0, l.messages)
	c := &jumping{}
	s := w.sink(0)
	s.Clock = c
	s.Warehouse = &forgetful{w.warehouse, func() {
		exec("ALTER TABLE rated_usage MODIFY SETTING non_replicated_deduplication_window = 1")
		exec("INSERT INTO rated_usage (file) SETTINGS insert_deduplication_token = 'other' VALUES ('other')")
		exec("ALTER TABLE rated_usage DELETE WHERE file = 'other' SETTINGS mutations_sync = 1")
		c.by.Store(int64(7 * time.Hour))
	}}
	require.NoError(t, w.run(s, int64(len(l.messages))))
	require.Equal(t, want, w.totals())
}

// TestRowsThatNobodyMadeStopTheCompletionOfABlock, but those of another Kafka's records with the same offsets are of no
// concern.
func TestRowsThatNobodyMadeStopTheCompletionOfABlock(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "too_many")
	exec := func(statement string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), statement)) }
	l, want := traffic(rand.New(rand.NewSource(18)))
	w.append(0, l.messages)
	exec("RENAME TABLE files TO elsewhere")
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, w.run(w.sink(0), int64(len(l.messages))), &stopped)
	exec("RENAME TABLE elsewhere TO files")
	exec("INSERT INTO rated_usage SELECT * REPLACE ('another' AS file) FROM rated_usage LIMIT 1")
	exec("INSERT INTO rated_usage SELECT * REPLACE (seq + 1000 AS seq) FROM rated_usage WHERE file != 'another' LIMIT 1")
	require.ErrorAs(t, w.run(w.sink(0), int64(len(l.messages))), &stopped)
	require.Contains(t, stopped.Reason, fmt.Sprintf("rated_usage holds %d rows for offsets 0 to ", want.rated+1))
	exec("ALTER TABLE rated_usage DELETE WHERE seq > 1000 SETTINGS mutations_sync = 1")
	require.NoError(t, w.run(w.sink(0), int64(len(l.messages))))
	require.Equal(t, want.rated+1, w.number("count() FROM rated_usage"))
	require.Equal(t, want.files, w.number("count() FROM files"))
}

// tables are those that a sink fills, in its order.
var tables = []string{"rated_usage", "tier_charges", "suspense", "duplicates", "usage_events", "suspense_closed", "files"}

func TestARetryBatchTakesItsRecordsOutOfSuspense(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "retries")
	r := rand.New(rand.NewSource(3))
	var l log
	l.mark()
	file, batch := udr.FileID{1}, udr.FileID{2}
	a, b, c := random(r, 1), random(r, 2), random(r, 3)
	l.batch(file, &udr.FileEnd{Name: "a.csv", Records: 3, Suspended: 3, Bytes: uint64(a.Bytes + b.Bytes + c.Bytes)},
		record{usage: a, reason: "no", raw: "a"}, record{usage: b, reason: "no", raw: "b"}, record{usage: c, reason: "no", raw: "c"})
	l.batch(batch, &udr.FileEnd{Name: "retry 1", Records: 1, Mapped: 1, Bytes: uint64(a.Bytes), Retried: []udr.ID{{File: file, Seq: 1}}},
		record{usage: a, tiers: []string{"1"}})
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), 3))
	require.NoError(t, w.warehouse.DropSuspended(t.Context(), []udr.ID{{File: file, Seq: 2}}, "ana", "a test", time.Unix(1773702667, 0),
		"drop 1"))
	require.NoError(t, w.warehouse.DropSuspended(t.Context(), []udr.ID{{File: file, Seq: 2}}, "ana", "a test", time.Unix(1773702667, 0),
		"drop 1"))
	balance, err := w.warehouse.Balance(t.Context())
	require.NoError(t, err)
	require.Len(t, balance, 2)
	require.Equal(t, warehouse.FileBalance{File: file.String(), Name: "a.csv", Source: "skylink", Taken: time.Unix(0, 0).UTC(), Records: 3,
		Suspended: 1, Retried: 1, Dropped: 1, Bytes: uint64(a.Bytes + b.Bytes + c.Bytes)}, balance[0])
	require.EqualValues(t, 1, balance[1].BroughtBack)
	require.Zero(t, balance[1].Difference)
	require.EqualValues(t, 1, w.number("count() FROM suspense_open"))
}

func TestChargesAndWholeRecordsComeBack(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "lookups")
	u := random(rand.New(rand.NewSource(3)), 5)
	u.Attributes = []udr.Attribute{{Name: `de"pot`, Value: "north\nß\\"}}
	u.Duplicate = udr.DuplicateKey{1, 2, 3}
	file := udr.FileID{0x8f, 0x3a, 0x0c}
	b := warehouse.BlockOf(t.Context(), message(1, 0, file, nil, record{usage: u, tiers: []string{"0.001584", "-0.5"}}), accountID)
	require.NoError(t, w.warehouse.Insert(t.Context(), b, "1"))
	got, err := w.warehouse.Record(t.Context(), "8f3a0c:5")
	require.NoError(t, err)
	require.Equal(t, u, got.Usage)
	require.Equal(t, file, got.File)
	require.Equal(t, pin, got.Pin)
	require.Equal(t, fmt.Sprintf("acme/%d", u.Account), got.Account)
	want := []rating.Charge{chargeOf(&u, 0, "0.001584"), chargeOf(&u, 1, "-0.5")}
	require.Equal(t, want, got.Charges)
	_, err = w.warehouse.Record(t.Context(), "8f3a0d:5")
	require.ErrorIs(t, err, warehouse.ErrNotFound)
}

func TestTheDriverTakesTheSameRows(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "driver")
	r := rand.New(rand.NewSource(4))
	var records []record
	for i := range 50 {
		u := random(r, uint64(i+1))
		u.Attributes = []udr.Attribute{{Name: "depot", Value: "north"}}
		records = append(records, record{usage: u, tiers: []string{"-0.000000000001", "1"}})
	}
	sum := func() (sums [2]uint64) {
		for i, columns := range []string{"* EXCEPT (stored)", "attributes"} {
			require.NoError(t, w.Conn().QueryRow(t.Context(), "SELECT groupBitXor(cityHash64("+columns+")) FROM rated_usage").Scan(&sums[i]))
		}
		return sums
	}
	block := func() *warehouse.Block {
		return warehouse.BlockOf(t.Context(), message(1, 0, udr.FileID{1}, nil, records...), accountID)
	}
	require.NoError(t, w.Insert(t.Context(), block(), "fast"))
	fast := sum()
	require.NoError(t, w.Conn().Exec(t.Context(), "TRUNCATE TABLE rated_usage"))
	for range 2 {
		require.NoError(t, w.InsertByDriver(t.Context(), block(), "by driver"))
	}
	require.Equal(t, fast, sum())
}

func TestQuestionsOfTheCommandLine(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "questions")
	r := rand.New(rand.NewSource(3))
	var l log
	l.mark()
	file := udr.FileID{0xab}
	a, b := random(r, 1), random(r, 2)
	a.Class, a.Account, a.Root, a.Peer = "=cmd()", 7, 1, "+34600000001"
	l.batch(file, &udr.FileEnd{Name: "a.csv", Records: 2, Suspended: 1, Mapped: 1, Bytes: uint64(a.Bytes + b.Bytes),
		Units: []udr.UnitTotal{{Class: a.Class, Quantity: a.Quantity}}},
		record{usage: a, tiers: []string{"0.001584", "2"}}, record{usage: b, reason: "not a count", raw: "a;b"})
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), 2))

	waiting, err := w.warehouse.Suspense(t.Context(), warehouse.SuspenseFilter{ID: "ab:2", Source: "skylink", Code: "rule",
		Rule: "octets(up)"})
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, udr.ID{File: file, Seq: 2}, waiting[0].ID)
	require.Equal(t, "a.csv", waiting[0].File)
	require.Equal(t, "mediation", waiting[0].Stage)
	require.Equal(t, `up "x"`, waiting[0].Why.Values)
	require.Equal(t, "a;b", string(waiting[0].Raw))
	waiting, err = w.warehouse.Suspense(t.Context(), warehouse.SuspenseFilter{ID: "ac"})
	require.NoError(t, err)
	require.Empty(t, waiting)
	_, err = w.warehouse.Record(t.Context(), "ab:2")
	require.ErrorIs(t, err, warehouse.ErrNotFound)

	usage, err := w.warehouse.UsageByAccount(t.Context())
	require.NoError(t, err)
	require.Equal(t, []warehouse.AccountUsage{{Account: "acme/7", Class: "=cmd()", Unit: a.Unit.String(), Records: 1, Quantity: a.Quantity}},
		usage)
	cost, err := w.warehouse.CostByAccount(t.Context())
	require.NoError(t, err)
	require.Equal(t, []warehouse.AccountCost{{Account: "acme/6", Currency: "EUR", Amount: decimal.MustParse("2")},
		{Account: "acme/7", Currency: "EUR", Amount: decimal.MustParse("0.001584")}}, cost)

	for format, want := range map[warehouse.Format]string{
		warehouse.AsCSV:  "class,peer,amount\n'=cmd(),+34600000001,0.001584\n",
		warehouse.AsJSON: `{"class":"=cmd()","peer":"+34600000001","amount":"0.001584"}` + "\n",
	} {
		var out strings.Builder
		_, err := w.warehouse.Print(t.Context(), &out, format, "SELECT class, peer, amount FROM rated_usage")
		require.NoError(t, err)
		require.Equal(t, want, out.String())
	}
}
