package main

import (
	"fmt"
	"io"
	"os"
	"os/user"
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
	c := &cobra.Command{
		Use:   "import FILE|DIR…",
		Short: "Import companies, accounts and SIMs into the registry",
		Long: `Import reads companies*.csv, accounts*.csv, sims*.csv (each with a header row) and *.yaml, and brings the registry up to
date with them. Facts it already has change nothing, and entries the files do not mention stay. Running processes pick
the change up within a second; files that are being read finish with the registry as it was when they were begun.
Import warns of plans, pools and limits that the project's catalogue does not have.`,
		Example: "  ratemill import registry/\n  ratemill import sims-2026-11.csv",
		Args:    needing(1, 0, "files or folders: ratemill import registry/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			inputs, err := project.RegistryFiles(args...)
			if err != nil {
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
			watched(inputs, bar)
			imported, list, err := office.Import(cmd.Context(), backoffice.ImportRequest{Files: inputs, Who: whoami(),
				Progress: func(written, of int) {
					bar.At(int64(written), int64(of), rating.Grouped(int64(written))+" of "+rating.Grouped(int64(of))+" facts written")
				},
			})
			bars.Done()
			printDiagnostics(list)
			if err != nil {
				return err
			}
			if imported.Revision == 0 {
				fmt.Fprintf(stderr, "nothing new: the registry already has all of this (%s)\n", took(began))
				return nil
			}
			fmt.Fprintf(stderr, "revision %d: %s, %s, %s, %s (%s)\n", imported.Revision, facts(imported.Companies, "company", "companies"),
				facts(imported.Accounts, "account fact", "account facts"), facts(imported.SIMs, "ownership of SIMs", "ownerships of SIMs"),
				facts(imported.Identifiers, "identifier", "identifiers"), took(began))
			return nil
		},
	}
	return c
}

// watched shows a progress bar for reading the files.
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

// whoami is the user that the audit log names.
func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
