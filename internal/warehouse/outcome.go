package warehouse

import (
	"context"
	"fmt"
	"slices"

	"ratemill/udr"
)

// Outcome is the outcome for a file's usage records after mediation sent them.
type Outcome struct {
	Arrived bool // the file's end is in the warehouse
	// Ended means that the end is in the warehouse, and is so recent that rated records still exist (warehouse.keep).
	// The numbers are then final, except for records in suspense.
	Ended     bool
	Rated     uint64 // in rated_usage
	Duplicate uint64 // in duplicates
	Suspended uint64 // suspended by mediation or rating, whether they still wait or not
	Retried   uint64 // of all suspended records, by mediation or rating: sent again in a retry batch
	Dropped   uint64 // of all suspended records: dropped by a user
}

// outcomesAtOnce limits the text of a query, because ClickHouse accepts 256 KiB.
const outcomesAtOnce = 1000

// Outcomes returns the outcomes of those files that have any data in the warehouse.
func (w *Warehouse) Outcomes(ctx context.Context, files []udr.FileID) (map[udr.FileID]Outcome, error) {
	all := map[udr.FileID]Outcome{}
	for some := range slices.Chunk(files, outcomesAtOnce) {
		ids := make([]string, len(some))
		for i := range some {
			ids[i] = some[i].String()
		}
		if err := w.outcomes(ctx, ids, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (w *Warehouse) outcomes(ctx context.Context, ids []string, all map[udr.FileID]Outcome) error {
	// The view decides which files are within the retention of rated_usage; rated records of older files no
	// longer exist.
	rows, err := w.conn.Query(ctx, fmt.Sprintf(`
SELECT toString(id), max(a), max(e), sum(r), sum(d), sum(s), sum(again), sum(gone) FROM (
  SELECT file AS id, toUInt8(1) AS a, toUInt8(%s) AS e, toUInt64(0) AS r, toUInt64(0) AS d, toUInt64(0) AS s, toUInt64(0) AS again, toUInt64(0) AS gone FROM files AS f WHERE f.file IN (?)
  UNION ALL SELECT toString(file), 0, 0, count(), 0, 0, 0, 0 FROM rated_usage WHERE file IN (?) GROUP BY file
  UNION ALL SELECT toString(file), 0, 0, 0, count(), 0, 0, 0 FROM duplicates WHERE file IN (?) GROUP BY file
  UNION ALL SELECT toString(file), 0, 0, 0, 0, count(), 0, 0 FROM suspense WHERE file IN (?) GROUP BY file
  UNION ALL SELECT toString(file), 0, 0, 0, 0, 0, countIf(how = 'retried'), countIf(how = 'dropped') FROM suspense_closed WHERE file IN (?) GROUP BY file
) GROUP BY id`, w.layout.balanced("f")), ids, ids, ids, ids, ids)
	if err != nil {
		return sorted("count what became of files", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var arrived, ended uint8
		var o Outcome
		if err := rows.Scan(&id, &arrived, &ended, &o.Rated, &o.Duplicate, &o.Suspended, &o.Retried, &o.Dropped); err != nil {
			return sorted("count what became of files", err)
		}
		file, err := udr.ParseFileID(id)
		if err != nil {
			return err
		}
		o.Arrived, o.Ended = arrived == 1, ended == 1
		all[file] = o
	}
	return sorted("count what became of files", rows.Err())
}
