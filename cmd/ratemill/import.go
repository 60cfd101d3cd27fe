package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/engines"
	"ratemill/internal/progress"
	"ratemill/internal/project"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

func importCommand(f *flags) *cobra.Command {
	var r backoffice.ImportRequest
	var results string
	c := &cobra.Command{
		Use:   "import FILE|DIR…",
		Short: "Import companies, accounts, SIMs and all other facts into the registry",
		Long: `Import reads companies*.csv, accounts*.csv, sims*.csv, and a file for each other kind of fact (docs/registry.md lists them),
each with a header row, and *.yaml, and brings the registry up to date with them. Facts that the registry
already has change nothing, and entries that the files do not mention stay. Running processes apply the change
within a second; files that are already being read finish with the earlier registry.

If any line has a mistake, nothing is imported; --leave-out imports the other lines. --dry-run shows the new
facts. --results writes the result of each line. --portion imports a large file in several revisions, each with
the given number of SIMs. After an interruption, import the same files again; facts that were already imported
do not change.

A row that changes the parent, currency, zone, cycle day or profile of an account in mid-cycle takes effect when the cycle
ends, and import says on which day. Import warns of plans, pools and limits that the project's catalogue does not have.`,
		Example: "  ratemill import registry/\n  ratemill import sims-2026-11.csv --dry-run\n  ratemill import " +
			"sims-2026-11.csv --portion 100000 --results results.csv --why \"order 4711\"",
		Args: needing(1, 0, "files or folders: ratemill import registry/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if r.Files, err = project.RegistryFiles(args...); err != nil {
				return err
			}
			store, config, err := createStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			partitions, err := engines.Partitions(cmd.Context(), store, config.Kafka.Partitions)
			if err != nil {
				return err
			}
			office, err := backoffice.New(backoffice.Options{Store: store, Project: config.Project, Partitions: partitions})
			if err != nil {
				return err
			}
			began, bars := time.Now(), passing()
			defer bars.Done()
			bar := bars.Add("")
			watched(r.Files, bar)
			r.Who, r.Lines = whoami(), results != ""
			r.Progress = func(written, of int) {
				bar.At(int64(written), int64(of), rating.Grouped(int64(written))+" of "+rating.Grouped(int64(of))+" facts written")
			}
			imported, list, err := office.Import(cmd.Context(), r)
			bars.Done()
			printDiagnostics(list)
			if results != "" {
				if err := writeResults(results, imported.Lines); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			tellImported(imported, &r, began)
			if list.HasErrors() {
				return &problems{counted(list.Errors(), "error") + ": these lines are not imported"}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "list the facts that would be new; change nothing")
	c.Flags().BoolVar(&r.LeaveOut, "leave-out", false, "leave out lines with mistakes, and import the others")
	c.Flags().IntVar(&r.Portion, "portion", 0, "lines about SIMs to import at a time, each portion as a revision (0: all at once)")
	c.Flags().StringVar(&results, "results", "", "write the result of each line to this CSV file")
	c.Flags().StringVar(&r.Why, "why", "", "the reason, for the history of the registry")
	return c
}

// tellImported prints the new facts.
func tellImported(imported *backoffice.Imported, r *backoffice.ImportRequest, began time.Time) {
	if imported.Revision == 0 {
		fmt.Fprintf(stderr, "nothing new: the registry already has all of this (%s)\n", took(began))
		return
	}
	text := fmt.Sprintf("revision %d", imported.Revision)
	if r.DryRun {
		text = "it would add"
	}
	text += fmt.Sprintf(": %s, %s, %s, %s", facts(imported.Companies, "company", "companies"),
		facts(imported.Accounts, "account fact", "account facts"), facts(imported.SIMs, "ownership of SIMs", "ownerships of SIMs"),
		facts(imported.Identifiers, "identifier", "identifiers"))
	if imported.States > 0 {
		text += ", " + facts(imported.States, "state of SIMs", "states of SIMs")
	}
	if imported.Statements > 0 {
		text += ", " + facts(imported.Statements, "other fact", "other facts")
	}
	fmt.Fprintf(stderr, "%s (%s)\n", text, took(began))
	for _, note := range imported.Notes {
		fmt.Fprintln(stderr, note)
	}
}

// writeResults writes the results of lines to a CSV file.
func writeResults(name string, lines []backoffice.ImportedLine) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	w.Write([]string{"file", "line", "result", "why"}) // errors are returned by Error
	for _, l := range lines {
		w.Write([]string{l.File, strconv.Itoa(l.Line), l.Result, l.Why})
	}
	w.Flush()
	return errors.Join(w.Error(), file.Close())
}

// watched shows a progress bar while the files are read.
func watched(inputs []registry.Input, bar *progress.Bar) {
	var read, size int64
	for i := range inputs {
		if info, err := os.Stat(inputs[i].Name); err == nil {
			size += info.Size()
		}
		open := inputs[i].Open
		inputs[i].Open = func() (io.ReadCloser, error) {
			from, err := open()
			return &watchedFile{from, func(n int) {
				read += int64(n)
				bar.At(read, size, rating.Units(read, udr.Octet)+" read")
			}}, err
		}
	}
}

type watchedFile struct {
	io.ReadCloser
	read func(n int)
}

func (w *watchedFile) Read(b []byte) (int, error) {
	n, err := w.ReadCloser.Read(b)
	w.read(n)
	return n, err
}

func facts(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func took(began time.Time) string { return time.Since(began).Round(10 * time.Millisecond).String() }

// whoami returns the user name for the audit log.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
