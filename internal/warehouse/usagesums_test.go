package warehouse_test

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/udr"
)

// Sums up to a cut, divided by earlier cuts, are those of the charges at their offsets, whatever the cuts are.
func TestSumsOfChargesAreThoseBetweenTheCuts(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "sums")
	r := rand.New(rand.NewSource(23))
	l, _ := traffic(r)
	w.append(0, l.messages)
	end := int64(len(l.messages))
	require.NoError(t, w.run(w.sink(0), end))
	whole := warehouse.UsageQuestion{Until: warehouse.Cut{Log: 1, Offsets: []int64{end}}, From: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
		To: time.Date(2290, 1, 1, 0, 0, 0, 0, time.UTC)}
	sum := func(q warehouse.UsageQuestion, since int) (records int64, amount decimal.Decimal) {
		require.NoError(t, w.warehouse.UsageSums(t.Context(), q, func(s *warehouse.UsageSum) error {
			if since < 0 || s.Since == since {
				records, amount = records+s.Records, amount.Add(s.Amount)
			}
			return nil
		}))
		return records, amount
	}
	all, total := sum(whole, -1)
	require.EqualValues(t, w.number("count() FROM charges"), all)
	require.Positive(t, all)
	for range 5 {
		at := r.Int63n(end + 1)
		before := whole
		before.Until = warehouse.Cut{Log: 1, Offsets: []int64{at}}
		cut := whole
		cut.Cuts = []warehouse.Cut{before.Until}
		records, amount := sum(before, -1)
		first, is := sum(cut, 0)
		require.Equal(t, records, first)
		require.True(t, amount.Equal(is), "%s and %s", amount, is)
		rest, more := sum(cut, 1)
		require.Equal(t, all, first+rest)
		require.True(t, total.Equal(is.Add(more)))
	}
	none, _ := sum(warehouse.UsageQuestion{Until: whole.Until, From: whole.From, To: whole.To, Accounts: []uint32{4_000_000_000}}, -1)
	require.Zero(t, none)
}

// The charges of a line are those of its sum, each with what call detail says of it.
func TestTheChargesOfALineAddUpToItsSum(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "linecharges")
	l, _ := traffic(rand.New(rand.NewSource(29)))
	w.append(0, l.messages)
	end := int64(len(l.messages))
	require.NoError(t, w.run(w.sink(0), end))
	until := warehouse.Cut{Log: 1, Offsets: []int64{end}}
	type key struct {
		account                  uint32
		class, plan, zone, price string
		cycle                    int32
	}
	type sum struct {
		records, quantity int64
		amount            decimal.Decimal
	}
	sums := map[key]sum{}
	require.NoError(t, w.warehouse.UsageSums(t.Context(), warehouse.UsageQuestion{Until: until, From: time.Date(1900, 1, 1, 0, 0, 0, 0,
		time.UTC),
		To: time.Date(2290, 1, 1, 0, 0, 0, 0, time.UTC)}, func(s *warehouse.UsageSum) error {
		k := key{s.Account, s.Class, s.Plan, s.Zone, s.Price, s.Cycle}
		sums[k] = sum{sums[k].records + s.Records, sums[k].quantity + s.Quantity, sums[k].amount.Add(s.Amount)}
		return nil
	}))
	require.NotEmpty(t, sums)
	asked, named := 0, false
	for k, want := range sums {
		var got sum
		q := warehouse.LineQuestion{Account: k.account, Class: k.class, Plan: k.plan, Zone: k.zone, Price: k.price,
			Cycle: time.Unix(int64(k.cycle)*24*60*60, 0).UTC(), Spans: []warehouse.CutSpan{{Until: until}}}
		require.NoError(t, w.warehouse.ChargesOf(t.Context(), q, func(c *warehouse.LineCharge) error {
			got = sum{got.records + 1, got.quantity + c.Quantity, got.amount.Add(c.Amount)}
			require.Equal(t, c.Line > 0, c.Identifier != "", "only the SIM's own account has the words of the carrier")
			named = named || c.Identifier != "" && c.Kind != ""
			return nil
		}))
		require.Equal(t, want.records, got.records)
		require.Equal(t, want.quantity, got.quantity)
		require.True(t, want.amount.Equal(got.amount), "%s and %s", want.amount, got.amount)
		if asked++; asked == 8 {
			break
		}
	}
	require.True(t, named)
}

// A record that reaches a volume price corrects what was charged before, also in a cycle of a year ago. The correction is a charge of the
// cycle that it corrects and no record, and it is asked for by its place in the log.
func TestACorrectionIsInTheSumOfTheCycleThatItCorrects(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "corrections")
	const now, old = 20513, 20513 - 500
	use := func(seq uint64, cycle int32, more ...rating.Charge) record {
		u := random(rand.New(rand.NewSource(int64(seq))), seq)
		u.Class, u.Unit, u.Quantity, u.Account = "data", udr.Octet, 1_000_000, 7
		c := chargeOf(&u, 0, "0.10")
		c.Cycle = cycle
		return record{usage: u, more: append([]rating.Charge{c}, more...)}
	}
	u := udr.Usage{Account: 7}
	correction := chargeOf(&u, 0, "-0.05")
	correction.Class, correction.Cycle, correction.SIM, correction.Draws = "data", old, 0, nil
	l := &log{}
	l.mark()
	l.batch(udr.FileID{1}, nil, use(1, old), use(2, now))
	l.batch(udr.FileID{1}, nil, use(3, now, correction))
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), 3))
	day := func(n int64) time.Time { return time.Unix(n*24*60*60, 0).UTC() }
	sums := func(q warehouse.UsageQuestion) (all []string) {
		q.Until = warehouse.Cut{Log: 1, Offsets: []int64{3}}
		require.NoError(t, w.warehouse.UsageSums(t.Context(), q, func(s *warehouse.UsageSum) error {
			all = append(all, fmt.Sprintf("%d since %d: %s for %d B of %d", s.Cycle, s.Since, s.Amount, s.Quantity, s.Records))
			return nil
		}))
		return all
	}
	cut := []warehouse.Cut{{Log: 1, Offsets: []int64{2}}}
	require.Equal(t, []string{"20013 since 0: 0.1 for 1000000 B of 1", "20013 since 1: -0.05 for 0 B of 0",
		"20513 since 0: 0.1 for 1000000 B of 1", "20513 since 1: 0.1 for 1000000 B of 1"},
		sums(warehouse.UsageQuestion{From: day(old), To: day(now), Cuts: cut}), "sums that one line has stand together")
	require.Equal(t, []string{"20013 since 1: -0.05 for 0 B of 0", "20513 since 0: 0.1 for 1000000 B of 1",
		"20513 since 1: 0.1 for 1000000 B of 1"}, sums(warehouse.UsageQuestion{From: day(now), To: day(now), Cuts: cut, Late: true}))
	require.Len(t, sums(warehouse.UsageQuestion{From: day(now), To: day(now), Cuts: cut}), 2)
	require.EqualValues(t, 3, w.number("sum(records) FROM cost_by_account_cycle"))
}
