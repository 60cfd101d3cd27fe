package mediation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/histogram"
	"ratemill/internal/safeguard"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/rules"
	"ratemill/udr"
)

// Mediator takes files one after the other until its context ends. Several mediators, in this process and others,
// share the files of their sources through the ledger.
type Mediator struct {
	MediatorOptions

	revisions revisions
	patience  backoff.Patience
	runners   map[*source.Source]*rules.Runner
	spare     [][]byte // buffers of batches that have been appended to the topic, for reuse
}

// NewMediator reports all mistakes in the options.
func NewMediator(o MediatorOptions) (*Mediator, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Idle = cmp.Or(o.Idle, defaultIdle)
	return &Mediator{MediatorOptions: o}, nil
}

// Progress contains the work of mediators so far, for metrics, and the reasons that stop them.
type Progress struct {
	Away Absences

	sources sync.Map // *Counts by name
}

// Counts is the work done for a source.
type Counts struct {
	Files, Failed, DuplicateFiles, ChangedFiles           atomic.Int64
	Records, Filtered, Suspended, Mapped, Bytes, Unrouted atomic.Int64
	Fetches                                               histogram.Histogram
	notes                                                 sync.Map // by the word of a note: *atomic.Int64, the number of records with it
}

// FetchBounds are the bucket bounds of Counts.Fetches: the time to fetch a file from its server.
var FetchBounds = histogram.Bounds{50 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
	5 * time.Second,
	15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

func (c *Counts) noted(word string) *atomic.Int64 {
	n, ok := c.notes.Load(word)
	if !ok {
		n, _ = c.notes.LoadOrStore(word, new(atomic.Int64))
	}
	return n.(*atomic.Int64)
}

// Notes calls do with each note and the number of records that have it.
func (c *Counts) Notes(do func(word string, records int64)) {
	c.notes.Range(func(word, n any) bool {
		do(word.(string), n.(*atomic.Int64).Load())
		return true
	})
}

// noteKey is the prefix of keys in a reader's state that count records with a note; no class name contains a blank.
const noteKey = "note "

// NotesOf returns the number of a file's records for each note of the rules.
func NotesOf(p *control.Progress) map[string]int64 {
	var all map[string]int64
	if len(p.State) == 0 || json.Unmarshal(p.State, &all) != nil {
		return nil
	}
	notes := map[string]int64{}
	for key, n := range all {
		if word, ok := strings.CutPrefix(key, noteKey); ok {
			notes[word] = n
		}
	}
	return notes
}

// Of returns the work done for a source.
func (p *Progress) Of(source string) *Counts {
	if found, ok := p.sources.Load(source); ok {
		return found.(*Counts)
	}
	found, _ := p.sources.LoadOrStore(source, &Counts{})
	return found.(*Counts)
}

// Sum adds up a number over all sources.
func (p *Progress) Sum(what func(*Counts) int64) (all int64) {
	p.sources.Range(func(_, c any) bool {
		all += what(c.(*Counts))
		return true
	})
	return all
}

// Run takes files until ctx ends. It then releases the current file, which another mediator continues from its
// recorded progress. While an operation fails, it retries with backoff and logs the error once a minute.
func (m *Mediator) Run(ctx context.Context) error {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: m.Idle, Most: longestPause, Random: m.Random}}
	for ctx.Err() == nil {
		took, err := m.Next(ctx)
		pause := m.Idle
		switch {
		case err == nil:
			absence.Worked(m.Clock.Now(), m.Log, "mediation goes on")
		case ctx.Err() == nil:
			pause = absence.Failed(m.Clock.Now(), m.Log, "mediation waits", err)
		}
		if !took && m.Clock.Sleep(ctx, pause) != nil {
			break
		}
	}
	return nil
}

const longestPause = 5 * time.Second // longest pause between two attempts after a failure

// Next takes a file and reads it to its end. took reports whether there was one, in which case the next call can
// follow at once.
func (m *Mediator) Next(ctx context.Context) (took bool, err error) {
	if m.Hold != nil {
		if err := m.Hold(ctx); err != nil {
			return false, err
		}
	}
	queues := m.present(m.Reference.Queues())
	if len(queues) == 0 {
		return false, nil
	}
	lease, found, err := m.Files.LeaseNext(ctx, queues, m.Owner, m.now(), m.Lease)
	if err != nil || !found {
		return false, err
	}
	t := &taken{m: m, lease: lease}
	err = t.keeping(ctx, t.process)
	var lost *control.LeaseLostError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &lost):
		m.Log.Info("another mediator has taken over a file", "file", lease.File)
		return true, nil
	case errors.Is(err, broker.ErrTooLarge):
		return true, t.refused(ctx, err)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if releaseErr := m.Files.Release(grace, t.lease); releaseErr != nil && !errors.As(releaseErr, &lost) {
		m.Log.Warn("could not release a file; it waits until its lease ends", "file", lease.File, "err", releaseErr)
	}
	if m.waits(t.file.Source) {
		return true, nil // other sources may have files
	}
	return false, err
}

// runner returns the mediator's own runner of a source's rules, prepared for a file. It is kept for further files,
// because it remembers phone numbers that are slow to parse.
func (m *Mediator) runner(src *source.Source, file string, modified time.Time) *rules.Runner {
	r := m.runners[src]
	if r == nil {
		if m.runners == nil || len(m.runners) >= mostRunners { // documents get new versions
			m.runners = map[*source.Source]*rules.Runner{}
		}
		r = src.Program.NewRunner()
		m.runners[src] = r
	}
	r.File(path.Base(file), modified)
	return r
}

const mostRunners = 64

// taken is a file that this mediator has leased.
type taken struct {
	m      *Mediator
	lease  control.Lease
	file   control.File
	src    *source.Source
	pins   control.Pins
	prefix *prefix // the part that was read before and is not fetched again; nil: none
}

// now returns the ledger's time, not this machine's, for leases and everything else that the ledger compares.
func (m *Mediator) now() time.Time {
	if m.Ledger == nil || !safeguard.On(safeguard.StoreTime) {
		return m.Clock.Now()
	}
	return m.Ledger()
}

func (t *taken) counts() *Counts { return t.m.Progress.Of(t.file.Source) }

const attempts = 10 // attempts to fetch a file, over a quarter of an hour, before a user must look at it

// process takes the file through its stages: fetched, identified, pinned, read, closed. After an error, this
// mediator or another one continues from the stage reached.
func (t *taken) process(ctx context.Context) (err error) {
	m := t.m
	if t.file, err = m.Files.File(ctx, t.lease.File); err != nil {
		return err
	}
	if t.src, err = m.Reference.Source(ctx, t.file.Source, t.file.Pins.Rules); err != nil {
		return err
	}
	if e := t.file.Progress.Ending; e != nil && t.file.Pinned {
		return t.endAgain(ctx, e)
	}
	if t.prefix, err = t.resumes(ctx); err != nil {
		return err
	}
	if t.prefix != nil {
		if err = t.read(ctx); !errors.Is(err, errWhole) {
			return err
		}
		t.prefix = nil
	}
	return t.read(ctx)
}

// read fetches the file and reads it to its end. errWhole means that the whole file must be fetched.
func (t *taken) read(ctx context.Context) (err error) {
	m := t.m
	began := m.Clock.Now()
	content, err := t.fetch(ctx)
	if errors.Is(err, errWhole) {
		return err
	}
	if err != nil {
		return t.unfetched(ctx, err)
	}
	if t.file.Retry == 0 { // a retry's records come from the warehouse
		t.counts().Fetches.Observe(&FetchBounds, m.Clock.Now().Sub(began))
	}
	m.reached(t.file.Source)
	defer content.Done()
	l := &looked{id: content.ID, key: content.Hash}
	if t.file.Retry == 0 {
		if l, err = t.look(ctx, content); err != nil {
			return err
		}
	}
	if why := t.unfinished(l); why != "" {
		return t.postponed(ctx, why, t.pause())
	}
	original, err := m.Files.SetIdentity(ctx, t.lease, l.id, l.key, content.Size, m.now(), l.others...)
	if other := (*control.OtherContentError)(nil); errors.As(err, &other) {
		if content.More {
			return t.gone(ctx, false, fmt.Sprintf("%q has %d bytes or more, but does not start with the content that it had when "+
				"reading began", t.file.Place.Path, content.Size))
		}
		return t.otherContent(ctx, other)
	}
	if err != nil {
		return err
	}
	if original != nil {
		t.counts().DuplicateFiles.Add(1)
		m.Log.Warn("not reading a file whose content came before", "source", t.file.Source, "file", t.file.Path, "same_as", original.Path)
		return nil
	}
	content.ID = l.id
	if t.file.Retry > 0 {
		return t.retry(ctx, content, l)
	}
	if why, pause, err := t.pin(ctx, content, l); err != nil || why != "" {
		if err == nil {
			err = t.postponed(ctx, why, pause)
		}
		return err
	}
	r, err := t.open(ctx, content)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.run(ctx); err != nil {
		return err
	}
	if r.failure != "" {
		err = r.readOnly(ctx, content)
	} else {
		err = r.readOn(ctx, content)
	}
	if err != nil {
		return err
	}
	if err := r.end(ctx); err != nil {
		return err
	}
	return t.close(ctx, r)
}

// endAgain closes a file whose mediator died after it had sent everything, except perhaps the ends.
func (t *taken) endAgain(ctx context.Context, e *control.Ending) error {
	t.pins = t.file.Pins
	progress := t.file.Progress
	progress.Ending = nil
	r := &reader{t: t, id: t.file.FileID, progress: progress, told: progress, failure: e.Why,
		out: newOutgoing(t, t.file.FileID, progress.LastSeqs)}
	alone := false
	if t.m.Arrived != nil && t.m.now().Sub(e.Since) > t.m.EndsKnown {
		// If the ends were sent, raters may have forgotten the file. In that case, the end has arrived long ago.
		arrived, err := t.m.Arrived(ctx, t.file.FileID, r.home())
		if err != nil {
			return t.unfetched(ctx, err)
		}
		if arrived {
			return t.close(ctx, r)
		}
		alone = safeguard.On(safeguard.HomeAlone)
	}
	totals, err := parseTotals(e.Totals)
	if err != nil {
		return fmt.Errorf("file %d: the totals in the ledger are damaged: %w", t.file.Number, err)
	}
	if alone {
		// Another partition may have received its end and forgotten the file: it would take this end for one that
		// follows records that it never received, and stop completely. A partition that received no end
		// remembers the file for ever, which costs 40 bytes.
		r.out.seal(&r.out.parts[r.home()], totals)
		err = r.flush(ctx)
	} else {
		err = r.sendEnds(ctx, totals)
	}
	if err != nil {
		return err
	}
	return t.close(ctx, r)
}

func (t *taken) renew(ctx context.Context) (err error) {
	t.lease, err = t.m.Files.Renew(ctx, t.lease, t.m.now(), t.m.Lease)
	return err
}

// keep does the same as renew, during a fetch. It ignores errors of a control store that is away, because the next step
// shows whether the lease was lost meanwhile.
func (t *taken) keep(ctx context.Context) error {
	err := t.renew(ctx)
	if backoff.From(err) == backoff.ControlStore {
		return nil
	}
	return err
}

// unfetched decides what happens to a file that could not be fetched: it is gone for good, is tried again, or needs a
// user's attention. An error that is not the file's fault does not count as an attempt: the file is released and
// stays first in its queue.
func (t *taken) unfetched(ctx context.Context, err error) error {
	now := t.m.now()
	var gone *collect.GoneError
	var changed *collect.ChangedError
	var away *AwayError
	var lost *control.LeaseLostError
	var full *collect.SpoolError
	retryAt := time.Time{}
	switch {
	case errors.As(err, &lost) || ctx.Err() != nil:
		return err
	case collect.Unreachable(err):
		t.m.unreachable(t.file.Source, err)
		return err
	case errors.As(err, &full):
		t.m.Progress.Away.met(t.m.Clock.Now(), Spooling, err)
		return err
	case t.file.Retry == 0 && backoff.From(err) == backoff.ControlStore:
		return err
	case errors.As(err, &gone), errors.As(err, &changed) && !t.file.FileID.IsZero():
		return t.gone(ctx, false, err.Error())
	case errors.As(err, &away):
		retryAt = now.Add(min(time.Second<<min(t.file.Attempts, 10), time.Minute))
	case errors.As(err, &changed) || t.file.Attempts < attempts:
		retryAt = t.again(now)
	}
	t.counts().Failed.Add(1)
	t.m.Log.Warn("a file could not be fetched", "source", t.file.Source, "file", t.file.Path, "retry_at", retryAt, "err", err)
	return t.m.Files.Fail(ctx, t.lease, err.Error(), retryAt, now)
}

// again returns the time of the next attempt for a file that could not be fetched, with increasing pauses.
func (t *taken) again(now time.Time) time.Time {
	return now.Add(min(time.Second<<min(t.file.Attempts, 10), 10*time.Minute))
}

// gone gives up on content that is no longer at its source, unless another file contains it. If the file was begun,
// records may have been sent; they stay, and a user must be notified.
func (t *taken) gone(ctx context.Context, other bool, why string) error {
	m := t.m
	now := m.now()
	cause := why
	if t.file.Pinned && t.file.Retry == 0 {
		why += fmt.Sprintf(". At least %d of its records may be rated; they stay rated. When the same content (%s) comes "+
			"again, under this or another name, ratemill reads the rest automatically; ask the carrier for it."+
			" `ratemill query \"select count() from "+
			"rated_usage where file = '%s'\"` counts what was rated",
			t.file.Progress.Usages, t.file.FileID.Short(), t.file.FileID)
	}
	found, err := m.Files.Gone(ctx, t.lease, other, why, t.again(now), now)
	switch {
	case err != nil:
	case found > 0:
		m.Log.Warn("reading a file from the new place of its content", "source", t.file.Source, "file", t.file.Path, "same_content",
			found, "err", cause)
	case t.file.Pinned:
		t.counts().Failed.Add(1)
		m.Log.Error("cannot continue a file that was begun", "source", t.file.Source, "file", t.file.Path, "err", why)
	default:
		m.Log.Warn("a file vanished before it was read", "source", t.file.Source, "file", t.file.Path, "err", why)
	}
	return err
}

// otherContent closes a file whose content differs from the content with which it was begun.
func (t *taken) otherContent(ctx context.Context, e *control.OtherContentError) error {
	if t.file.Retry > 0 {
		return t.gone(ctx, true, fmt.Sprintf("the records of retry %d in the warehouse are not those of its first reading "+
			"(%s, now %s); were rows of the table suspense changed, or have they expired?",
			t.file.Retry, e.Was.Short(), e.Now.Short()))
	}
	return t.gone(ctx, true, fmt.Sprintf("the content of %q has changed since reading began (%s, now %s), but its size "+
		"and modification time have not."+
		" The new content is not read: give it another name that the source matches, so that it is read as its own file",
		t.file.Place.Path, e.Was.Short(), e.Now.Short()))
}

// refused closes a file with a message that the topic does not accept, because another attempt would not help.
func (t *taken) refused(ctx context.Context, err error) error {
	why := fmt.Sprintf("%v. The topic %s must accept messages of 8 MiB: set its max.message.bytes to 8388608, then `ratemill files "+
		"retry %d`; records already sent stay, and the rest follows",
		err, t.m.Topics.Usage, t.file.Number)
	t.counts().Failed.Add(1)
	t.m.Log.Error("a file cannot be sent", "source", t.file.Source, "file", t.file.Path, "err", why)
	return t.m.Files.Fail(ctx, t.lease, why, time.Time{}, t.m.now())
}

// AwayError reports that the server or directory of a file's content does not answer. This is not the file's fault;
// mediation retries for as long as necessary.
type AwayError struct{ Err error }

func (e *AwayError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *AwayError) Unwrap() error { return e.Err }

// HeldError reports that the consumers of usage are too far behind. It passes.
type HeldError struct{ Err error }

func (e *HeldError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *HeldError) Unwrap() error { return e.Err }

// held waits while mediation is held back, and keeps the lease of the file.
func (t *taken) held(ctx context.Context) error {
	if t.m.Hold == nil {
		return nil
	}
	return t.until(ctx, "read on", func() error { return t.m.Hold(ctx) })
}

func passing(err error) bool {
	var held *HeldError
	return broker.Unavailable(err) || errors.As(err, &held)
}

// pin fixes everything on which the file's records depend, before the first of them is sent. If that is impossible
// now, it returns the reason.
func (t *taken) pin(ctx context.Context, content Content, l *looked) (why string, pause time.Duration, err error) {
	m := t.m
	var current control.Pins
	for again := true; again; {
		if current, err = t.current(ctx); err != nil {
			return "", 0, err
		}
		if t.file.Retry == 0 && !t.file.Pinned {
			if current.Part, why, pause, err = t.part(ctx, content, l); err != nil || why != "" {
				return why, pause, err
			}
		}
		t.pins, err = m.Files.Pin(ctx, t.lease, current, m.now())
		if again = errors.Is(err, control.ErrConflict); err != nil && !again {
			return "", 0, err
		}
	}
	if !safeguard.On(safeguard.Pinned) {
		t.pins = current
	}
	if t.pins.Rules != t.src.Version {
		t.src, err = m.Reference.Source(ctx, t.file.Source, t.pins.Rules)
	}
	return "", 0, err
}

// current returns the current versions of everything on which the file's records depend.
func (t *taken) current(ctx context.Context) (control.Pins, error) {
	revision, catalogue, err := t.m.Reference.Current(ctx)
	return control.Pins{Rules: t.src.Version, Registry: revision, Catalogue: catalogue, Partitions: t.m.Partitions}, err
}

// close records the end of a file, after all its batches and ends are acknowledged.
func (t *taken) close(ctx context.Context, r *reader) error {
	m := t.m
	t.counts().Files.Add(1)
	r.progress.Ending = nil
	if r.failure != "" {
		r.progress.Unread, r.progress.Ended = r.unread, !r.unread
		if _, err := m.Files.RecordProgress(ctx, t.lease, r.progress, m.now(), m.Lease); err != nil {
			return err
		}
		t.counts().Failed.Add(1)
		m.Log.Error("a file could not be read to its end", "source", t.file.Source, "file", t.file.Path, "records", r.progress.Read.Records,
			"err", r.failure)
		return m.Files.Fail(ctx, t.lease, r.failure, time.Time{}, m.now())
	}
	if err := m.Files.Finish(ctx, t.lease, r.progress, m.now()); err != nil {
		return err
	}
	if p := &r.progress; t.file.Retry == 0 {
		m.Log.Info("a file was read to its end", "source", t.file.Source, "file", t.file.Path, "number", t.file.Number,
			"records", p.Read.Records, "filtered", p.Filtered.Records, "suspended", p.Suspended.Records, "sent", p.Usages)
	}
	return nil
}

func (t *taken) batchPin() udr.Pin {
	taken := udr.Instant(0)
	if t.file.FirstSeen.Unix() > 0 { // files are not leased offline
		taken = udr.InstantOf(t.file.FirstSeen)
	}
	return udr.Pin{
		Source: t.file.Source, Rules: t.pins.Rules, Registry: uint64(t.pins.Registry), Catalogue: t.pins.Catalogue,
		DuplicateWithin: uint32(t.src.DuplicateWithin / time.Second), SessionWithin: uint32(t.src.SessionWithin / time.Second),
		Taken: taken, LateUntil: t.m.LateUntil,
	}
}

// until repeats an operation until the broker is available and mediation is not held back, and keeps the lease.
func (t *taken) until(ctx context.Context, what string, do func() error) error {
	p := &t.m.patience
	p.Clock, p.Log, p.Random, p.Passing, p.Waits = t.m.Clock, t.m.Log.With("file", t.file.Path), t.m.Random, passing, t.m.Waits
	return p.Until(ctx, what, do, func(ctx context.Context) error {
		if err := t.keep(ctx); err != nil {
			return fmt.Errorf("while waiting to %s: %w", what, err)
		}
		return nil
	})
}
