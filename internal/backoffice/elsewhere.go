package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

// elsewhere explains where an unrated record is, or under which other id it was rated. unknown is the error to
// return for an unknown record.
func (q *inquiry) elsewhere(ctx context.Context, id string, unknown error) error {
	suspended, err := q.warehouse.Suspense(ctx, warehouse.SuspenseFilter{ID: id, Closed: true, Limit: 2})
	switch {
	case err != nil:
		return err
	case len(suspended) > 1:
		return fmt.Errorf("%s matches several records, such as %s and %s; give more of the id", id, suspended[0].ID, suspended[1].ID)
	case len(suspended) == 1:
		return q.sinceSuspense(ctx, id, suspended[0].ID)
	}
	duplicate, err := q.warehouse.IsDuplicate(ctx, id)
	switch {
	case err != nil:
		return err
	case duplicate:
		return warehouse.NotFound("%s was not rated, because it is a duplicate of an earlier record; it is in the table duplicates", id)
	}
	return q.inNoTable(ctx, id, unknown)
}

// inNoTable explains why a record may be missing from all tables although its file is known.
func (q *inquiry) inNoTable(ctx context.Context, id string, unknown error) error {
	prefix, _, err := udr.ParseID(id)
	if err != nil {
		return err
	}
	files, err := q.Store.Files(ctx, control.FileFilter{IDStart: prefix, Limit: 100})
	if err != nil {
		return err
	}
	// An unread copy of a file has its own file id.
	files = slices.DeleteFunc(files, func(f control.File) bool { return f.State == control.Duplicate })
	if len(files) != 1 {
		return unknown
	}
	f := &files[0]
	name := strings.TrimPrefix(f.Path, "/")
	balance, err := q.warehouse.BalanceOf(ctx, f.FileID)
	switch {
	case err != nil:
		return err
	case f.State != control.Done:
		return warehouse.NotFound("%s is not in the warehouse, which does not have all of %s yet (state %s); see `ratemill files`", id,
			name, f.State)
	case balance == nil || balance.Difference != 0:
		return warehouse.NotFound("%s is not in the warehouse, which does not have all of %s yet; try again in a moment, "+
			"and if that does not help, see `ratemill partition list`", id, name)
	case f.Retry != 0:
		return warehouse.NotFound("%s was not rated: %s has it neither in suspense nor among duplicates, so the rules filtered it or "+
			"it is not a record", id, name)
	}
	return warehouse.NotFound("%s was not rated: %s has it neither in suspense nor among duplicates, so its rules "+
		"filtered it or it is not a record; `ratemill try -v` with the file shows why", id, name)
}

// sinceSuspense describes the later history of a suspended record, through all of its retries.
func (q *inquiry) sinceSuspense(ctx context.Context, id string, record udr.ID) error {
	for retried := false; ; retried = true {
		closed, err := q.warehouse.ClosedAs(ctx, record)
		if err != nil {
			return err
		}
		short := Short(record.String())
		switch {
		case closed == nil && !retried:
			return warehouse.NotFound("%s is in suspense, not rated; `ratemill suspense show %s` shows why", id, id)
		case closed == nil:
			return warehouse.NotFound("%s was retried, and is in suspense again as %s; `ratemill suspense show %s` shows why", id, short,
				short)
		case closed.Retry == "":
			as, why := "", ""
			if retried {
				as = ", as " + short + " after a retry,"
			}
			if closed.Why != "" { // in the oldest tables the column did not exist
				why = ": " + closed.Why
			}
			return warehouse.NotFound("%s was not rated: it was in suspense%s and was dropped on %s by %s%s", id, as, Moment(closed.At),
				closed.Who, why)
		}
		_, became, again, err := q.became(ctx, record, closed)
		if err != nil {
			return err
		}
		if again == (udr.ID{}) {
			return warehouse.NotFound("%s was in suspense, was retried and %s", id, became)
		}
		record = again
	}
}
