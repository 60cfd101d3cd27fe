package backoffice

import (
	"context"
	"fmt"
	"strings"

	"ratemill/internal/control"
	"ratemill/registry"
)

// For rating, a statement about the past counts only from a certain file on. Files that are being read keep the
// revision with which they began, and rated usage keeps its charges.

// backdatedNotes explains the effect of a revision on usage, if it contains statements about the past.
func (o *Office) backdatedNotes(ctx context.Context, backdated bool, revision registry.Revision) []string {
	if !backdated {
		return nil
	}
	return append([]string{backdatedWords(revision)}, o.countsFrom(ctx, revision)...)
}

func backdatedWords(revision registry.Revision) string {
	return fmt.Sprintf("usage of files that were read before revision %d keeps its price; the revision applies to usage "+
		"of later files", revision)
}

// countsFrom returns the first files to which a revision applies, among files that wait or are being read. If it fails,
// the change is made anyway, and a note reports the failure.
func (o *Office) countsFrom(ctx context.Context, revision registry.Revision) (notes []string) {
	c, err := o.Store.CountingFrom(ctx, revision)
	if err != nil {
		return []string{fmt.Sprintf("it is unknown from which files on revision %d applies: %v; `ratemill files` shows the "+
			"files that are being read",
			revision, err)}
	}
	if len(c.Reading) > 0 {
		notes = append(notes, readingWords(&c, revision))
	}
	if c.Waiting > 0 {
		notes = append(notes, waitingWords(&c, revision))
	} else if len(notes) > 0 {
		notes = append(notes, fmt.Sprintf("revision %d applies from the next file that comes", revision))
	}
	return notes
}

func readingWords(c *control.Counting, revision registry.Revision) string {
	var names []string
	for _, f := range c.Reading {
		names = append(names, fmt.Sprintf("%s from %s (revision %d)", strings.TrimPrefix(f.Path, "/"), f.Source, f.Revision))
	}
	if c.Others > 0 {
		names = append(names, fmt.Sprintf("%d more", c.Others))
	}
	if len(names) == 1 {
		return fmt.Sprintf("revision %d does not apply to a file that is being read: %s", revision, names[0])
	}
	return fmt.Sprintf("revision %d does not apply to %d files that are being read: %s", revision, int64(len(c.Reading))+c.Others,
		strings.Join(names, ", "))
}

func waitingWords(c *control.Counting, revision registry.Revision) string {
	first := fmt.Sprintf("%s from %s", strings.TrimPrefix(c.First.Path, "/"), c.First.Source)
	if c.Waiting == 1 {
		return fmt.Sprintf("revision %d applies from %s on, which waits to be read", revision, first)
	}
	return fmt.Sprintf("revision %d applies from %s on, the oldest of %d files that wait to be read", revision, first, c.Waiting)
}
