package mediation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/mediation/collect"
	"ratemill/mediation/decode"
)

// Site is the place of a source's files; *collect.Site is one.
type Site interface {
	// Look lists the files and reports which are complete.
	Look(ctx context.Context, now time.Time) (collect.Verdict, error)
	// After performs the source's after action for a file that was read, if the file has the same content.
	// It succeeds if the action was performed before, and returns *collect.ReplacedError if another file
	// has the name.
	After(ctx context.Context, e collect.Entry, same collect.Same) error
	// PutBack restores the name of a file that was left under a private name, or gives it a similar name.
	PutBack(ctx context.Context, aside collect.Entry) (name string, err error)
}

// Watcher lists the files of a source, enters new ones into the ledger, and performs the after action for those
// that were read. Several watchers may watch the same source.
type Watcher struct {
	WatcherOptions

	told  map[string]bool // refusals already logged
	quiet bool            // the ledger shows no files that wait or are refused
}

// NewWatcher reports all mistakes in the options.
func NewWatcher(o WatcherOptions) (*Watcher, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Watcher{WatcherOptions: o}, nil
}

// WatcherStatus is the result of the last listing of a source, for metrics and readiness.
type WatcherStatus struct {
	Listed    atomic.Int64 // Unix seconds of the last listing that succeeded
	Files     atomic.Int64 // in it, complete
	Growing   atomic.Int64 // in it, incomplete
	Arriving  atomic.Int64 // number of seconds for which the oldest of those has been unchanged
	Refused   atomic.Int64 // number of files and directories in the listing that cannot be taken
	Failures  atomic.Int64 // since then
	LastError atomic.Value // string
}

// Run lists the source repeatedly until ctx ends. The pauses grow while the source's server fails. If an engine is
// away, that is not a failure of the source, and the next listing comes at its usual time.
func (w *Watcher) Run(ctx context.Context) error {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: max(w.Every, time.Second), Most: max(time.Minute, w.Every), Random: w.Random}}
	waits, records := w.Waits, "record the files of source "+w.Source.Name
	if waits == nil {
		waits = func(string, error) {}
	}
	var engine backoff.Absence
	for ctx.Err() == nil {
		err := w.Look(ctx)
		pause := w.Every
		switch {
		case err == nil:
			w.Status.Failures.Store(0)
			waits(records, nil)
			engine.Worked(w.Clock.Now(), w.Log, "no more waiting to "+records)
			absence.Worked(w.Clock.Now(), w.Log, "source is back", "source", w.Source.Name)
		case ctx.Err() != nil:
			return nil
		case backoff.Unavailable(err):
			waits(records, err)
			engine.Failed(w.Clock.Now(), w.Log, "waiting to "+records, err)
		default:
			waits(records, nil)
			w.Status.LastError.Store(err.Error())
			w.Status.Failures.Add(1)
			pause = absence.Failed(w.Clock.Now(), w.Log, "source cannot be listed; retrying with increasing pauses", err, "source",
				w.Source.Name)
		}
		if w.Clock.Sleep(ctx, pause) != nil {
			break
		}
	}
	return nil
}

func (w *Watcher) now() time.Time {
	if w.Ledger == nil {
		return w.Clock.Now()
	}
	return w.Ledger()
}

// Look lists the source once.
func (w *Watcher) Look(ctx context.Context) error {
	looked, began := w.Clock.Now(), w.now()
	verdict, err := w.Site.Look(ctx, looked)
	if err != nil {
		return err
	}
	w.putBack(ctx, &verdict)
	w.refused(verdict.Refused)
	added, err := w.Files.Sight(ctx, w.Source.Name, sightings(verdict.Ready), w.now())
	if err != nil {
		return err
	}
	// A new watcher treats every file as growing; files that other watchers have seen complete keep waiting.
	if err := w.Files.StillThere(ctx, w.Source.Name, sightings(verdict.Growing), w.now()); err != nil {
		return err
	}
	if len(verdict.Unread) > 0 {
		if err := w.Files.StillBelow(ctx, w.Source.Name, verdict.Unread, w.now()); err != nil {
			return err
		}
	}
	if err := w.listed(ctx, &verdict, looked); err != nil {
		return err
	}
	if _, err := w.Files.MarkVanished(ctx, w.Source.Name, began, w.now()); err != nil {
		return err
	}
	if added > 0 {
		w.Log.Info("new files", "source", w.Source.Name, "files", added)
	}
	w.Status.Listed.Store(looked.Unix())
	w.Status.Files.Store(int64(len(verdict.Ready)))
	w.Status.Growing.Store(int64(len(verdict.Growing)))
	return w.tidy(ctx)
}

func sightings(entries []collect.Entry) []control.Sighting {
	s := make([]control.Sighting, len(entries))
	for i, e := range entries {
		s[i] = control.Sighting(e)
	}
	return s
}

// listed records the files at the source that wait or are refused, with the reasons.
func (w *Watcher) listed(ctx context.Context, v *collect.Verdict, looked time.Time) error {
	nothing := len(v.Growing)+len(v.Refused) == 0
	if nothing && w.quiet {
		return nil
	}
	now := w.now()
	arriving := make([]control.Arriving, len(v.Growing))
	var oldest time.Duration
	for i, e := range v.Growing {
		age := looked.Sub(v.Since[i])
		oldest = max(oldest, age)
		arriving[i] = control.Arriving{Source: w.Source.Name, Sighting: control.Sighting(e), Since: now.Add(-age),
			WaitsFor: w.Source.Collect.WaitsFor(e.Path)}
	}
	refused := make([]control.Refusal, len(v.Refused))
	for i, r := range v.Refused {
		refused[i] = control.Refusal{Path: r.Path, Why: r.Reason}
	}
	if err := w.Files.Listed(ctx, w.Source.Name, arriving, refused, now); err != nil {
		return err
	}
	w.quiet = nothing
	w.Status.Refused.Store(int64(len(v.Refused) + v.More))
	w.Status.Arriving.Store(int64(oldest / time.Second))
	return nil
}

// putBack restores the names of files that a mediator renamed for comparison before it crashed, if another mediator has
// finished the same work: the carrier may have written an unread file under that name meanwhile.
func (w *Watcher) putBack(ctx context.Context, v *collect.Verdict) {
	for _, e := range v.Aside {
		name, err := w.Site.PutBack(ctx, e)
		if err != nil {
			v.Refused = append(v.Refused, collect.Refusal{Path: e.Path,
				Reason: fmt.Sprintf("it was set aside to be moved or deleted, but never was, and cannot be put back: %v; restore "+
					"its name by hand", err)})
			continue
		}
		w.Log.Warn("a file that was set aside to be moved or deleted, but never was, has its name back; it is read if it was not",
			"source", w.Source.Name, "file", name, "was", e.Path)
	}
}

// refused logs each refused file once, not at every listing.
func (w *Watcher) refused(all []collect.Refusal) {
	told := map[string]bool{}
	for _, r := range all {
		if !w.told[r.Path] {
			w.Log.Warn("a file is refused", "source", w.Source.Name, "file", r.Path, "why", r.Reason)
		}
		told[r.Path] = true
	}
	w.told = told
}

// tidy performs the source's after action for files that were read.
func (w *Watcher) tidy(ctx context.Context) error {
	for {
		files, err := w.Files.FilesAfter(ctx, w.Source.Name, 100, w.now())
		if err != nil || len(files) == 0 {
			return err
		}
		for i := range files {
			if more, err := w.after(ctx, &files[i]); err != nil || !more {
				return err
			}
		}
	}
}

// The pause between two attempts to move or delete a file.
const (
	firstAfter   = time.Minute
	longestAfter = time.Hour
)

// same reports whether the content that open returns is the content that was read for a file. It compares
// compressed content unpacked; for files read by older programs, it compares the packed content.
func (w *Watcher) same(ctx context.Context, f *control.File, open func() (io.ReadCloser, error)) (bool, error) {
	return SameContent(ctx, f, w.Source.Decode.Limits, open)
}

// SameContent reports whether open returns the content of a file in the ledger, packed or unpacked.
func SameContent(ctx context.Context, f *control.File, limits decode.Limits, open func() (io.ReadCloser, error)) (bool, error) {
	body, err := open()
	if err != nil {
		return false, err
	}
	defer body.Close()
	whole, inside := sha256.New(), sha256.New()
	all := io.TeeReader(interrupted(ctx, body), whole)
	unpacked, packed, err := decode.Unpack(all, limits)
	if err == nil && packed != decode.Plain {
		_, err = io.Copy(inside, unpacked)
	}
	if unreadable(err) != nil {
		return false, err
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return false, err
	}
	is := func(h hash.Hash) bool { return collect.Identity(f.Source, f.Path, [32]byte(h.Sum(nil))) == f.FileID }
	return is(whole) || packed != decode.Plain && is(inside), nil
}

// after performs the action for one file. A file for which it fails does not delay other files; more is false if the
// server is away.
func (w *Watcher) after(ctx context.Context, f *control.File) (more bool, _ error) {
	if f.Place.Path != f.Path && !w.Source.Collect.After.Leaves() {
		// There may be other content with the same size and time. The copy counts as another file.
		return true, w.Files.MarkAfterDone(ctx, f.Number, fmt.Sprintf("it was read as %s; another file now has its name, "+
			"was not read and is left as it is", f.Place.Path), w.now())
	}
	err := w.Site.After(ctx, collect.Entry(f.Sighting), func(open func() (io.ReadCloser, error)) (bool, error) { return w.same(ctx, f, open) })
	var replaced *collect.ReplacedError
	log := w.Log.With("source", w.Source.Name, "file", f.Path)
	switch {
	case err == nil:
		return true, w.Files.MarkAfterDone(ctx, f.Number, "", w.now())
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &replaced):
		log.Warn("leaving a file that was read where it is", "err", err)
		if replaced.Alike {
			return true, w.Files.Replaced(ctx, f.Number, err.Error()+"; it is read as its own file", w.now())
		}
		return true, w.Files.MarkAfterDone(ctx, f.Number, err.Error(), w.now())
	case collect.Unreachable(err):
		log.Info("moving or deleting read files later", "err", err)
		return false, nil
	}
	pause := min(firstAfter<<min(f.AfterAttempts, 10), longestAfter)
	if f.AfterAttempts == 0 {
		log.Warn("a file that was read cannot be moved or deleted; retrying with increasing pauses", "err", err)
	}
	return true, w.Files.AfterFailed(ctx, f.Number, err.Error(), pause, w.now())
}
