package warehouse_test

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/consumer"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

func TestRatedLogBecomesRows(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "rows")
	r := rand.New(rand.NewSource(1))
	var l log
	l.mark()
	file := udr.FileID{0x8f, 0x3a, 0x0c}
	one, two, three, four := random(r, 1), random(r, 2), random(r, 3), random(r, 4)
	one.Attributes = []udr.Attribute{{Name: "depot", Value: "north"}}
	one.Duplicate = udr.DuplicateKey{1, 2, 3}
	l.batch(file, nil, record{usage: one, tiers: []string{"0.001584", "0.001", "0.0005"}, event: true}, record{usage: two})
	l.batch(file, &udr.FileEnd{Name: "SKY_000123.csv", Records: 4, Mapped: 3, Suspended: 1,
		Bytes: uint64(one.Bytes + two.Bytes + three.Bytes + four.Bytes), Taken: 1773702667_000000000,
		Units: []udr.UnitTotal{{Class: one.Class, Quantity: one.Quantity}}},
		record{usage: three, reason: "not a count", raw: "a;b"}, record{usage: four, again: true})
	w.append(0, l.messages)
	require.NoError(t, w.run(w.sink(0), int64(len(l.messages))))
	require.EqualValues(t, 2, w.number("count() FROM rated_usage"))
	require.EqualValues(t, 1, w.number("count() FROM suspense"))
	require.EqualValues(t, 1, w.number("count() FROM duplicates"))
	require.EqualValues(t, 1, w.number("count() FROM files"))
	require.EqualValues(t, 1, w.number("count() FROM usage_events"))
	require.EqualValues(t, 3, w.number("count() FROM charges"))
	for _, v := range []string{"usage_by_account_day", "cost_by_account_cycle", "usage_by_class_country", "usage_by_sim_cycle",
		"suspense_open", "suspense_by_reason", "file_balance", "file_balance_units", "file_ends_missing"} {
		w.number("count() FROM " + v)
	}
	require.EqualValues(t, 0, w.number("difference FROM file_balance"))
	require.EqualValues(t, 0, w.number("difference_bytes FROM file_balance"))
}

func TestASinkIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := warehouse.NewSink(warehouse.SinkOptions{Options: consumer.Options{Partition: -1, MaxBytes: -1}})
	require.EqualError(t, err, `warehouse: a sink needs the ids of accounts
consumer: it needs a name, under which its position is kept
consumer: a partition must be 0 or more
consumer: it needs the topic of the rated log
consumer: it needs a broker
consumer: it needs a clock
consumer: it needs a log
consumer: it needs a place for its progress
consumer: a block has at most so many rows and bytes: 0 for the default, or more
consumer: it needs a store of positions
consumer: it needs an inserter`)
}
