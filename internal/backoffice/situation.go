package backoffice

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/internal/control"
)

// Remarks explain a file's state and its next step if the row of the file does not show them.
func (f *File) Remarks() string {
	var all []string
	if f.State != control.Done {
		all = append(all, f.Why)
	}
	if f.Next != nothingToDo {
		all = append(all, f.Next)
	}
	if f.Continues > 0 {
		fetched := ""
		if f.FetchedFrom > 0 {
			fetched = ", and only the new bytes were fetched"
		}
		all = append(all, fmt.Sprintf("continues file %d from byte %d%s", f.Continues, *f.ContinuesFrom, fetched))
	}
	if n := f.ChangedSince; n > 0 {
		all = append(all, fmt.Sprintf("starts like the content that was read under its name before (file %d), but does not "+
			"contain all of it", n))
	}
	if f.ReadFrom != "" {
		all = append(all, "its content is read from "+f.ReadFrom)
	}
	if n := f.Expected; n != nil && *n != f.Records && f.State == control.Done {
		all = append(all, fmt.Sprintf("its trailer counts %d records", *n))
	}
	for _, word := range slices.Sorted(maps.Keys(f.Notes)) {
		all = append(all, fmt.Sprintf("note %s in %s", word, counted(int(f.Notes[word]), "record")))
	}
	if f.Retried != nil && *f.Retried+*f.Dropped > 0 {
		all = append(all, fmt.Sprintf("of the suspended records, %d have been retried and %d dropped since then", *f.Retried, *f.Dropped))
	}
	if f.AfterWhy != "" {
		all = append(all, "not moved or deleted: "+f.AfterWhy)
	}
	return strings.Join(all, "; ")
}

const nothingToDo = "there is nothing to do"

// situation explains the reason for a file's state, and the next step of ratemill or of the user. Every state has
// both.
func (in *surroundings) situation(f *control.File) (why, next string) {
	if f.Open && f.State != Arriving && in.sources != nil && !in.sources[f.Source] {
		return "it waits", sourceless(f)
	}
	again := fmt.Sprintf("`ratemill files retry %d` takes it again", f.Number)
	switch f.State {
	case Arriving:
		return f.Why, nothingToDo
	case control.Seen:
		if f.Why != "" {
			return f.Why, "it is checked again at " + Moment(f.RetryAt)
		}
		if f.RetryAt.After(in.now) {
			return "it waits", "it is taken again at " + Moment(f.RetryAt)
		}
		return "it waits", "it is taken when a worker is free and the files before it are read; if nothing is being read, " +
			"check that `ratemill run` is up and look at its /readyz"
	case control.Spooling, control.Reading:
		what := "it is being fetched"
		if f.State == control.Reading {
			what = "it is being read"
		}
		if f.LeaseUntil.After(in.now) {
			return what + " by " + f.Owner, nothingToDo
		}
		return "it waits for a mediator to continue it", "check that `ratemill run` is up, and look at its /readyz"
	case control.Done:
		return "it was read to its end", nothingToDo
	case control.Duplicate:
		return f.Why, nothingToDo
	case control.Failed:
		switch {
		case f.RetryAt.After(in.now) && f.Open:
			return f.Why, "it is taken again at " + Moment(f.RetryAt)
		case f.Open:
			return f.Why, "it is taken again when a worker is free"
		}
		if f.Progress.Ended {
			return f.Why, "the records before that point count, and the rest waits in suspense; ask the carrier for the whole file " +
				"under another name"
		}
		return f.Why, "once the cause is fixed, " + again
	case control.Vanished:
		if f.Retry > 0 {
			return f.Why, "its records wait in suspense, and can be retried again"
		}
		return f.Why, fmt.Sprintf("it is read when the source lists it again; if it should have been read, ask the carrier for it, "+
			"and %s", again)
	case control.Refused:
		return f.Why, fmt.Sprintf("it is checked at each listing; if it is not wanted, `ratemill files drop %d`", f.Number)
	case control.Dropped:
		return "dropped by " + f.Why, "it is not read; " + again
	}
	return f.Why, ""
}

// sourceless explains the next step for an open file whose source was removed from the project.
func sourceless(f *control.File) string {
	switch {
	case f.FinishBy != "":
		return fmt.Sprintf("the project has no source %s; a mediator reads the file to its end with the document with which "+
			"it was begun, as %s ordered", f.Source, f.FinishBy)
	case f.Pinned:
		return fmt.Sprintf("the project has no source %s, so no mediator reads on, and some of its records may already be "+
			"rated: `ratemill files finish %d` reads the rest with the document with which it was begun, or restore the "+
			"source's document until the file is done", f.Source, f.Number)
	}
	return fmt.Sprintf("the project has no source %s, so no mediator takes it: restore the source's document, or give the file up with "+
		"`ratemill files drop %d`", f.Source, f.Number)
}
