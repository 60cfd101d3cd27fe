package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// Suspended is a record in suspense.
type Suspended struct {
	ID udr.ID
	udr.Suspended
	Pin    udr.Pin
	File   string // name of the file; empty until the file's end arrives
	Stage  string
	Stored time.Time
}

// SuspenseFilter selects waiting records; empty fields select all.
type SuspenseFilter struct {
	ID     string // file:seq, or the beginning of a file's id
	Source string
	Code   string
	Rule   string
	SIM    []udr.Identifier // one of these identifiers was mapped
	Limit  int              // 0 is 1000
	Closed bool             // include records that no longer wait
}

// Chooses reports whether the filter leaves out records.
func (f *SuspenseFilter) Chooses() bool {
	return f.ID != "" || f.Source != "" || f.Code != "" || f.Rule != "" || len(f.SIM) > 0
}

// where returns the filter as a condition on the table suspense.
func (f *SuspenseFilter) where() (condition string, args []any) {
	conditions := []string{"1"}
	if !f.Closed {
		conditions[0] = "(file, seq) NOT IN (SELECT file, seq FROM suspense_closed)"
	}
	add := func(condition string, value any) {
		conditions, args = append(conditions, condition), append(args, value)
	}
	if f.ID != "" {
		prefix, seq, err := udr.ParseID(f.ID)
		if err != nil {
			prefix = f.ID
		} else {
			add("seq = ?", seq)
		}
		add("startsWith(file, ?)", prefix)
	}
	for column, value := range map[string]string{"source": f.Source, "code": f.Code, "rule": f.Rule} {
		if value != "" {
			add(column+" = ?", value)
		}
	}
	if len(f.SIM) > 0 {
		var any []string
		for _, id := range f.SIM {
			any, args = append(any, "(identifier_kind = ? AND identifier = ?)"), append(args, id.Kind.String(), id.Value)
		}
		conditions = append(conditions, "("+strings.Join(any, " OR ")+")")
	}
	return strings.Join(conditions, " AND "), args
}

// Suspense returns the waiting records, ordered by source, file and sequence.
func (w *Warehouse) Suspense(ctx context.Context, f SuspenseFilter) ([]Suspended, error) {
	condition, args := f.where()
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	return w.suspended(ctx, fmt.Sprintf("%s ORDER BY source, file, seq LIMIT %d", condition, f.Limit), args...)
}

// SuspendedRecords returns a source's suspended records, waiting or not, ordered by id. It leaves out
// records that are not (yet) in the warehouse.
func (w *Warehouse) SuspendedRecords(ctx context.Context, source string, ids []udr.ID) (all []Suspended, err error) {
	for part := range slices.Chunk(ids, 500) {
		var list strings.Builder
		for i, id := range part {
			if i > 0 {
				list.WriteByte(',')
			}
			fmt.Fprintf(&list, "('%s',%d)", id.File, id.Seq)
		}
		some, err := w.suspended(ctx, "source = ? AND (file, seq) IN ("+list.String()+") ORDER BY file, seq", source)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (w *Warehouse) suspended(ctx context.Context, where string, args ...any) (all []Suspended, err error) {
	rows, err := w.conn.Query(ctx, `SELECT s.file, s.seq, s.line, s.bytes, s.source, s.rules, s.catalogue, s.registry, s.stage, s.code, s.rule, s.position, s.values, s.reason, s.raw, s.usage, s.preamble, s.part, s.parts, s.stored, f.name
		FROM (SELECT * FROM suspense WHERE `+where+`) AS s
		LEFT JOIN files AS f ON f.file = toString(s.file) ORDER BY s.source, s.file, s.seq`, args...)
	if err != nil {
		return nil, sorted("list suspense", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s Suspended
		var file, raw, usage, preamble string
		if err := rows.Scan(&file, &s.Seq, &s.Line, &s.Bytes, &s.Pin.Source, &s.Pin.Rules, &s.Pin.Catalogue, &s.Pin.Registry, &s.Stage,
			&s.Why.Code, &s.Why.Rule, &s.Why.Position, &s.Why.Values, &s.Why.Reason, &raw, &usage, &preamble, &s.Part, &s.Parts, &s.Stored,
			&s.File); err != nil {
			return nil, sorted("list suspense", err)
		}
		s.ID.Seq = s.Seq
		if s.ID.File, err = udr.ParseFileID(file); err != nil {
			return nil, err
		}
		s.Raw, s.Usage, s.Preamble = []byte(raw), []byte(usage), []byte(preamble)
		all = append(all, s)
	}
	return all, sorted("list suspense", rows.Err())
}

// SuspendedKey is the data needed to select records for a retry.
type SuspendedKey struct {
	ID     udr.ID
	Source string
	Code   string
	Weight uint64 // bytes of raw record and usage
}

// SuspenseKeys returns all waiting records, ordered by source, file and sequence. It ignores Limit.
func (w *Warehouse) SuspenseKeys(ctx context.Context, f SuspenseFilter) (all []SuspendedKey, err error) {
	condition, args := f.where()
	rows, err := w.conn.Query(ctx, "SELECT file, seq, source, code, length(raw) + length(usage) FROM suspense WHERE "+condition+
		" ORDER BY source, file, seq", args...)
	if err != nil {
		return nil, sorted("list suspense", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k SuspendedKey
		var file string
		if err := rows.Scan(&file, &k.ID.Seq, &k.Source, &k.Code, &k.Weight); err != nil {
			return nil, sorted("list suspense", err)
		}
		if k.ID.File, err = udr.ParseFileID(file); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, sorted("list suspense", rows.Err())
}

// SuspenseReason is the number of records that wait for the same reason.
type SuspenseReason struct {
	Records, Files               uint64
	Source, Code, Rule, Position string
	Reason                       string // of one of the records
	Since                        time.Time
	Example                      udr.ID
}

// SuspenseReasons returns the numbers of waiting records by reason, largest first, with the time of the first record.
// It ignores Limit.
func (w *Warehouse) SuspenseReasons(ctx context.Context, f SuspenseFilter) (all []SuspenseReason, err error) {
	condition, args := f.where()
	rows, err := w.conn.Query(ctx, `SELECT count() AS n, uniqExact(file), source, code, rule, position, argMin(reason, (file, seq)), min(stored), toString(argMin(file, (file, seq))), argMin(seq, (file, seq))
		FROM suspense WHERE `+condition+` GROUP BY source, code, rule, position ORDER BY n DESC, source, code, rule, position`, args...)
	if err != nil {
		return nil, sorted("list suspense", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r SuspenseReason
		var file string
		if err := rows.Scan(&r.Records, &r.Files, &r.Source, &r.Code, &r.Rule, &r.Position, &r.Reason, &r.Since, &file,
			&r.Example.Seq); err != nil {
			return nil, sorted("list suspense", err)
		}
		if r.Example.File, err = udr.ParseFileID(file); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, sorted("list suspense", rows.Err())
}

// SuspenseWords are a source and a code that records in suspense have or had, and the number of records that
// still wait with them.
type SuspenseWords struct {
	Source, Code string
	Waiting      uint64
}

// SuspenseWords returns all sources and codes of suspense, in alphabetical order.
func (w *Warehouse) SuspenseWords(ctx context.Context) (all []SuspenseWords, err error) {
	rows, err := w.conn.Query(ctx,
		`SELECT source, code, countIf((file, seq) NOT IN (SELECT file, seq FROM suspense_closed))
			FROM suspense GROUP BY source, code ORDER BY source, code`)
	if err != nil {
		return nil, sorted("list suspense", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s SuspenseWords
		if err := rows.Scan(&s.Source, &s.Code, &s.Waiting); err != nil {
			return nil, sorted("list suspense", err)
		}
		all = append(all, s)
	}
	return all, sorted("list suspense", rows.Err())
}

// Closed describes how a record left suspense.
type Closed struct {
	How   string // retried or dropped
	Retry string // id of the retry batch's file
	Who   string
	Why   string
	At    time.Time
}

// ClosedAs returns how a record left suspense; nil while it waits.
func (w *Warehouse) ClosedAs(ctx context.Context, id udr.ID) (*Closed, error) {
	rows, err := w.conn.Query(ctx, "SELECT how, retry, who, why, closed FROM suspense_closed WHERE file = ? AND seq = ? LIMIT 1",
		id.File.String(), id.Seq)
	if err != nil {
		return nil, sorted("find a record", err)
	}
	defer rows.Close()
	var c *Closed
	for rows.Next() {
		c = &Closed{}
		if err := rows.Scan(&c.How, &c.Retry, &c.Who, &c.Why, &c.At); err != nil {
			return nil, sorted("find a record", err)
		}
	}
	return c, sorted("find a record", rows.Err())
}

// Place is the table that has a record of a file.
type Place struct {
	Table string // rated_usage, suspense or duplicates
	ID    udr.ID
}

// Places returns where the record on a line of a file is now: no place if the record was filtered, or is not in the
// warehouse yet.
func (w *Warehouse) Places(ctx context.Context, file udr.FileID, line uint64) (all []Place, err error) {
	id := file.String()
	rows, err := w.conn.Query(ctx, `SELECT * FROM (SELECT 'rated_usage' AS t, seq FROM rated_usage WHERE file = ? AND line = ? UNION ALL SELECT 'suspense', seq FROM suspense WHERE file = ? AND line = ?
		UNION ALL SELECT 'duplicates', seq FROM duplicates WHERE file = ? AND line = ?) ORDER BY t, seq`, id, line, id, line, id, line)
	if err != nil {
		return nil, sorted("find a record", err)
	}
	defer rows.Close()
	for rows.Next() {
		p := Place{ID: udr.ID{File: file}}
		if err := rows.Scan(&p.Table, &p.ID.Seq); err != nil {
			return nil, sorted("find a record", err)
		}
		all = append(all, p)
	}
	return all, sorted("find a record", rows.Err())
}

// DropSuspended permanently removes records from suspense. token identifies the request: repeating it with the same
// token changes nothing.
func (w *Warehouse) DropSuspended(ctx context.Context, ids []udr.ID, who, why string, at time.Time, token string) error {
	b := newBlock(table(closedTable))
	for _, id := range ids {
		b.fill([]row{{closed: &closing{id: id, how: dropped, who: who, why: why, at: udr.InstantOf(at)}}})
	}
	return w.Insert(ctx, b, token)
}
