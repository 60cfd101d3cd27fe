package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/internal/progress"
	"ratemill/invoicing"
)

func invoiceCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "invoice",
		Short: "Invoices: run, preview, review, finalise, deliver, credit, show, verify, balance",
		Long: `You create invoices in three steps. run closes the billing cycles that have ended and computes a draft for each
payer; you can compute a draft again as often as you like. review pins a draft, so that the final document will
be the same. finalise gives numbers, and from then on a document never changes; deliver sends it again, and
credit creates a credit note for its lines. verify recomputes final documents; balance compares due amounts with
invoiced amounts.`,
	}
	c.AddCommand(invoiceRun(f), invoicePreview(f), invoiceList(f), invoiceShow(f), invoiceStep(f, invoicing.Review,
		"Pin drafts: they become final as they are"),
		invoiceStep(f, invoicing.Reopen, "Make reviewed documents drafts again"),
		invoiceStep(f, invoicing.Release, "Turn held documents into drafts in spite of their problems"),
		invoiceStep(f, invoicing.Discard, "Throw drafts away; the next run creates them again"),
		invoiceFinalise(f), invoiceDeliver(f), invoiceCredit(f), invoiceVerify(f), invoiceBalance(f), invoiceNumbers(f))
	return c
}

// invoiceFlags are the flags of commands that create or change documents.
func invoiceFlags(f *flags, c *cobra.Command, o *backoffice.InvoiceOrder) {
	c.Flags().StringVar(&o.Cycle, "cycle", "", "the month in which the billing cycles begin, as 2026-03, or the first day of a cycle")
	c.Flags().StringSliceVar(&o.Accounts, "account", nil, "only these payers (default all)")
	c.Flags().StringVar(&o.Why, "why", "", "the reason, kept with the change")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show the result; change nothing")
	invoiceAs(c, &o.As)
	outputFlag(f, c)
}

// invoiceAs adds the flag for the account on whose behalf documents are created or changed.
func invoiceAs(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "",
		"the account on whose behalf you do it; a reseller may do it for the accounts below it (default: the provider)")
}

// invoiceAskedAs does the same as invoiceAs for queries.
func invoiceAskedAs(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "",
		"the account on whose behalf you ask; that account sees its documents and those of the accounts below it (default: the provider)")
}

func invoiceRun(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	c := &cobra.Command{
		Use:   "run",
		Short: "Close billing cycles and compute their documents",
		Long: `Run closes the ended billing cycles of all payers, up to those that begin in a month, and computes their
documents. You can interrupt it and run it again: it does the missing work, and recomputes drafts from the facts
known now. It holds a document if there is a problem: an incomplete file, usage in suspense, sums that differ.
It prints the next step.

With --off-cycle it computes documents of payers before their cycle ends. These documents contain charges other
than usage that are due now: the one-off charges of the running cycle, and corrections of earlier documents. The
close of the cycle does not bill them again. Without --account it handles all payers whose accounting group has
off_cycle: daily, and also bills activations and changes of state; run it once a day.`,
		Example: "  ratemill invoice run --cycle 2026-03\n  ratemill invoice run --cycle 2026-03 --account acme --dry-run\n" +
			"  ratemill invoice run --off-cycle --account acme --why \"they want the installation invoiced now\"\n" +
			"  ratemill invoice run --off-cycle",
		Args: cycleAsFlag,
	}
	invoiceFlags(f, c, &o)
	c.Flags().DurationVar(&o.Wait, "wait", 30*time.Second, "how long to wait for roles that are behind")
	c.Flags().BoolVar(&o.OffCycle, "off-cycle", false, "compute documents between two closes, for the payers of --account or those of "+
		"off_cycle: daily")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cycleOrOff(&o); err != nil {
			return err
		}
		o.Who = whoami()
		office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		bars := passing()
		o.Progress = payersDone(bars)
		r, err := office.RunInvoices(cmd.Context(), o)
		bars.Done()
		if err != nil {
			return refusal(err)
		}
		if f.output == output.JSON {
			return json.NewEncoder(objects(cmd)).Encode(r)
		}
		if f.output == output.CSV {
			return summaries(r.Documents).Print(data(cmd), f.output)
		}
		return printRun(cmd, r)
	}
	return c
}

// payersDone shows the progress of a bill run.
func payersDone(bars *progress.Bars) func(done, of int) {
	bar := bars.Add("")
	return func(done, of int) { bar.At(int64(done), int64(of), fmt.Sprintf("%d of %d", done, of)) }
}

// cycleOrOff refuses a run that requests neither a cycle nor off-cycle documents, or requests both.
func cycleOrOff(o *backoffice.InvoiceOrder) error {
	switch {
	case !o.OffCycle:
		return needCycle(o)
	case o.Cycle != "":
		return errors.New("--cycle closes billing cycles, and --off-cycle bills charges that are due between two closes: give one of them")
	}
	return nil
}

func needCycle(o *backoffice.InvoiceOrder) error {
	if o.Cycle == "" {
		return errors.New("give the month in which the billing cycles begin, as --cycle 2026-03")
	}
	return nil
}

// mostShown is the largest number of payers of each kind that a bill run prints.
const mostShown = 10

func printRun(cmd *cobra.Command, r *backoffice.InvoiceRun) error {
	to := words(cmd)
	of := "cycles of " + r.Cycle
	if r.Cycle == "" {
		of = "off-cycle documents"
	}
	fmt.Fprintf(to, "%s · facts at revision %d · rated log up to %s\n", of, r.Facts, r.Cut)
	if r.DryRun {
		fmt.Fprintln(to, "this is a dry run: nothing is stored")
	}
	number, payers, _ := strings.Cut(counted(r.Payers, "payer"), " ")
	fmt.Fprintf(to, "%6s %s in %s\n", number, payers, r.Took.Round(10*time.Millisecond))
	for _, a := range r.Computed {
		fmt.Fprintf(to, "%6d computed   net %s %s, total %s\n", a.Documents, a.Currency, a.Net, a.Total)
	}
	for _, part := range []struct {
		what string
		all  []backoffice.InvoicePayer
	}{{"held", r.Held}, {"wait", r.Waiting}, {"skipped", r.Skipped}} {
		if len(part.all) == 0 {
			continue
		}
		fmt.Fprintf(to, "%6d %s\n", len(part.all), part.what)
		for n, p := range part.all {
			if n == mostShown {
				fmt.Fprintf(to, "         and %d more; -o json shows all\n", len(part.all)-n)
				break
			}
			for _, why := range p.Why {
				fmt.Fprintf(to, "         %s, cycle from %s: %s\n", p.Account, p.Cycle, why)
			}
		}
	}
	for _, finding := range r.Findings {
		fmt.Fprintf(to, "       %s\n", finding)
	}
	if r.Balance != nil {
		for _, n := range r.Balance.Notes {
			fmt.Fprintf(to, "       %s\n", n)
		}
		if len(r.Balance.Off) == 0 && r.Balance.Facts > 0 {
			fmt.Fprintln(to, "balance   every line of the invoice balance has difference 0")
		}
		printOff(to, r.Balance.Off)
	}
	if len(r.Held) > 0 || r.Balance != nil && len(r.Balance.Off) > 0 {
		return &problems{}
	}
	return nil
}

func summaries(all []backoffice.InvoiceSummary) *output.Grid {
	g := output.New("document", "form", "state", "payer", "cycle", "net", "tax", "total", "currency", "issued", "due",
		"disputed", "reasons", "error").Amounts("net", "tax", "total", "disputed").Sparse("issued", "due", "disputed", "reasons", "error")
	for _, s := range all {
		name := s.Number
		if name == "" {
			name = s.ID
		}
		g.Add(name, s.Form, s.State, s.Payer, s.Cycle, s.Net, s.Tax, s.Total, s.Currency, s.Issued, s.Due, s.Disputed,
			strings.Join(s.Reasons, "; "), s.Error)
	}
	return g
}

func invoiceList(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	c := &cobra.Command{
		Use:     "list",
		Short:   "List documents with their state",
		Long:    `List prints documents: drafts by their id, final ones by their number.`,
		Example: "  ratemill invoice list --cycle 2026-03\n  ratemill invoice list --account acme -o csv",
		Args:    cycleAsFlag,
	}
	c.Flags().StringVar(&o.Cycle, "cycle", "", "the month in which the billing cycles begin, as 2026-03 (default all)")
	c.Flags().StringSliceVar(&o.Accounts, "account", nil, "only these payers (default all)")
	invoiceAskedAs(c, &o.As)
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		all, err := office.Invoices(cmd.Context(), o)
		if err != nil {
			return refusal(err)
		}
		if len(all) == 0 {
			fmt.Fprintln(stderr, "there are no such documents; ratemill invoice run creates them")
		}
		return errors.Join(summaries(all).Print(data(cmd), f.output), unreadable(all))
	}
	return c
}

func invoicePreview(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	c := &cobra.Command{
		Use:   "preview ACCOUNT",
		Short: "Show the next document of a payer; store nothing",
		Long: `Preview computes a payer's document as run does, from the facts known now. Apart from number and dates, it
equals the final document unless new facts arrive before that is created. The billing cycle need not have ended.`,
		Example: "  ratemill invoice preview acme --cycle 2026-03",
		Args:    needing(1, 1, "an account that pays: ratemill invoice preview acme --cycle 2026-03"),
	}
	c.Flags().StringVar(&o.Cycle, "cycle", "", "the month in which the billing cycle begins, as 2026-03")
	c.Flags().DurationVar(&o.Wait, "wait", 30*time.Second, "how long to wait for roles that are behind")
	invoiceAskedAs(c, &o.As)
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := needCycle(&o); err != nil {
			return err
		}
		o.Who, o.Accounts = whoami(), args
		office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		all, err := office.PreviewInvoice(cmd.Context(), o)
		if err != nil {
			return refusal(err)
		}
		shown := 0
		for _, p := range all {
			if text := otherCycle(o.Cycle, &p); text != "" {
				fmt.Fprintln(stderr, text)
			}
			for _, d := range p.Documents {
				if err := showDocument(cmd, f, d, ""); err != nil {
					return err
				}
				shown++
			}
			for _, w := range p.Why {
				fmt.Fprintf(stderr, "%s, cycle from %s: %s\n", p.Account, p.Cycle, w)
			}
		}
		if shown == 0 {
			return &problems{}
		}
		return nil
	}
	return c
}

// otherCycle returns a note if a preview is of an earlier cycle than the requested one; otherwise it returns
// "".
func otherCycle(named string, p *backoffice.InvoicePreview) string {
	if len(p.Documents) == 0 || strings.HasPrefix(p.Cycle, named) {
		return ""
	}
	return fmt.Sprintf("this is not the document of %s: the cycle of %s from %s is not closed yet, and the preview shows that one first",
		named, p.Account, p.Cycle)
}

func invoiceStep(f *flags, step invoicing.Step, short string) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	var all bool
	c := &cobra.Command{
		Use:     string(step) + " [DOCUMENT …]",
		Short:   short,
		Example: fmt.Sprintf("  ratemill invoice %s 17-regular-2026-03-01-1\n  ratemill invoice %s --cycle 2026-03 --all", step, step),
	}
	invoiceFlags(f, c, &o)
	allFlag(c, &all, "all documents of the cycle that allow it")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		o.Who = whoami()
		if err := named(args, all, &o); err != nil {
			return err
		}
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		if all {
			args = nil
		}
		done, err := office.InvoiceStep(cmd.Context(), step, args, o)
		if err != nil {
			if len(done) > 0 { // the documents before the refused one are done
				err = errors.Join(err, printDone(cmd, f, o.Cycle, done))
			}
			return refusal(err)
		}
		return printDone(cmd, f, o.Cycle, done)
	}
	return c
}

// allFlag adds the flag --all, which selects all documents of a cycle. The hidden flag --yes means the same,
// because finalise had it first.
func allFlag(c *cobra.Command, all *bool, what string) {
	c.Flags().BoolVar(all, "all", false, what)
	c.Flags().BoolVar(all, "yes", false, "the same as --all")
	_ = c.Flags().MarkHidden("yes")
}

// cycleAsFlag checks the arguments of a command that takes only the flag --cycle.
func cycleAsFlag(c *cobra.Command, args []string) error {
	if len(args) == 1 && invoicing.CycleLike(args[0]) {
		return fmt.Errorf("%s takes the billing cycle as a flag: ratemill %s --cycle %s", called(c), called(c), args[0])
	}
	return none(c, args)
}

// named refuses a command that lists neither documents nor a whole cycle, or both.
func named(documents []string, all bool, o *backoffice.InvoiceOrder) error {
	switch {
	case all && len(documents) > 0:
		return errors.New("name documents, or give --all with --cycle; not both")
	case all:
		return needCycle(o)
	case len(documents) == 0:
		return errors.New("name a document, or give --cycle 2026-03 --all for all documents of a month; ratemill invoice list shows them")
	}
	return nil
}

// printDone prints the documents that a step changed. Only a step for all documents of a cycle can change no
// documents.
func printDone(cmd *cobra.Command, f *flags, cycle string, done []backoffice.InvoiceSummary) error {
	if len(done) == 0 {
		fmt.Fprintf(stderr, "no document of cycle %s waits for this step; ratemill invoice list --cycle %s shows the state of each\n",
			cycle, cycle)
		return nil
	}
	return summaries(done).Print(data(cmd), f.output)
}

func invoiceFinalise(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	var all bool
	c := &cobra.Command{
		Use:   "finalise [DOCUMENT …]",
		Short: "Make reviewed documents final, with their numbers",
		Long: `Finalise gives documents their numbers and dates, without gaps, in the order of their payers. From then on they never change.
Drafts become final only if their accounting group asks for no review. Held documents stay as they are, and the
command lists them and fails.

It compares the number ranges with ClickHouse and with the folder of issued files first. If documents have later
numbers, the control store was restored from a backup: nothing becomes final, and the command shows how to set
the next numbers.`,
		Example: "  ratemill invoice finalise --cycle 2026-03 --all\n  ratemill invoice finalise 17-regular-2026-03-01-1",
	}
	invoiceFlags(f, c, &o)
	allFlag(c, &all, "all documents of the cycle that allow it")
	withoutClickHouse(c, &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		o.Who = whoami()
		if err := named(args, all, &o); err != nil {
			return err
		}
		office, end, err := officeForNumbers(cmd.Context(), f, o.Unasked)
		if err != nil {
			return err
		}
		defer end()
		if all {
			args = nil
		}
		bars := passing()
		o.Progress = payersDone(bars)
		done, refused, err := office.FinaliseInvoices(cmd.Context(), args, o)
		bars.Done()
		if err != nil {
			return refusal(err)
		}
		if len(done) > 0 || len(refused) == 0 {
			if err := printDone(cmd, f, o.Cycle, done); err != nil {
				return err
			}
		}
		if o.DryRun {
			fmt.Fprintln(stderr, "nothing was changed (--dry-run)")
		}
		for _, r := range refused {
			fmt.Fprintf(stderr, "%s: %s\n", r.Account, strings.Join(r.Why, "; "))
		}
		if len(refused) > 0 {
			return &problems{fmt.Sprintf("%s not final", counted(len(refused), "document"))}
		}
		return nil
	}
	return c
}
