package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/output"
	"ratemill/internal/printable"
	"ratemill/internal/project"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
	"ratemill/udr"
)

// surroundings is the context that gives a file's state its meaning.
type surroundings struct {
	now      time.Time
	sources  map[string]bool                  // of the project; nil if it cannot be read
	outcomes map[udr.FileID]warehouse.Outcome // rating's outcome for the files; nil while the warehouse is away
}

// outcome is rating's outcome for a file, as far as the warehouse has it. known is false while the warehouse is away,
// and if the warehouse never had the file's records or no longer has them.
func (in *surroundings) outcome(f *control.File) (o warehouse.Outcome, known bool) {
	o, known = in.outcomes[f.FileID]
	return o, known && (o.Ended || f.State != control.Done) && f.State != control.Duplicate
}

// sourcesOf is the sources of the configuration's project.
func sourcesOf(c *config.Config) map[string]bool {
	p, _ := project.Load(os.DirFS(c.Project), os.LookupEnv)
	if p == nil {
		return nil
	}
	names := map[string]bool{}
	for _, name := range p.Sources.Names() {
		names[name] = true
	}
	return names
}

// arriving returns the incomplete files as rows without a number, because they are not in the ledger yet.
func arriving(ctx context.Context, store *control.Store, filter *control.FileFilter) (rows []control.File, err error) {
	if len(filter.States) > 0 && !slices.Contains(filter.States, isArriving) {
		return nil, nil
	}
	all, err := store.Arriving(ctx, filter.Source)
	for _, a := range all {
		if strings.Contains(a.Path, filter.Path) {
			rows = append(rows, control.File{Source: a.Source, Sighting: a.Sighting, Place: a.Sighting, State: isArriving, Open: true, FirstSeen: a.Since, Why: a.WaitsFor, Progress: control.Progress{Expected: -1}})
		}
	}
	return rows, err
}

// isArriving is the state shown for an incomplete file.
const isArriving control.FileState = "arriving"

func filesCommand(f *flags) *cobra.Command {
	var filter control.FileFilter
	c := &cobra.Command{
		Use:   "files",
		Short: "Show the ledger of files: state, counts, and why one failed",
		Example: `  ratemill files --state failed
  ratemill files --source skylink -o json | jq .`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, c, err := reachStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			files, err := store.Files(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				if err := sourceKnown(cmd.Context(), store, c, filter.Source); err != nil {
					return err
				}
			}
			if len(files) == filter.Limit {
				fmt.Fprintf(stderr, "only the first %d are shown; --limit shows more\n", filter.Limit)
			}
			now, err := store.Now(cmd.Context())
			if err != nil {
				return err
			}
			waiting, err := arriving(cmd.Context(), store, &filter)
			if err != nil {
				return err
			}
			in := &surroundings{now: now, sources: sourcesOf(c), outcomes: outcomes(cmd.Context(), c, store, files)}
			return printFiles(data(cmd), f.output, append(waiting, files...), in)
		},
	}
	c.Flags().StringVar(&filter.Source, "source", "", "only this source")
	c.Flags().Var(choices[control.FileState]{&filter.States, fileStates}, "state", "only files in this state; repeat for more states")
	c.Flags().StringVar(&filter.Path, "name", "", "only files whose path contains this")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "most files")
	outputFlag(f, c)
	c.AddCommand(&cobra.Command{
		Use:   "retry NUMBER…",
		Short: "Retry failed, vanished or dropped files, and read waiting files as they are",
		Args:  needing(1, 0, "file numbers, as `ratemill files` shows them: ratemill files retry 12"),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, _, err := reachStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			now, err := store.Now(cmd.Context())
			if err != nil {
				return err
			}
			for _, arg := range args {
				number, err := strconv.ParseInt(arg, 10, 64)
				if err != nil {
					return fmt.Errorf("%q is not a file number; `ratemill files` shows the numbers", arg)
				}
				err = store.RetryFile(cmd.Context(), number, now)
				if ended := (*control.EndedError)(nil); errors.As(err, &ended) {
					return &problems{ended.Error()}
				}
				if errors.Is(err, control.ErrConflict) {
					return &problems{fmt.Sprintf("file %d cannot be retried: it does not exist, is not failed, vanished, dropped or waiting, or is the batch of a cancelled retry; `ratemill files` shows its state", number)}
				}
				if err != nil {
					return fmt.Errorf("file %d: %w", number, err)
				}
				fmt.Fprintf(stderr, "file %d will be taken again\n", number)
			}
			return nil
		},
	})
	c.AddCommand(finishFileCommand(f), dropFileCommand(f))
	return c
}

func finishFileCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "finish NUMBER…",
		Short: "Read begun files of a removed source to their end, by the document that they were begun with",
		Long: `Finish has a running mediator read files to their end though the project no longer has their source: they are fetched and
read by the version of its document that they were begun with, which the control store keeps, so that their balance closes.
Passwords and key files that the document names must still be there. The files are left where they are (no collect.after).`,
		Args: needing(1, 0, "numbers of files, as ratemill files shows them: ratemill files finish 12"),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, c, err := reachStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			now, err := store.Now(cmd.Context())
			if err != nil {
				return err
			}
			sources := sourcesOf(c)
			for _, arg := range args {
				number, err := strconv.ParseInt(arg, 10, 64)
				if err != nil {
					return fmt.Errorf("%q is not a file's number; ratemill files shows them", arg)
				}
				file, err := store.File(cmd.Context(), number)
				if err == nil && sources[file.Source] {
					return &problems{fmt.Sprintf("the project has source %s, so mediation reads file %d by itself; `ratemill files` "+
						"shows what it waits for", file.Source, number)}
				}
				if err == nil {
					err = store.FinishFile(cmd.Context(), number, whoami(), now)
				}
				switch {
				case errors.Is(err, control.ErrNotFound):
					return &problems{fmt.Sprintf("there is no file %d; ratemill files shows them", number)}
				case errors.Is(err, control.ErrConflict):
					return &problems{fmt.Sprintf("file %d was not begun, or is closed; `ratemill files` shows its state. If it was "+
						"not begun, no record was sent: ratemill files drop %d", number, number)}
				case err != nil:
					return fmt.Errorf("file %d: %w", number, err)
				}
				fmt.Fprintf(stderr, "file %d is read to its end when a mediator is free\n", number)
			}
			return nil
		},
	}
}

func dropFileCommand(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "drop NUMBER…",
		Short: "Give up unread files, for example those of a removed source",
		Long:  "Drop gives up files that have not been read at all. They stay in the ledger as dropped, with the reason and your name; `ratemill files retry` takes them after all.",
		Args:  needing(1, 0, "file numbers, as `ratemill files` shows them: ratemill files drop 12 --why 'the test system of last year'"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if why == "" {
				return errors.New("say why with --why; the ledger keeps it")
			}
			store, _, err := reachStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			now, err := store.Now(cmd.Context())
			if err != nil {
				return err
			}
			for _, arg := range args {
				number, err := strconv.ParseInt(arg, 10, 64)
				if err != nil {
					return fmt.Errorf("%q is not a file number; `ratemill files` shows the numbers", arg)
				}
				err = store.DropFile(cmd.Context(), number, whoami(), why, now)
				var begun *control.BegunError
				switch {
				case errors.As(err, &begun):
					return &problems{begun.Error()}
				case errors.Is(err, control.ErrNotFound):
					return &problems{fmt.Sprintf("there is no file %d; `ratemill files` shows the numbers", number)}
				case errors.Is(err, control.ErrConflict):
					return &problems{fmt.Sprintf("file %d cannot be dropped: it is being fetched, done, a duplicate, or already "+
						"dropped; `ratemill files` shows its state", number)}
				case err != nil:
					return fmt.Errorf("file %d: %w", number, err)
				}
				fmt.Fprintf(stderr, "file %d is dropped\n", number)
			}
			return nil
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for the ledger")
	return c
}

// remarks explains a file's state and its next step.
func remarks(f *control.File, in *surroundings) string {
	var all []string
	why, next := situation(f, in)
	if f.State != control.Done {
		all = append(all, why)
	}
	if next != nothingToDo {
		all = append(all, next)
	}
	if p := f.Pins.Part; p.Continues > 0 {
		fetched := ""
		if p.Fetched > 0 {
			fetched = ", and only the new bytes were fetched"
		}
		all = append(all, fmt.Sprintf("continues file %d from byte %d%s", p.Continues, p.From, fetched))
	}
	if n := f.Pins.Part.Changed; n > 0 {
		all = append(all, fmt.Sprintf("starts like the content read under its name before (file %d), but does not contain all of it", n))
	}
	if f.Place.Path != f.Path {
		all = append(all, "its content is read from "+f.Place.Path)
	}
	if n := f.Progress.Expected; n >= 0 && n != f.Progress.Read.Records && f.State == control.Done {
		all = append(all, fmt.Sprintf("its trailer counts %d records", n))
	}
	notes := mediation.NotesOf(&f.Progress)
	for _, word := range slices.Sorted(maps.Keys(notes)) {
		all = append(all, fmt.Sprintf("%s in %d", word, notes[word]))
	}
	if o, known := in.outcome(f); known && o.Retried+o.Dropped > 0 {
		all = append(all, fmt.Sprintf("of the suspended, %d retried and %d dropped since", o.Retried, o.Dropped))
	}
	if f.AfterWhy != "" {
		all = append(all, "not moved or deleted: "+f.AfterWhy)
	}
	return strings.Join(all, "; ")
}

const nothingToDo = "there is nothing to do"

// situation says why a file is in its state, and what happens next or what the user must do. Every state has both.
func situation(f *control.File, in *surroundings) (why, next string) {
	leased := f.LeaseUntil.After(in.now)
	again := fmt.Sprintf("`ratemill files retry %d` takes it again", f.Number)
	begun := f.State == control.Reading
	if f.Open && f.State != isArriving && in.sources != nil && !in.sources[f.Source] {
		next = fmt.Sprintf("the project has no source %s, so no mediator takes it: restore the source's document, or give the file up with `ratemill files drop %d`", f.Source, f.Number)
		if f.Pinned {
			next = fmt.Sprintf("the project has no source %s, so no mediator reads on, and some of its records may already be rated: "+
				"`ratemill files finish %d` reads the rest by the document that it was begun with, or restore the source's document "+
				"until the file is done", f.Source, f.Number)
		}
		if f.FinishBy != "" {
			next = fmt.Sprintf("the project has no source %s; a mediator reads it to its end by the document that it was begun with, "+
				"as %s ordered", f.Source, f.FinishBy)
		}
		return "it waits", next
	}
	switch f.State {
	case isArriving:
		return f.Why, nothingToDo
	case control.Seen:
		if f.Why != "" {
			return f.Why, "it is checked again at " + moment(f.RetryAt)
		}
		if f.RetryAt.After(in.now) {
			return "it waits", "it is taken again at " + moment(f.RetryAt)
		}
		return "it waits", "it is taken when a worker is free and the files before it are read; if nothing is being read, check that `ratemill run` is up and what its /readyz says"
	case control.Spooling, control.Reading:
		what := "it is being fetched"
		if begun {
			what = "it is being read"
		}
		if leased {
			return what + " by " + f.Owner, nothingToDo
		}
		return "it waits for a mediator to continue it", "check that `ratemill run` is up and what its /readyz says"
	case control.Done:
		return "it was read to its end", nothingToDo
	case control.Duplicate:
		return f.Why, nothingToDo
	case control.Failed:
		switch {
		case f.RetryAt.After(in.now) && f.Open:
			return f.Why, "it is taken again at " + moment(f.RetryAt)
		case f.Open:
			return f.Why, "it is taken again when a worker is free"
		}
		if f.Progress.Ended {
			return f.Why, "the records before that point count, and the rest waits in suspense; ask the carrier for the whole file under another name"
		}
		return f.Why, "once the cause is fixed, " + again
	case control.Vanished:
		if f.Retry > 0 {
			return f.Why, "its records wait in suspense, and can be retried again"
		}
		return f.Why, fmt.Sprintf("it is read when the source lists it again; if it should have been read, ask the carrier for it, and %s", again)
	case control.Refused:
		return f.Why, fmt.Sprintf("it is checked at each listing; if it is not wanted, `ratemill files drop %d`", f.Number)
	case control.Dropped:
		return "dropped by " + f.Why, "it is not read; " + again
	}
	return f.Why, ""
}

// fileStates are the states that a user can filter by, in the order of a file's life.
var fileStates = append([]control.FileState{isArriving}, control.FileStates...)

// printFiles prints rows of the ledger; as JSON, all columns of each.
func printFiles(to io.Writer, format string, files []control.File, in *surroundings) error {
	if format == output.JSON {
		e := json.NewEncoder(printable.JSONWriter(to))
		for i := range files {
			if err := e.Encode(fileJSON(&files[i], in)); err != nil {
				return err
			}
		}
		return nil
	}
	g := output.New("number", "source", "file", "id", "state", "records", "filtered", "suspended", "sent", "duplicate", "rated", "seen",
		"why").
		Numbers("number", "records", "filtered", "suspended", "sent", "duplicate", "rated")
	for i := range files {
		file := &files[i]
		p, id := &file.Progress, ""
		switch {
		case file.FileID.IsZero():
		case format == output.Table:
			id = file.FileID.Short()
		default:
			id = file.FileID.String()
		}
		number := fmt.Sprint(file.Number)
		if file.Number == 0 {
			number = ""
		}
		suspended, duplicate, rated := p.Suspended.Records, "", ""
		if o, known := in.outcome(file); known {
			suspended, duplicate, rated = max(suspended, int64(o.Suspended)), fmt.Sprint(o.Duplicate), fmt.Sprint(o.Rated)
		}
		g.Add(number, file.Source, strings.TrimPrefix(file.Path, "/"), id, string(file.State), fmt.Sprint(p.Read.Records),
			fmt.Sprint(p.Filtered.Records), fmt.Sprint(suspended), fmt.Sprint(p.Usages), duplicate, rated, moment(file.FirstSeen),
			remarks(file, in))
	}
	return g.Print(to, format)
}

func fileJSON(f *control.File, in *surroundings) map[string]any {
	p := &f.Progress
	m := map[string]any{
		"number": f.Number, "source": f.Source, "path": f.Path, "size": f.Size, "state": f.State,
		"records": p.Read.Records, "filtered": p.Filtered.Records, "suspended": p.Suspended.Records, "sent": p.Usages, "bytes": p.Read.Bytes,
		"first_seen": f.FirstSeen, "attempts": f.Attempts,
	}
	if !f.MTime.IsZero() {
		m["mtime"] = f.MTime
	}
	if !f.FileID.IsZero() {
		m["id"] = f.FileID.String()
	}
	if o, known := in.outcome(f); known {
		m["suspended"] = max(p.Suspended.Records, int64(o.Suspended))
		m["duplicate"], m["rated"], m["retried"], m["dropped"] = o.Duplicate, o.Rated, o.Retried, o.Dropped
	}
	m["why"], m["next"] = situation(f, in)
	if notes := mediation.NotesOf(&f.Progress); len(notes) > 0 {
		m["notes"] = notes
	}
	if f.Progress.Expected >= 0 {
		m["expected"] = f.Progress.Expected
	}
	if f.Place.Path != f.Path {
		m["read_from"] = f.Place.Path
	}
	if p := f.Pins.Part; p.Continues > 0 {
		m["continues"], m["continues_from"] = p.Continues, p.From
		if p.Fetched > 0 {
			m["fetched_from"] = p.Fetched
		}
	}
	if n := f.Pins.Part.Changed; n > 0 {
		m["changed_since"] = n
	}
	if f.Pins.Part.Size > 0 {
		m["content_size"] = f.Pins.Part.Size
	}
	if !f.Compared.IsZero() {
		m["compared"] = f.Compared
	}
	if f.AfterWhy != "" {
		m["after_why"] = f.AfterWhy
	}
	if f.Pinned {
		m["pinned"] = map[string]any{"rules": f.Pins.Rules, "registry": f.Pins.Registry, "catalogue": f.Pins.Catalogue, "partitions": f.Pins.Partitions}
	}
	return m
}
