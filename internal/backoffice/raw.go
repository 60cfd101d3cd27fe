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

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/udr"
)

// The amount of data fetched to show one line is limited: a file of several gigabytes is better read where it is.
const (
	mostFetched  = 256 << 20
	fetchedUntil = time.Minute
)

// unfetchedError is the reason why a record's file cannot be fetched.
type unfetchedError struct {
	File string
	Why  string
}

func (e *unfetchedError) Error() string {
	return fmt.Sprintf("%s cannot be fetched: %s; give a copy of it with --file", e.File, e.Why)
}

// BrokenProjectError means that the project cannot be read.
type BrokenProjectError struct {
	Project string
	List    diag.List // its mistakes
}

func (e *BrokenProjectError) Error() string {
	return fmt.Sprintf("the project in %s, which defines where files are, has %s", e.Project, counted(e.List.Errors(), "error"))
}

// sourceNow returns the source in the current project, which has the address of its server; nil if the project no
// longer has the source.
func (o *Office) sourceNow(name string) (*source.Source, error) {
	p, list := project.LoadDir(o.Project)
	if p == nil {
		return nil, &BrokenProjectError{o.Project, list}
	}
	for _, s := range p.Sources.Sources {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, nil
}

// fetch gets the content of a record's file from its source without changing anything there. It looks where the
// file was listed, and where collect.after moved it. done removes the copy.
func (q *inquiry) fetch(ctx context.Context, e *Explanation) (f offline.File, done func(), err error) {
	src, err := q.sourceNow(e.Source)
	if err != nil {
		return f, nil, err
	}
	ctx, end := context.WithTimeout(ctx, fetchedUntil)
	defer end()
	unfetched := func(format string, args ...any) error { return &unfetchedError{e.File, fmt.Sprintf(format, args...)} }
	file, err := q.Store.FileByID(ctx, e.record.File)
	switch {
	case errors.Is(err, control.ErrNotFound):
		return f, nil, unfetched("it is not in the ledger")
	case err != nil:
		return f, nil, err
	case file.Retry > 0:
		return f, nil, &unfetchedError{"the record", "it came back from suspense, and its line is in the file of the record before: see " +
			"`before` above"}
	case src == nil:
		return f, nil, unfetched("the project has no source %s, which defines where its files are", file.Source)
	case file.Size > mostFetched:
		return f, nil, unfetched("it has %s, and at most %s are fetched to show a line", rating.Units(file.Size, udr.Octet),
			rating.Units(mostFetched, udr.Octet))
	}
	site := src.Collect.Open(collect.Environment{Dir: q.Project, Clock: realTime{}, Random: rand.Float64})
	defer site.Close()
	places := []collect.Entry{collect.Entry(file.Place)}
	if file.Place != file.Sighting {
		places = append(places, collect.Entry(file.Sighting))
	}
	another := ""
	for _, place := range places {
		found, err := site.Find(ctx, place)
		if err != nil {
			return f, nil, unfetched("%v", err)
		}
		for _, at := range found {
			name, same, err := q.copied(ctx, site, at.Path, &file, src)
			switch {
			case err != nil && ctx.Err() == nil:
				return f, nil, unfetched("%v", err)
			case err != nil:
				return f, nil, unfetched("its server took longer than %s", fetchedUntil)
			case same:
				f = offline.File{Path: file.Path, MTime: file.Time(), Open: func() (io.ReadCloser, error) { return os.Open(name) }}
				return f, func() { os.Remove(name) }, nil
			}
			another = at.Path
		}
	}
	if another != "" {
		return f, nil, unfetched("the content of %q has changed since", another)
	}
	return f, nil, unfetched("it is no longer at its source%s", after(src))
}

// after describes the after action for files of a source.
func after(src *source.Source) string {
	switch a := src.Collect.After; {
	case a.Delete:
		return ", where files are deleted after they were read (collect.after)"
	case a.Move != "":
		return ", nor in " + a.Move + ", where files are moved after they were read (collect.after)"
	}
	return ""
}

// copied copies as many bytes of a file as mediation read from it, and reports whether the content is the same.
func (q *inquiry) copied(ctx context.Context, site *collect.Site, path string, file *control.File, src *source.Source) (name string,
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

// Masked returns a text with the identifiers of the record's SIM shortened as in Words; a full
// explanation shortens none.
func (e *Explanation) Masked(text string) string {
	if e.full {
		return text
	}
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
