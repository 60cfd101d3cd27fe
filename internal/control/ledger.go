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
// A lease ends by Release, by the end of the file, or when its time is over and somebody else takes it. A file whose
// owner died is taken by another in the state in which it was: what was pinned stays pinned, the progress that was
// recorded stays recorded.
//
// From Pin on a file has one content for ever, since records of it may be out; content.go has what happens when that is
// no longer where it was listed.

// FileState is where a file is in its life.
type FileState string

// The states of a file.
const (
	Seen      FileState = "seen"      // waits to be taken
	Spooling  FileState = "spooling"  // somebody fetches and hashes it
	Reading   FileState = "reading"   // its identity is known, what it depends on is pinned, its records go out
	Done      FileState = "done"      // all its records are out
	Duplicate FileState = "duplicate" // its content came before, under this name or another
	Failed    FileState = "failed"    // it could not be read; Open says whether it will be tried again
	Vanished  FileState = "vanished"  // it was gone before it was read
	Refused   FileState = "refused"   // its name, or what it is, does not let it be taken; or a directory that cannot be listed
	Dropped   FileState = "dropped"   // given up by a person before any of it was read
)

// FileStates are all states, in the order of a file's life.
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
	Retry       int64 // number of the retry batch that the file is, 0 for a carrier's file
	State       FileState
	Open        bool   // there is work to do
	Why         string // of failed, duplicate, vanished
	DuplicateOf int64  // the number of the file that had the content first, 0 for none
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
	AsItIs   bool      // somebody ordered to read it, however it looks
	FinishBy string    // who ordered to read it to its end though its source was removed; empty for nobody
	Compared time.Time // when all of its content was last fetched and compared; zero when that is not recorded
	Gone     bool      // its content is no longer where it was listed, though records of it may be out
	Place    Sighting  // where its content is: as it was listed, or under the path of a file that came with the same content

	FirstSeen, LastSeen, Spooled, Started, Closed, After time.Time

	AfterWhy      string // why the source's "after" was not carried out
	AfterAttempts int    // failures of that so far

	foundAs int64
}

// Time is the time of the file for its rules: when it was last changed, or first seen where its server does not know (0) or
// its clock is more than a day ahead.
func (f *File) Time() time.Time {
	switch {
	case f.FirstSeen.Unix() <= 0: // of files that no ledger keeps
		return f.MTime
	case f.MTime.Unix() <= 0, f.MTime.After(f.FirstSeen.Add(24 * time.Hour)):
		return f.FirstSeen
	}
	return f.MTime
}

// Pins is what the result of a file depends on.
type Pins struct {
	Rules      string
	Registry   registry.Revision
	Catalogue  string
	Partitions int
	Part       Part
}

// Part is which part of its content a file is read: all of it when it continues no other.
type Part struct {
	Continues int64  // number of the file that its content begins with, 0 for none
	From      int64  // bytes of the content, unpacked, that belong to that one and those before it
	Fetched   int64  // the first byte that was fetched to be read: those before it were known from the file that it continues; 0 when all were fetched
	Changed   int64  // number of the file that was read under the same name, begins alike, and is not the beginning of this one; 0 for none
	Opening   []byte // hash of the content up to the first record that was not filtered
	Content   []byte // hash of the content, unpacked
	Size      int64  // of the content, unpacked
	Known     int64  // files that had this opening when it was decided
}

// Amount is a number of records and their bytes.
type Amount struct{ Records, Bytes int64 }

// Progress is how far a file was read and what became of its records.
type Progress struct {
	Read      Amount
	Filtered  Amount
	Suspended Amount
	Mapped    Amount
	Usages    int64    // usage records sent
	Seq       uint64   // the last sequence given
	LastSeqs  []uint64 // the last sequence sent, by partition
	Expected  int64    // records as the file's own trailer says; -1 when it does not
	Ended     bool     // its end is out, though it failed: raters drop what comes after it
	Unread    bool     // with what it is pinned to, nothing of the file can go out, not even its end
	State     []byte   // of whoever reads the file; opaque here
	Ending    *Ending  // all records are acknowledged, and the end may be out; nil before
}

// Ending is what is needed to send the end of a file without its content.
type Ending struct {
	Totals []byte // a message FileEnd; opaque here
	Why    string // why the file could not be read further; empty when it was read to its end
	Since  time.Time
}

// Lease is the right to work on a file.
type Lease struct {
	File       int64
	Owner      string
	Generation int64 // the fence: it grows with each lease of the file
	Until      time.Time
}

// Sight records what a listing of a source has shown and returns how many files are new. A file that was left in place,
// being the same path, size and mtime, is the same sighting and never taken again. A file that waits and is now listed
// with another size or mtime was replaced: its older sighting vanishes, unless its content is known: then taking it tells.
//
// A crash before it: the next listing shows the same files. After it: they wait to be taken.
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

type sighted struct {
	number      int64
	size, mtime int64
	state       FileState
	waits       bool // it is open, leased to nobody, and its content was never seen
	missed      bool // its content was not there any more
	other       bool // another content was there, which no listing told apart
	look        bool // and that is a while ago
}

// lookAgain is how often a file is fetched again whose place another content has taken that no listing tells apart: its own
// content may be back, which no listing tells either.
const lookAgain = 4 * time.Hour

func (t tx) sight(ctx context.Context, source string, entries []Sighting, now time.Time) (added int, err error) {
	args := []any{source}
	for _, e := range entries {
		args = append(args, e.Path)
	}
	rows, err := t.rows(ctx, `SELECT number, path, size, mtime, state, CASE WHEN `+unleased+` THEN 1 ELSE 0 END, still_open, file_id, gone, closed_at FROM files WHERE source = ? AND retry = 0 AND path IN (`+marks(len(entries))+`)`,
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
			case same && k.other: // and not to be looked at yet
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
		if _, err := t.exec(ctx, `UPDATE files SET last_seen = ?, state = CASE WHEN pinned = 1 THEN 'reading' ELSE 'seen' END, still_open = 1, why = CASE WHEN state = 'seen' THEN why ELSE '' END, closed_at = 0, gone = 0, found_as = 0,
			duplicate_of = 0, after_at = 0, after_why = ''
			WHERE (state IN ('seen', 'vanished') OR gone > 0) AND number IN (`+marks(len(again))+`)`, append([]any{nanos(now)}, again...)...); err != nil {
			return 0, err
		}
	}
	if len(alike) > 0 { // MarkVanished learns by it when it is gone
		if _, err := t.exec(ctx, `UPDATE files SET last_seen = ? WHERE number IN (`+marks(len(alike))+`)`, append([]any{nanos(now)}, alike...)...); err != nil {
			return 0, err
		}
	}
	if len(apart) > 0 {
		if _, err := t.exec(ctx, `UPDATE files SET gone = ? WHERE gone = ? AND number IN (`+marks(len(apart))+`)`, append([]any{contentMissing, contentOther}, apart...)...); err != nil {
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

// StillThere records that a listing had files which are not complete, or not known to be: those that wait in the ledger
// have not vanished.
func (s *Store) StillThere(ctx context.Context, source string, entries []Sighting, now time.Time) error {
	for part := range slices.Chunk(entries, 400) {
		args := []any{nanos(now), source}
		for _, e := range part {
			args = append(args, e.Path, e.Size, mtimeNanos(e.MTime))
		}
		err := s.change(ctx, "recording a listing of "+source, func(t tx) error {
			_, err := t.exec(ctx, `UPDATE files SET last_seen = ? WHERE source = ? AND state = 'seen' AND (path, size, mtime) IN (VALUES `+repeated(`(CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT))`, len(part))+`)`, args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// MarkVanished closes the files of a source that wait, are leased to nobody, and were last listed before a time: the
// listing that began then no longer had them. It returns how many. A file whose content is known waits on: another may
// have been closed as its duplicate, and taking it tells. A content that took a file's place without a sign is gone too
// then: whatever a later listing shows there may be the file's own again.
func (s *Store) MarkVanished(ctx context.Context, source string, listedSince, now time.Time) (n int64, err error) {
	err = s.change(ctx, "closing files that are gone from "+source, func(t tx) error {
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

// Queue is a source whose files are to be taken, and in which order.
type Queue struct {
	Source   string
	Parallel bool // several files at a time; otherwise the next when the one before is closed
	ByTime   bool // the oldest first, otherwise by name
	Ordered  bool // of files alone that somebody ordered to finish: the source was removed
}

// LeaseNext gives the next file that waits in one of the queues to owner, until now+ttl. The second result is false when
// there is none. Of several who ask at once each gets another file. A file that failed and waits to be tried again does
// not hold up those behind it.
//
// A crash after it: the file waits for the lease to end, then goes to another.
func (s *Store) LeaseNext(ctx context.Context, queues []Queue, owner string, now time.Time, ttl time.Duration) (lease Lease, found bool, err error) {
	waiting := map[string]bool{}
	err = s.query(ctx, "looking for files that wait", `SELECT DISTINCT source FROM files WHERE still_open = 1 AND `+unleased+` AND retry_at <= ?`,
		[]any{nanos(now), nanos(now), nanos(now)}, func(rows *sql.Rows) error {
			var source string
			err := rows.Scan(&source)
			waiting[source] = true
			return err
		})
	if err != nil {
		return Lease{}, false, err
	}
	// Each time another queue comes first, so that none starves.
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

// unleased says that nobody has a file now, which is a parameter twice. A lease that ends later than twice its time from
// now was given by a clock that was ahead, and holds nothing up; its owner renews it if it is still at work.
const unleased = `(lease_until <= ? OR lease_for > 0 AND lease_until - 2 * lease_for > ?)`

// queueLock is the first half of the advisory locks that order queues; the second is the source.
const queueLock = 0x72617465

func (t tx) lease(ctx context.Context, q Queue, owner string, now time.Time, ttl time.Duration) (Lease, bool, error) {
	if !q.Parallel {
		// Two who ask at once would both find nobody busy; the one who then waits for the other's row gets the next file
		// instead (READ COMMITTED). SQLite has one writer anyway.
		if t.s.Postgres() {
			if _, err := t.exec(ctx, `SELECT pg_advisory_xact_lock(?, hashtext(?))`, queueLock, q.Source); err != nil {
				return Lease{}, false, err
			}
		}
		var busy int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM files WHERE source = ? AND still_open = 1 AND NOT `+unleased, q.Source, nanos(now), nanos(now)).Scan(&busy); err != nil || busy > 0 {
			return Lease{}, false, err
		}
	}
	order := `path, mtime, number`
	if q.ByTime {
		order = `mtime, path, number`
	}
	// Of eight candidates one is free, however many others ask at the same time; if not, the caller asks again.
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
	query := `SELECT number, generation FROM files WHERE still_open = 1 AND source = ? AND ` + unleased + ` AND retry_at <= ?` + ordered + ` ORDER BY ` + order + limit + lock
	rows, err := t.rows(ctx, query, q.Source, nanos(now), nanos(now), nanos(now))
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

// held changes a file under its lease. set ends before WHERE.
func (t tx) held(ctx context.Context, lease Lease, set string, args ...any) error {
	n, err := t.exec(ctx, `UPDATE files SET `+set+` WHERE number = ? AND owner = ? AND generation = ? AND still_open = 1`,
		append(args, lease.File, lease.Owner, lease.Generation)...)
	if err == nil && n == 0 {
		return &LeaseLostError{File: lease.File, Owner: lease.Owner}
	}
	return err
}

// Renew prolongs a lease to now+ttl. It works for a lease whose time is over as long as nobody has taken the file, and not
// for one that was given back.
func (s *Store) Renew(ctx context.Context, lease Lease, now time.Time, ttl time.Duration) (Lease, error) {
	lease.Until = now.Add(ttl)
	return lease, s.change(ctx, "renewing a lease", func(t tx) error {
		n, err := t.exec(ctx, `UPDATE files SET lease_until = ?, lease_for = ? WHERE number = ? AND owner = ? AND generation = ? AND still_open = 1 AND lease_until > 0`,
			nanos(lease.Until), int64(ttl), lease.File, lease.Owner, lease.Generation)
		if err == nil && n == 0 {
			return &LeaseLostError{File: lease.File, Owner: lease.Owner}
		}
		return err
	})
}

// Release gives a file back, to be taken by anybody at once: on a graceful stop.
func (s *Store) Release(ctx context.Context, lease Lease) error {
	return s.change(ctx, "releasing a lease", func(t tx) error {
		return t.held(ctx, lease, `lease_until = 0, state = CASE WHEN pinned = 1 THEN 'reading' ELSE 'seen' END`)
	})
}

// Pin records what the result of a file depends on, unless it was pinned before, and returns what is pinned. From here
// on the file is being read.
//
// A file that continues another is pinned to that too. ErrConflict says that another file which begins alike was pinned
// since pins.Part.Known were counted: whether this one continues it is to be decided anew.
//
// A crash before it: nothing went out, the next owner pins what is current then. After it: the next owner gets the same
// pins, hence the same records.
func (s *Store) Pin(ctx context.Context, lease Lease, pins Pins, now time.Time) (pinned Pins, err error) {
	err = s.change(ctx, "pinning what a file depends on", func(t tx) error {
		if err := t.pinPart(ctx, lease, &pins.Part); err != nil {
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
		return t.row(ctx, `SELECT rules, registry, catalogue, partitions, continues, continues_from, changed, content_size, fetched FROM files WHERE number = ?`, lease.File).
			Scan(&pinned.Rules, &pinned.Registry, &pinned.Catalogue, &pinned.Partitions, &pinned.Part.Continues, &pinned.Part.From, &pinned.Part.Changed, &pinned.Part.Size, &pinned.Part.Fetched)
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
