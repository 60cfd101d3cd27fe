package warehouse

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ratemill/internal/consumer"
)

// balanced lists the tables whose rows count in a file's balance. Rows of other tables cannot be left out,
// because no balance would show the gap.
var balanced = []string{ratedTable, suspenseTable, duplicateTable}

// Balanced implements consumer.Rows.
func (b *Block) Balanced() bool { return slices.Contains(balanced, b.Table) }

// Only implements consumer.Rows.
func (b *Block) Only() (r consumer.RefusedRow, err error) {
	r.Table = b.Table
	decoded, err := b.decoded()
	if err != nil {
		return r, err
	}
	values := map[string]any{}
	for i, c := range decoded.Columns {
		v := c.Row(0, false)
		if text, ok := v.(fmt.Stringer); ok {
			v = text.String()
		}
		values[b.columns[i].name] = v
	}
	r.Record = fmt.Sprintf("%v:%v", values["file"], values["seq"])
	r.Offset, _ = values["offset"].(int64)
	r.Values, err = json.Marshal(values)
	return r, err
}

// Probe implements consumer.Prober by a table with the same columns and constraints that stores nothing.
func (w *Warehouse) Probe(ctx context.Context, b *Block) error {
	probe := *b
	probe.Table = "probe_" + b.Table + "_" + strings.ToLower(rand.Text()[:8])
	if err := w.exec(ctx, "make a table to probe rows", "CREATE TABLE "+probe.Table+" AS "+b.Table+" ENGINE = Null"); err != nil {
		return err
	}
	err := w.Insert(ctx, &probe, "")
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		err = &RefusedError{refused.Code, unprobed(refused.Text, probe.Table, b.Table)}
	}
	return errors.Join(err, w.exec(ctx, "drop the table to probe rows", "DROP TABLE "+probe.Table))
}

// unprobed turns ClickHouse's message about a probe into a message about the table itself. An order to leave out
// rows refers to this message, so the same refusal must have the same text at every attempt. It also removes the
// UUID of the probe that ClickHouse puts after a name.
func unprobed(text, probe, table string) string {
	return regexp.MustCompile(regexp.QuoteMeta(probe)+"(`?)( \\([0-9a-f-]{36}\\))?").ReplaceAllString(text, table+"$1")
}
