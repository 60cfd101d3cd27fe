package account_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/ratedlog"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/udr"
)

// log is a partition of the rated log that lies in memory.
type log struct {
	first    int64
	messages []broker.Message
}

func (l *log) Append(context.Context, string, int, []broker.Message) broker.Pending {
	panic("nobody writes here")
}

func (l *log) Bounds(context.Context, string, int) (first, end int64, err error) {
	return l.first, int64(len(l.messages)), nil
}

func (l *log) Fetch(_ context.Context, topic string, partition int, from int64, _ time.Duration,
	dst []broker.Message) ([]broker.Message, error) {
	if from < l.first {
		return dst, &broker.OffsetGoneError{Topic: topic, Partition: partition, Wanted: from, First: l.first}
	}
	if from >= int64(len(l.messages)) {
		time.Sleep(time.Millisecond)
	}
	return append(dst, l.messages[min(from, int64(len(l.messages))):min(from+64, int64(len(l.messages)))]...), nil
}

func (l *log) add(value []byte) {
	l.messages = append(l.messages, broker.Message{Offset: int64(len(l.messages)), Value: value})
}

const (
	march = 20513 // 2026-03-01
	april = march + 31
)

// charge is what account pays in a tier.
type charge struct {
	account uint32
	tier    uint8
	cycle   int32
	amount  string
}

// rate appends a message of records of a class, each of 100 units, with the same charges.
func (l *log) rate(epoch, input int64, class string, unit udr.Unit, records int, charges ...charge) {
	m := ratedlog.AppendHeader(nil, epoch, input, &udr.Batch{File: udr.FileID{1}}, uint64(records))
	var all []rating.Charge
	for _, c := range charges {
		total := decimal.MustParse(c.amount)
		all = append(all, rating.Charge{Account: c.account, Tier: c.tier, Cycle: c.cycle, Currency: "EUR", Total: total, Sum: total,
			Scale: 12})
	}
	for i := range records {
		m = ratedlog.AppendRated(m, udr.AppendUsage(nil, &udr.Usage{Seq: uint64(i + 1), Class: class, Unit: unit, Quantity: 100, SIM: 7,
			Account: 2}), 0, all, nil)
	}
	l.add(m)
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, s *control.Store)) {
	for name, dsn := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "control.db") },
		"postgres": func(t *testing.T) string { return testengine.SharedPostgres(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, dsn(t))) })
	}
}

func open(t testing.TB, dsn string) *control.Store {
	s, err := control.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	for range 2 { // the second finds the tables
		require.NoError(t, account.Migrate(t.Context(), s.DB))
	}
	return s
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }
func (realClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const name = "account-test"

func options(s *control.Store, l *log, partition int) consumer.TransactionOptions[*store.Tx] {
	return consumer.TransactionOptions[*store.Tx]{
		Options: consumer.Options{Name: name, Partition: partition, Topic: "rated", Broker: l, Clock: realClock{},
			Log:      slog.New(slog.DiscardHandler),
			Progress: &consumer.Progress{}, Linger: func() time.Duration { return time.Millisecond }},
		Store: s, Effect: account.NewEffect(account.Table{}), Done: "in the balances", Gone: "see the runbook",
	}
}

// run adds a log to the balances, up to its end.
func run(t testing.TB, o consumer.TransactionOptions[*store.Tx], end int) error {
	c, err := consumer.NewInTransaction(o)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for {
		select {
		case err := <-done:
			require.NoError(t, ctx.Err(), "it did not come through")
			return err
		case <-time.After(time.Millisecond):
			if o.Progress.Next.Load() >= int64(end) {
				cancel()
				return <-done
			}
		}
	}
}

// tell is the balances as text, one a line.
func tell(t *testing.T, s *control.Store, f account.Filter) (lines []string) {
	all, err := account.Balances(t.Context(), s.DB, f)
	require.NoError(t, err)
	for _, b := range all {
		lines = append(lines, fmt.Sprintf("%d %s tier %d %s: %d records, %d %s, %s %s", b.Account, b.CycleStart().Format(time.DateOnly),
			b.Tier, b.Class, b.Records, b.Quantity, b.Unit, b.Amount, b.Currency))
	}
	return lines
}

func someLog() *log {
	l := &log{}
	l.add(ratedlog.AppendMark(nil, 1))
	l.rate(1, 0, "data", udr.Octet, 3, charge{2, 0, march, "0.1"}, charge{1, 1, march, "0.000000000001"})
	l.rate(1, 1, "sms_mo", udr.Count, 1, charge{2, 0, march, "0.05"})
	l.rate(1, 1, "sms_mo", udr.Count, 1, charge{2, 0, march, "0.05"}) // appended again
	l.add(ratedlog.AppendMark(nil, 2))
	l.rate(1, 2, "data", udr.Octet, 5, charge{2, 0, march, "9"}) // its owner was replaced
	l.rate(2, 2, "data", udr.Octet, 2, charge{2, 0, april, "0.2"}, charge{1, 1, april, "-0.5"})
	l.rate(2, 3, "data", udr.Octet, 1) // nobody pays
	return l
}

var ofSomeLog = []string{
	"1 2026-03-01 tier 1 data: 3 records, 300 B, 0.000000000003 EUR",
	"1 2026-04-01 tier 1 data: 2 records, 200 B, -1 EUR",
	"2 2026-03-01 tier 0 data: 3 records, 300 B, 0.3 EUR",
	"2 2026-03-01 tier 0 sms_mo: 1 records, 100 1, 0.05 EUR",
	"2 2026-04-01 tier 0 data: 2 records, 200 B, 0.4 EUR",
}

func TestBalancesAreTheSumsOfTheChargesThatCount(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		l := someLog()
		for end := 1; end <= len(l.messages); end++ { // a restart after each
			o := options(s, l, 0)
			o.MaxBytes = 1
			require.NoError(t, run(t, o, end))
		}
		require.Equal(t, ofSomeLog, tell(t, s, account.Filter{}))
		two, cycle := uint32(2), int32(april)
		require.Equal(t, ofSomeLog[2:], tell(t, s, account.Filter{Account: &two}))
		require.Equal(t, []string{ofSomeLog[1], ofSomeLog[4]}, tell(t, s, account.Filter{Cycle: &cycle}))

		require.NoError(t, run(t, options(s, l, 3), len(l.messages)), "another partition")
		require.Contains(t, tell(t, s, account.Filter{}), "2 2026-04-01 tier 0 data: 4 records, 400 B, 0.8 EUR")
		begin, err := account.Beginnings(t.Context(), s.DB)
		require.NoError(t, err)
		require.Equal(t, map[int]int64{0: 0, 3: 0}, begin)
	})
}

func TestTwoConsumersOfAPartitionAddNothingTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		l := someLog()
		l.messages = nil
		for i := range int64(200) {
			l.rate(1, i, "data", udr.Octet, 1, charge{uint32(i%7) + 1, 0, march, "0.01"})
		}
		done := make(chan error, 2)
		for range 2 {
			o := options(s, l, 0)
			o.MaxBytes = 300
			go func() { done <- run(t, o, len(l.messages)) }()
		}
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		records := int64(0)
		all, err := account.Balances(t.Context(), s.DB, account.Filter{})
		require.NoError(t, err)
		for _, b := range all {
			records += b.Records
		}
		require.EqualValues(t, 200, records)
	})
}

// A store that was restored from an older day has older balances and an older position, together.
func TestDiscardedBalancesAreMadeAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		l := someLog()
		require.NoError(t, run(t, options(s, l, 0), len(l.messages)))
		require.NoError(t, account.Discard(t.Context(), s.DB, name))
		require.Empty(t, tell(t, s, account.Filter{}))
		require.NoError(t, run(t, options(s, l, 0), len(l.messages)))
		require.Equal(t, ofSomeLog, tell(t, s, account.Filter{}))
	})
}

func TestAConsumerWhoseNextMessageIsGoneStopsAndSaysWhatToDo(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	l := someLog()
	require.NoError(t, run(t, options(s, &log{messages: l.messages[:2]}, 0), 2))
	l.rate(2, 4, "data", udr.Octet, 1)
	l.first = int64(len(l.messages)) - 1
	var stopped *ratedlog.StoppedError
	require.ErrorAs(t, run(t, options(s, l, 0), 1000), &stopped)
	require.Contains(t, stopped.Reason, "messages were deleted before they were read; see the runbook")
}

// Where the log has lost its beginning, nobody knows what counted before, so balances begin at a position that another
// consumer has folded to.
func TestWithoutTheBeginningOfTheLogBalancesBeginWhereAnotherConsumerIs(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	l := someLog()
	l.first = 1
	o := options(s, l, 0)
	o.Start = func(context.Context) (int64, ratedlog.Fold, error) { return 5, ratedlog.Fold{Epoch: 2, Input: 1}, nil }
	require.NoError(t, run(t, o, len(l.messages)))
	require.Equal(t, []string{ofSomeLog[1], ofSomeLog[4]}, tell(t, s, account.Filter{}))
	begin, err := account.Beginnings(t.Context(), s.DB)
	require.NoError(t, err)
	require.Equal(t, map[int]int64{0: 5}, begin)
}

func TestAConsumerInATransactionIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := consumer.NewInTransaction(consumer.TransactionOptions[*store.Tx]{})
	require.EqualError(t, err, `consumer: it needs a name, under which its position is kept
consumer: it needs the topic of the rated log
consumer: it needs a broker
consumer: it needs a clock
consumer: it needs a log
consumer: it needs a place for its progress
consumer: it needs a store of positions
consumer: it needs an effect
consumer: it needs to say what became of messages that it applied
consumer: it needs to say what to do about messages that are gone`)
}
