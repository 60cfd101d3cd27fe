package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
)

// shownDocument is a document in JSON, with the texts that users see.
type shownDocument struct {
	*document.Document
	State    invoicing.State `json:"state,omitempty"`
	Reasons  []string        `json:"reasons,omitempty"` // the reasons why it is held
	Disputed string          `json:"disputed,omitempty"`
}

// showDocument prints a document and the amount of it that is disputed.
func showDocument(cmd *cobra.Command, f *flags, s *invoicing.Stored, disputed string) error {
	if f.output == output.JSON {
		return json.NewEncoder(objects(cmd)).Encode(shownDocument{&s.Document, s.State, s.Reasons, disputed})
	}
	g := output.New("line", "what", "account", "period", "sims", "quantity", "unit", "net", "tax").Numbers("line", "sims", "quantity").
		Amounts("net", "tax").Sparse("sims", "tax")
	for i := range s.Lines {
		l := &s.Lines[i]
		sims, tax := "", ""
		if l.SIMs > 0 {
			sims = strconv.Itoa(l.SIMs)
		}
		if !l.Rate.IsZero() || l.Category != "" {
			tax = strings.TrimSpace(l.Category + " " + l.Rate.String() + " %")
		}
		g.Add(strconv.Itoa(l.No), backoffice.LineWords(l), l.Account, l.Period.From.String()+" – "+(l.Period.To-1).String(), sims,
			l.Quantity.String(), l.Unit,
			l.Net.Fixed(s.Scale), tax)
	}
	if f.output == output.CSV {
		return g.Print(data(cmd), f.output)
	}
	to := words(cmd)
	title := strings.ReplaceAll(string(s.Form), "_", " ")
	name := s.Name() + " · " + string(s.State)
	if s.ID == "" {
		name = "preview"
	}
	fmt.Fprintf(to, "%s · %s %s · %s – %s · %s\n", name, title, s.Payer.Account, s.Cycle.From, s.Cycle.To-1, s.Currency)
	if s.Number != "" {
		fmt.Fprintf(to, "issued %s, due %s\n", s.Issued, s.Due)
	}
	if s.Corrects != "" {
		fmt.Fprintf(to, "takes back lines of %s\n", s.Corrects)
	}
	for _, r := range s.Reasons {
		fmt.Fprintf(to, "held: %s\n", r)
	}
	if err := g.Print(data(cmd), f.output); err != nil {
		return err
	}
	for _, t := range s.Taxes {
		reason := ""
		if t.Reason != "" {
			reason = ": " + t.Reason
		}
		fmt.Fprintf(to, "tax %s %s %% on %s = %s%s\n", t.Category, t.Rate, t.Basis.Fixed(s.Scale), t.Tax.Fixed(s.Scale), reason)
	}
	fmt.Fprintf(to, "net %s · tax %s · total %s %s\n", s.Net.Fixed(s.Scale), s.Tax.Fixed(s.Scale), s.Currency, s.Total.Fixed(s.Scale))
	if disputed != "" {
		fmt.Fprintf(to, "disputed %s %s; ratemill registry show \"dispute %s\" shows by whom and why\n", s.Currency, disputed, s.Number)
	}
	return nil
}

// showLine prints the parts of a document's line.
func showLine(cmd *cobra.Command, f *flags, l *backoffice.InvoiceLine) error {
	if f.output == output.JSON {
		return json.NewEncoder(objects(cmd)).Encode(l)
	}
	g := output.New("sim", "period", "days", "price", "amount", "cause").Amounts("amount").Sparse("sim", "days", "cause")
	for _, i := range l.Items {
		g.Add(i.SIM, i.Period, i.Days, i.Price, i.Exact, i.Cause)
	}
	if len(l.Items) == 0 {
		g = output.New("record", "used", "sim", "quantity", "unit", "amount", "file", "line").Numbers("quantity", "line").Amounts("amount").
			Sparse("file", "line")
		for _, r := range l.Records {
			line := ""
			if r.Line > 0 {
				line = strconv.FormatUint(r.Line, 10)
			}
			id := r.ID
			if f.output == output.Table {
				id = backoffice.Short(id)
			}
			g.Add(id, r.At, r.SIM, strconv.FormatInt(r.Quantity, 10), r.Unit, r.Amount, r.File, line)
		}
	}
	if f.output != output.Table {
		return g.Print(data(cmd), f.output)
	}
	fmt.Fprintf(words(cmd), "%s, line %d: %s\n", l.Document, l.Line, l.What)
	if err := g.Print(data(cmd), f.output); err != nil {
		return err
	}
	if l.Full {
		fmt.Fprintln(words(cmd), "and more; --most 0 shows all")
	}
	fmt.Fprintf(words(cmd), "sum of all %s %s, net of the line %s\n", l.Currency, l.Sum, l.Net)
	if l.Sum != l.Exact {
		return &problems{fmt.Sprintf("the line was computed from %s %s; see docs/runbooks/invoice-held.md", l.Currency, l.Exact)}
	}
	return nil
}

func invoiceCredit(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	var all bool
	var takes []string
	c := &cobra.Command{
		Use:   "credit DOCUMENT",
		Short: "Create a credit note that takes back lines of a final document",
		Long: `Credit creates a credit note that takes back amounts of lines of a final document. Credit notes have their own
number range. An amount is net, or gross where prices contain the tax. Credit notes that together take back the
whole document also take back exactly its tax.`,
		Example: "  ratemill invoice credit INV-2026-000412 --line 4=12.50 --why \"wrong zone\"\n  ratemill invoice credit " +
			"INV-2026-000412 --all --why \"wrong customer\"",
		Args: needing(1, 1, "a final document: ratemill invoice credit INV-2026-000412 --all --why …"),
	}
	c.Flags().StringArrayVar(&takes, "line", nil, "a line and the amount to take back, as 4=12.50; repeat for more")
	c.Flags().BoolVar(&all, "all", false, "take back everything that is left")
	c.Flags().StringVar(&o.Why, "why", "", "the reason, kept for later questions")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show the result; change nothing")
	invoiceAs(c, &o.As)
	outputFlag(f, c)
	withoutClickHouse(c, &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if all == (len(takes) > 0) {
			return errors.New("name the lines to take back with --line 4=12.50, or give --all")
		}
		var list []document.Take
		for _, text := range takes {
			line, amount, _ := strings.Cut(text, "=")
			n, err := strconv.Atoi(line)
			d, wrong := decimal.Parse(amount)
			if err != nil || wrong != nil {
				return fmt.Errorf("--line %s is not a line with an amount, as 4=12.50", text)
			}
			list = append(list, document.Take{Line: n, Amount: d})
		}
		o.Who = whoami()
		office, end, err := officeForNumbers(cmd.Context(), f, o.Unasked)
		if err != nil {
			return err
		}
		defer end()
		credit, err := office.CreditInvoice(cmd.Context(), args[0], list, o)
		if err != nil {
			return refusal(err)
		}
		return printDone(cmd, f, "", []backoffice.InvoiceSummary{*credit})
	}
	return c
}
