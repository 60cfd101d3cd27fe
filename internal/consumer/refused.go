package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
)

// A block that the warehouse refuses stops its partition. The consumer finds the bad rows by trying smaller and
// smaller parts of the block, and reports them. An operator then changes the table so that it accepts them and lets
// the sink try again, or orders to skip them: they are left out, and remain as a difference in the balance of their
// files.

// Prober reports whether a table would accept rows, without storing them. An Inserter may implement it.
type Prober[R any] interface {
	Probe(ctx context.Context, rows R) error
}

// RefusedRow is a row that the warehouse refuses.
type RefusedRow struct {
	Table  string          `json:"table"`
	Row    int             `json:"row"`    // index in the block that begins at the stop, from 0
	Record string          `json:"record"` // FILE:SEQ
	Offset int64           `json:"offset"` // offset in the rated log
	Why    string          `json:"why"`
	Values json.RawMessage `json:"values"` // by column
}

// mostRefused is the largest number of refused rows to search for. More of them indicate a problem of the table,
// not of the rows.
const mostRefused = 100

// refused finds the rows that cause the refusal of a block.
func (s *ByToken[R]) refused(ctx context.Context, intent control.Intent, b R, err error) error {
	stop := s.stop(intent.From, control.StopOther, "")
	said := fmt.Sprintf("the warehouse refuses the %d rows of %s that come from offsets %d to %d: %v", b.Rows(), b.Name(), intent.From,
		intent.To, err)
	prober, ok := s.Inserter.(Prober[R])
	if !ok {
		stop.Reason = said
		return stop
	}
	var rows []RefusedRow
	probed := s.until(ctx, "find the rows that the warehouse refuses", func() (err error) {
		finishing, end := outlast(ctx)
		defer end()
		rows, err = s.refusedRows(finishing, prober, b)
		return err
	})
	switch {
	case probed != nil && backoff.Unavailable(probed):
		return probed
	case probed != nil:
		stop.Reason = fmt.Sprintf("%s; cannot determine which of them: %v", said, probed)
	case len(rows) == 0:
		stop.Reason = said + "; " + s.Engine + " accepts each of them alone, so the rows are not the cause"
	default:
		if stop.Detail, err = json.Marshal(rows); err != nil {
			return err
		}
		r := &rows[0]
		stop.Reason = fmt.Sprintf("the warehouse refuses a row of %s: record %s, from offset %d: %s", r.Table, r.Record, r.Offset, r.Why)
		if n := len(rows); n > 1 {
			stop.Reason += fmt.Sprintf(" (and %d rows more)", n-1)
		}
		if b.Balanced() {
			stop.Kind = control.StopRows
		}
	}
	stop.Reason += "; nothing is lost: the block is written once the warehouse accepts it"
	return stop
}

// refusedRows finds the refused rows of a block, up to a limit.
func (s *ByToken[R]) refusedRows(ctx context.Context, p Prober[R], b R) (rows []RefusedRow, err error) {
	var look func(from, to int) error
	look = func(from, to int) error {
		if len(rows) == mostRefused {
			return nil
		}
		part := b.Filter(func(row int) bool { return row >= from && row < to })
		err := p.Probe(ctx, part)
		if refused, _ := s.Refused(err); err == nil || !refused {
			return err
		}
		if to-from > 1 {
			half := (from + to) / 2
			if err := look(from, half); err != nil {
				return err
			}
			return look(half, to)
		}
		why := err
		row, err := part.Only()
		row.Row, row.Why = from, why.Error()
		rows = append(rows, row)
		return err
	}
	return rows, look(0, b.Rows())
}

// without returns a block without the rows that an operator ordered to skip.
func (s *ByToken[R]) without(intent control.Intent, b R) (R, error) {
	var none R
	out := map[int]bool{}
	for _, order := range s.reader.Orders(intent.From) {
		var rows []RefusedRow
		if order.Kind != control.StopRows || json.Unmarshal(order.Detail, &rows) != nil {
			continue
		}
		for _, r := range rows {
			if r.Table != b.Name() {
				continue
			}
			same, err := s.same(b, r)
			if err != nil {
				return none, err
			}
			if !same {
				return none, s.stop(intent.From, control.StopOther, fmt.Sprintf("row %d of %s is not the one that %s ordered to "+
					"leave out; does the control store belong to this Kafka?", r.Row, r.Table, order.Who))
			}
			out[r.Row] = true
		}
	}
	if len(out) == 0 {
		return b, nil
	}
	s.Log.Warn("rows are left out of the warehouse, as ordered", "partition", s.Partition, "table", b.Name(), "rows", len(out), "offset",
		intent.From)
	return b.Filter(func(row int) bool { return !out[row] }), nil
}

// same reports whether a row is still the row in the order.
func (s *ByToken[R]) same(b R, r RefusedRow) (bool, error) {
	if r.Row >= b.Rows() {
		return false, nil
	}
	now, err := b.Filter(func(row int) bool { return row == r.Row }).Only()
	if err != nil {
		return false, err
	}
	var is, named map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(now.Values, &is), json.Unmarshal(r.Values, &named)); err != nil {
		return false, err
	}
	for column, value := range named { // possibly written by a version that had fewer columns
		if !bytes.Equal(is[column], value) {
			return false, nil
		}
	}
	return true, nil
}
