package warehouse

import (
	"context"
	"fmt"
	"time"

	"ratemill/internal/control"
	"ratemill/registry"
)

// factKey is the place of a row in a table of facts.
func factKey(table string) string {
	if table == revisionTable {
		return "(revision, toUInt32(0))"
	}
	return "(known, n)"
}

// FactEnd implements FactInserter.
func (w *Warehouse) FactEnd(ctx context.Context, table string, from, to registry.Revision) (end control.FactPlace, some bool, err error) {
	var rows, known uint64
	var n uint32
	key := factKey(table)
	err = w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count(), max(%s).1, max(%s).2 FROM %s WHERE %s.1 BETWEEN %d AND %d", key, key,
		table, key, from, to)).
		Scan(&rows, &known, &n)
	return control.FactPlace{Known: registry.Revision(known), N: int64(n)}, rows > 0, sorted("find the last fact of "+table, err)
}

// FactRows implements FactInserter.
func (w *Warehouse) FactRows(ctx context.Context, table string, first, last control.FactPlace) (int, error) {
	var rows uint64
	err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE %s BETWEEN (%d, %d) AND (%d, %d)", table, factKey(table),
		first.Known, first.N, last.Known, last.N)).
		Scan(&rows)
	return int(rows), sorted("count the facts of "+table, err)
}

// countedFacts are the columns of registry_revisions that count the facts of a table.
var countedFacts = map[string]string{companyTable: "companies", accountTable: "accounts", simTable: "sims", identifierTable: "identifiers",
	stateTable: "states", statementTable: "statements"}

// Revisions implements FactInserter.
func (w *Warehouse) Revisions(ctx context.Context) (r Revisions, err error) {
	r.Should, r.Has = map[string]uint64{}, map[string]uint64{}
	var newest uint64
	if err := w.conn.QueryRow(ctx, "SELECT max(revision), argMax(at, revision) FROM "+revisionTable).Scan(&newest, &r.At); err != nil {
		return r, sorted("read the newest revision of the registry", err)
	}
	r.Newest = registry.Revision(newest)
	for _, t := range factTables {
		var should, has uint64
		err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT sum(%s) FROM %s WHERE revision <= %d", countedFacts[t.name], revisionTable,
			newest)).Scan(&should)
		if err == nil {
			err = w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE known <= %d", t.name, newest)).Scan(&has)
		}
		if err != nil {
			return r, sorted("count the facts of "+t.name, err)
		}
		r.Should[t.name], r.Has[t.name] = should, has
	}
	return r, nil
}

// compare implements copied.
func (s *FactSink) compare(ctx context.Context, at control.SinkPosition, _ bool) (next int64, err error) {
	if s.checked {
		return at.Next, nil
	}
	if next, err = s.missing(ctx, at); err == nil {
		s.checked = true
	}
	return next, err
}

// missing compares the warehouse with the position, and returns the place from which facts are missing. The sink
// rewrites facts that ClickHouse lost or that belong to recreated tables, because the control store has all
// facts.
func (s *FactSink) missing(ctx context.Context, at control.SinkPosition) (next int64, err error) {
	w, err := s.Warehouse.Revisions(ctx)
	if err != nil {
		return 0, err
	}
	to := at.Next - 1
	if at.Intent != nil {
		to = at.Intent.To
	}
	if int64(w.Newest) > 0 {
		if err := s.same(ctx, w); err != nil {
			return 0, err
		}
	}
	for _, t := range factTables {
		if err := s.refill(ctx, t.name, t.from, w); err != nil {
			return 0, err
		}
	}
	s.ask = registry.Revision(max(to, int64(w.Newest)+1))
	switch newest := int64(w.Newest); {
	case at.Intent != nil && newest >= at.Intent.From-1 && newest <= at.Intent.To, at.Intent == nil && newest == at.Next-1:
		return at.Next, nil // complete, or within the range that was begun
	case newest < at.Next-1:
		s.Log.Warn("ClickHouse has fewer facts of the registry than before; writing them again", "it has revision", newest,
			"it had revision", at.Next-1)
	default:
		s.Log.Warn("ClickHouse has more facts of the registry than its position in the control store; continuing after them",
			"it has revision", newest,
			"position", at.Next-1)
	}
	next = int64(w.Newest) + 1
	err = s.move(ctx, next)
	return next, err
}

// same returns an error unless the newest revision of the warehouse belongs to this control store.
func (s *FactSink) same(ctx context.Context, w Revisions) error {
	changes, err := s.Facts.RegistryChanges(ctx, w.Newest-1, 1)
	if err != nil {
		return err
	}
	if len(changes) == 1 && changes[0].Revision == w.Newest && changes[0].At.Equal(w.At) {
		return nil
	}
	return fmt.Errorf("ClickHouse has facts of the registry up to revision %d, which became known at %s, but the control "+
		"store has a different revision %d, or none: one of the two is an older copy (docs/runbooks/stores-of-different-days.md)."+
		" To take the facts of this control store, drop the tables %s of ClickHouse and let ratemill fill them again: "+
		"ratemill stores remake TABLE… --why \"…\"", w.Newest,
		w.At.Format(time.RFC3339), w.Newest, factTableNames())
}

// refill fills a table that was recreated empty after facts had been written to it.
func (s *FactSink) refill(ctx context.Context, table string, from control.FactTable, w Revisions) error {
	should, has := w.Should[table], w.Has[table]
	if has == should {
		return nil
	}
	if has > should {
		return fmt.Errorf("%s holds %d facts up to revision %d, but the control store has %d: some are duplicated, or "+
			"another program writes to the table; drop the table, and let ratemill fill it again: ratemill stores remake %s "+
			"--why \"…\"", table, has, w.Newest, should, table)
	}
	s.Log.Warn("ClickHouse lacks facts of the registry in a table; writing them again", "table", table, "facts", should-has)
	for after := registry.Revision(0); after < w.Newest; {
		changes, err := s.Facts.RegistryChanges(ctx, after, mostRevisions)
		if err != nil {
			return err
		}
		changes = ranged(changes)
		for len(changes) > 0 && changes[len(changes)-1].Revision > w.Newest {
			changes = changes[:len(changes)-1]
		}
		if len(changes) == 0 {
			break
		}
		if err := s.copyTable(ctx, table, from, changes, true); err != nil {
			return err
		}
		after = changes[len(changes)-1].Revision
	}
	now, err := s.Warehouse.Revisions(ctx)
	if err == nil && now.Has[table] != now.Should[table] {
		err = fmt.Errorf("%s holds %d facts up to revision %d, but the control store has %d: some were deleted or changed; drop the table, and "+
			"let ratemill fill it again: ratemill stores remake %s --why \"…\"", table, now.Has[table], now.Newest, now.Should[table], table)
	}
	return err
}

func factTableNames() (names string) {
	for _, t := range factTables {
		names += t.name + " "
	}
	return names + "and " + revisionTable
}
