package warehouse

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// markTable has one row once its parts are merged.
const markTable = "ratemill_mark"

// Mark returns the newest mark of the control store that this warehouse received, and the time of the mark; zero if
// there is none.
func (w *Warehouse) Mark(ctx context.Context) (number int64, at time.Time, err error) {
	err = sorted("read its newest mark", w.conn.QueryRow(ctx, "SELECT toInt64(max(mark)), max(given) FROM "+markTable).Scan(&number, &at))
	if refused := (*RefusedError)(nil); errors.As(err, &refused) && refused.Code == unknownTable {
		return 0, time.Time{}, nil
	}
	if number == 0 {
		at = time.Time{}
	}
	return number, at, err
}

// SetMark stores a mark. Migrate before.
func (w *Warehouse) SetMark(ctx context.Context, number int64, at time.Time) error {
	engine := "AggregatingMergeTree"
	if w.layout.Cluster != "" {
		engine = "ReplicatedAggregatingMergeTree"
	}
	insert := fmt.Sprintf("INSERT INTO %s (mark, given) VALUES (%d, fromUnixTimestamp64Milli(%d, 'UTC'))", markTable, number, at.UnixMilli())
	err := w.exec(ctx, "write a mark", insert)
	if refused := (*RefusedError)(nil); !errors.As(err, &refused) || refused.Code != unknownTable {
		return err
	}
	err = w.exec(ctx, "create the table of marks", fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s (mark SimpleAggregateFunction(max, UInt64), "+
		"given SimpleAggregateFunction(max, DateTime64(3, 'UTC'))) ENGINE = %s ORDER BY tuple() COMMENT 'The newest mark of the control store: "+
		"tells which of the two is older'", markTable, w.layout.onCluster(), engine))
	if err != nil {
		return err
	}
	return w.exec(ctx, "write a mark", insert)
}
