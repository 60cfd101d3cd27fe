package backoffice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/offline"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/udr"
)

// The data fetched to show one line is bounded: read a file of gigabytes where it is.
const (
	mostFetched  = 256 << 20
	fetchedUntil = time.Minute
)

// MissingError says that a record's file cannot be fetched, and why.
type MissingError struct {
	File string
	Why  string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s cannot be fetched: %s; give a copy of it with --file", e.File, e.Why)
}

// Fetch gets the content of a record's file from its source, read-only: from where it was listed, or from where
// collect.after moved it. src is the source in the present project, nil for none, and dir the project's folder. done
// removes the copy.
func (q *Inquiry) Fetch(ctx context.Context, e *Explained, src *source.Source, dir string) (f offline.File, done func(), err error) {
	ctx, end := context.WithTimeout(ctx, fetchedUntil)
	defer end()
	missing := func(format string, args ...any) error { return &MissingError{e.File, fmt.Sprintf(format, args...)} }
	file, err := q.store.FileByID(ctx, e.record.File)
	switch {
	case errors.Is(err, control.ErrNotFound):
		return f, nil, missing("the ledger does not have it")
	case err != nil:
		return f, nil, err
	case file.Retry > 0:
		return f, nil, &MissingError{"the record", "it came back from suspense, and its line is in the file of the record before: see " +
			"`before` above"}
	case src == nil:
		return f, nil, missing("the project has no source %s, which says where its files are", file.Source)
	case file.Size > mostFetched:
		return f, nil, missing("it has %s, and at most %s are fetched to show a line", rating.Units(file.Size, udr.Octet),
			rating.Units(mostFetched, udr.Octet))
	}
	site := src.Collect.Open(collect.Environment{Dir: dir, Clock: realTime{}, Random: rand.Float64})
	defer site.Close()
	places := []collect.Entry{collect.Entry(file.Place)}
	if file.Place != file.Sighting {
		places = append(places, collect.Entry(file.Sighting))
	}
	another := ""
	for _, place := range places {
		found, err := site.Find(ctx, place)
		if err != nil {
			return f, nil, missing("%v", err)
		}
		for _, at := range found {
			name, same, err := q.copied(ctx, site, at.Path, &file, src)
			switch {
			case err != nil && ctx.Err() == nil:
				return f, nil, missing("%v", err)
			case err != nil:
				return f, nil, missing("its server took longer than %s", fetchedUntil)
			case same:
				f = offline.File{Path: file.Path, MTime: file.Time(), Open: func() (io.ReadCloser, error) { return os.Open(name) }}
				return f, func() { os.Remove(name) }, nil
			}
			another = at.Path
		}
	}
	if another != "" {
		return f, nil, missing("%q has another content now", another)
	}
	return f, nil, missing("it is no longer at its source%s", after(src))
}

// after describes the after action for files of a source.
func after(src *source.Source) string {
	switch a := src.Collect.After; {
	case a.Delete:
		return ", where files are deleted when they were read (collect.after)"
	case a.Move != "":
		return ", nor in " + a.Move + ", where files go when they were read (collect.after)"
	}
	return ""
}

// copied copies as many bytes of a file as were read from it, and reports whether the content is the same.
func (q *Inquiry) copied(ctx context.Context, site *collect.Site, path string, file *control.File, src *source.Source) (name string,
	same bool, err error) {
	to, err := os.CreateTemp("", "ratemill-explain-*")
	if err != nil {
		return "", false, err
	}
	defer func() {
		to.Close()
		if err != nil || !same {
			os.Remove(to.Name())
		}
	}()
	body, err := site.Remote.Open(ctx, path, 0)
	if err != nil {
		return "", false, err
	}
	defer body.Close()
	if _, err = io.Copy(to, io.LimitReader(body, file.Size)); err != nil {
		return "", false, err
	}
	same, err = mediation.SameContent(ctx, file, src.Decode.Limits, func() (io.ReadCloser, error) { return os.Open(to.Name()) })
	return to.Name(), same, err
}

// Masked is a text in which the identifiers of the record's SIM are shortened, as elsewhere.
func (e *Explained) Masked(text string) string {
	for _, id := range e.Identifiers {
		_, value, _ := strings.Cut(id, ":")
		if value = strings.TrimPrefix(value, "+"); len(value) >= 8 {
			text = strings.ReplaceAll(text, value, value[:4]+"…"+value[len(value)-2:])
		}
	}
	return text
}

// realTime is the clock of this machine.
type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }

func (realTime) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
