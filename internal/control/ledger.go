package control

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// The life of a file:
//
//	seen ──LeaseNext──► spooling ──SetIdentity──► spooling ──Pin──► reading ──Finish──► done ──MarkAfterDone──►
//	 │                    │            └─ the content is known ──► duplicate
//	 └─ Vanished ► vanished            Fail ► failed (taken again at a time, or for good)
//
// A lease ends by Release, at the end of the file, or when it expires and another owner takes the file. If an
// owner dies, another owner takes the file in the same state: pins and recorded progress stay.
//
// From Pin on, the content of a file never changes, because records of it may have been sent. content.go handles
// content that is no longer where it was listed.

// FileState is the state of a file.
type FileState string

// The states of a file.
const (
	Seen      FileState = "seen"      // waits for a mediator
	Spooling  FileState = "spooling"  // a mediator is fetching and hashing it
	Reading   FileState = "reading"   // identified and pinned; its records are being sent
	Done      FileState = "done"      // all its records were sent
	Duplicate FileState = "duplicate" // the same content arrived before, under this name or another
	Failed    FileState = "failed"    // could not be read; Open reports whether reading will be retried
	Vanished  FileState = "vanished"  // was gone before it was read
	Refused   FileState = "refused"   // cannot be read because of its name or type; or a directory that cannot be listed
	Dropped   FileState = "dropped"   // given up by a user before any of it was read
)

// FileStates lists all states, in the order of a file's life.
var FileStates = []FileState{Seen, Spooling, Reading, Done, Duplicate, Failed, Vanished, Refused, Dropped}

// Sighting is an entry in a source's listing.
type Sighting struct {
	Path  string
	Size  int64
	MTime time.Time
}

// File is a row of the ledger.
type File struct {
	Number int64
	Source string
	Sighting
	Retry       int64 // number of the retry batch, 0 for a carrier's file
	State       FileState
	Open        bool   // there is work to do
	Why         string // why it is failed, duplicate or vanished
	DuplicateOf int64  // number of the file that had the content first, 0 for none
	FileID      udr.FileID
	Content     []byte // hash
	Attempts    int    // failures so far
	RetryAt     time.Time
	Owner       string
	LeaseUntil  time.Time
	Generation  int64

	Pinned   bool
	Pins     Pins
	Progress Progress
	AsItIs   bool      // a user ordered to read it even if it looks unfinished
	FinishBy string    // user who ordered to read it to its end although its source was removed; empty for none
	Compared time.Time // when all of its content was last fetched and compared; zero if unknown
	Gone     bool      // the content is no longer where it was listed, although records of it may have been sent
	Place    Sighting  // where the content is: as listed, or under the path of a file that arrived with the same content

	FirstSeen, LastSeen, Spooled, Started, Closed, After time.Time

	AfterWhy      string // why the source's "after" action failed
	AfterAttempts int    // number of these failures

	foundAs int64
}

// Time returns the file's time as rules read it. This is the modification time, or the time when the file was first
// seen if the server gives none (0) or the server's clock is more than a day ahead.
func (f *File) Time() time.Time {
	switch {
	case f.FirstSeen.Unix() <= 0: // for files outside any ledger
		return f.MTime
	case f.MTime.Unix() <= 0, f.MTime.After(f.FirstSeen.Add(24 * time.Hour)):
		return f.FirstSeen
	}
	return f.MTime
}

// Pins holds everything on which the result of a file depends.
type Pins struct {
	Rules      string
	Registry   registry.Revision
	Catalogue  string
	Partitions int
	Part       Part
}

// Part is the part of its content that belongs to a file: all of it if the file does not continue another.
type Part struct {
	Continues int64  // number of the file that this file continues, 0 for none
	From      int64  // bytes of the unpacked content that belong to that file and the files before it
	Fetched   int64  // first byte that was fetched; the bytes before it were known from the continued file; 0 if all bytes were fetched
	Changed   int64  // number of the file with the same name and opening that is not the beginning of this file; 0 for none
	Opening   []byte // hash of the content up to the first record that was not filtered
	Content   []byte // hash of the unpacked content
	Size      int64  // size of the unpacked content
	Known     int64  // number of files with this opening when Part was decided
}

// Amount is a number of records and their bytes.
type Amount struct{ Records, Bytes int64 }

// Progress is the reading position of a file, and the outcome of its records.
type Progress struct {
	Read      Amount
	Filtered  Amount
	Suspended Amount
	Mapped    Amount
	Usages    int64    // usage records sent
	Seq       uint64   // the last sequence number assigned
	LastSeqs  []uint64 // the last sequence number sent, by partition
	Expected  int64    // number of records according to the file's own trailer; -1 if unknown
	Ended     bool     // the end was sent although the file failed: raters drop everything after it
	Unread    bool     // with its pins, nothing of the file can be sent, not even its end
	State     []byte   // state of the file's reader; opaque here
	Ending    *Ending  // all records are acknowledged, and the end may have been sent; nil before that
}

// Ending holds what is needed to send the end of a file without its content.
type Ending struct {
	Totals []byte // a FileEnd message; opaque here
	Why    string // why the file could not be read further; empty if it was read to its end
	Since  time.Time
}

// Lease is the right to work on a file.
type Lease struct {
	File       int64
	Owner      string
	Generation int64 // fencing token: it increases with each lease of the file
	Until      time.Time
}

// Sight records a listing of a source and returns how many files are new. A file left in place (same path, size and
// mtime) is the same sighting and is never taken again. If a waiting file is listed with another size or mtime, it was
// replaced: the older sighting vanishes, unless its content is known; in that case, the next fetch decides.
//
// A crash before it: the next listing shows the same files. After it: they wait for a mediator.
func (s *Store) Sight(ctx context.Context, source string, entries []Sighting, now time.Time) (added int, err error) {
	for part := range slices.Chunk(entries, 400) {
		var n int
		err := s.change(ctx, "recording a listing of "+source, func(t tx) (err error) {
			n, err = t.sight(ctx, source, part, now)
			return err
		})
		if err != nil {
			return added, err
		}
		added += n
	}
	return added, nil
}

// seenAgain is the SQL that records when a listing contained files, with the parameters of seenAt. Several mediators
// list a source, and each writes its listing as soon as the store accepts it. If an older listing were written late
// and set the time back, MarkVanished of a newer listing would close files that both contained, and the files behind
// them would be read first. A time far in the future comes from a clock that was wrong.
const seenAgain = `last_seen = CASE WHEN last_seen BETWEEN ? AND ? THEN last_seen ELSE ? END`

// seenLater is the condition that a newer listing contained a row, with the parameters of laterThan. table is the
// prefix of the row's table with a dot, or empty.
func seenLater(table string) string {
	return `(` + table + `last_seen > ? AND ` + table + `last_seen <= ?)`
}

func laterThan(now time.Time) []any { return []any{nanos(now), nanos(now.Add(listingsOverlap))} }

const listingsOverlap = time.Hour

func seenAt(now time.Time) []any {
	return []any{nanos(now), nanos(now.Add(listingsOverlap)), nanos(now)}
}

type sighted struct {
	number      int64
	size, mtime int64
	state       FileState
	waits       bool // it is open, has no lease, and its content was never seen
	missed      bool // its content was no longer there
	other       bool // different content was there, although the listing was the same
	look        bool // and the last check was some time ago
}

// lookAgain is the interval at which a file is fetched again after different content took its place without
// changing the listing. Its own content may return in the same way.
const lookAgain = 4 * time.Hour

func (t tx) sight(ctx context.Context, source string, entries []Sighting, now time.Time) (added int, err error) {
	args := []any{source}
	for _, e := range entries {
		args = append(args, e.Path)
	}
	rows, err := t.rows(ctx, `SELECT number, path, size, mtime, state, CASE WHEN `+unleased+
		` THEN 1 ELSE 0 END, still_open, file_id, gone, closed_at FROM files WHERE source = ? AND retry = 0 AND path IN (`+marks(len(entries))+
		`)`,
		append([]any{nanos(now), nanos(now)}, args...)...)
	if err != nil {
		return 0, err
	}
	known := map[string][]sighted{}
	for rows.Next() {
		var k sighted
		var path string
		var free, open, gone, closed int64
		var id []byte
		if err := rows.Scan(&k.number, &path, &k.size, &k.mtime, &k.state, &free, &open, &id, &gone, &closed); err != nil {
			rows.Close()
			return 0, err
		}
		k.waits = open == 1 && free == 1 && id == nil
		k.missed, k.other = gone == contentMissing, gone == contentOther
		k.look = k.other && nanos(now)-closed >= int64(lookAgain)
		known[path] = append(known[path], k)
	}
	if err := rows.Close(); err != nil {
		return 0, err
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	var fresh []Sighting
	var again, replaced, alike, apart []any
	for _, e := range entries {
		isNew := true
		for _, k := range known[e.Path] {
			same := k.size == e.Size && k.mtime == mtimeNanos(e.MTime)
			isNew = isNew && !same
			switch {
			case same && (k.state == Seen || k.state == Vanished || k.missed || k.look):
				again = append(again, k.number)
			case !same && k.waits:
				replaced = append(replaced, k.number)
			case same && k.other: // and its retry is not due yet
				alike = append(alike, k.number)
			case k.other:
				apart = append(apart, k.number)
			}
		}
		if isNew {
			fresh = append(fresh, e)
		}
	}
	if len(again) > 0 {
		if _, err := t.exec(ctx, `UPDATE files SET `+seenAgain+`, state = CASE WHEN pinned = 1 THEN 'reading' ELSE 'seen' END, still_open = 1,
			why = CASE WHEN state = 'seen' THEN why ELSE '' END, closed_at = 0, gone = 0, found_as = 0,
			duplicate_of = 0, after_at = 0, after_why = ''
			WHERE (state IN ('seen', 'vanished') OR gone > 0) AND number IN (`+marks(len(again))+`)`, append(seenAt(now), again...)...); err != nil {
			return 0, err
		}
	}
	if len(alike) > 0 { // MarkVanished uses it to detect a file that is gone
		if _, err := t.exec(ctx, `UPDATE files SET `+seenAgain+` WHERE number IN (`+marks(len(alike))+`)`,
			append(seenAt(now), alike...)...); err != nil {
			return 0, err
		}
	}
	if len(apart) > 0 {
		if _, err := t.exec(ctx, `UPDATE files SET gone = ? WHERE gone = ? AND number IN (`+marks(len(apart))+`)`,
			append([]any{contentMissing, contentOther}, apart...)...); err != nil {
			return 0, err
		}
	}
	if len(replaced) > 0 {
		if _, err := t.exec(ctx, `UPDATE files SET state = 'vanished', still_open = 0, closed_at = ?, why = 'replaced at the source, with another size or mtime, before it was read'
			WHERE still_open = 1 AND `+unleased+` AND file_id IS NULL AND number IN (`+marks(len(replaced))+`)`, append([]any{nanos(now), nanos(now), nanos(now)}, replaced...)...); err != nil {
			return 0, err
		}
	}
	return t.insertFiles(ctx, source, fresh, now)
}

func (t tx) insertFiles(ctx context.Context, source string, fresh []Sighting, now time.Time) (added int, err error) {
	if len(fresh) == 0 {
		return 0, nil
	}
	number, err := t.count(ctx, "files", len(fresh))
	if err != nil {
		return 0, err
	}
	const columns = 7
	var args []any
	for i, e := range fresh {
		args = append(args, number+int64(i), source, e.Path, e.Size, mtimeNanos(e.MTime), nanos(now), nanos(now))
	}
	row := `(` + marks(columns) + `, 'seen', 1, '', 0, 0, 0, '', 0, 0, 0, '', 0, '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', -1, 0, 0, 0, 0)`
	n, err := t.exec(ctx, `INSERT INTO files (number, source, path, size, mtime, first_seen, last_seen,
		state, still_open, why, duplicate_of, attempts, retry_at, owner, generation, lease_until,
		pinned, rules, registry, catalogue, partitions,
		records, bytes, filtered, filtered_bytes, suspended, suspended_bytes, mapped, mapped_bytes, usages, seq, last_seqs, expected,
		spooled_at, started_at, closed_at, after_at) VALUES `+repeated(row, len(fresh))+`
		ON CONFLICT (source, path, size, mtime) DO NOTHING`, args...)
	return int(n), err
}

// StillThere records that a listing contained files that are incomplete or not known to be complete, so that
// MarkVanished does not close such files in the ledger.
func (s *Store) StillThere(ctx context.Context, source string, entries []Sighting, now time.Time) error {
	for part := range slices.Chunk(entries, 400) {
		args := append(seenAt(now), source)
		for _, e := range part {
			args = append(args, e.Path, e.Size, mtimeNanos(e.MTime))
		}
		err := s.change(ctx, "recording a listing of "+source, func(t tx) error {
			_, err := t.exec(ctx, `UPDATE files SET `+seenAgain+` WHERE source = ? AND state = 'seen'
				AND (path, size, mtime) IN (VALUES `+repeated(`(CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT))`, len(part))+`)`, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// MarkVanished closes the waiting files of a source that have no lease and were last listed before a time: the listing
// that began then did not contain them. It returns the number of closed files. A file with known content keeps waiting:
// another file may have been closed as its duplicate, and the next fetch decides. If different content had silently
// taken a file's place, that content is gone too: a later listing may show the file's own content again.
func (s *Store) MarkVanished(ctx context.Context, source string, listedSince, now time.Time) (n int64, err error) {
	err = s.change(ctx, "closing missing files of "+source, func(t tx) error {
		n, err = t.exec(ctx, `UPDATE files SET state = 'vanished', still_open = 0, closed_at = ?, why = 'gone from the source before it was read'
			WHERE source = ? AND retry = 0 AND still_open = 1 AND state = 'seen' AND file_id IS NULL AND last_seen < ? AND `+unleased,
			nanos(now), source, nanos(listedSince), nanos(now), nanos(now))
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE files SET gone = 1 WHERE source = ? AND gone = 2 AND last_seen < ?`, source, nanos(listedSince))
		return err
	})
	return n, err
}

// Queue is a source whose files are to be leased, and their order.
type Queue struct {
	Source   string
	Parallel bool // lease several files at a time; otherwise the next file after the previous one is closed
	ByTime   bool // oldest file first, otherwise by name
	Ordered  bool // only files that a user ordered to finish: the source was removed
}

// LeaseNext leases the next waiting file of one of the queues to owner, until now+ttl. The second result is false if no
// file is waiting. Concurrent callers get different files. A failed file that waits for its next attempt does not hold
// up the files behind it.
//
// A crash after it: the file waits until the lease ends, then another owner gets it.
func (s *Store) LeaseNext(ctx context.Context, queues []Queue, owner string, now time.Time, ttl time.Duration) (lease Lease, found bool,
	err error) {
	waiting := map[string]bool{}
	err = s.query(ctx, "looking for files that wait", `SELECT DISTINCT source FROM files WHERE still_open = 1 AND `+unleased+` AND `+rested,
		[]any{nanos(now), nanos(now), nanos(now), nanos(now)}, func(rows *sql.Rows) error {
			var source string
			err := rows.Scan(&source)
			waiting[source] = true
			return err
		})
	if err != nil {
		return Lease{}, false, err
	}
	// Each call starts with another queue, so no queue starves.
	for i := range queues {
		q := queues[(i+int(uint64(now.UnixMicro())%uint64(len(queues))))%len(queues)]
		if !waiting[q.Source] {
			continue
		}
		err = s.change(ctx, "leasing the next file of "+q.Source, func(t tx) (err error) {
			lease, found, err = t.lease(ctx, q, owner, now, ttl)
			return err
		})
		if err != nil || found {
			return lease, found, err
		}
	}
	return Lease{}, false, nil
}

// unleased is the condition that a file has no lease at the time now. The condition takes this time as a parameter
// twice. A lease whose end is further away than twice its duration was set by a clock that was ahead, and is
// ignored; an owner that is still working renews it.
const unleased = `(lease_until <= ? OR lease_for > 0 AND lease_until - 2 * lease_for > ?)`

// rested is the condition that the pause of a file is over at the time now. The condition takes this time as a
// parameter twice. A pause whose end is further away than twice its duration was set by a clock that was ahead, and
// is ignored.
const rested = `(retry_at <= ? OR retry_for > 0 AND retry_at - 2 * retry_for > ?)`

// queueLock is the first half of the advisory locks that serialize queues; the second half is the source.
const queueLock = 0x72617465

func (t tx) lease(ctx context.Context, q Queue, owner string, now time.Time, ttl time.Duration) (Lease, bool, error) {
	if !q.Parallel {
		// Without the lock, two concurrent callers would both find the source idle; the caller that waits for
		// the other's row would get the next file instead (READ COMMITTED). SQLite has only one writer anyway.
		if t.s.Postgres() {
			if _, err := t.exec(ctx, `SELECT pg_advisory_xact_lock(?, hashtext(?))`, queueLock, q.Source); err != nil {
				return Lease{}, false, err
			}
		}
		var busy int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM files WHERE source = ? AND still_open = 1 AND NOT `+unleased, q.Source, nanos(now),
			nanos(now)).Scan(&busy); err != nil || busy > 0 {
			return Lease{}, false, err
		}
	}
	order := `path, mtime, number`
	if q.ByTime {
		order = `mtime, path, number`
	}
	// With few concurrent callers, at least one of eight candidates is free; if not, the caller tries again.
	limit, lock := ` LIMIT 8`, ` FOR UPDATE SKIP LOCKED`
	if !q.Parallel {
		limit, lock = ` LIMIT 1`, ` FOR UPDATE`
	}
	if !t.s.Postgres() {
		lock = ``
	}
	ordered := ``
	if q.Ordered {
		ordered = ` AND finish_by <> '' AND pinned = 1`
	}
	query := `SELECT number, generation FROM files WHERE still_open = 1 AND source = ? AND ` + unleased + ` AND ` + rested + ordered +
		` ORDER BY ` + order + limit + lock
	rows, err := t.rows(ctx, query, q.Source, nanos(now), nanos(now), nanos(now), nanos(now))
	if err != nil {
		return Lease{}, false, err
	}
	var candidates []Lease
	for rows.Next() {
		c := Lease{Owner: owner, Until: now.Add(ttl)}
		if err := rows.Scan(&c.File, &c.Generation); err != nil {
			rows.Close()
			return Lease{}, false, err
		}
		candidates = append(candidates, c)
	}
	if err := rows.Close(); err != nil {
		return Lease{}, false, err
	}
	for _, c := range candidates {
		n, err := t.exec(ctx, `UPDATE files SET owner = ?, generation = generation + 1, lease_until = ?, lease_for = ?,
			state = CASE WHEN pinned = 1 THEN 'reading' ELSE 'spooling' END, why = CASE WHEN state = 'seen' THEN why ELSE '' END
			WHERE number = ? AND generation = ? AND still_open = 1`,
			owner, nanos(c.Until), int64(ttl), c.File, c.Generation)
		if err != nil {
			return Lease{}, false, err
		}
		if n == 1 {
			c.Generation++
			return c, true, nil
		}
	}
	return Lease{}, false, rows.Err()
}

// held changes a file under its lease. set is the SQL before WHERE.
func (t tx) held(ctx context.Context, lease Lease, set string, args ...any) error {
	n, err := t.exec(ctx, `UPDATE files SET `+set+` WHERE number = ? AND owner = ? AND generation = ? AND still_open = 1`,
		append(args, lease.File, lease.Owner, lease.Generation)...)
	if err == nil && n == 0 {
		return &LeaseLostError{File: lease.File, Owner: lease.Owner}
	}
	return err
}

// Renew extends a lease to now+ttl. It also works for an expired lease if no other owner has taken the file, but not
// for a lease that was released.
func (s *Store) Renew(ctx context.Context, lease Lease, now time.Time, ttl time.Duration) (Lease, error) {
	lease.Until = now.Add(ttl)
	return lease, s.change(ctx, "renewing a lease", func(t tx) error {
		n, err := t.exec(ctx,
			`UPDATE files SET lease_until = ?, lease_for = ?
				WHERE number = ? AND owner = ? AND generation = ? AND still_open = 1 AND lease_until > 0`,
			nanos(lease.Until), int64(ttl), lease.File, lease.Owner, lease.Generation)
		if err == nil && n == 0 {
			return &LeaseLostError{File: lease.File, Owner: lease.Owner}
		}
		return err
	})
}

// Release gives a file back for immediate use, during a graceful stop.
func (s *Store) Release(ctx context.Context, lease Lease) error {
	return s.change(ctx, "releasing a lease", func(t tx) error {
		return t.held(ctx, lease, `lease_until = 0, state = CASE WHEN pinned = 1 THEN 'reading' ELSE 'seen' END`)
	})
}

// Pin records everything on which the result of a file depends, unless it was pinned before, and returns the pins. From
// then on the file is being read.
//
// A file that continues another file is also pinned to that file. ErrConflict means that the decision must be
// repeated: either another file with the same opening was pinned since pins.Part.Known was counted, or a retry of the
// source was pinned to a newer registry.
//
// A crash before it: nothing was sent, and the next owner pins the versions that are then current. After it: the next
// owner gets the same pins, hence the same records.
func (s *Store) Pin(ctx context.Context, lease Lease, pins Pins, now time.Time) (pinned Pins, err error) {
	err = s.change(ctx, "pinning a file", func(t tx) error {
		if err := t.pinPart(ctx, lease, &pins.Part); err != nil {
			return err
		}
		if err := t.pinNewest(ctx, lease, pins.Registry); err != nil {
			return err
		}
		if err := t.held(ctx, lease, `state = 'reading',
			rules = CASE WHEN pinned = 1 THEN rules ELSE ? END,
			registry = CASE WHEN pinned = 1 THEN registry ELSE ? END,
			catalogue = CASE WHEN pinned = 1 THEN catalogue ELSE ? END,
			partitions = CASE WHEN pinned = 1 THEN partitions ELSE ? END,
			started_at = CASE WHEN pinned = 1 THEN started_at ELSE ? END,
			pinned = 1, unread = 0, why = ''`, pins.Rules, int64(pins.Registry), pins.Catalogue, pins.Partitions, nanos(now)); err != nil {
			return err
		}
		return t.row(ctx,
			`SELECT rules, registry, catalogue, partitions, continues, continues_from, changed, content_size, fetched FROM files WHERE number = ?`,
			lease.File).
			Scan(&pinned.Rules, &pinned.Registry, &pinned.Catalogue, &pinned.Partitions, &pinned.Part.Continues, &pinned.Part.From,
				&pinned.Part.Changed, &pinned.Part.Size, &pinned.Part.Fetched)
	})
	return pinned, err
}

func notFound(err error) error {
	if err == sql.ErrNoRows {
		return ErrNotFound
	}
	return err
}

func fileName(number int64) string { return fmt.Sprintf("file %d", number) }
