package offline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/udr"
)

// files is the ledger and the spool of the files given: they are on this machine, taken in their order, by one mediator.
// What only a listing of a source asks for is not there.
type files struct {
	mediation.Files
	files    []*file
	next     *file // to be leased; nil when it was
	contents map[string]*file
	balances []*Balance
	now      time.Time
}

// file is a file given and what is known of it.
type file struct {
	given    File
	number   int64
	id       udr.FileID
	size     int64
	progress control.Progress
	failure  string
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
func (l *files) LeaseNext(_ context.Context, _ []control.Queue, owner string, now time.Time, ttl time.Duration) (control.Lease, bool, error) {
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

// SetIdentity implements mediation.Files: a content that came before is not read again.
func (l *files) SetIdentity(_ context.Context, lease control.Lease, id udr.FileID, content []byte, size int64, now time.Time) (*control.File, error) {
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
func (l *files) Pin(_ context.Context, _ control.Lease, pins control.Pins, _ time.Time) (control.Pins, error) {
	return pins, nil
}

// RecordProgress implements mediation.Files.
func (l *files) RecordProgress(_ context.Context, lease control.Lease, p control.Progress, _ time.Time, _ time.Duration) (control.Lease, error) {
	l.at(lease).progress = p
	return lease, nil
}

// Finish implements mediation.Files.
func (l *files) Finish(_ context.Context, lease control.Lease, p control.Progress, _ time.Time) error {
	l.at(lease).progress = p
	return nil
}

// Fail implements mediation.Files.
func (l *files) Fail(_ context.Context, lease control.Lease, why string, _, _ time.Time) error {
	l.at(lease).failure = why
	return nil
}

// Fetch implements mediation.Spool: the file is here, and is hashed before it is read.
func (l *files) Fetch(_ context.Context, src *source.Source, row *control.File, _ func(context.Context) error) (mediation.Content, error) {
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

// balance is what became of the file's records.
func (f *file) balance(r *rater) *Balance {
	p, d := &f.progress, r.decided
	b := &Balance{
		ID: f.id, Source: f.given.Source.Name, Path: f.given.Path, Size: f.size,
		Records: p.Read.Records + p.Usages - p.Mapped.Records, Bytes: p.Read.Bytes, Filtered: p.Filtered.Records,
		Duplicate: d.duplicate, Suspended: d.suspended, Rated: d.rated, Failure: f.failure, Notes: mediation.NotesOf(p),
	}
	if f.original != nil {
		b.DuplicateOf = f.original.given.Path
	}
	r.decided = decided{}
	return b
}
