package control

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Listed entries other than readable files: incomplete files, files and directories that cannot be read, and
// directories that cannot be listed. This is only shown to users, and does not affect the files that are read.

// Arriving is an incomplete file.
type Arriving struct {
	Source string
	Sighting
	Since    time.Time // time since which it has this size and modification time
	WaitsFor string
}

// Refusal is a file or directory that cannot be read, with the reason.
type Refusal struct{ Path, Why string }

// Listed replaces the incomplete files of the previous listing by the current ones, and records refused files. Entries
// that are no longer refused have vanished. An older listing that is written late does not undo what a newer listing
// recorded.
func (s *Store) Listed(ctx context.Context, source string, arriving []Arriving, refused []Refusal, now time.Time) error {
	return s.change(ctx, "recording what waits at "+source, func(t tx) error {
		for part := range slices.Chunk(arriving, 400) {
			var args []any
			for _, a := range part {
				args = append(args, source, a.Path, a.Size, mtimeNanos(a.MTime), nanos(a.Since), nanos(now), a.WaitsFor)
			}
			if _, err := t.exec(ctx, `INSERT INTO arriving_files (source, path, size, mtime, since, last_seen, waits_for)
				VALUES `+repeated(`(?, ?, ?, ?, ?, ?, ?)`, len(part))+`
				ON CONFLICT (source, path) DO UPDATE SET last_seen = excluded.last_seen, waits_for = excluded.waits_for,
				size = excluded.size, mtime = excluded.mtime, since = CASE WHEN arriving_files.size = excluded.size AND
				arriving_files.mtime = excluded.mtime AND arriving_files.since < excluded.since THEN arriving_files.since ELSE excluded.since END
				WHERE NOT `+seenLater("arriving_files."), append(args, laterThan(now)...)...); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, `DELETE FROM arriving_files WHERE source = ? AND last_seen <> ? AND NOT `+seenLater(""),
			append([]any{source, nanos(now)}, laterThan(now)...)...); err != nil {
			return err
		}
		for part := range slices.Chunk(refused, 400) {
			if err := t.refuse(ctx, source, part, now); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, `UPDATE files SET state = 'vanished', closed_at = ?,
			why = 'it was refused (' || why || '), and is gone or can be taken now'
			WHERE source = ? AND state = 'refused' AND last_seen <> ? AND NOT `+seenLater(""),
			append([]any{nanos(now), source, nanos(now)}, laterThan(now)...)...)
		return err
	})
}

// refuse records refused entries. No readable file has the name of a refused entry, because the entry has no size
// and no modification time.
func (t tx) refuse(ctx context.Context, source string, refused []Refusal, now time.Time) error {
	args := []any{source, int64(mtimeAbsent)}
	for _, r := range refused {
		args = append(args, r.Path)
	}
	rows, err := t.rows(ctx, `SELECT path FROM files WHERE source = ? AND size = 0 AND mtime = ? AND path IN (`+marks(len(refused))+`)`,
		args...)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			rows.Close()
			return err
		}
		known[path] = true
	}
	if err := rows.Close(); err != nil {
		return err
	}
	var fresh []Sighting
	for _, r := range refused {
		if !known[r.Path] {
			fresh = append(fresh, Sighting{Path: r.Path})
		}
	}
	if _, err := t.insertFiles(ctx, source, fresh, now); err != nil {
		return err
	}
	for _, r := range refused {
		if _, err := t.exec(ctx, `UPDATE files SET state = 'refused', still_open = 0, why = ?, last_seen = ?,
			closed_at = CASE WHEN state = 'refused' THEN closed_at ELSE ? END
			WHERE source = ? AND path = ? AND size = 0 AND mtime = ? AND state IN ('seen', 'refused', 'vanished') AND NOT `+seenLater(""),
			append([]any{r.Why, nanos(now), nanos(now), source, r.Path, int64(mtimeAbsent)}, laterThan(now)...)...); err != nil {
			return err
		}
	}
	return nil
}

// StillBelow records that a listing could not read some directories: files that wait in them have not vanished.
func (s *Store) StillBelow(ctx context.Context, source string, directories []string, now time.Time) error {
	return s.change(ctx, "recording a listing of "+source, func(t tx) error {
		for _, d := range directories {
			if _, err := t.exec(ctx, `UPDATE files SET `+seenAgain+` WHERE source = ? AND state = 'seen' AND path LIKE ? ESCAPE '!'`,
				append(seenAt(now), source, likeText(d)+"/%")...); err != nil {
				return err
			}
		}
		return nil
	})
}

// likeText returns a text as a pattern for LIKE with ESCAPE '!'.
func likeText(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// Arriving lists the incomplete files, by source and path; of all sources if source is empty. It omits a file that
// other listings have found complete.
func (s *Store) Arriving(ctx context.Context, source string) (all []Arriving, err error) {
	err = s.query(ctx, "looking for files that are not complete", `SELECT source, path, size, mtime, since, waits_for FROM arriving_files a WHERE (source = ? OR ? = '')
		AND NOT EXISTS (SELECT 1 FROM files f WHERE f.source = a.source AND f.path = a.path AND f.size = a.size AND f.mtime = a.mtime) ORDER BY source, path`,
		[]any{source, source}, func(rows *sql.Rows) error {
			var a Arriving
			var mtime, since int64
			err := rows.Scan(&a.Source, &a.Path, &a.Size, &mtime, &since, &a.WaitsFor)
			a.MTime, a.Since = mtimeOf(mtime), instant(since)
			all = append(all, a)
			return err
		})
	return all, err
}

// BegunError reports that a file cannot be dropped, because records of it may have been sent.
type BegunError struct{ Number int64 }

func (e *BegunError) Error() string {
	return fmt.Sprintf("file %d was begun: some of its records may be rated, and dropping it would leave its balance "+
		"off. Let it be read to its end; `ratemill files` shows what it waits for."+
		" If its source was removed, `ratemill files finish %d` reads it to "+
		"its end", e.Number, e.Number)
}

// FinishFile orders that a begun file is read to its end by its pinned document, although the project no longer has its
// source. ErrConflict means that the file was not begun, or has ended.
func (s *Store) FinishFile(ctx context.Context, number int64, who string, now time.Time) error {
	return s.change(ctx, "ordering to finish "+fileName(number), func(t tx) error {
		var there int64
		if err := t.row(ctx, `SELECT 1 FROM files WHERE number = ?`, number).Scan(&there); err != nil {
			return notFound(err)
		}
		if err := orConflict(t.exec(ctx, `UPDATE files SET finish_by = ?, retry_at = 0 WHERE number = ? AND pinned = 1 AND still_open = 1`, who,
			number)); err != nil {
			return err
		}
		return t.audit(ctx, AuditEntry{At: now, Who: who, What: "files.finish", Subject: fileName(number)})
	})
}

// ToFinish returns the sources of open files that FinishFile ordered to be finished.
func (s *Store) ToFinish(ctx context.Context) (sources []string, err error) {
	err = s.query(ctx, "looking for files to finish",
		`SELECT DISTINCT source FROM files WHERE finish_by <> '' AND still_open = 1 ORDER BY source`, nil, func(rows *sql.Rows) error {
			var source string
			err := rows.Scan(&source)
			sources = append(sources, source)
			return err
		})
	return sources, err
}

// DropFile gives up a file that waits, failed or vanished before any of it was read, and stores why. The records of a
// retry batch may then be retried again. It returns *BegunError if the file was begun, and ErrConflict if a mediator
// has leased it or there is nothing to give up.
func (s *Store) DropFile(ctx context.Context, number int64, who, why string, now time.Time) error {
	return s.change(ctx, "dropping "+fileName(number), func(t tx) error {
		var pinned, retry int64
		var state FileState
		if err := t.row(ctx, `SELECT pinned, retry, state FROM files WHERE number = ?`, number).Scan(&pinned, &retry, &state); err != nil {
			return notFound(err)
		}
		if pinned == 1 && state != Done && state != Duplicate {
			return &BegunError{number}
		}
		if retry > 0 {
			if err := t.cancelRetry(ctx, retry, "given up by "+who+": "+why, now); err != nil {
				return err
			}
			return t.audit(ctx, AuditEntry{At: now, Who: who, What: "suspense.cancel", Subject: fmt.Sprintf("retry %d", retry),
				Detail: why})
		}
		if err := orConflict(t.exec(ctx, `UPDATE files SET state = 'dropped', still_open = 0, closed_at = ?, why = ?, lease_until = 0, generation = generation + 1, file_id = NULL, content = NULL
			WHERE number = ? AND retry = 0 AND pinned = 0 AND state IN ('seen', 'spooling', 'failed', 'vanished', 'refused') AND `+unleased,
			nanos(now), who+": "+why, number, nanos(now), nanos(now))); err != nil {
			return err
		}
		if err := t.giveUpContent(ctx, number); err != nil {
			return err
		}
		return t.audit(ctx, AuditEntry{At: now, Who: who, What: "files.drop", Subject: fileName(number), Detail: why})
	})
}
