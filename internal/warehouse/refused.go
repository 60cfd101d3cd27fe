package warehouse

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// A block that the warehouse refuses stops its partition. The rows to blame are found by asking for ever smaller parts
// of it, and named. Somebody then makes the table take them and lets the sink try again, or orders to go on without
// them: they stay out, and the balance of their files stays off by them.

// Prober says whether a table would take rows, without keeping them: Warehouse does.
type Prober interface {
	Probe(ctx context.Context, b *Block) error
}

// RefusedRow is a row that the warehouse does not take.
type RefusedRow struct {
	Table  string          `json:"table"`
	Row    int             `json:"row"`    // in the block that begins where the partition stopped, from 0
	Record string          `json:"record"` // FILE:SEQ
	Offset int64           `json:"offset"` // of the rated log
	Why    string          `json:"why"`
	Values json.RawMessage `json:"values"` // by column
}

// mostRefused bounds how many rows are looked for: more is a matter of the table, not of the rows.
const mostRefused = 100

// balanced are the tables whose rows a file's balance counts. Rows of others cannot be left out: nobody would notice.
var balanced = []string{ratedTable, suspenseTable, duplicateTable}

// refused names the rows for which a block is refused.
func (s *Sink) refused(ctx context.Context, intent control.Intent, b *Block, err error) error {
	stop := s.stop(intent.From, control.StopOther, nil, "")
	said := fmt.Sprintf("the warehouse refuses the %d rows of %s that offsets %d to %d hold: %v", b.Rows(), b.Table, intent.From, intent.To, err)
	prober, ok := s.Warehouse.(Prober)
	if !ok {
		stop.Reason = said
		return stop
	}
	var rows []RefusedRow
	probed := s.until(ctx, "find the rows that the warehouse refuses", func() (err error) {
		finishing, end := outlast(ctx)
		defer end()
		rows, err = refusedRows(finishing, prober, b)
		return err
	})
	switch {
	case probed != nil && passing(probed):
		return probed
	case probed != nil:
		stop.Reason = fmt.Sprintf("%s; cannot determine which of them: %v", said, probed)
	case len(rows) == 0:
		stop.Reason = said + "; ClickHouse takes each of them alone, so the rows are not the cause"
	default:
		if stop.Detail, err = json.Marshal(rows); err != nil {
			return err
		}
		r := &rows[0]
		stop.Reason = fmt.Sprintf("the warehouse refuses a row of %s: record %s, from offset %d: %s", r.Table, r.Record, r.Offset, r.Why)
		if n := len(rows); n > 1 {
			stop.Reason += fmt.Sprintf(" (and %d rows more)", n-1)
		}
		if slices.Contains(balanced, b.Table) {
			stop.Kind = control.StopRows
		}
	}
	stop.Reason += "; nothing is lost: the block is written once the warehouse accepts it"
	return stop
}

// refusedRows finds the rows of a block that are refused, not more than some.
func refusedRows(ctx context.Context, p Prober, b *Block) (rows []RefusedRow, err error) {
	var look func(from, to int) error
	look = func(from, to int) error {
		if len(rows) == mostRefused {
			return nil
		}
		part := b.pick(func(row int) bool { return row >= from && row < to })
		err := p.Probe(ctx, part)
		var refused *RefusedError
		if err == nil || !errors.As(err, &refused) {
			return err
		}
		if to-from > 1 {
			half := (from + to) / 2
			if err := look(from, half); err != nil {
				return err
			}
			return look(half, to)
		}
		row, err := part.only()
		row.Row, row.Why = from, refused.Error()
		rows = append(rows, row)
		return err
	}
	return rows, look(0, b.Rows())
}

// only is the row of a block that has one, as people read it.
func (b *Block) only() (r RefusedRow, err error) {
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

// without is a block without the rows that somebody ordered to leave out.
func (s *Sink) without(intent control.Intent, b *Block) (*Block, error) {
	out := map[int]bool{}
	for _, order := range s.skips[intent.From] {
		var rows []RefusedRow
		if order.Kind != control.StopRows || json.Unmarshal(order.Detail, &rows) != nil {
			continue
		}
		for _, r := range rows {
			if r.Table != b.Table {
				continue
			}
			same, err := s.same(b, r)
			if err != nil {
				return nil, err
			}
			if !same {
				return nil, s.stop(intent.From, control.StopOther, nil, fmt.Sprintf("row %d of %s is not the one that %s ordered to leave out; is the control store that of this Kafka?", r.Row, r.Table, order.Who))
			}
			out[r.Row] = true
		}
	}
	if len(out) == 0 {
		return b, nil
	}
	s.Log.Warn("rows are left out of the warehouse, as ordered", "partition", s.Partition, "table", b.Table, "rows", len(out), "offset", intent.From)
	return b.pick(func(row int) bool { return !out[row] }), nil
}

// same says that a row is still the one that was named.
func (s *Sink) same(b *Block, r RefusedRow) (bool, error) {
	if r.Row >= b.Rows() {
		return false, nil
	}
	now, err := b.pick(func(row int) bool { return row == r.Row }).only()
	if err != nil {
		return false, err
	}
	var is, named map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(now.Values, &is), json.Unmarshal(r.Values, &named)); err != nil {
		return false, err
	}
	for column, value := range named { // by a version that had fewer columns, perhaps
		if !bytes.Equal(is[column], value) {
			return false, nil
		}
	}
	return true, nil
}

// orders learns what was ordered about this partition.
func (s *Sink) orders(ctx context.Context) error {
	if s.Skips == nil {
		return nil
	}
	return s.until(ctx, "read the orders for the partition", func() error {
		orders, err := s.Skips(ctx)
		s.skips = ratedlog.NewSkips(orders)
		return err
	})
}

// Probe implements Prober by a table of the same columns and constraints that keeps nothing.
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

// unprobed is ClickHouse's message about a probe as that about the table itself. It is part of what an order to leave rows
// out is for, so the same refusal must read the same at every attempt; the UUID that ClickHouse puts after a name is the
// probe's too.
func unprobed(text, probe, table string) string {
	return regexp.MustCompile(regexp.QuoteMeta(probe)+"(`?)( \\([0-9a-f-]{36}\\))?").ReplaceAllString(text, table+"$1")
}
