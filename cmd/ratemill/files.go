package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/printable"
)

func filesCommand(f *flags) *cobra.Command {
	var filter backoffice.FileFilter
	c := &cobra.Command{
		Use:   "files",
		Short: "Show the ledger of files: state, counts, and why one failed",
		Example: `  ratemill files --state failed
  ratemill files --source skylink -o json | jq .`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			answer, err := office.Files(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if answer.Full {
				fmt.Fprintf(stderr, "only the first %d are shown; --limit shows more\n", filter.Limit)
			}
			if answer.Note != "" {
				fmt.Fprintln(stderr, answer.Note)
			}
			return printFiles(data(cmd), f.output, answer.Files)
		},
	}
	c.Flags().StringVar(&filter.Source, "source", "", "only this source")
	c.Flags().Var(choices[backoffice.FileState]{&filter.States, backoffice.FileStates}, "state", "only files in this state; repeat "+
		"for more states")
	c.Flags().StringVar(&filter.Name, "name", "", "only files whose path contains this")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "most files")
	outputFlag(f, c)
	c.AddCommand(retryFileCommand(f), finishFileCommand(f), dropFileCommand(f))
	return c
}

func retryFileCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "retry NUMBER…",
		Short: "Retry failed, vanished or dropped files, and read waiting files as they are",
		Args:  needing(1, 0, "file numbers, as `ratemill files` shows them: ratemill files retry 12"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return orderFiles(cmd.Context(), f, args, "", (*backoffice.Office).RetryFile, "will be taken again")
		},
	}
}

func finishFileCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "finish NUMBER…",
		Short: "Read files of a removed source to their end, with the version of the source's document with which they were begun",
		Long: `Finish orders a running mediator to read files to their end although the project no longer has their source,
so that their balance closes. The mediator uses the version of the source's document with which it began the files; the
control store keeps it. Passwords and key files that the document names must still exist. The files stay where they are (no
collect.after).`,
		Args: needing(1, 0, "numbers of files, as ratemill files shows them: ratemill files finish 12"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return orderFiles(cmd.Context(), f, args, "", (*backoffice.Office).FinishFile, "is read to its end when a mediator is free")
		},
	}
}

func dropFileCommand(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "drop NUMBER…",
		Short: "Give up unread files, for example those of a removed source",
		Long: "Drop gives up files that have not been read at all. They stay in the ledger as dropped, with the reason and your " +
			"name; `ratemill files retry` takes them after all.",
		Args: needing(1, 0, "file numbers, as `ratemill files` shows them: ratemill files drop 12 --why 'the test system of last year'"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("give the reason with --why; the ledger keeps it")
			}
			return orderFiles(cmd.Context(), f, args, why, (*backoffice.Office).DropFile, "is dropped")
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for the ledger")
	return c
}

// orderFiles gives an order for each of the numbered files, and prints the result for each.
func orderFiles(ctx context.Context, f *flags, numbers []string, why string,
	order func(*backoffice.Office, context.Context, backoffice.FileOrder) error, outcome string) error {
	office, end, err := openOffice(ctx, f)
	if err != nil {
		return err
	}
	defer end()
	for _, text := range numbers {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a file number; `ratemill files` shows the numbers", text)
		}
		if err := order(office, ctx, backoffice.FileOrder{Number: number, Who: whoami(), Why: why}); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "file %d %s\n", number, outcome)
	}
	return nil
}

// printFiles prints rows of the ledger; as JSON, it prints all known fields of each row.
func printFiles(to io.Writer, format string, files []backoffice.File) error {
	if format == output.JSON {
		e := json.NewEncoder(printable.JSONWriter(to))
		for i := range files {
			if err := e.Encode(&files[i]); err != nil {
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
		number, id, duplicate, rated := fmt.Sprint(file.Number), file.ID, "", ""
		if file.Number == 0 {
			number = ""
		}
		if format == output.Table {
			id = backoffice.Short(id)
		}
		if file.Rated != nil {
			duplicate, rated = fmt.Sprint(*file.Duplicate), fmt.Sprint(*file.Rated)
		}
		g.Add(number, file.Source, strings.TrimPrefix(file.Path, "/"), id, string(file.State), fmt.Sprint(file.Records),
			fmt.Sprint(file.Filtered), fmt.Sprint(file.Suspended), fmt.Sprint(file.Sent), duplicate, rated,
			backoffice.Moment(file.FirstSeen),
			file.Remarks())
	}
	return g.Print(to, format)
}
