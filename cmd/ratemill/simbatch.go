package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func simBatch(f *flags) *cobra.Command {
	var o backoffice.BatchOrder
	var results string
	c := &cobra.Command{
		Use:   "batch FILE --why WORDS",
		Short: "Change up to a million SIMs by the lines of a CSV file",
		Long: `Batch runs the changes of a CSV file with the columns sim, operation, arguments and date ("-" is standard input):

  sim,operation,arguments,date
  8934070000500000119,state,suspended,
  +34650000010,move,acme-north plan=office keep_state,cycle
  214070050000011,plan,fleet,2026-05-01
  214070050000012,set,apn_group=m2m,

A line without a date takes effect at the time of --at. --dry-run checks the whole file and shows the effect of
each line. The lines run in portions; each portion is one change set. A refused line does not affect the others;
with --atomic (up to 10,000 lines), either all lines run or none. If the batch is stopped or killed, run the
same file again, and it continues where it stopped: its id is derived from its content. --id NAME runs the same
content once more.

A table shows only the lines that were not done; CSV and JSON show all lines. The command ends with exit code 1
if lines were refused.`,
		Example: "  ratemill sim batch changes.csv --dry-run\n  ratemill sim batch changes.csv --why TICKET-17 --results results.csv\n" +
			"  ratemill sim batch changes.csv --as acme --at cycle --why \"new tariff\"",
		Args: needing(1, 1, "a CSV file: ratemill sim batch changes.csv --why …"),
	}
	simOrder(f, c, &o.SIMOrder)
	c.Flags().StringVar(&o.ID, "id", "", "id of the batch (default: derived from the content)")
	c.Flags().BoolVar(&o.Atomic, "atomic", false, "all lines or none; up to 10,000 lines")
	c.Flags().IntVar(&o.Portion, "portion", 5000, "largest number of lines in one change set")
	c.Flags().StringVar(&results, "results", "", "CSV file for the results of all lines")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case strings.TrimSpace(o.Why) == "" && !o.DryRun:
			return errors.New("give the reason with --why; it is kept with the changes. --dry-run needs none")
		case o.Portion < 1:
			return fmt.Errorf("--portion is 1 or more, not %d", o.Portion)
		}
		return runBatch(cmd, f, &o, args[0], results)
	}
	return c
}

func runBatch(cmd *cobra.Command, f *flags, o *backoffice.BatchOrder, name, results string) (err error) {
	o.Who = whoami()
	from := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		from = file
	}
	out := &batchResults{format: f.output, grid: output.New("line", "sim", "operation", "arguments", "date", "result",
		"why").Numbers("line").Sparse("date")}
	switch f.output {
	case output.CSV:
		out.csv = append(out.csv, csv.NewWriter(words(cmd)))
	case output.JSON:
		out.json = json.NewEncoder(objects(cmd))
	}
	if results != "" {
		file, err := os.Create(results)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out.csv = append(out.csv, csv.NewWriter(file))
	}
	office, end, err := openOfficeForAccounts(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer end()
	done, err := office.RunBatch(cmd.Context(), name, from, *o, out.add)
	if closed := out.end(cmd); err == nil {
		err = closed
	}
	if err != nil {
		if done != nil {
			fmt.Fprintf(stderr, "batch %s has stopped after line %d of %d; run the same command again to continue\n", done.ID,
				done.Done+done.Nothing+done.Refused, done.Lines)
		}
		return refusal(err)
	}
	return summary(done)
}

// summary describes the result of a batch.
func summary(d *backoffice.BatchDone) error {
	if d.Before > 0 {
		fmt.Fprintf(stderr, "an earlier run did lines 1 to %d\n", d.Before)
	}
	switch words := fmt.Sprintf("%d done, %d with nothing to do, %d refused", d.Done, d.Nothing, d.Refused); {
	case d.Undone:
		fmt.Fprintf(stderr, "batch %s: nothing was changed; it is atomic, and %s\n", d.ID, facts(d.Refused, "line is refused",
			"lines are refused"))
	case d.DryRun:
		fmt.Fprintf(stderr, "nothing was changed (--dry-run); of %s it would be: %s\n", facts(d.Lines, "line", "lines"), words)
	default:
		fmt.Fprintf(stderr, "batch %s, %s: %s\n", d.ID, facts(d.Lines, "line", "lines"), words)
	}
	for _, note := range d.Notes {
		fmt.Fprintln(stderr, note)
	}
	if d.Refused > 0 {
		return &problems{}
	}
	return nil
}

// batchResults writes the results of lines.
type batchResults struct {
	format string
	grid   *output.Grid
	csv    []*csv.Writer
	json   *json.Encoder
	lines  int
}

func (r *batchResults) add(l backoffice.BatchLine) error {
	cells := []string{fmt.Sprint(l.Line), l.SIM, l.Operation, l.Arguments, l.Date, l.Result, l.Why}
	for _, w := range r.csv {
		if r.lines == 0 {
			if err := w.Write([]string{"line", "sim", "operation", "arguments", "date", "result", "why"}); err != nil {
				return err
			}
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	r.lines++
	switch {
	case r.json != nil:
		return r.json.Encode(l)
	case r.format == output.Table && (l.Result != "done" || l.Why != ""):
		r.grid.Add(cells...)
	}
	return nil
}

func (r *batchResults) end(cmd *cobra.Command) error {
	for _, w := range r.csv {
		if w.Flush(); w.Error() != nil {
			return w.Error()
		}
	}
	if r.grid.Len() == 0 {
		return nil
	}
	return r.grid.Print(data(cmd), r.format)
}
