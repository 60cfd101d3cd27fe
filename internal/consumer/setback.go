package consumer

import (
	"context"
	"fmt"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
)

// A control store that was restored from a backup, or whose standby took over without the last transactions, has old
// positions: everything from there on would be written a second time, in blocks with other bounds and thus other
// tokens.

// unwritten checks, before the intent for the first block after a takeover is recorded, that the warehouse has no row
// of the block. Rows are written only after their intent, so a row without one was written from a position that the
// store has lost.
func (s *ByToken[R]) unwritten(ctx context.Context, intent control.Intent) error {
	rows := 0
	for _, b := range s.Block.Tables() {
		if b.Rows() == 0 || !safeguard.On(safeguard.FirstIsAsked) {
			continue
		}
		rows += b.Rows()
		b.Of(intent.From, intent.To)
		there := 0
		err := s.until(ctx, "ask the warehouse for rows after the position", func() (err error) {
			there, err = s.Inserter.Stored(ctx, b)
			return err
		})
		refused, noTable := s.Refused(err)
		switch {
		case noTable: // the insert reports the error
		case refused:
			return s.stop(intent.From, control.StopOther, err.Error())
		case err != nil:
			return err
		}
		if there > 0 {
			return s.writtenBefore(ctx, intent, b, there)
		}
	}
	s.proven = rows > 0
	return nil
}

// writtenBefore distinguishes another sink, which moved the position since it was read, from an old position.
func (s *ByToken[R]) writtenBefore(ctx context.Context, intent control.Intent, b R, there int) error {
	var now control.SinkPosition
	err := s.until(ctx, "read the position", func() (err error) {
		now, err = s.Positions.SinkGet(ctx, s.Name, s.Partition)
		return err
	})
	switch {
	case err != nil:
		return err
	case now.Version > s.at.Version:
		return control.ErrConflict
	}
	return s.stop(intent.From, control.StopOther, fmt.Sprintf("the control store is older than %s: by its position, offset %d is the "+
		"first that is not in the warehouse, "+
		"but %s has %d rows of offsets %d to %d; %s", s.Engine, s.at.Next, b.Name(), there, intent.From, intent.To, control.OlderStore))
}

// wentBack returns the error for a position older than the one that this consumer recorded.
func (s *ByToken[R]) wentBack(before control.SinkPosition) error {
	now := s.at
	s.at = before
	return s.stop(before.Next, control.StopOther, fmt.Sprintf("the control store went back while this process was running: its "+
		"position in the warehouse is %d, and was %d already; %s",
		now.Next, before.Next, control.OlderStore))
}
