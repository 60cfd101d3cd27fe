package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func invoiceBalance(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	c := &cobra.Command{
		Use:   "balance",
		Short: "Compare due amounts with invoiced amounts",
		Long: `Balance recomputes the charges of payers, from the facts and the cut of their last closes, and compares them
with closes, documents, numbers and the balances of accounts: the lines B1 to B10. A difference is an error: the exit code
is 1, an alert fires, and the next run holds the documents of the payer.`,
		Example: "  ratemill invoice balance --cycle 2026-03\n  ratemill invoice balance --account acme\n  ratemill invoice " +
			"balance --cycle 2026-03 -o json",
		Args: cycleAsFlag,
	}
	c.Flags().StringVar(&o.Cycle, "cycle", "", "the month in which the billing cycles begin, as 2026-03 (default all)")
	c.Flags().StringSliceVar(&o.Accounts, "account", nil, "only these payers, each by itself (default all)")
	invoiceAskedAs(c, &o.As)
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		o.Who = whoami()
		office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		var each func(*backoffice.InvoicePayerBalance) error
		switch {
		case f.output == output.JSON: // one line for each payer, then one for all payers
			each = func(p *backoffice.InvoicePayerBalance) error { return json.NewEncoder(objects(cmd)).Encode(p) }
		case len(o.Accounts) > 0 && f.output != output.CSV:
			each = func(p *backoffice.InvoicePayerBalance) error {
				fmt.Fprintf(words(cmd), "%s · last close: facts at revision %d · rated log up to %s\n", p.Account, p.Facts, p.Cut)
				return balanceTable(p.Lines).Print(data(cmd), f.output)
			}
		}
		b, err := office.BalanceInvoices(cmd.Context(), o, each)
		if err != nil {
			return refusal(err)
		}
		if err := printBalance(cmd, f, b, len(o.Accounts) == 0); err != nil {
			return err
		}
		if len(b.Off) > 0 {
			return &problems{}
		}
		return nil
	}
	return c
}

func balanceTable(lines []backoffice.InvoiceBalanceLine) *output.Grid {
	g := output.New("line", "name", "currency", "left", "right", "difference", "off", "left is", "right is").Amounts("left", "right",
		"difference").
		Numbers("off")
	for _, l := range lines {
		g.Add(l.Line, l.Name, l.Currency, l.Left, l.Right, l.Difference, strconv.Itoa(l.Off), l.LeftIs, l.RightIs)
	}
	return g
}

// printBalance prints the balance of all payers together.
func printBalance(cmd *cobra.Command, f *flags, b *backoffice.InvoiceBalance, table bool) error {
	switch {
	case f.output == output.JSON:
		return json.NewEncoder(objects(cmd)).Encode(b)
	case f.output == output.CSV:
		return balanceTable(b.Lines).Print(data(cmd), f.output)
	}
	to := words(cmd)
	if table {
		cycle := "all cycles"
		if b.Cycle != "" {
			cycle = "cycles of " + b.Cycle
		}
		fmt.Fprintf(to, "%s · facts up to revision %d · rated log up to %s\n", cycle, b.Facts, b.Cut)
		if err := balanceTable(b.Lines).Print(data(cmd), f.output); err != nil {
			return err
		}
	}
	for _, n := range b.Notes {
		fmt.Fprintln(to, n)
	}
	switch {
	case b.Facts == 0:
		fmt.Fprintln(to, "no payer has a closed cycle there, so nothing was compared")
	case len(b.Off) == 0:
		fmt.Fprintln(to, "no line has a difference")
	}
	printOff(to, b.Off)
	return nil
}

// printOff prints the places where the balance differs.
func printOff(to io.Writer, off []backoffice.InvoiceBalanceOff) {
	for n, p := range off {
		if n == mostShown {
			fmt.Fprintf(to, "         and %d more; ratemill invoice balance -o json shows all\n", len(off)-n)
			break
		}
		fmt.Fprintf(to, "off       %s", p.Line)
		if p.Account != "" {
			fmt.Fprintf(to, ", account %s", p.Account)
		}
		if p.Cycle != "" {
			fmt.Fprintf(to, ", cycle from %s", p.Cycle)
		}
		if p.What != "" {
			fmt.Fprintf(to, ", %s", p.What)
		}
		fmt.Fprintf(to, ": %s, not %s: off by %s %s; docs/runbooks/invoice-balance.md\n", p.Left, p.Right, p.Difference, p.Currency)
	}
}
