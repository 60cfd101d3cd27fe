package warehouse

import (
	"context"
	"fmt"
	"time"

	"ratemill/udr"
)

// OffBalance returns the files whose balance is not zero although their end has arrived, ordered by source and
// name.
func (w *Warehouse) OffBalance(ctx context.Context) ([]FileBalance, error) {
	return w.balance(ctx, " WHERE difference != 0 OR difference_bytes != 0")
}

// EndlessFile is a file with records in the warehouse whose end has not arrived.
type EndlessFile struct {
	File, Source string
	Records      uint64
	Last         time.Time // arrival of the file's last record
}

// EndsMissing returns the files with records in the warehouse, but without their end.
func (w *Warehouse) EndsMissing(ctx context.Context) (all []EndlessFile, err error) {
	rows, err := w.conn.Query(ctx, `SELECT toString(file), toString(any(source)), count(), max(stored) FROM rated_usage
		WHERE toString(file) NOT IN (SELECT file FROM files) GROUP BY file ORDER BY file`)
	if err != nil {
		return nil, sorted("find files without an end", err)
	}
	defer rows.Close()
	for rows.Next() {
		var f EndlessFile
		if err := rows.Scan(&f.File, &f.Source, &f.Records, &f.Last); err != nil {
			return nil, sorted("find files without an end", err)
		}
		all = append(all, f)
	}
	return all, sorted("find files without an end", rows.Err())
}

// RootSource records that usage of a billing root came from a source.
type RootSource struct {
	Root   uint32
	Source string
}

// SourcesOfRoots returns the sources from which usage of the billing roots arrived since a day.
func (w *Warehouse) SourcesOfRoots(ctx context.Context, since time.Time) (all []RootSource, err error) {
	rows, err := w.conn.Query(ctx,
		fmt.Sprintf(`SELECT DISTINCT root_number, toString(source) FROM rated_usage WHERE at >= toDateTime64('%s', 9, 'UTC')`,
			since.UTC().Format(time.DateTime)))
	if err != nil {
		return nil, sorted("list the sources of billing roots", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s RootSource
		if err := rows.Scan(&s.Root, &s.Source); err != nil {
			return nil, sorted("list the sources of billing roots", err)
		}
		all = append(all, s)
	}
	return all, sorted("list the sources of billing roots", rows.Err())
}

// WaitingRecords is the number of a SIM's records from a source that wait in suspense.
type WaitingRecords struct {
	Source     string
	Identifier udr.Identifier // identifier of the SIM as the carrier wrote it; without a value if it was not mapped
	At         time.Time      // the earliest time of use, 1970 if it was not mapped
	Records    uint64
}

// WaitingRecords returns the records that wait in suspense, by source, SIM and day.
func (w *Warehouse) WaitingRecords(ctx context.Context) (all []WaitingRecords, err error) {
	rows, err := w.conn.Query(ctx, `SELECT toString(source), toString(identifier_kind), identifier, min(at), count() FROM suspense
		WHERE (file, seq) NOT IN (SELECT file, seq FROM suspense_closed) GROUP BY source, identifier_kind, identifier, toDate32(at)
		ORDER BY source, identifier_kind, identifier, min(at)`)
	if err != nil {
		return nil, sorted("count suspended records", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r WaitingRecords
		var kind string
		if err := rows.Scan(&r.Source, &kind, &r.Identifier.Value, &r.At, &r.Records); err != nil {
			return nil, sorted("count suspended records", err)
		}
		r.Identifier.Kind, _ = udr.ParseIDKind(kind)
		all = append(all, r)
	}
	return all, sorted("count suspended records", rows.Err())
}
