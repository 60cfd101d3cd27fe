package warehouse_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/testengine"
	"ratemill/rating"
	"ratemill/udr"
)

// TestSumsOfMarginsAreThoseThatExplainShows: the view of the question that finance asks, and the margin of each record.
func TestSumsOfMarginsAreThoseThatExplainShows(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "marginsums")
	var l log
	l.mark()
	file := udr.FileID{7}
	var records []record
	for i := range 60 {
		u := udr.Usage{Seq: uint64(i + 1), Line: uint64(i + 1), Class: []string{"data", "sms_mo"}[i%2], Unit: udr.Octet, Quantity: 20_000,
			At:  1773702602_000000000,
			SIM: 3, Account: 9, Root: 7, Country: "FR"}
		r := record{usage: u}
		for _, tier := range [][]int{{0, 1, 2}, {0, 2}, {1, 2}, {0}, {0, 1}}[i%5] {
			c := chargeOf(&u, tier, fmt.Sprintf("%d.%03d", 9-tier, i))
			c.Cycle += int32(31 * (i % 3 / 2))
			if tier == 2 && i%4 == 0 {
				c.Currency = "USD"
			}
			r.more = append(r.more, c)
		}
		if i%6 == 0 { // the record reached a volume price
			c := chargeOf(&u, 1, "-1000")
			c.Class = u.Class
			r.more = append(r.more, c)
		}
		records = append(records, r)
	}
	l.batch(file, nil, records...)
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), int64(len(l.messages))))

	type key struct {
		cycle int32
		tier  uint8
		class string
		in    [2]string
	}
	type sum struct {
		records int
		margin  decimal.D
	}
	want := map[key]sum{}
	for i := range records {
		r, err := w.warehouse.Record(t.Context(), udr.ID{File: file, Seq: uint64(i + 1)}.String())
		require.NoError(t, err)
		for j := range r.Charges {
			c := &r.Charges[j]
			m, ok := rating.MarginOf(&r.Usage, c, rating.Names{Charges: r.Charges})
			if !ok {
				continue
			}
			k := key{c.Cycle, c.Tier, r.Usage.Class, [2]string{"", c.Currency}}
			if m.Below != nil {
				k.in[0] = m.Below.Currency
			}
			s := want[k]
			s.records++
			if !m.Unknown {
				s.margin, err = s.margin.Add(m.Amount)
				require.NoError(t, err)
			}
			want[k] = s
		}
	}
	var lines []string
	for _, k := range slices.SortedFunc(maps.Keys(want), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.cycle, b.cycle), cmp.Compare(a.tier, b.tier), cmp.Compare(a.class, b.class), cmp.Compare(a.in[0], b.in[0]),
			cmp.Compare(a.in[1], b.in[1]))
	}) {
		margin := "none"
		if k.in[0] == "" || k.in[0] == k.in[1] {
			margin = want[k].margin.String()
		}
		lines = append(lines, fmt.Sprint(k, " ", want[k].records, " ", margin))
	}
	rows, err := w.warehouse.Conn().Query(t.Context(), `SELECT toInt32(cycle), tier, toString(class), received_in, toString(paid_in), records,
		ifNull(toString(margin), 'none')
		FROM margin_by_account_cycle ORDER BY cycle, tier, class, received_in, paid_in`)
	require.NoError(t, err)
	defer rows.Close()
	var got []string
	for rows.Next() {
		var k key
		var n uint64
		var margin string
		require.NoError(t, rows.Scan(&k.cycle, &k.tier, &k.class, &k.in[0], &k.in[1], &n, &margin))
		got = append(got, fmt.Sprint(k, " ", n, " ", margin))
	}
	require.NoError(t, rows.Err())
	require.Equal(t, lines, got)
	require.Greater(t, len(got), 10)
}
