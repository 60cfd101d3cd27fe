package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/offline"
	"ratemill/internal/output"
)

// explanation holds the user's arguments.
type explanation struct {
	sim    string
	at     timeFlag
	file   string
	raw    bool
	full   bool
	output string
}

func explainCommand(f *flags) *cobra.Command {
	x := explanation{output: "text"}
	c := &cobra.Command{
		Use:   "explain ID… | --sim IDENTIFIER [--at TIME]",
		Short: "Explain what records cost",
		Long: `Explain follows a record from its line in the carrier's file to its amount: source and rules, owner, zone,
plan, rounding, pools, price steps, for every account that pays. The last line recomputes the amount from the
steps above it. With --raw it also shows the raw line and how the rules of that time read it. It fetches the
file from its source, or from the place to which collect.after moved it, and compares the content with the rated
one. Give a copy of the file with --file if the source no longer has it. Identifiers of the SIM are shortened
unless you give --full.

ID is the file's id (or the beginning of it), a colon and the record's sequence, as query and tail show them. With --sim it
lists the rated records of a SIM on a day, and names the payers of its usage and their plans.`,
		Example: `  ratemill explain 8f3a0c:1
  ratemill explain 8f3a0c:1 --raw
  ratemill explain 8f3a0c:1 --full --file SKY_000121.csv.gz
  ratemill explain --sim +34650000010 --at 2026-03-28`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case x.sim == "" && len(args) == 0:
				return errors.New("explain needs ids of records, ratemill explain 8f3a0c:1, or a SIM, " +
					"ratemill explain --sim 8934070000500000119")
			case x.sim != "" && len(args) > 0:
				return errors.New("--sim lists the records of a SIM; use it without ids")
			case x.sim != "" && (x.raw || x.file != ""):
				return errors.New("--raw and --file show the line of a record; give ids of records with them, not --sim")
			case x.file != "" && len(args) != 1:
				return errors.New("--file contains the line of one record; give exactly one id with it")
			}
			if err := errors.Join(needs(cmd, "at", "sim"), apart(cmd, "raw", "file")); err != nil {
				return err
			}
			office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			if x.sim != "" {
				return x.day(cmd, office)
			}
			return x.records(cmd, office, args)
		},
	}
	c.Flags().StringVar(&x.sim, "sim", "", "list the rated records of this SIM, by any of its identifiers")
	c.Flags().Var(&x.at, "at", "with --sim: on this day, or the day of this time (default today)")
	c.Flags().BoolVar(&x.raw, "raw", false, "fetch the record's file from its source, to show the raw line and how the rules read it")
	c.Flags().StringVar(&x.file, "file", "", "a copy of the record's file, to show the raw line and how the rules read it")
	c.Flags().BoolVar(&x.full, "full", false, "show the identifiers of SIMs in full, and all of them")
	c.Flags().VarP(choice{&x.output, []string{"text", output.JSON}}, "output", "o", "output format")
	return c
}

// records explains records one after another; a record that was not rated does not stop the rest.
func (x *explanation) records(cmd *cobra.Command, office *backoffice.Office, ids []string) error {
	var missing []string
	said := false
	for _, id := range ids {
		var reading strings.Builder
		e, err := office.Explain(cmd.Context(), x.request(id, &reading))
		if problem := (*backoffice.Problem)(nil); errors.As(err, &problem) {
			missing = append(missing, problem.Error())
			continue
		}
		if broken := (*backoffice.BrokenProjectError)(nil); errors.As(err, &broken) {
			printDiagnostics(broken.List)
		}
		if err != nil {
			return err
		}
		if e.Unread != "" {
			missing = append(missing, e.Unread)
		}
		if x.output == output.JSON {
			err = json.NewEncoder(objects(cmd)).Encode(e)
		} else {
			if said {
				fmt.Fprintln(words(cmd))
			}
			err = labelled(cmd, e.Words)
			if text := strings.TrimRight(e.Masked(reading.String()), "\n"); text != "" && err == nil {
				_, err = fmt.Fprint(words(cmd), "\n"+text+"\n")
			}
		}
		if err != nil {
			return err
		}
		said = true
	}
	if said && !x.raw && x.file == "" && output.Width(data(cmd)) > 0 { // somebody looks
		fmt.Fprintln(stderr, "--raw shows the line of the carrier's file, and how the rules read it")
	}
	if len(missing) > 0 {
		return &problems{strings.Join(missing, "\n")}
	}
	return nil
}

// request requests the explanation of a record, and writes to w how the record's line was read.
func (x *explanation) request(id string, w io.Writer) backoffice.ExplainRequest {
	r := backoffice.ExplainRequest{ID: id, Full: x.full, Raw: x.raw, Decision: func(d *offline.Decision) {
		out := bufio.NewWriter(w)
		tell(out, d)
		_ = out.Flush() // to memory
	}}
	if x.file != "" {
		file := copyOf(x.file)
		r.Copy = &file
	}
	return r
}

// copyOf is a copy of a carrier's file on this machine.
func copyOf(path string) offline.File {
	f := offline.File{Path: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	if info, err := os.Stat(path); err == nil {
		f.MTime = info.ModTime()
	}
	return f
}

// day lists a SIM's rated records of a day.
func (x *explanation) day(cmd *cobra.Command, office *backoffice.Office) error {
	day, err := office.SIMDay(cmd.Context(), backoffice.SIMDayRequest{Identifier: x.sim, At: x.at.orNow(), OnDay: x.at.day})
	if err != nil {
		return &problems{"ratemill: " + err.Error()}
	}
	g := output.New("id", "at", "class", "quantity", "unit", "network", "country", "account", "plan", "amount",
		"currency").Numbers("quantity").Amounts("amount")
	for i := range day.Records {
		r, id := &day.Records[i], day.Records[i].ID
		if x.output == "text" {
			id = backoffice.Short(id)
		}
		g.Add(id, r.At.Format(time.RFC3339), r.Class, fmt.Sprint(r.Quantity), r.Unit, r.Network, r.Country, r.Account, r.Plan, r.Amount,
			r.Currency)
	}
	if x.output == output.JSON {
		return g.Print(data(cmd), output.JSON)
	}
	if g.Len() == 0 {
		return labelled(cmd, day.Words+" rated    nothing on this day\n")
	}
	text := fmt.Sprintf("%s rated    %s; `ratemill explain ID` explains one\n\n", day.Words, counted(g.Len(), "record"))
	if err := labelled(cmd, text); err != nil {
		return err
	}
	return g.Print(data(cmd), output.Table)
}
