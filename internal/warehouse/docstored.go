package warehouse

import (
	"context"
	"fmt"
	"strings"

	"ratemill/internal/control"
)

// exportKey is the place of a row in a table of invoices.
func exportKey(table string) string {
	if table == documentTable || table == closeTable {
		return "(n, toUInt32(0))"
	}
	return "(n, no)"
}

// ExportEnd implements DocumentInserter.
func (w *Warehouse) ExportEnd(ctx context.Context, table string, from, to int64) (end ExportPlace, some bool, err error) {
	var rows, n uint64
	key := exportKey(table)
	err = w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(), max(%s).1, max(%s).2 FROM %s WHERE n BETWEEN %d AND %d", key, key, table,
		from, to)).
		Scan(&rows, &n, &end.No)
	end.N = int64(n)
	return end, rows > 0, sorted("find the last row of "+table, err)
}

// ExportRows implements DocumentInserter.
func (w *Warehouse) ExportRows(ctx context.Context, table string, first, last ExportPlace) (int, error) {
	var rows uint64
	err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE %s BETWEEN (%d, %d) AND (%d, %d)", table, exportKey(table),
		first.N, first.No,
		last.N, last.No)).Scan(&rows)
	return int(rows), sorted("count the rows of "+table, err)
}

// ExportedTables returns the state of the tables of invoices, as stored in ClickHouse.
type ExportedTables struct {
	Newest  int64  // the last place of a document or close
	Hash    string // hash of the document at Newest; empty for a close
	Missing int64  // the first place whose rows a table lacks, 0 if there is none
	Lacks   int64  // number of rows that tables lack
	Tables  string // tables that lack rows
	Excess  string // tables that have a row twice
}

// Exported implements DocumentInserter.
func (w *Warehouse) Exported(ctx context.Context) (e ExportedTables, err error) {
	var newest, missing uint64
	err = w.conn.QueryRow(ctx, `SELECT max(n), argMax(hash, n) FROM (SELECT n, hash FROM documents UNION ALL SELECT n, '' FROM closes)`).
		Scan(&newest, &e.Hash)
	if err != nil {
		return e, sorted("find the newest document", err)
	}
	e.Newest = int64(newest)
	var lacking, excess []string
	for _, t := range []struct{ table, should, has string }{
		{documentTable + " and " + closeTable, fmt.Sprintf("SELECT number + 1 AS n, 1 AS rows FROM numbers(%d)", newest),
			"SELECT n, count() AS rows FROM (SELECT n FROM documents UNION ALL SELECT n FROM closes) GROUP BY n"},
		{lineTable, "SELECT n, any(lines) AS rows FROM documents GROUP BY n", "SELECT n, count() AS rows FROM document_lines GROUP BY n"},
		{itemTable, "SELECT n, any(items) AS rows FROM documents GROUP BY n", "SELECT n, count() AS rows FROM document_items GROUP BY n"},
		{closeUsageTable, "SELECT n, any(usage_rows) AS rows FROM closes GROUP BY n",
			"SELECT n, count() AS rows FROM close_usage GROUP BY n"},
	} {
		var first, more uint64
		var lacks int64
		err := w.conn.QueryRow(ctx, fmt.Sprintf(`SELECT minIf(s.n, toInt64(h.rows) < toInt64(s.rows)), countIf(toInt64(h.rows) > toInt64(s.rows)),
			sum(toInt64(s.rows) - toInt64(h.rows)) FROM (%s) AS s LEFT JOIN (%s) AS h ON h.n = s.n`, t.should, t.has)).
			Scan(&first, &more, &lacks)
		if err != nil {
			return e, sorted("count the rows of "+t.table, err)
		}
		if first > 0 {
			lacking = append(lacking, t.table)
			e.Lacks += lacks
			if missing == 0 || first < missing {
				missing = first
			}
		}
		if more > 0 {
			excess = append(excess, t.table)
		}
	}
	e.Missing, e.Tables, e.Excess = int64(missing), strings.Join(lacking, ", "), strings.Join(excess, ", ")
	return e, nil
}

// compare implements copied. It waits until a range that was begun is complete. After rows were rewritten, it checks
// that all of them are there.
func (s *DocumentSink) compare(ctx context.Context, at control.SinkPosition, found bool) (next int64, err error) {
	if found {
		return at.Next, nil
	}
	next = at.Next
	if !s.checked {
		if next, err = s.missing(ctx, next); err != nil {
			return 0, err
		}
		s.checked = true
	}
	if s.repairs && next > s.ask {
		err = s.repaired(ctx)
	}
	return next, err
}

// missing compares the warehouse with the position, and returns the place from which rows are missing. The sink
// rewrites rows that ClickHouse lost, because the control store has all documents.
func (s *DocumentSink) missing(ctx context.Context, next int64) (int64, error) {
	w, err := s.Warehouse.Exported(ctx)
	if err != nil {
		return 0, err
	}
	if w.Excess != "" {
		return 0, fmt.Errorf("%s: rows of a document or close are duplicated, or another program writes to these tables; "+
			"drop the tables, and let ratemill fill them again: ratemill stores remake TABLE… --why \"…\"", w.Excess)
	}
	if err := s.same(ctx, w); err != nil {
		return 0, err
	}
	s.ask = max(next-1, w.Newest)
	from := w.Newest + 1
	if w.Missing > 0 {
		from = w.Missing
	}
	if from == next {
		return next, nil
	}
	if from < next {
		s.Log.Warn("ClickHouse has fewer rows of invoices than before; writing them again", "from", from, "to", s.ask, "tables",
			w.Tables)
	} else {
		s.Log.Warn("ClickHouse has more invoices than its position in the control store; continuing after them", "newest", w.Newest,
			"position", next)
	}
	s.Repeated.Add(1)
	s.repairs = from < next
	return from, s.move(ctx, from)
}

// repaired checks after a rewrite that no table lacks rows any more. It does not fill a table that
// lost rows between others, because the table's other rows may also differ from the written ones.
func (s *DocumentSink) repaired(ctx context.Context) error {
	w, err := s.Warehouse.Exported(ctx)
	switch {
	case err != nil:
		return err
	case w.Missing == 0 && w.Excess == "":
		s.repairs, s.lacked = false, ExportedTables{}
		return nil
	case s.lacked.Lacks > 0 && w != s.lacked:
		s.repairs, s.checked, s.lacked = false, false, ExportedTables{} // a table was dropped
		return fmt.Errorf("%s lack %d rows now; comparing them again", w.Tables, w.Lacks)
	}
	s.lacked = w
	return fmt.Errorf("%s lack %d rows from document or close %d on, between other rows: some were deleted or changed; "+
		"drop these tables, and let ratemill fill them again: ratemill stores remake TABLE… --why \"…\"", w.Tables, w.Lacks, w.Missing)
}

// same returns an error unless the newest document of the warehouse belongs to this control store.
func (s *DocumentSink) same(ctx context.Context, w ExportedTables) error {
	if w.Newest == 0 {
		return nil
	}
	all, err := s.Documents.Exports(ctx, w.Newest-1, 1)
	if err != nil {
		return err
	}
	hash := ""
	if len(all) == 1 && all[0].Document != nil {
		hash = all[0].Document.Hash
	}
	if len(all) == 1 && hash == w.Hash {
		return nil
	}
	return fmt.Errorf("ClickHouse has final documents and closes up to number %d, but the control store has a different "+
		"number %d, or none: one of the two is an older copy (docs/runbooks/stores-of-different-days.md)."+
		" To take the documents of this control store, drop the tables %s of ClickHouse and let ratemill fill them again: "+
		"ratemill stores remake TABLE… --why \"…\"", w.Newest, w.Newest,
		strings.Join(exportTables,
			", "))
}
