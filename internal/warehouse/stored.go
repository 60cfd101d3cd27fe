package warehouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// storedFiles is the number of files in one query: their ids, 35 bytes each, must fit into ClickHouse's
// max_query_size of 256 KiB.
const storedFiles = 5000

// Stored implements Inserter. A table has the rows of a block if it has the same number of rows with the block's
// partition and offsets. Rows from another Kafka may have the same offsets, so the rows must also belong to the block's
// files; and to its time, which avoids reading the months of other rows.
func (w *Warehouse) Stored(ctx context.Context, b *Block) (int, error) {
	column, condition := "file", ""
	if b.Table == closedTable {
		// This table has no offsets. A retry batch closes records with its end, which counts once, so all these rows
		// are in one block.
		column, condition = "retry", fmt.Sprintf("how = '%s' AND ", retried)
	} else {
		condition = fmt.Sprintf("partition = %d AND offset BETWEEN %d AND %d AND ", binary.LittleEndian.Uint16(b.column("partition").fixed),
			b.from, b.to)
	}
	if at := b.byName["at"]; at != nil {
		first, last := at.range64()
		condition += fmt.Sprintf("at BETWEEN fromUnixTimestamp64Nano(%d, 'UTC') AND fromUnixTimestamp64Nano(%d, 'UTC') AND ", first, last)
	}
	total := 0
	for files := range slices.Chunk(b.column(column).distinct(), storedFiles) {
		var n uint64
		row := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE %s%s IN ('%s')", b.Table, condition, column,
			strings.Join(files, "','")))
		if err := row.Scan(&n); err != nil {
			return 0, sorted("count its rows of "+b.Table, err)
		}
		total += int(n)
	}
	return total, nil
}

// Replicated implements Inserter.
func (w *Warehouse) Replicated() bool { return w.layout.Cluster != "" }

// range64 returns the smallest and the largest number of a 64-bit column.
func (d *data) range64() (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	for b := d.fixed; len(b) > 0; b = b[8:] {
		v := int64(binary.LittleEndian.Uint64(b))
		first, last = min(first, v), max(last, v)
	}
	return first, last
}

// distinct returns the texts of a text column, each once.
func (d *data) distinct() (all []string) {
	if d.dictionary != nil {
		used := make([]bool, len(d.dictionary.names))
		for _, key := range d.dictionary.keys {
			if !used[key] {
				used[key] = true
				all = append(all, d.dictionary.names[key])
			}
		}
		return all
	}
	for b := d.texts; len(b) > 0; {
		n, size := binary.Uvarint(b)
		all = append(all, string(b[size:size+int(n)]))
		b = b[size+int(n):]
	}
	slices.Sort(all)
	return slices.Compact(all)
}
