package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func invoiceNumbers(f *flags) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "numbers",
		Short: "Show the number ranges of invoices, or skip numbers of a range",
		Long: `Numbers lists the ranges of numbers of invoices and credit notes, with the next number of each, the date of
the last one, and the numbers that were skipped on purpose.`,
		Example: "  ratemill invoice numbers\n  ratemill invoice numbers set 'INV-{year}-{n:6}' --next 4711 --why \"the former system gave " +
			"those before\"",
		Args: none,
	}
	invoiceAskedAs(c, &as)
	outputFlag(f, c)
	c.AddCommand(invoiceNumbersSet(f))
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return printAnswer(cmd, f, "the catalogue has no seller with accounting groups, and no number was given",
			func(ctx context.Context, o *backoffice.Office) ([]backoffice.NumberRange, error) {
				return o.Numbers(ctx, as)
			}, numbersTable)
	}
	return c
}

func numbersTable(all []backoffice.NumberRange) *output.Grid {
	g := output.New("seller", "range", "next", "given", "issued", "left_out", "why", "error").Numbers("given").Sparse("seller", "issued",
		"left_out", "why", "error")
	for _, n := range all {
		var skips, whys []string
		for _, s := range n.Skipped {
			skips, whys = append(skips, s.First+" to "+s.Last), append(whys, s.Why)
		}
		g.Add(n.Seller, n.Range, n.Next, fmt.Sprint(n.Given), n.Issued, strings.Join(skips, "; "), strings.Join(whys, "; "), n.Error)
	}
	return g
}

func invoiceNumbersSet(f *flags) *cobra.Command {
	r := backoffice.NumberOrder{}
	c := &cobra.Command{
		Use:   "set RANGE --next N --why WORDS",
		Short: "Skip numbers of a range",
		Long: `Set makes a range continue at a higher number. Use it if another system gave the numbers before, or if a control
store restored from a backup lacks the last documents. The numbers between are skipped, with your reason, and
the invoice balance counts them as explained. You cannot set a lower number, because a document with it may
exist.`,
		Example: "  ratemill invoice numbers set 'INV-{year}-{n:6}' --next 4711 --why \"the former system gave those before\"\n" +
			"  ratemill invoice numbers set 'GLX-{n:4}' --seller globex --next 126 --why \"restored; 120 to 125 were mailed\" --dry-run",
		Args: needing(1, 1, "a range, as the accounting group writes it: ratemill invoice numbers set 'INV-{year}-{n:6}' --next 4711 --why …"),
	}
	c.Flags().Int64Var(&r.Next, "next", 0, "the counter of the next number, as 4711")
	c.Flags().StringVar(&r.Seller, "seller", "", "account of the reseller that sells (default: the operator)")
	c.Flags().IntVar(&r.Year, "year", 0, "year of a range that begins anew each year (default: this year)")
	c.Flags().StringVar(&r.Why, "why", "", "the reason, kept for later questions")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "show what would change, and change nothing")
	invoiceAs(c, &r.As)
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if r.Next < 1 {
			return errors.New("give the next number, as --next 4711")
		}
		r.Range, r.Who, r.Why = args[0], whoami(), strings.TrimSpace(r.Why)
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		set, err := office.SetNextNumber(cmd.Context(), r)
		if err != nil {
			return refusal(err)
		}
		if r.DryRun {
			fmt.Fprintln(stderr, "nothing was changed (--dry-run)")
		}
		return printAll(cmd, f, []backoffice.NumberRange{*set}, numbersTable)
	}
	return c
}

// withoutClickHouse adds the flag for commands that assign numbers.
func withoutClickHouse(c *cobra.Command, o *backoffice.InvoiceOrder) {
	c.Flags().BoolVar(&o.Unasked, "without-clickhouse", false,
		"skip the check for later numbers in ClickHouse; use it only if you know that the control store was not restored from a backup")
}

// officeForNumbers opens the back office for commands that assign numbers: it checks ClickHouse, unless
// --without-clickhouse is given.
func officeForNumbers(ctx context.Context, f *flags, unasked bool) (*backoffice.Office, func(), error) {
	if unasked {
		return openOffice(ctx, f)
	}
	return openOfficeWithWarehouse(ctx, f)
}
