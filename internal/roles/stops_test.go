package roles

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// stopped waits until a partition stopped, and answers where.
func (w *world) stopped(topic string) control.Stop {
	for {
		all, err := w.Store.Stops(w.Context(), control.StopFilter{Topic: topic, Open: true})
		require.NoError(w, err)
		for _, s := range all {
			if !s.Skip {
				return s
			}
		}
		require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
	}
}

// noneStopped waits until all partitions have gone on.
func (w *world) noneStopped() {
	for {
		all, err := w.Store.Stops(w.Context(), control.StopFilter{Open: true})
		require.NoError(w, err)
		if len(all) == 0 && len(w.missing()) == 0 {
			return
		}
		require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
	}
}

func (w *world) skip(s control.Stop, why string) {
	require.NoError(w, w.Store.OrderStop(w.Context(), &s, true, "ana", why, time.Now()))
}

// put appends a message by hand.
func (w *world) put(topic string, partition int, message []byte) (offset int64) {
	offset, err := w.Kafka.Append(w.Context(), topic, partition, []broker.Message{{Value: message}}).Wait(w.Context())
	require.NoError(w, err)
	return offset
}

// home is the partition of an account's usage.
func (w *world) home(account string) int {
	view := w.reference.reg.View()
	defer view.Close()
	for number := uint32(1); ; number++ {
		id, ok := view.AccountID(number)
		require.True(w, ok)
		if id == account {
			a, ok := view.Account(number, udr.InstantOf(time.Now()), view.Revision())
			require.True(w, ok)
			return a.Partition
		}
	}
}

func record(sim, second, volume int) string {
	return fmt.Sprintf("D;21407000000000%d;2026-03-17 00:10:%02d;%d\n", sim, second, volume)
}

const header = "type;imsi;started;volume\n"

// usageOf makes a batch of usage records as mediation would send it.
func (w *world) usageOf(b udr.Batch, records ...[]byte) []byte {
	revision, catalogue, err := w.reference.Current(w.Context())
	require.NoError(w, err)
	b.Pin = udr.Pin{Source: "sky", Rules: "by hand", Registry: uint64(revision), Catalogue: catalogue}
	var message []byte
	for _, r := range records {
		message = wire.AppendBytes(message, 8, r)
	}
	return udr.AppendBatchHeader(message, &b)
}

func (w *world) usage(seq uint64) []byte {
	at := time.Date(2026, 3, 17, 1, 0, int(seq), 0, time.UTC)
	u := udr.Usage{Seq: seq, Line: seq + 1, Bytes: 10, Class: "data", Unit: udr.Octet, At: udr.InstantOf(at), Quantity: 1000,
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: "214070000000001"}}
	view := w.reference.reg.View()
	defer view.Close()
	_, why := mediation.Route(view, view.Revision(), &u)
	require.Nil(w, why)
	return udr.AppendUsage(nil, &u)
}

func TestAMessageThatCannotBeReadStopsItsPartitionUntilSomebodySkipsIt(t *testing.T) {
	w := newWorld(t, "stops_message")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.imports(secondSIM)
	p, q := w.home("acme"), w.home("north")
	require.NotEqual(t, p, q)
	poison := []byte("this is no batch of usage")
	offset := w.put(w.Topics.Usage, p, poison)
	w.drop("sky/a.csv", header+record(1, 1, 1000)+record(2, 2, 2000))

	stop := w.stopped(w.Topics.Usage)
	require.Equal(t, []any{offset, p, control.StopMessage, control.HashOf(poison), "rating", poison},
		[]any{stop.Offset, stop.Partition, stop.Kind, stop.Hash, stop.Role, stop.Message})
	missing := strings.Join(w.missing(), "\n")
	require.Contains(t, missing, fmt.Sprintf("rating: partition %d stops at offset %d of %s: it cannot be read", p, offset, w.Topics.Usage))
	for w.number("SELECT count() FROM rated_usage WHERE account = 'north'") == 0 { // the neighbour goes on
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	running, halted, _ := w.role(Rating).partitions.state()
	require.Equal(t, []int{q}, running)
	require.Len(t, halted, 1)

	other := stop
	other.Hash = control.HashOf([]byte("another message"))
	require.ErrorIs(t, w.Store.OrderStop(t.Context(), &other, true, "ana", "wrong", time.Now()), control.ErrConflict)
	w.stop() // the order comes while no owner is there, and applies to every later one
	store, err := control.Open(t.Context(), w.config.Control)
	require.NoError(t, err)
	require.NoError(t, store.OrderStop(t.Context(), &stop, true, "ana", "a test of ours", time.Now()))
	require.NoError(t, store.Close())
	w.start(Roles...)
	require.EqualValues(t, 2, w.settled(1)["a.csv"].Rated)
	w.noneStopped()
	w.start(Roles...) // restored from before it or after it, it is not met again
	w.drop("sky/b.csv", header+record(1, 3, 1000))
	w.settled(2)
	w.noneStopped()
}

func TestRecordsOfASkippedMessageAreInSuspenseAndComeBack(t *testing.T) {
	w := newWorld(t, "stops_records")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	p, file := w.home("acme"), udr.FileID{0xfe, 1}
	damaged := append(w.usage(2), 0x7a, 0x7f) // says which it is, and then nonsense
	end := &udr.FileEnd{Name: "by hand.csv", Records: 3, Mapped: 3, Bytes: 30, Units: []udr.UnitTotal{{Class: "data", Quantity: 3000}}}
	offset := w.put(w.Topics.Usage, p, w.usageOf(udr.Batch{File: file, Last: 3, End: end}, w.usage(1), damaged, w.usage(3)))

	stop := w.stopped(w.Topics.Usage)
	require.Equal(t, offset, stop.Offset)
	require.Contains(t, stop.Reason, "file "+file.String()+" of sky: its usage record 2 of 3 cannot be read")
	w.skip(stop, "damaged in a test")
	w.noneStopped()
	for w.number("SELECT count() FROM suspense") != 3 {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.Equal(t, []string{"skipped,1,1", "skipped,2,0", "skipped,3,1"},
		w.rows("SELECT code, seq, length(usage) > 0 FROM suspense ORDER BY seq"))
	require.Regexp(t, "skipped by ana: damaged in a test", w.rows("SELECT reason FROM suspense LIMIT 1")[0])
	balance, err := w.Warehouse.Balance(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{int64(0), int64(10)}, []any{balance[0].Difference, balance[0].DifferenceBytes},
		"the damaged one does not say how long it was: the balance shows it")

	w.retry("sky", udr.ID{File: file, Seq: 1}, udr.ID{File: file, Seq: 3})
	for w.number("SELECT count() FROM rated_usage") != 2 {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
}

func TestAGapThatIsSkippedStaysInTheBalance(t *testing.T) {
	w := newWorld(t, "stops_gap")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	end := &udr.FileEnd{Name: "by hand.csv", Records: 3, Mapped: 3, Bytes: 30, Units: []udr.UnitTotal{{Class: "data", Quantity: 3000}}}
	w.put(w.Topics.Usage, w.home("acme"), w.usageOf(udr.Batch{File: udr.FileID{0xfe, 2}, Follows: 2, Last: 3, End: end}, w.usage(3)))
	stop := w.stopped(w.Topics.Usage)
	require.Equal(t, control.StopGap, stop.Kind)
	require.Contains(t, stop.Reason, "follows record 2, but only records up to 0 came before it")
	w.skip(stop, "lost with a disk")
	w.noneStopped()
	for w.number("SELECT count() FROM rated_usage") != 1 {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	require.EqualValues(t, 2, w.number("SELECT difference FROM file_balance"))
}

func TestAMessageOfTheRatedLogThatCannotBeFolded(t *testing.T) {
	w := newWorld(t, "stops_rated")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	p := w.home("acme")
	w.drop("sky/a.csv", header+record(1, 1, 1000))
	w.settled(1)
	offset := w.put(w.Topics.Rated, p, []byte("\x4aleft by a tool of somebody's"))
	stop := w.stopped(w.Topics.Rated)
	require.Equal(t, []any{offset, p, control.StopMessage}, []any{stop.Offset, stop.Partition, stop.Kind})
	require.Contains(t, []string{"warehouse", "account"}, stop.Role, "both read the log; one order is for both")
	w.drop("sky/b.csv", header+record(1, 2, 1000)) // the owner meets it too, when it reads the messages between its appends
	for w.number("SELECT 1") == 1 {
		if _, halted, _ := w.role(Rating).partitions.state(); len(halted) == 1 {
			break
		}
	}
	w.skip(stop, "nobody's")
	require.EqualValues(t, 1, w.settled(2)["b.csv"].Rated)
	w.noneStopped()
}

func TestARowThatTheWarehouseRefuses(t *testing.T) {
	for _, skip := range []bool{false, true} {
		t.Run(fmt.Sprint("skip=", skip), func(t *testing.T) {
			w := newWorld(t, fmt.Sprint("stops_rows_", skip))
			w.start(Roles...)
			w.imports(w.docs["registry.yaml"])
			w.imports(secondSIM)
			require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), "ALTER TABLE rated_usage ADD CONSTRAINT small CHECK quantity < 5000"))
			text := header + record(2, 59, 1000)
			for i := range 40 {
				volume := 1000 + i
				if i == 17 {
					volume = 9000
				}
				text += record(1, i, volume)
			}
			w.drop("sky/a.csv", text)
			stop := w.stopped(w.Topics.Rated)
			require.Equal(t, []any{control.StopRows, "warehouse", w.home("acme")}, []any{stop.Kind, stop.Role, stop.Partition})
			require.Regexp(t, `the warehouse refuses a row of rated_usage: record [0-9a-f]{32}:19, from offset \d+: .*small`, stop.Reason)
			require.Contains(t, string(stop.Detail), `"quantity":9000`)
			for w.number("SELECT count() FROM rated_usage WHERE account = 'north'") == 0 { // the neighbour goes on
				require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
			}
			if skip {
				w.skip(stop, "a carrier's nonsense")
				w.noneStopped()
				require.EqualValues(t, 40, w.number("SELECT count() FROM rated_usage"))
				require.EqualValues(t, 1, w.number("SELECT difference FROM file_balance"), "what was left out stays in the balance")
				kept, err := w.Store.Stops(t.Context(), control.StopFilter{Topic: w.Topics.Rated})
				require.NoError(t, err)
				require.Equal(t, []any{"ana", "a carrier's nonsense"}, []any{kept[0].Who, kept[0].Why})
				require.NotEmpty(t, kept[0].Detail)
			} else {
				require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), "ALTER TABLE rated_usage DROP CONSTRAINT small"))
				require.NoError(t, w.Store.OrderStop(t.Context(), &stop, false, "ana", "", time.Now()))
				require.EqualValues(t, 41, w.settled(1)["a.csv"].Rated)
				w.noneStopped()
			}
			require.Zero(t, w.number("SELECT count() FROM system.tables WHERE name LIKE 'probe%'"))
		})
	}
}

// TestAStartingRaterLeavesTheStopOfASinkOpen: it goes past the place, and the sink has not.
func TestAStartingRaterLeavesTheStopOfASinkOpen(t *testing.T) {
	w := newWorld(t, "stops_owner")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	require.NoError(t, w.Warehouse.Conn().Exec(t.Context(), "ALTER TABLE rated_usage ADD CONSTRAINT small CHECK quantity < 5000"))
	w.drop("sky/a.csv", header+record(1, 1, 9000))
	stop := w.stopped(w.Topics.Rated)
	require.Equal(t, "warehouse", stop.Role)

	w.start(Rating)
	for !w.running.Load() {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	for w.role(Rating).partitions.position(w.Topics.Rated, stop.Partition) <= stop.Offset {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	w.role(Rating).partitions.passed(t.Context(), stop.Partition)
	open, err := w.Store.Stops(t.Context(), control.StopFilter{Open: true})
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.Equal(t, stop.Hash, open[0].Hash)

	w.start(Roles...)
	w.skip(open[0], "a carrier's nonsense")
	w.noneStopped()
}

// TestAnEpochThatNobodyWasGivenFencesNobody: somebody who can write into the topic appends a mark.
func TestAnEpochThatNobodyWasGivenFencesNobody(t *testing.T) {
	w := newWorld(t, "stops_epoch")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	p := w.home("acme")
	mark := func(epoch uint64) []byte { return wire.AppendVarint(nil, 1, epoch) }
	w.drop("sky/a.csv", header+record(1, 1, 1000))
	w.settled(1)
	forged := w.put(w.Topics.Rated, p, mark(1<<62))
	w.drop("sky/b.csv", header+record(1, 2, 1000))
	require.EqualValues(t, 1, w.settled(2)["b.csv"].Rated)
	all, err := w.Store.Stops(t.Context(), control.StopFilter{Topic: w.Topics.Rated})
	require.NoError(t, err)
	require.Len(t, all, 1, "it is told")
	require.Equal(t, []any{forged, control.StopEpoch, true, "ratemill"}, []any{all[0].Offset, all[0].Kind, all[0].Skip, all[0].Who})
	w.noneStopped()

	w.start(Roles...) // it is replayed, or comes before the replay
	w.drop("sky/c.csv", header+record(1, 3, 1000))
	require.EqualValues(t, 1, w.settled(3)["c.csv"].Rated)
}
