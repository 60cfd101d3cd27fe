package warehouse

import (
	"context"
	"fmt"

	"ratemill/udr"
)

// BlockOf is the block of rated_usage that one message makes.
func BlockOf(ctx context.Context, message []byte, account func(context.Context, uint32, uint64) (string, error)) *Block {
	r := newRows(0, account)
	if err := r.Add(ctx, 0, message); err != nil {
		panic(err)
	}
	return r.rated.b
}

// Adder makes rows of messages, again and again, in the same memory.
func Adder(ctx context.Context, messages [][]byte, account func(context.Context, uint32, uint64) (string, error), offset func(context.Context, uint32, udr.Instant, uint64) (Offset, error)) func() {
	r := newRows(0, account)
	r.offset = offset
	return func() {
		r.Reset()
		for i, m := range messages {
			if err := r.Add(ctx, int64(i), m); err != nil {
				panic(err)
			}
		}
		r.rated.b.native()
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
	err := c.parse(message)
	return fmt.Sprint(c.tier, c.account, c.plan, c.planVersion, c.price, c.currency, c.cycle, c.zone, c.rounded, c.covered, c.total, c.rest), err
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
