package warehouse_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// distinct are messages no two of whose values are the same where two columns could be taken for each other; a text names
// the field that it is in.
func distinct() [][]byte {
	u := udr.Usage{Seq: 101, Line: 102, Bytes: 103, Class: "class", Unit: udr.Octet, At: 1774700000_104000000, Quantity: 105,
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: "identifier"}, SIM: 106, Account: 107, Root: 108, Network: "network",
		Country: "country",
		Peer:    "peer", PeerCountry: "peer country", APN: "apn", IMEI: "imei", Cell: "cell", Session: "session", Continues: true,
		Direction: "direction",
		Duration:  109, Up: 110, Down: 111, Duplicate: udr.DuplicateKey([]byte("duplicatekey")),
		Attributes: []udr.Attribute{{Name: "attribute", Value: "value"}}}
	usage := udr.AppendUsage(nil, &u)
	charge := func(tier uint8, n int64) []byte {
		at := func(name string) string { return fmt.Sprintf("%s of tier %d", name, tier) }
		return rating.AppendCharge(nil, &rating.Charge{Tier: tier, Account: uint32(120 + n), Plan: at("plan"),
			PlanVersion: uint32(121 + n), Price: at("price"), Currency: at("currency"),
			Cycle: int32(20000 + n), Zone: at("zone"), Rounded: 122 + n, Draws: []rating.Draw{{Drawn: 123 + n}},
			Rest: decimal.FromInt(124 + n), Total: decimal.FromInt(125 + n)})
	}
	event := rating.AppendEvent(nil, &rating.Event{Kind: rating.PoolExhausted, Name: "name of the event", Account: 141, SIM: 142,
		At:      1774700000_143000000,
		Counter: rating.CounterKey{ID: 144, Owner: 145, Cycle: 20146, Kind: rating.AccountUnits}, Threshold: rating.UnitsValue(147),
		Before: rating.UnitsValue(148), After: rating.UnitsValue(149)})
	rated := wire.AppendBytes(nil, 1, usage)
	rated = wire.AppendBytes(rated, 2, charge(0, 0))
	rated = wire.AppendBytes(rated, 2, charge(1, 10))
	rated = wire.AppendBytes(rated, 3, event)
	rated = wire.AppendVarint(rated, 4, 7)
	s := udr.Suspended{Seq: 151, Line: 152, Bytes: 153, Raw: []byte("raw"), Preamble: []byte("preamble"), Usage: usage, Part: 154,
		Parts: 155,
		Why:   udr.SuspendError{Code: "code", Rule: "rule", Position: "position", Values: "values", Reason: "reason"}}
	end := udr.FileEnd{Name: "name of the file", Records: 161, Added: 162, Filtered: 163, Mapped: 164, Suspended: 165, Bytes: 166,
		FramingBytes: 167, FilteredBytes: 168,
		Taken: 1774700000_169000000, Units: []udr.UnitTotal{{Class: "class", Quantity: 170}},
		Retried: []udr.ID{{File: udr.FileID{0xde}, Seq: 171}}, Continues: udr.FileID{0xc0}}
	m := wire.AppendVarint(wire.AppendVarint(nil, 1, 1), 2, 1)
	m = wire.AppendBytes(m, 3, []byte{0xf1, 15: 0})
	m = wire.AppendVarint(m, 5, 181)
	m = wire.AppendString(m, 6, "catalogue")
	m = wire.AppendString(m, 7, "source")
	m = wire.AppendString(m, 8, "rules")
	m = wire.AppendBytes(m, 13, udr.AppendFileEnd(nil, &end))
	m = wire.AppendBytes(m, 9, rated)
	m = wire.AppendBytes(m, 10, udr.AppendSuspended(nil, &s))
	return [][]byte{wire.AppendBytes(m, 11, usage)}
}

// fill is the rows that those messages make in one table, or in all if it is "", or why they are no rows.
func fill(t *testing.T, table string) (s string) {
	defer func() {
		if fault := recover(); fault != nil {
			s = fmt.Sprint("a block that cannot be read: ", fault)
		}
	}()
	account := func(_ context.Context, number uint32, _ uint64) (string, error) {
		return fmt.Sprint("id of ", number), nil
	}
	s, err := warehouse.Filled(t.Context(), distinct(), account, hourEast, table)
	require.NoError(t, err)
	return s
}

// TestColumnsHoldWhatTheirNamesSay shows the value of each column: the texts name the field that they come from.
func TestColumnsHoldWhatTheirNamesSay(t *testing.T) {
	const path = "testdata/columns.txt"
	filled := fill(t, "")
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(filled), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), filled, "see the difference; if it is right: go test ./internal/warehouse -run Columns -rewrite")
	for _, table := range warehouse.Tables() {
		for c := range warehouse.Inserted(&table) {
			require.Contains(t, filled, fmt.Sprintf("%s.%s = ", table.Name, c))
		}
	}
}

// TestSwappingAnyTwoColumnsIsNoticed by TestColumnsHoldWhatTheirNamesSay. Two whose values have different lengths make a
// block that no engine reads.
func TestSwappingAnyTwoColumnsIsNoticed(t *testing.T) {
	all := fill(t, "")
	tables := warehouse.Tables()
	for i := range tables {
		want := fill(t, tables[i].Name)
		layouts := warehouse.Inserted(&tables[i])
		for a, of := range layouts {
			for b, other := range layouts {
				if a >= b || of != other {
					continue
				}
				warehouse.Swap(&tables[i], a, b)
				swapped := fill(t, tables[i].Name)
				warehouse.Swap(&tables[i], a, b)
				require.NotEqual(t, want, swapped, "%s: %s and %s are swapped", tables[i].Name, a, b)
			}
		}
	}
	require.Equal(t, all, fill(t, ""))
}

// TestRowsOfAFormerVersionHaveTheNewColumns: those that a version without the columns wrote, or writes beside this one.
func TestRowsOfAFormerVersionHaveTheNewColumns(t *testing.T) {
	w := newWorld(t, testengine.SharedClickHouse(t), "former")
	do := func(statement string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), statement), statement) }
	for _, table := range []string{"rated_usage", "tier_charges", "suspense", "duplicates", "usage_events", "suspense_closed"} {
		do("ALTER TABLE " + table + " DROP COLUMN id")
	}
	for _, table := range []string{"rated_usage", "tier_charges", "suspense", "duplicates", "usage_events", "files"} {
		do("ALTER TABLE " + table + " DROP COLUMN log")
	}
	for _, column := range []string{"price", "charged", "covered", "rest"} {
		do("ALTER TABLE tier_charges DROP COLUMN " + column)
	}
	do("TRUNCATE TABLE ratemill_migrations")
	do("INSERT INTO ratemill_migrations (version) VALUES (9)")
	do("INSERT INTO tier_charges (file, seq, tier, account, plan, amount) VALUES ('a', 1, 1, 'sub', 'w', 1)")
	require.NoError(t, w.warehouse.Migrate(t.Context(), warehouse.Layout{}))
	do("INSERT INTO tier_charges (file, seq, tier, account, plan, amount) VALUES ('a', 2, 1, 'sub', 'w', 1)")

	u := random(rand.New(rand.NewSource(5)), 3)
	var l log
	l.mark()
	l.batch(udr.FileID{0xbb}, nil, record{usage: u, tiers: []string{"1", "2"}})
	w.append(0, l.messages)
	s := w.sink(0)
	s.Generation = 4
	require.NoError(t, w.run(s, int64(len(l.messages))))
	var out bytes.Buffer
	_, err := w.warehouse.Print(t.Context(), &out, warehouse.AsCSV, "SELECT id, log, price, charged, covered, rest FROM tier_charges "+
		"ORDER BY id")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("id,log,price,charged,covered,rest\na:1,1,,0,0,0\na:2,1,,0,0,0\n"+
		"bb000000000000000000000000000000:3,4,eu,%d,10000,0\n", u.Quantity), out.String())
	out.Reset()
	_, err = w.warehouse.Print(t.Context(), &out, warehouse.AsCSV, "SELECT id, tier, price, covered FROM charges WHERE file LIKE "+
		"'bb%' ORDER BY tier")
	require.NoError(t, err)
	require.Equal(t, "id,tier,price,covered\nbb000000000000000000000000000000:3,0,eu,10000\nbb000000000000000000000000000000:3,1,eu,10000\n",
		out.String())
	require.EqualValues(t, 2, w.number("count() FROM (SELECT file AS id FROM tier_charges GROUP BY id)"),
		"an alias comes before the column")
}
