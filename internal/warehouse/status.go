package warehouse

import (
	"context"
	"time"
)

// Ping checks whether ClickHouse answers.
func (w *Warehouse) Ping(ctx context.Context) error {
	return sorted("check that it is up", w.conn.Ping(ctx))
}

// Totals is the balance of all files together, for alerts. Differences are added up without sign, so that missing
// records of one file do not hide excess records of another.
type Totals struct {
	Files       uint64 // files whose balance is not zero
	Records     int64  // missing or excess records
	Bytes       int64
	Units       int64  // quantity that mediation sent to rating, all classes together (file_balance_units has them separately)
	EndsMissing uint64 // files with records in the warehouse, but without their end
	Suspense    uint64 // records that wait
}

// Totals adds up the balance of the files that are due: their end arrived so long ago that the records in other
// partitions have arrived too. A file without an end counts if nothing of it has arrived for that long.
//
// It reads the sums of rated_usage, one row per file and part, and all rows of suspense and duplicates.
func (w *Warehouse) Totals(ctx context.Context, due time.Duration) (t Totals, err error) {
	row := w.conn.QueryRow(ctx, `
WITH now64(3, 'UTC') - toIntervalMillisecond(?) AS cut, toDateTime64(0, 3, 'UTC') AS never
SELECT countIf(done AND (off != 0 OR off_bytes != 0 OR off_units != 0)),
       toInt64(sumIf(abs(off), done)), toInt64(sumIf(abs(off_bytes), done)), toInt64(sumIf(abs(off_units), done)),
       countIf(ended = never AND last <= cut), (SELECT count() FROM suspense_open)
FROM (
  SELECT file, sum(n) AS off, sum(b) AS off_bytes, sum(q) AS off_units, max(e) AS ended, max(l) AS last, ended > never AND ended <= cut AND min(k) AS done
  FROM (
    SELECT file, toInt64(records) + toInt64(added) - toInt64(filtered) AS n, toInt64(bytes) - toInt64(framing_bytes) - toInt64(filtered_bytes) AS b,
           arraySum(mapValues(units)) AS q, stored AS e, never AS l, `+w.layout.balanced("f")+` AS k FROM files AS f
    UNION ALL SELECT toString(of), -toInt64(n), -toInt64(b), -q, never, l, 1
      FROM (SELECT file AS of, count() AS n, sum(bytes) AS b, sum(quantity) AS q, max(stored) AS l FROM rated_usage GROUP BY of)
    UNION ALL SELECT toString(of), -toInt64(n), -toInt64(b), -q, never, l, 1
      FROM (SELECT file AS of, count() AS n, sum(bytes) AS b, sum(quantity) AS q, max(stored) AS l FROM duplicates GROUP BY of)
    UNION ALL SELECT toString(of), -toInt64(n), -toInt64(b), -q, never, l, 1
      FROM (SELECT file AS of, count() AS n, sum(bytes) AS b, sumIf(quantity, stage = 'rating') AS q, max(stored) AS l FROM suspense GROUP BY of)
  ) GROUP BY file
) SETTINGS max_bytes_before_external_group_by = 1000000000`, due.Milliseconds())
	if err := row.Scan(&t.Files, &t.Records, &t.Bytes, &t.Units, &t.EndsMissing, &t.Suspense); err != nil {
		return t, sorted("add up the balance", err)
	}
	return t, nil
}
