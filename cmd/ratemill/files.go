package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/control"
)

func filesCommand(f *flags) *cobra.Command {
	var filter control.FileFilter
	var states []string
	c := &cobra.Command{
		Use:   "files",
		Short: "Show the ledger of files: state, counts, and why one failed",
		Example: `  ratemill files --state failed
  ratemill files --source skylink -o json | jq .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.load()
			if err != nil {
				return err
			}
			store, err := reachStore(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer store.Close()
			for _, s := range states {
				filter.States = append(filter.States, control.FileState(s))
			}
			files, err := store.Files(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if f.output == "json" {
				e := json.NewEncoder(cmd.OutOrStdout())
				for _, file := range files {
					if err := e.Encode(fileJSON(&file)); err != nil {
						return err
					}
				}
				return nil
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "number\tsource\tfile\tid\tstate\trecords\tfiltered\tsuspended\tsent\tseen\twhy")
			for _, file := range files {
				p := &file.Progress
				id := ""
				if !file.FileID.IsZero() {
					id = file.FileID.Short()
				}
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", file.Number, file.Source, strings.TrimPrefix(file.Path, "/"), id, file.State,
					p.Read.Records, p.Filtered.Records, p.Suspended.Records, p.Usages, file.FirstSeen.UTC().Format(time.DateTime), remarks(&file))
			}
			return t.Flush()
		},
	}
	c.Flags().StringVar(&filter.Source, "source", "", "of this source only")
	c.Flags().StringSliceVar(&states, "state", nil, "in this state only, again for more: seen, spooling, reading, done, duplicate, failed, vanished")
	c.Flags().StringVar(&filter.Path, "name", "", "whose path holds this")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "most files")
	outputFlag(f, c)
	c.AddCommand(&cobra.Command{
		Use:   "retry NUMBER…",
		Short: "Take failed or vanished files again",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := f.load()
			if err != nil {
				return err
			}
			store, err := reachStore(cmd.Context(), config)
			if err != nil {
				return err
			}
			defer store.Close()
			for _, arg := range args {
				number, err := strconv.ParseInt(arg, 10, 64)
				if err != nil {
					return fmt.Errorf("%q is not a file's number; ratemill files shows them", arg)
				}
				if err := store.RetryFile(cmd.Context(), number, time.Now()); err != nil {
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
	if f.AfterWhy != "" {
		all = append(all, "not moved or deleted: "+f.AfterWhy)
	}
	return strings.Join(all, "; ")
}

func fileJSON(f *control.File) map[string]any {
	p := &f.Progress
	m := map[string]any{
		"number": f.Number, "source": f.Source, "path": f.Path, "size": f.Size, "mtime": f.MTime, "state": f.State,
		"records": p.Read.Records, "filtered": p.Filtered.Records, "suspended": p.Suspended.Records, "sent": p.Usages, "bytes": p.Read.Bytes,
		"first_seen": f.FirstSeen, "attempts": f.Attempts,
	}
	if !f.FileID.IsZero() {
		m["id"] = f.FileID.String()
	}
	if f.Why != "" {
		m["why"] = f.Why
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
