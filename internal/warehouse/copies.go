package warehouse

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// Copies finds rated records of a source by their duplicate keys and times of use, no matter which root paid for
// them. If several match a key, it returns one of them.
func (w *Warehouse) Copies(ctx context.Context, source string, keys []udr.RecordKey) (map[udr.RecordKey]udr.ID, error) {
	found := map[udr.RecordKey]udr.ID{}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b udr.RecordKey) int { return int(min(max(a.At-b.At, -1), 1)) })
	for part := range slices.Chunk(keys, 500) { // keys of similar times together, because the table is divided by months
		var hashes, times strings.Builder
		for i, k := range part {
			if i > 0 {
				hashes.WriteByte(',')
				times.WriteByte(',')
			}
			fmt.Fprintf(&hashes, "'%s'", hex.EncodeToString(k.Duplicate[:]))
			fmt.Fprintf(&times, "%d", int64(k.At))
		}
		// The times narrow down the rows before any hash is read.
		rows, err := w.conn.Query(ctx, `SELECT file, seq, at, duplicate_key FROM rated_usage
			PREWHERE at BETWEEN fromUnixTimestamp64Nano(?) AND fromUnixTimestamp64Nano(?) AND toUnixTimestamp64Nano(at) IN (`+times.String()+`)
			WHERE source = ? AND lower(hex(duplicate_key)) IN (`+hashes.String()+`) ORDER BY file, seq`, int64(part[0].At), int64(part[len(part)-1].At), source)
		if err != nil {
			return nil, sorted("look for rated records", err)
		}
		for rows.Next() {
			var file, key string
			var at time.Time
			var id udr.ID
			err := rows.Scan(&file, &id.Seq, &at, &key)
			if err == nil {
				id.File, err = udr.ParseFileID(file)
			}
			if err != nil {
				rows.Close()
				return nil, sorted("look for rated records", err)
			}
			k := udr.RecordKey{At: udr.InstantOf(at)}
			copy(k.Duplicate[:], key)
			if _, there := found[k]; !there {
				found[k] = id
			}
		}
		err = rows.Err()
		rows.Close()
		if err != nil {
			return nil, sorted("look for rated records", err)
		}
	}
	return found, nil
}
