package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/udr"
)

// BlockOf is the block of rated_usage that one message makes.
func BlockOf(ctx context.Context, message []byte, account func(context.Context, uint32, uint64) (string, error)) *Block {
	r := newRows(0, account)
	if err := r.Add(ctx, 0, message); err != nil {
		panic(err)
	}
	return r.rated
}

// Adder makes rows of messages, again and again, in the same memory.
func Adder(ctx context.Context, messages [][]byte, account func(context.Context, uint32, uint64) (string, error),
	offset func(context.Context, uint32, udr.Instant, uint64) (Offset, error)) func() {
	r := newRows(0, account)
	r.offset = offset
	return func() {
		r.Reset()
		for i, m := range messages {
			if err := r.Add(ctx, int64(i), m); err != nil {
				panic(err)
			}
		}
		r.rated.native()
	}
}

// InsertByDriver inserts as a DSN of the native protocol does. The driver takes the values; which protocol carries them
// is its own affair.
func (w *Warehouse) InsertByDriver(ctx context.Context, b *Block, token string) error {
	return w.insertNative(ctx, "take rows", b, token)
}

// ColumnsOfCharge are the columns that a charge fills, in words.
func ColumnsOfCharge(message []byte) (string, error) {
	var c chargeColumns
	err := parseChargeColumns(message, &c)
	return fmt.Sprint(c.tier, c.account, c.plan, c.planVersion, c.price, c.currency, c.cycle, c.zone, c.rounded, c.covered, c.total, c.rest),
		err
}

// PassingCodes are ClickHouse's exceptions that a sink waits for.
var PassingCodes = passingCodes

// Creates are the statements that make the tables, by name.
func Creates(l Layout) map[string]string {
	all := map[string]string{}
	for i := range tables {
		all[tables[i].Name] = tables[i].create(l, version)
	}
	return all
}

// Filled is the rows that messages make in one table, or in all if it is "", a line for each value: table, column, value.
func Filled(ctx context.Context, messages [][]byte, account func(context.Context, uint32, uint64) (string, error),
	offset func(context.Context, uint32, udr.Instant, uint64) (Offset, error), in string) (string, error) {
	r := newRows(9, account)
	r.offset = offset
	for i, m := range messages {
		if err := r.Add(ctx, 1000+int64(i), m); err != nil {
			return "", err
		}
	}
	r.closed.fill([]row{{closed: &closing{id: udr.ID{File: udr.FileID{0xdd}, Seq: 172}, how: dropped, who: "who", why: "why", at: 173}}})
	var s strings.Builder
	for _, b := range slices.Concat(r.blocks, factBlocks(), exportBlocks()) {
		if in != "" && b.Table != in {
			continue
		}
		decoded, err := b.decoded()
		if err != nil {
			return "", err
		}
		for row := range b.Rows() {
			for i, c := range decoded.Columns {
				v := c.Row(row, false)
				if at, ok := v.(time.Time); ok {
					v = at.UTC().Format(time.RFC3339Nano)
				}
				fmt.Fprintf(&s, "%s.%s = %q\n", b.Table, b.columns[i].name, fmt.Sprint(v))
			}
		}
	}
	return s.String(), nil
}

// factBlocks are blocks of one fact no two of whose values are the same where two columns could be taken for each other.
func factBlocks() (blocks []*Block) {
	f := fact{change: &control.RegistryChange{Revision: 201, At: time.Unix(1774700000, 202), Who: "who", Why: "why", Companies: 203,
		Accounts: 204, SIMs: 205,
		Identifiers: 206, States: 207, Statements: 208}, n: 209, cause: "cause", owner: "owner", withheld: []string{"withheld"},
		company: registry.Company{ID: "company", Name: "name", Kind: registry.Reseller},
		account: registry.AccountFact{Number: 210, ID: "account", From: 1774700000_211000000, State: registry.AfterEnd,
			Company: "company", Project: "project",
			Kind: registry.ResellerAccount, Parent: 212, Currency: "currency", Zone: "zone", CycleDay: 13, Plan: "plan",
			SharePlans: []string{"share", "plans"}, Limits: []string{"limits"}},
		sim: registry.OwnershipFact{SIM: 214, From: 1774700000_215000000, State: registry.Ended, Account: 216, Plan: "plan"},
		identifier: registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.MSISDN, Value: "value"}, From: 1774700000_217000000,
			State: registry.Withdrawn,
			SIM:   218},
		state: registry.StateFact{SIM: 219, From: 1774700000_220000000, StateValue: registry.StateValue{Name: "name", Core: 2,
			Lifecycle: "lifecycle", Brought: true}},
		statement: registry.Statement{Kind: "kind", Subject: "subject", Name: "name", From: 1774700000_221000000, Value: []byte("value")}}
	for i := range registryTables {
		b := newBlock(&registryTables[i])
		b.fillFacts([]fact{f})
		blocks = append(blocks, b)
	}
	return blocks
}

// Inserted are a table's columns that are inserted: what their values look like in a block, by name.
func Inserted(table *Table) map[string]string {
	layouts := map[string]string{}
	for i := range table.Columns {
		c := &table.Columns[i]
		if c.fill == nil {
			continue
		}
		switch kind, _, _ := strings.Cut(c.Type, "("); kind {
		case "LowCardinality", "String":
			layouts[c.Name] = "text"
		case "UInt64", "Int64", "DateTime64":
			layouts[c.Name] = "8 bytes"
		case "UInt32", "Int32", "Date32":
			layouts[c.Name] = "4 bytes"
		case "UInt8", "Bool":
			layouts[c.Name] = "a byte"
		default:
			layouts[c.Name] = c.Type
		}
	}
	return layouts
}

// Swap lets two columns of a table be filled as the other one, and the same again undoes it.
func Swap(table *Table, a, b string) {
	var of []*Column
	for i := range table.Columns {
		if c := &table.Columns[i]; c.Name == a || c.Name == b {
			of = append(of, c)
		}
	}
	of[0].fill, of[1].fill = of[1].fill, of[0].fill
}

// CreatesAs is Creates with other types of columns.
func CreatesAs(of func(column, is string) string) map[string]string {
	all := map[string]string{}
	for i := range tables {
		t := tables[i]
		t.Columns = slices.Clone(t.Columns)
		for j := range t.Columns {
			t.Columns[j].Type = of(t.Columns[j].Name, t.Columns[j].Type)
		}
		all[t.Name] = t.create(Layout{}, version)
	}
	return all
}

// Decides reports whether it is decided what the warehouse gets of a kind of statements.
func Decides(kind registry.Kind) bool { return shownFields[kind] != nil }
