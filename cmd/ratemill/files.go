package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/control"
	"ratemill/internal/grid"
	"ratemill/mediation"
)

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
				fmt.Fprintf(os.Stderr, "the first %d only; --limit shows more\n", filter.Limit)
			}
			return printFiles(cmd.OutOrStdout(), f.output, files)
		},
	}
	c.Flags().StringVar(&filter.Source, "source", "", "of this source only")
	c.Flags().Var(choices[control.FileState]{&filter.States, fileStates}, "state", "in this state only, again for more")
	c.Flags().StringVar(&filter.Path, "name", "", "whose path holds this")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "most files")
	outputFlag(f, c)
	c.AddCommand(&cobra.Command{
		Use:   "retry NUMBER…",
		Short: "Take failed or vanished files again",
		Args:  needing(1, 0, "numbers of files, as ratemill files shows them: ratemill files retry 12"),
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
					return fmt.Errorf("%q is not a file's number; ratemill files shows them", arg)
				}
				err = store.RetryFile(cmd.Context(), number, now)
				if errors.Is(err, control.ErrConflict) {
					return &problems{fmt.Sprintf("file %d is not there, neither failed nor vanished, or the batch of a retry that was given up; ratemill files says what it is", number)}
				}
				if err != nil {
					return fmt.Errorf("file %d: %w", number, err)
				}
				fmt.Fprintf(os.Stderr, "file %d is taken again\n", number)
			}
			return nil
		},
	})
	return c
}

// remarks is what is to be said about a file, its failure first.
func remarks(f *control.File) string {
	var all []string
	if f.Why != "" {
		all = append(all, f.Why)
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
	if f.AfterWhy != "" {
		all = append(all, "not moved or deleted: "+f.AfterWhy)
	}
	return strings.Join(all, "; ")
}

// fileStates are the states in the order of a file's life.
var fileStates = []control.FileState{control.Seen, control.Spooling, control.Reading, control.Done, control.Duplicate, control.Failed, control.Vanished}

// printFiles prints rows of the ledger; as JSON all that is known of each.
func printFiles(to io.Writer, format string, files []control.File) error {
	if format == grid.JSON {
		e := json.NewEncoder(to)
		for i := range files {
			if err := e.Encode(fileJSON(&files[i])); err != nil {
				return err
			}
		}
		return nil
	}
	g := grid.New("number", "source", "file", "id", "state", "records", "filtered", "suspended", "sent", "seen", "why").
		Numbers("number", "records", "filtered", "suspended", "sent")
	for i := range files {
		file := &files[i]
		p, id := &file.Progress, ""
		switch {
		case file.FileID.IsZero():
		case format == grid.Table:
			id = file.FileID.Short()
		default:
			id = file.FileID.String()
		}
		g.Add(fmt.Sprint(file.Number), file.Source, strings.TrimPrefix(file.Path, "/"), id, string(file.State), fmt.Sprint(p.Read.Records),
			fmt.Sprint(p.Filtered.Records), fmt.Sprint(p.Suspended.Records), fmt.Sprint(p.Usages), moment(file.FirstSeen), remarks(file))
	}
	return g.Print(to, format)
}

func fileJSON(f *control.File) map[string]any {
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
	if f.Why != "" {
		m["why"] = f.Why
	}
	if notes := mediation.NotesOf(&f.Progress); len(notes) > 0 {
		m["notes"] = notes
	}
	if f.Progress.Expected >= 0 {
		m["expected"] = f.Progress.Expected
	}
	if f.Place.Path != f.Path {
		m["read_from"] = f.Place.Path
	}
	if f.AfterWhy != "" {
		m["after_why"] = f.AfterWhy
	}
	if f.Pinned {
		m["pinned"] = map[string]any{"rules": f.Pins.Rules, "registry": f.Pins.Registry, "catalogue": f.Pins.Catalogue, "partitions": f.Pins.Partitions}
	}
	return m
}
