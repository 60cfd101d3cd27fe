package offline

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/udr"
)

// files is the ledger and the spool of the given files: they are on this machine, and one mediator reads them in order.
// It omits everything that only a listing of a source needs.
type files struct {
	mediation.Files
	files    []*file
	next     *file // waiting for a lease; nil after it was leased
	contents map[string]*file
	balances []*Balance
	now      time.Time
}

// file is a given file with its state.
type file struct {
	given    File
	number   int64
	id       udr.FileID
	size     int64
	progress control.Progress
	pins     control.Pins
	done     bool
	failure  string
	waits    string
	original *file
}

func newFiles(given []File, now time.Time) *files {
	l := &files{contents: map[string]*file{}, now: now}
	for i, f := range given {
		l.files = append(l.files, &file{given: f, number: int64(i + 1)})
	}
	return l
}

func (l *files) at(lease control.Lease) *file { return l.files[lease.File-1] }

// LeaseNext implements mediation.Files.
func (l *files) LeaseNext(_ context.Context, _ []control.Queue, owner string, now time.Time, ttl time.Duration) (control.Lease, bool,
	error) {
	f := l.next
	if f == nil {
		return control.Lease{}, false, nil
	}
	l.next = nil
	return control.Lease{File: f.number, Owner: owner, Generation: 1, Until: now.Add(ttl)}, true, nil
}

// Renew implements mediation.Files.
func (l *files) Renew(_ context.Context, lease control.Lease, _ time.Time, _ time.Duration) (control.Lease, error) {
	return lease, nil
}

// Release implements mediation.Files.
func (l *files) Release(context.Context, control.Lease) error { return nil }

// File implements mediation.Files.
func (l *files) File(_ context.Context, number int64) (control.File, error) {
	return l.files[number-1].row(l.now), nil
}

func (f *file) row(now time.Time) control.File {
	return control.File{
		Number: f.number, Source: f.given.Source.Name, Sighting: control.Sighting{Path: f.given.Path, Size: f.size, MTime: f.given.MTime},
		FileID: f.id, FirstSeen: now, LastSeen: now, Progress: control.Progress{Expected: -1},
	}
}

// SetIdentity implements mediation.Files: content that was read before is not read again.
func (l *files) SetIdentity(_ context.Context, lease control.Lease, id udr.FileID, content []byte, size int64, now time.Time,
	_ ...control.OtherKey) (*control.File, error) {
	f := l.at(lease)
	f.id, f.size = id, size
	key := f.given.Source.Name + "\x00" + string(content)
	if size == 0 {
		key = f.given.Source.Name + "\x00" + string(id[:])
	}
	if first := l.contents[key]; first != nil {
		f.original = first
		row := first.row(now)
		return &row, nil
	}
	l.contents[key] = f
	return nil, nil
}

// Pin implements mediation.Files.
func (l *files) Pin(_ context.Context, lease control.Lease, pins control.Pins, _ time.Time) (control.Pins, error) {
	l.at(lease).pins = pins
	return pins, nil
}

// Beginnings implements mediation.Files.
func (l *files) Beginnings(_ context.Context, lease control.Lease, opening []byte, named bool) (found []control.Beginning, known int64,
	err error) {
	f := l.at(lease)
	for _, b := range l.files[:lease.File-1] {
		p := &b.pins.Part
		if !b.done || b.given.Source != f.given.Source || !bytes.Equal(p.Opening, opening) ||
			named && path.Base(b.given.Path) != path.Base(f.given.Path) {
			continue
		}
		found = append(found, control.Beginning{Number: b.number, Path: b.given.Path, Size: p.Size, Hash: p.Content, Alike: true,
			Held: b.progress.Mapped.Records+b.progress.Suspended.Records > 0})
	}
	return found, 0, nil
}

// ReadOnly implements mediation.Files.
func (l *files) ReadOnly(_ context.Context, lease control.Lease, hash []byte, size int64) error {
	p := &l.at(lease).pins.Part
	p.Content, p.Size = hash, size
	return nil
}

// Resumes implements mediation.Files: files are local, and read from their beginning.
func (l *files) Resumes(context.Context, *control.File) (r control.Resumption, found bool, err error) {
	return r, false, nil
}

// Postpone implements mediation.Files.
func (l *files) Postpone(_ context.Context, lease control.Lease, why string, _ time.Duration, _ time.Time) error {
	l.at(lease).waits = why
	return nil
}

// RecordProgress implements mediation.Files.
func (l *files) RecordProgress(_ context.Context, lease control.Lease, p control.Progress, _ time.Time, _ time.Duration) (control.Lease,
	error) {
	l.at(lease).progress = p
	return lease, nil
}

// Finish implements mediation.Files.
func (l *files) Finish(_ context.Context, lease control.Lease, p control.Progress, _ time.Time) error {
	l.at(lease).progress, l.at(lease).done = p, true
	return nil
}

// Fail implements mediation.Files.
func (l *files) Fail(_ context.Context, lease control.Lease, why string, _, _ time.Time) error {
	l.at(lease).failure, l.at(lease).done = why, true
	return nil
}

// Fetch implements mediation.Spool: the file is local, and is hashed before it is read.
func (l *files) Fetch(_ context.Context, src *source.Source, row *control.File, _ *collect.Prefix,
	_ func(context.Context) error) (mediation.Content, error) {
	f := l.files[row.Number-1]
	body, err := f.given.Open()
	if err != nil {
		return mediation.Content{}, fmt.Errorf("cannot be opened: %w", err)
	}
	h := sha256.New()
	size, err := io.Copy(h, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return mediation.Content{}, fmt.Errorf("cannot be read: %w", err)
	}
	hash := [32]byte(h.Sum(nil))
	return mediation.Content{
		ID: collect.Identity(src.Name, f.given.Path, hash), Hash: hash[:], Size: size, Open: f.given.Open, Done: func() {},
	}, nil
}

// balance returns the outcome of the file's records.
func (l *files) balance(f *file, r *stages) *Balance {
	p, d := &f.progress, r.decided
	b := &Balance{
		ID: f.id, Source: f.given.Source.Name, Path: f.given.Path, Size: f.size,
		Records: p.Read.Records + p.Usages - p.Mapped.Records, Bytes: p.Read.Bytes, Filtered: p.Filtered.Records,
		Duplicate: d.duplicate, Suspended: d.suspended, Rated: d.rated, Failure: cmp.Or(f.failure, f.waits), Notes: mediation.NotesOf(p),
	}
	if f.original != nil {
		b.DuplicateOf = f.original.given.Path
	}
	if p := f.pins.Part; p.Continues > 0 {
		b.Continues, b.From = l.files[p.Continues-1].given.Path, p.From
	}
	r.decided = decided{}
	return b
}
