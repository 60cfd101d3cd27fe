package account_test

import (
	"context"
	"fmt"
	"math/rand"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

const recordsPerMessage = 200

// backlog is a log whose messages come again and again, each with its own input.
type backlog struct {
	log
	values [][]byte
	end    int64
}

func (b *backlog) Bounds(context.Context, string, int) (first, end int64, err error) {
	return 0, b.end, nil
}

func (b *backlog) Fetch(_ context.Context, _ string, _ int, from int64, _ time.Duration, dst []broker.Message) ([]broker.Message, error) {
	for o := from; o < min(from+64, b.end); o++ {
		dst = append(dst, broker.Message{Offset: o, Value: b.values[o%int64(len(b.values))]})
	}
	if len(dst) == 0 {
		time.Sleep(time.Millisecond)
	}
	return dst, nil
}

// newBacklog has messages of records whose accounts are spread evenly, each with a charge.
func newBacklog(accounts, messages int) *backlog {
	r := rand.New(rand.NewSource(1))
	b := &backlog{end: int64(messages)}
	total := decimal.MustParse("0.001584")
	for i := range messages {
		m := ratedlog.AppendHeader(nil, 1, int64(i), &udr.Batch{File: udr.FileID{1}}, recordsPerMessage)
		for j := range recordsPerMessage {
			n := uint32(r.Intn(accounts) + 1)
			u := udr.Usage{Seq: uint64(j + 1), Line: 1, Bytes: 120, Class: "data", Unit: udr.Octet, Quantity: r.Int63n(1e6), SIM: n,
				Account: n, Root: 1, At: 1773702602_000000000,
				Identifier: udr.Identifier{Kind: udr.IMSI, Value: "214070000000001"}, Network: "208-10", Country: "FR", APN: "iot.sky",
				Session: "7f3a9c21"}
			c := rating.Charge{Account: n, SIM: n, Plan: "fleet", PlanVersion: 1, Price: "eu", Currency: "EUR", Cycle: march,
				ZoneModel: "europe", Zone: "eu", ZoneKey: "FR", Quantity: u.Quantity,
				Initial: 100, Then: 100, Rounded: u.Quantity, Scale: 12, Sum: total, Total: total}
			m = ratedlog.AppendRated(m, udr.AppendUsage(nil, &u), 0, []rating.Charge{c}, nil)
		}
		b.values = append(b.values, m)
	}
	return b
}

func ownCPU() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkBalances adds a backlog of half a million charges to balances in SQLite.
func BenchmarkBalances(b *testing.B) {
	for _, accounts := range []int{1_000, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			s := open(b, "sqlite:"+filepath.Join(b.TempDir(), "control.db"))
			l := newBacklog(accounts, 2_500)
			round := func(partition int) {
				o := options(s, &l.log, partition)
				o.Broker, o.Linger = l, nil
				require.NoError(b, run(b, o, int(l.end)))
			}
			own, charges := ownCPU(), 0
			began := time.Now()
			for n := 0; b.Loop(); n++ {
				round(n) // its own partition: no message counts twice
				charges += int(l.end) * recordsPerMessage
			}
			b.ReportMetric(float64(charges)/time.Since(began).Seconds(), "charges/s")
			b.ReportMetric(float64((ownCPU()-own).Nanoseconds())/float64(charges), "cpu-ns/charge")
		})
	}
}

// BenchmarkExposures is BenchmarkBalances with a credit limit that holds for all accounts together.
func BenchmarkExposures(b *testing.B) {
	const accounts = 10_000
	s := open(b, "sqlite:"+filepath.Join(b.TempDir(), "control.db"))
	f := newFacts()
	for n := uint32(4); n <= accounts; n++ {
		f.changes[0].Accounts = append(f.changes[0].Accounts, registry.AccountFact{ID: fmt.Sprint("a", n), Number: n, Parent: m,
			Partition: registry.NoPartition})
	}
	f.profile("m", "credit_limit: 1000000")
	l := newBacklog(accounts, 2_500)
	own, charges := ownCPU(), 0
	for n := 0; b.Loop(); n++ {
		o := keeping(s, &l.log, f.payers())
		o.Broker, o.Linger, o.Partition = l, nil, n
		require.NoError(b, run(b, o, int(l.end)))
		charges += int(l.end) * recordsPerMessage
	}
	b.ReportMetric(float64((ownCPU()-own).Nanoseconds())/float64(charges), "cpu-ns/charge")
}
