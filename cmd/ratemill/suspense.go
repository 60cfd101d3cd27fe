package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/printable"
)

func suspenseCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "suspense",
		Short: "Handle records that could not be processed: list, show, retry, drop",
		Long: `A record that cannot be processed waits in suspense with the reason. Correct the cause, then retry the record:
it is processed again in a separate file, a retry batch, with the current rules, registry and catalogue. Drop
records that can never be processed; your name and reason are kept. See docs/suspense.md.`,
	}
	c.AddCommand(suspenseList(f), suspenseShow(f), suspenseRetry(f), suspenseDrop(f), suspenseRetries(f), suspenseCancel(f))
	return c
}

func filterFlags(c *cobra.Command, filter *backoffice.SuspenseFilter) {
	c.Flags().StringVar(&filter.SIM, "sim", "", "only records of this SIM, by any of its identifiers")
	c.Flags().StringVar(&filter.Source, "source", "", "only this source")
	c.Flags().StringVar(&filter.Code, "code", "", "only records with this code, such as sim_unknown")
	c.Flags().StringVar(&filter.Rule, "rule", "", "only records that this rule suspended, named as list shows it")
}

func suspenseList(f *flags) *cobra.Command {
	var filter backoffice.SuspenseFilter
	var records bool
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "Count the waiting records by reason, with the oldest of each",
		Example: `  ratemill suspense list
  ratemill suspense list --records --code sim_unknown -o csv > unknown.csv`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needs(cmd, "limit", "records"); err != nil {
				return err
			}
			office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			if records {
				answer, err := office.SuspendedRecords(cmd.Context(), filter, limit)
				if err != nil {
					return err
				}
				return printSuspendedRecords(data(cmd), f.output, answer, limit)
			}
			answer, err := office.Suspense(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return printSuspense(data(cmd), f.output, answer)
		},
	}
	filterFlags(c, &filter)
	c.Flags().BoolVar(&records, "records", false, "list each record")
	c.Flags().IntVar(&limit, "limit", 1000, "with --records: show at most this many")
	outputFlag(f, c)
	return c
}

func printSuspense(to io.Writer, format string, answer *backoffice.Suspense) error {
	if answer.Note != "" {
		fmt.Fprintln(stderr, answer.Note)
	}
	if answer.Records == 0 && format == output.Table {
		return nil
	}
	g := output.New("records", "source", "code", "since", "example", "rule", "position", "reason").Numbers("records")
	for _, r := range answer.Reasons {
		g.Add(fmt.Sprint(r.Records), r.Source, r.Code, backoffice.Moment(r.Since), shortInTables(r.Example, format), r.Rule, r.Position,
			r.Reason)
	}
	if err := g.Print(to, format); err != nil {
		return err
	}
	if answer.Records > 0 && format == output.Table {
		fmt.Fprintf(stderr, "%s; for the reason and what to do: ratemill suspense show %s\n", wait(answer.Records),
			backoffice.Short(answer.Reasons[0].Example))
	}
	for _, r := range answer.Retries {
		fmt.Fprintf(stderr, "%s of %s in progress in retry %d, since %s\n", counted(int(r.Records), "record"), r.Source, r.Number,
			backoffice.Moment(r.Created))
	}
	return nil
}

// shortInTables shortens an id in output for users, but not for programs.
func shortInTables(id, format string) string {
	if format == output.Table {
		return backoffice.Short(id)
	}
	return id
}

func wait(n uint64) string {
	if n == 1 {
		return "1 record waits"
	}
	return fmt.Sprintf("%d records wait", n)
}

func printSuspendedRecords(to io.Writer, format string, answer *backoffice.SuspendedRecords, limit int) error {
	if answer.Note != "" {
		fmt.Fprintln(stderr, answer.Note)
	}
	g := output.New("id", "source", "file", "line", "code", "since", "reason", "values", "raw").Numbers("line")
	for _, r := range answer.Records {
		raw := r.Raw
		if format == output.Table {
			raw = clip(raw, 60)
		}
		g.Add(shortInTables(r.ID, format), r.Source, r.File, fmt.Sprint(r.Line), r.Code, backoffice.Moment(r.Since), r.Reason, r.Values,
			raw)
	}
	if answer.Full {
		fmt.Fprintf(stderr, "only the first %d are shown; --limit shows more\n", limit)
	}
	return g.Print(to, format)
}

// clip shortens a carrier's text to one line of a table.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return printable.Line(string(runes))
}

func suspenseShow(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID…",
		Short:   "Show why a record waits, what is known about it, and what to do",
		Example: "  ratemill suspense show 8f3a0c:12",
		Args:    needing(1, 0, "ids of records: ratemill suspense show 8f3a0c:12"),
		RunE: func(cmd *cobra.Command, args []string) error {
			office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			for i, id := range args {
				suspended, err := office.Suspended(cmd.Context(), id)
				if err != nil {
					return err
				}
				if i > 0 {
					fmt.Fprintln(words(cmd))
				}
				if err := labelled(cmd, suspended.Words); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func are(n int) string {
	if n == 1 {
		return "1 record is"
	}
	return fmt.Sprintf("%d records are", n)
}

// tellClaimed prints how many records were skipped because a retry or a drop already has them.
func tellClaimed(n int) {
	if n > 0 {
		fmt.Fprintf(stderr, "%s skipped: already in a retry or a drop\n", are(n))
	}
}

func suspenseRetry(f *flags) *cobra.Command {
	var filter backoffice.SuspenseFilter
	var all, waits bool
	var anyway string
	c := &cobra.Command{
		Use:   "retry [ID…]",
		Short: "Process records again with the current rules, registry and catalogue",
		Long: `Retry sends waiting records through the pipeline again, in batches of at most 10,000 records of one source, as if the
source delivered them in a file now. A running mediator processes the batches. ID is the id of a record, or the
beginning of a file's id for all its waiting records; without ids, the flags choose the records.

A record whose copy was rated in the meantime is not rated again: it waits with the code copy_rated. With
--anyway and a reason, it is rated nevertheless, and ratemill keeps the reason.`,
		Example: `  ratemill suspense retry --code sim_unknown --wait
  ratemill suspense retry 8f3a0c:12 8f3a0c:13
  ratemill suspense retry 8f3a0c:12 --anyway "the first was credited, ticket 4711"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !filter.Chooses() && !all {
				return errors.New("choose records: by ID, by --source, --code, --rule or --sim, or --all")
			}
			if all && (len(args) > 0 || filter.Chooses()) {
				return errors.New("--all means every waiting record; use it alone, or omit it")
			}
			if cmd.Flags().Changed("anyway") && strings.TrimSpace(anyway) == "" {
				return errors.New("--anyway needs a reason for rating records that may have been rated before")
			}
			if err := needs(cmd, "output", "wait"); err != nil {
				return err
			}
			office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			ordered, err := office.Retry(cmd.Context(), backoffice.RetryRequest{IDs: args, Filter: filter, Who: whoami(), Anyway: anyway})
			tellClaimed(ordered.Claimed)
			if n := ordered.Unkept; n > 0 {
				fmt.Fprintf(stderr, "%s skipped: it represents the rest of a truncated file, whose content was not kept; "+
					"`ratemill suspense show` shows what to do"+
					"\n", are(n))
			}
			for _, r := range ordered.Retries {
				fmt.Fprintf(stderr, "retry %d: %s of %s\n", r.Number, counted(r.Records, "record"), r.Source)
			}
			if err != nil {
				return err
			}
			if !waits {
				fmt.Fprintln(stderr, "a running mediator processes them; `ratemill suspense retries` shows the outcome")
				return nil
			}
			return awaitRetries(cmd, f, office, ordered.Retries)
		},
	}
	filterFlags(c, &filter)
	c.Flags().BoolVar(&all, "all", false, "all waiting records")
	c.Flags().StringVar(&anyway, "anyway", "", "rate the records even if copies of them were rated, for this reason")
	c.Flags().BoolVar(&waits, "wait", false, "wait until all are done, then show the outcome")
	outputFlag(f, c)
	return c
}

// awaitRetries waits until retries are done and their records are in the warehouse, and prints the results.
func awaitRetries(cmd *cobra.Command, f *flags, office *backoffice.Office, retries []backoffice.RetryBatch) error {
	g := output.New("retry", "source", "records", "filtered", "duplicate", "suspended", "rated").Numbers("retry", "records", "filtered",
		"duplicate", "suspended", "rated")
	waiting, failed := uint64(0), ""
	var once sync.Once
	for _, r := range retries {
		done, err := office.Await(cmd.Context(), r.Number, func() {
			once.Do(func() {
				fmt.Fprintf(stderr, "no mediator has taken retry %d yet; is `ratemill run` up? ctrl-C stops waiting; the retry stays ordered\n",
					r.Number)
			})
		})
		if err != nil {
			return err
		}
		if done.Failed != "" {
			failed = done.Failed
			continue
		}
		waiting += done.Waiting
		g.Add(fmt.Sprint(done.Number), done.Source, fmt.Sprint(done.Records), fmt.Sprint(done.Filtered), fmt.Sprint(done.Duplicate),
			fmt.Sprint(done.Suspended), fmt.Sprint(done.Rated))
	}
	if err := g.Print(data(cmd), f.output); err != nil {
		return err
	}
	switch {
	case failed != "":
		return &problems{failed}
	case waiting > 0:
		return &problems{wait(waiting) + " again, under new ids; `ratemill suspense list` shows the reasons"}
	}
	return nil
}

func suspenseDrop(f *flags) *cobra.Command {
	var filter backoffice.SuspenseFilter
	var why string
	c := &cobra.Command{
		Use:   "drop ID…",
		Short: "Take records out of suspense for good",
		Long: `Drop removes records that can never be processed: a carrier's tests, garbage, records that were delivered again
in another file. They are never rated. The balance of their file counts them as dropped, and your name and
reason are kept. ID is the whole id of a record, or of a file for all its waiting records; the command refuses a
shortened id and shows the whole one.`,
		Example: `  ratemill suspense drop 8f3a0c1e55d94b7e8c2d6f90a1b2c3d4:12 --why "a test of the carrier's, ticket 4711"`,
		Args:    needing(1, 0, "ids of records: ratemill suspense drop 8f3a0c:12 --why \"…\""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("give the reason with --why")
			}
			office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			dropped, err := office.Drop(cmd.Context(), backoffice.DropRequest{IDs: args, Filter: filter, Who: whoami(), Why: why})
			tellClaimed(dropped.Claimed)
			if err != nil {
				return err
			}
			fmt.Fprintf(stderr, "dropped %s for good (number %d in ratemill suspense retries)\n", counted(dropped.Records, "record"),
				dropped.Number)
			return nil
		},
	}
	filterFlags(c, &filter)
	c.Flags().StringVar(&why, "why", "", "the reason, kept with the drop")
	return c
}

func suspenseRetries(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "retries",
		Short: "List retries and drops with their outcome",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			all, err := office.Retries(cmd.Context())
			if err != nil {
				return err
			}
			g := output.New("number", "what", "source", "records", "created", "who", "file", "filtered", "duplicate", "suspended", "rated",
				"why").Numbers("number", "records", "filtered", "duplicate", "suspended", "rated")
			for _, r := range all {
				counts := make([]string, 4)
				if r.RetryCounts != nil {
					counts = []string{fmt.Sprint(r.Filtered), fmt.Sprint(r.Duplicate), fmt.Sprint(r.Suspended), fmt.Sprint(r.Rated)}
				}
				g.Add(fmt.Sprint(r.Number), r.What, r.Source, fmt.Sprint(r.Records), backoffice.Moment(r.Created), r.Who,
					backoffice.Short(r.File),
					counts[0], counts[1], counts[2], counts[3], r.Why)
			}
			return g.Print(data(cmd), f.output)
		},
	}
	outputFlag(f, c)
	return c
}

func suspenseCancel(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel NUMBER",
		Short: "Cancel a retry that no mediator has begun to send, so that its records can be retried again",
		Args:  needing(1, 1, "the number of a retry, as `ratemill suspense retries` shows it: ratemill suspense cancel 2"),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of a retry; `ratemill suspense retries` shows the numbers", args[0])
			}
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			if err := office.CancelRetry(cmd.Context(), number, whoami()); err != nil {
				return err
			}
			fmt.Fprintf(stderr, "retry %d is cancelled; its records keep waiting\n", number)
			return nil
		},
	}
}
