package control

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"ratemill/udr"
)

const progressColumns = `records = ?, bytes = ?, filtered = ?, filtered_bytes = ?, suspended = ?, suspended_bytes = ?,
	mapped = ?, mapped_bytes = ?, usages = ?, seq = ?, last_seqs = ?, expected = ?, progress = ?, unread = ?, ended = ?,
	ending = ?, ending_why = ?, ending_at = ?`

func (p *Progress) args() []any {
	seqs, _ := json.Marshal(p.LastSeqs) // numbers always encode
	unread, ended := 0, 0
	if p.Unread {
		unread = 1
	}
	if p.Ended {
		ended = 1
	}
	e := p.Ending
	if e == nil {
		e = &Ending{}
	}
	return []any{p.Read.Records, p.Read.Bytes, p.Filtered.Records, p.Filtered.Bytes, p.Suspended.Records, p.Suspended.Bytes,
		p.Mapped.Records, p.Mapped.Bytes, p.Usages, int64(p.Seq), string(seqs), p.Expected, p.State, unread, ended, e.Totals, e.Why,
		nanos(e.Since)}
}

// Postpone gives back a file that was not pinned, with the reason why it waits, for at least a given time.
//
// A crash before it: the next owner finds the same situation.
func (s *Store) Postpone(ctx context.Context, lease Lease, why string, pause time.Duration, now time.Time) error {
	return s.change(ctx, "recording why "+fileName(lease.File)+" waits", func(t tx) error {
		return t.held(ctx, lease, `state = 'seen', why = ?, retry_at = ?, retry_for = ?, lease_until = 0`,
			why, nanos(now.Add(pause)), int64(pause))
	})
}

// RecordProgress records how far a file was read, and extends the lease to now+ttl.
//
// A crash before it: the next owner continues from the previously recorded progress, and high-water marks drop the
// records that it sends again. After it: the next owner continues from here.
func (s *Store) RecordProgress(ctx context.Context, lease Lease, p Progress, now time.Time, ttl time.Duration) (Lease, error) {
	lease.Until = now.Add(ttl)
	return lease, s.change(ctx, "recording the progress of "+fileName(lease.File), func(t tx) error {
		return t.held(ctx, lease, progressColumns+`, lease_until = ?, lease_for = ?`, append(p.args(), nanos(lease.Until), int64(ttl))...)
	})
}

// Finish closes a file whose records and end are all acknowledged.
//
// A retry batch is done in the same transaction as its file.
//
// A crash before it: the next owner sends the end again, which closes nothing twice. After it: the source's "after"
// action is still to do, and FilesAfter returns the file.
func (s *Store) Finish(ctx context.Context, lease Lease, p Progress, now time.Time) error {
	return s.change(ctx, "closing "+fileName(lease.File), func(t tx) error {
		if err := t.held(ctx, lease, progressColumns+`, state = 'done', still_open = 0, why = '', lease_until = 0, closed_at = ?`,
			append(p.args(), nanos(now))...); err != nil {
			return err
		}
		_, err := t.exec(ctx, `UPDATE retries SET state = 'done', closed = ?, file_id = (SELECT f.file_id FROM files f WHERE f.number = ?)
			WHERE state = 'open' AND number = (SELECT f.retry FROM files f WHERE f.number = ?)`, nanos(now), lease.File, lease.File)
		return err
	})
}

// Fail records why a file could not be read. If there is a retryAt, it is tried again then, otherwise it waits for
// RetryFile.
func (s *Store) Fail(ctx context.Context, lease Lease, why string, retryAt, now time.Time) error {
	again, closed, pause := 0, nanos(now), time.Duration(0)
	if !retryAt.IsZero() {
		again, closed, pause = 1, 0, retryAt.Sub(now)
	}
	return s.change(ctx, "recording why "+fileName(lease.File)+" failed", func(t tx) error {
		return t.held(ctx, lease, `state = 'failed', attempts = attempts + 1, why = ?, retry_at = ?, retry_for = ?, still_open = ?, closed_at = ?,
			lease_until = 0`, why, nanos(retryAt), int64(pause), again, closed)
	})
}

// RetryFile makes a failed or vanished file available again. If nothing of it can have been sent, it gets the rules
// that are current at that time; otherwise it keeps the pinned rules. A recorded progress of 0 is no proof, because
// progress is recorded only from time to time. If the content of a file is gone, the file is looked for where it
// was listed. A file that waits because it looks unfinished, or has changed, is read as it is. It returns
// ErrConflict if the file is in another state, or is the batch of a cancelled retry, whose records may be in
// another batch now. It returns *EndedError if the file was read as far as possible.
func (s *Store) RetryFile(ctx context.Context, number int64, now time.Time) error {
	return s.change(ctx, "retrying "+fileName(number), func(t tx) error {
		var ended int64
		if err := t.row(ctx, `SELECT `+hasEnded+` FROM files WHERE number = ?`, number).Scan(&ended); err != nil && err != sql.ErrNoRows {
			return err
		}
		if ended == 1 {
			return &EndedError{number}
		}
		n, err := t.exec(ctx, `UPDATE files SET still_open = 1, retry_at = 0, closed_at = 0, last_seen = ?,
			state = CASE WHEN state IN ('vanished', 'dropped') THEN 'seen' ELSE state END, attempts = 0,
			found_as = CASE WHEN gone > 0 THEN 0 ELSE found_as END, gone = 0,
			pinned = CASE WHEN unread = 1 THEN 0 ELSE pinned END, unread = 0, as_it_is = CASE WHEN state = 'seen' THEN 1 ELSE as_it_is END
			WHERE number = ? AND (state IN ('failed', 'vanished', 'dropped') OR state = 'seen' AND why <> '') AND `+unleased+`
			AND (retry = 0 OR EXISTS (SELECT 1 FROM retries r WHERE r.number = files.retry AND r.state = 'open'))`,
			nanos(now), number, nanos(now), nanos(now))
		if err == nil && n == 0 {
			return ErrConflict
		}
		return err
	})
}

// MarkAfterDone records that the source's "after" action was done for a file, that there is no such action, or the
// reason why it will never be done.
//
// A crash between the action and this: the action is repeated, and finds nothing to do.
func (s *Store) MarkAfterDone(ctx context.Context, number int64, whyNot string, now time.Time) error {
	return s.change(ctx, "recording what was done with "+fileName(number), func(t tx) error {
		_, err := t.exec(ctx, `UPDATE files SET after_at = ?, after_why = ? WHERE number = ? AND still_open = 0 AND after_at = 0`, nanos(now),
			whyNot, number)
		return err
	})
}

// Replaced records that different content now has the name, size and modification time of a file that was read. The
// recorded modification time is set slightly earlier, so that the next listing shows the different content as a new
// file.
//
// A crash before it: the next attempt of the action finds the same situation.
func (s *Store) Replaced(ctx context.Context, number int64, why string, now time.Time) error {
	return s.change(ctx, "recording that another file has the name of "+fileName(number), func(t tx) error {
		var source, path string
		var size, mtime, taken int64
		if err := t.row(ctx, `SELECT source, path, size, mtime FROM files WHERE number = ?`, number).Scan(&source, &path, &size,
			&mtime); err != nil {
			return notFound(err)
		}
		step := int64(-1)
		if mtime == mtimeAbsent {
			step = 1
		}
		for taken = 1; taken > 0; {
			mtime += step
			if err := t.row(ctx, `SELECT COUNT(*) FROM files WHERE source = ? AND path = ? AND size = ? AND mtime = ?`, source, path, size,
				mtime).Scan(&taken); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, `UPDATE files SET after_at = ?, after_why = ?, mtime = ? WHERE number = ? AND still_open = 0 AND after_at = 0`,
			nanos(now), why, mtime, number)
		return err
	})
}

// AfterFailed records why the source's "after" action failed for a file, and how long it waits.
func (s *Store) AfterFailed(ctx context.Context, number int64, why string, pause time.Duration, now time.Time) error {
	return s.change(ctx, "recording what could not be done with "+fileName(number), func(t tx) error {
		_, err := t.exec(ctx, `UPDATE files SET after_why = ?, after_attempts = after_attempts + 1, after_retry_at = ?, after_retry_for = ?
			WHERE number = ? AND still_open = 0 AND after_at = 0`, why, nanos(now.Add(pause)), int64(pause), number)
		return err
	})
}

// FilesAfter lists the files of a source whose "after" action is due, the oldest first: done files, and their
// duplicates. A duplicate of a file that is not done stays where it is, because it may be the only copy left.
func (s *Store) FilesAfter(ctx context.Context, source string, limit int, now time.Time) ([]File, error) {
	return s.files(ctx, `WHERE source = ? AND retry = 0 AND still_open = 0 AND after_at = 0
		AND (after_retry_at <= ? OR after_retry_for > 0 AND after_retry_at - 2 * after_retry_for > ?)
		AND (state = 'done' OR state = 'duplicate' AND EXISTS (SELECT 1 FROM files o WHERE o.number = files.duplicate_of AND o.state = 'done'))
		ORDER BY closed_at, number LIMIT ?`, source, nanos(now), nanos(now), limit)
}

// FileFilter selects files; zero fields select all.
type FileFilter struct {
	Source  string
	States  []FileState
	Open    bool   // only files with work to do
	IDStart string // beginning of the file id in hex
	Path    string // part of the path
	Retry   int64  // only the file of this retry batch
	Since   time.Time
	Limit   int // 0 is 1000
	After   int64
}

// Files lists the selected files with a number above filter.After, in the order in which they were first seen.
func (s *Store) Files(ctx context.Context, filter FileFilter) ([]File, error) {
	where, args := []string{`number > ?`}, []any{filter.After}
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if filter.Source != "" {
		add(`source = ?`, filter.Source)
	}
	if len(filter.States) > 0 {
		var states []any
		for _, state := range filter.States {
			states = append(states, string(state))
		}
		add(`state IN (`+marks(len(states))+`)`, states...)
	}
	if filter.Open {
		add(`still_open = 1`)
	}
	if filter.IDStart != "" {
		from, to, ok := hexRange(filter.IDStart)
		if !ok {
			return nil, nil
		}
		add(`file_id >= ? AND file_id <= ?`, from, to)
	}
	if filter.Retry != 0 {
		add(`retry = ?`, filter.Retry)
	}
	if filter.Path != "" {
		add(`path LIKE ? ESCAPE '!'`, "%"+likeText(filter.Path)+"%")
	}
	if !filter.Since.IsZero() {
		add(`first_seen >= ?`, nanos(filter.Since))
	}
	if filter.Limit <= 0 {
		filter.Limit = 1000
	}
	args = append(args, filter.Limit)
	return s.files(ctx, `WHERE `+strings.Join(where, ` AND `)+` ORDER BY number LIMIT ?`, args...)
}

// hexRange returns the range of file ids that begin with the given hex digits.
func hexRange(start string) (from, to []byte, ok bool) {
	if len(start) > 32 {
		return nil, nil, false
	}
	low, err := udr.ParseFileID(start + strings.Repeat("0", 32-len(start)))
	if err != nil {
		return nil, nil, false
	}
	high, err := udr.ParseFileID(start + strings.Repeat("f", 32-len(start)))
	return low[:], high[:], err == nil
}

// File is one file of the ledger.
func (s *Store) File(ctx context.Context, number int64) (File, error) {
	files, err := s.files(ctx, `WHERE number = ?`, number)
	if err != nil || len(files) == 0 {
		return File{}, orNotFound(err)
	}
	return files[0], nil
}

// FileByID returns the first file with an id, that is, the first with its content.
func (s *Store) FileByID(ctx context.Context, id udr.FileID) (File, error) {
	files, err := s.files(ctx, `WHERE file_id = ? AND state <> 'duplicate' ORDER BY number LIMIT 1`, id[:])
	if err != nil || len(files) == 0 {
		return File{}, orNotFound(err)
	}
	return files[0], nil
}

func orNotFound(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}

// Sources returns all sources that have delivered a file, by name.
func (s *Store) Sources(ctx context.Context) (names []string, err error) {
	err = s.query(ctx, "listing the sources of files", `SELECT DISTINCT source FROM files ORDER BY source`, nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// Waiting holds the number of a source's files with work to do, and the time when the oldest of them was first
// seen.
type Waiting struct {
	Files  int64
	Held   int64     // files among these that wait because they look unfinished or changed
	Oldest time.Time // zero if no files wait
}

// Waiting returns the waiting work of each source. Sources without waiting work are omitted.
func (s *Store) Waiting(ctx context.Context) (map[string]Waiting, error) {
	waiting := map[string]Waiting{}
	err := s.query(ctx, "looking for the oldest waiting files",
		`SELECT source, COUNT(*), SUM(CASE WHEN state = 'seen' AND why <> '' THEN 1 ELSE 0 END), MIN(first_seen)
			FROM files WHERE still_open = 1 GROUP BY source`, nil,
		func(rows *sql.Rows) error {
			var source string
			var w Waiting
			var oldest int64
			err := rows.Scan(&source, &w.Files, &w.Held, &oldest)
			w.Oldest = instant(oldest)
			waiting[source] = w
			return err
		})
	return waiting, err
}

// hasEnded is 1 for a file whose end was sent. Older programs did not record it. Among the files that failed under
// them, a file that could not be fetched failed ten times, and for a topic that refused a message the reason
// contains the topic's setting.
const hasEnded = `CASE WHEN ended >= 0 THEN ended WHEN state = 'failed' AND still_open = 0 AND pinned = 1 AND unread = 0 AND gone = 0 AND retry = 0
	AND suspended > 0 AND attempts < 10 AND why NOT LIKE '%max.message.bytes%' THEN 1 ELSE 0 END`

const fileColumns = `number, source, path, size, mtime, retry, state, still_open, why, duplicate_of, file_id, content, attempts, retry_at,
	owner, generation, lease_until, pinned, rules, registry, catalogue, partitions,
	records, bytes, filtered, filtered_bytes, suspended, suspended_bytes, mapped, mapped_bytes, usages, seq, last_seqs, expected, progress,
	first_seen, last_seen, spooled_at, started_at, closed_at, after_at, unread, ` + hasEnded + `, gone, found_as, after_why, after_attempts,
	continues, continues_from, changed, content_size, as_it_is, finish_by, ending, ending_why, ending_at, fetched, compared_at`

func (s *Store) files(ctx context.Context, where string, args ...any) ([]File, error) {
	var files []File
	err := s.query(ctx, "reading the ledger of files", `SELECT `+fileColumns+` FROM files `+where, args, func(rows *sql.Rows) error {
		var f File
		var id []byte
		var seqs string
		var end Ending
		var mtime, open, retry, lease, pinned, seq, firstSeen, lastSeen, spooled, started, closed, after, unread, ended, gone, asItIs,
			ending, compared int64
		p := &f.Progress
		if err := rows.Scan(&f.Number, &f.Source, &f.Path, &f.Size, &mtime, &f.Retry, &f.State, &open, &f.Why, &f.DuplicateOf, &id, &f.Content,
			&f.Attempts, &retry,
			&f.Owner, &f.Generation, &lease, &pinned, &f.Pins.Rules, &f.Pins.Registry, &f.Pins.Catalogue, &f.Pins.Partitions,
			&p.Read.Records, &p.Read.Bytes, &p.Filtered.Records, &p.Filtered.Bytes, &p.Suspended.Records, &p.Suspended.Bytes,
			&p.Mapped.Records, &p.Mapped.Bytes, &p.Usages, &seq, &seqs, &p.Expected, &p.State,
			&firstSeen, &lastSeen, &spooled, &started, &closed, &after, &unread, &ended, &gone, &f.foundAs, &f.AfterWhy, &f.AfterAttempts,
			&f.Pins.Part.Continues, &f.Pins.Part.From, &f.Pins.Part.Changed, &f.Pins.Part.Size, &asItIs, &f.FinishBy, &end.Totals,
			&end.Why, &ending, &f.Pins.Part.Fetched, &compared); err != nil {
			return err
		}
		if seqs != "" {
			if err := json.Unmarshal([]byte(seqs), &p.LastSeqs); err != nil {
				return err
			}
		}
		if end.Since = instant(ending); ending > 0 {
			p.Ending = &end
		}
		copy(f.FileID[:], id)
		f.MTime, f.Open, f.RetryAt, f.LeaseUntil, f.Pinned, p.Seq = mtimeOf(mtime), open == 1, instant(retry), instant(lease), pinned == 1,
			uint64(seq)
		f.FirstSeen, f.LastSeen, f.Spooled = instant(firstSeen), instant(lastSeen), instant(spooled)
		f.Started, f.Closed, f.After = instant(started), instant(closed), instant(after)
		f.AsItIs, f.Compared = asItIs == 1, instant(compared)
		p.Unread, p.Ended, f.Gone, f.Place = unread == 1, ended == 1, gone > 0, f.Sighting
		if !f.Pinned {
			f.Pins = Pins{} // pins of an attempt that sent nothing
		}
		files = append(files, f)
		return nil
	})
	for i := range files {
		if f := &files[i]; err == nil && f.foundAs > 0 {
			var there File
			there, err = s.File(ctx, f.foundAs)
			f.Place = there.Sighting
		}
	}
	return files, err
}

// marks is n parameters: ?, ?, ?.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// repeated returns n rows for VALUES.
func repeated(row string, n int) string {
	return strings.TrimSuffix(strings.Repeat(row+", ", n), ", ")
}
