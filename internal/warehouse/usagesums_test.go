package warehouse_test

import (
	"math/rand"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
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
