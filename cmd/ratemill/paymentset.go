package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/registry"
)

// paymentChange returns a command that changes one payment.
func paymentChange(f *flags, c *cobra.Command, o *backoffice.PaymentOrder,
	do func(*cobra.Command, *backoffice.Office, []string) (*backoffice.PaymentLine, error)) *cobra.Command {
	paymentFlags(f, c, o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := reasoned(o); err != nil {
			return err
		}
		office, end, err := openOfficeForAccounts(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		line, err := do(cmd, office, args)
		if err != nil {
			return refusal(err)
		}
		if o.DryRun {
			fmt.Fprintln(stderr, "nothing was changed (--dry-run)")
		}
		return printPaymentLines(cmd, f, false, *line)
	}
	return c
}

func paymentAssign(f *flags) *cobra.Command {
	var r backoffice.AssignOrder
	c := &cobra.Command{
		Use:   "assign REFERENCE DOCUMENT --why WORDS",
		Short: "Use the credit of a payment to pay a document",
		Long: `Assign uses the credit of a payment to pay a document: by default as much as is open and available, otherwise
--amount. If the payment has no payer yet, it gets the payer of the document.`,
		Example: "  ratemill payment assign BANK-88122 INV-2026-000417 --why \"the payer named it\"",
		Args:    needing(2, 2, "a reference and a document: ratemill payment assign BANK-88122 INV-2026-000417 --why …"),
	}
	c.Flags().StringVar(&r.Amount, "amount", "", "amount to assign (default: as much as is open and available)")
	return paymentChange(f, c, &r.PaymentOrder, func(cmd *cobra.Command, o *backoffice.Office, args []string) (*backoffice.PaymentLine,
		error) {
		r.Reference, r.Document = args[0], args[1]
		return o.AssignPayment(cmd.Context(), r)
	})
}

func paymentWithdraw(f *flags) *cobra.Command {
	var o backoffice.PaymentOrder
	c := &cobra.Command{
		Use:   "withdraw REFERENCE --why WORDS",
		Short: "Take back a payment that was imported by mistake",
		Long: `Withdraw takes back a payment, or a write-off, as if it had never been entered: its documents are open again.
For money that was paid back, import a line with an amount below 0 instead.`,
		Example: "  ratemill payment withdraw BANK-88122 --why \"of another company\"",
		Args:    needing(1, 1, "a reference: ratemill payment withdraw BANK-88122 --why …"),
	}
	return paymentChange(f, c, &o, func(cmd *cobra.Command, office *backoffice.Office, args []string) (*backoffice.PaymentLine, error) {
		return office.WithdrawPayment(cmd.Context(), args[0], o)
	})
}

func paymentWriteOff(f *flags) *cobra.Command {
	var o backoffice.PaymentOrder
	c := &cobra.Command{
		Use:   "write-off DOCUMENT --why WORDS",
		Short: "Write off the open amount of a document",
		Long: `Write-off writes off the open amount of a document: the amount is no longer expected, and it counts against no
credit limit. The document stays as it is. To correct a wrong bill, make a credit note instead.`,
		Example: "  ratemill payment write-off INV-2026-000412 --why \"insolvent\"",
		Args:    needing(1, 1, "a document: ratemill payment write-off INV-2026-000412 --why …"),
	}
	return paymentChange(f, c, &o, func(cmd *cobra.Command, office *backoffice.Office, args []string) (*backoffice.PaymentLine, error) {
		return office.WriteOff(cmd.Context(), args[0], o)
	})
}

func paymentDispute(f *flags) *cobra.Command {
	var r backoffice.DisputeOrder
	c := &cobra.Command{
		Use:   "dispute DOCUMENT --why WORDS",
		Short: "Record that a payer disputes a document, or an amount of it",
		Long: `Dispute records that the payer disputes the open amount of a document, or --amount of it. A disputed amount is
not overdue and is not collected by direct debit; it still counts against the credit limit. Later credit notes
settle the dispute by their amount. If the payer was wrong, end the dispute with: ratemill payment withdraw
"dispute INV-2026-000412". The history of the document's payments shows who recorded it, when and why.`,
		Example: "  ratemill payment dispute INV-2026-000412 --amount 120.00 --why \"they say the SIMs were never used\"\n" +
			"  ratemill payment withdraw \"dispute INV-2026-000412\" --why \"they accept it\"",
		Args: needing(1, 1, "a document: ratemill payment dispute INV-2026-000412 --why …"),
	}
	c.Flags().StringVar(&r.Amount, "amount", "", "the disputed amount (default: the open amount)")
	return paymentChange(f, c, &r.PaymentOrder, func(cmd *cobra.Command, o *backoffice.Office, args []string) (*backoffice.PaymentLine,
		error) {
		r.Document = args[0]
		return o.Dispute(cmd.Context(), r)
	})
}

func paymentCollect(f *flags) *cobra.Command {
	var r backoffice.CollectOrder
	var out string
	today := registry.Date(time.Now().Unix() / (24 * 60 * 60))
	c := &cobra.Command{
		Use:   "collect --out FILE.xml --why WORDS",
		Short: "Create a file of SEPA direct debits for the bank",
		Long: `Collect creates a pain.008.001.08 file of the open amounts of documents whose payers pay by SEPA direct debit:
one debit for each document, on its due date, and not before --on. The number of the document is the end-to-end
id, which the bank's statement shows. A document without a required detail, such as a mandate, is refused with
the list of all missing details; the file contains the other documents.

A document is collected only once: until its payment arrives, no other file contains it. --again NUMBER collects
it once more, after the bank refused the debit. ratemill keeps the file: ratemill payment collections ID writes
it again.`,
		Example: "  ratemill payment collect --dry-run\n  ratemill payment collect --seller globex --until 2026-05-31 --out " +
			"may.xml --why \"due in May\"",
		Args: none,
	}
	paymentFlags(f, c, &r.PaymentOrder)
	c.Flags().StringVar(&r.Seller, "seller", "", "the seller that collects, by its name in the catalogue; needed if there are several")
	c.Flags().Var(&dateFlag{&r.Until}, "until", "documents that are due on this day or before (default: in 14 days)")
	c.Flags().Var(&dateFlag{&r.On}, "on", "first day of collection (default: in 2 days, as banks require)")
	c.Flags().StringArrayVar(&r.Again, "again", nil, "number of a document whose last debit the bank refused; repeat for more")
	c.Flags().StringVar(&out, "out", "", "file to write; it must not exist")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := reasoned(&r.PaymentOrder); err != nil {
			return err
		}
		if out == "" && !r.DryRun {
			return fmt.Errorf("name the file with --out; --dry-run writes none")
		}
		if r.Until == 0 {
			r.Until = today + 14
		}
		if r.On == 0 {
			r.On = today + 2
		}
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		made, err := office.Collect(cmd.Context(), r)
		if err != nil {
			return refusal(err)
		}
		if err := printCollection(cmd, f, made); err != nil {
			return err
		}
		if made.ID != "" {
			if err := writeNew(out, made.Content); err != nil {
				return fmt.Errorf("%w; the file is kept: ratemill payment collections %s --out FILE writes it", err, made.ID)
			}
			fmt.Fprintf(stderr, "%s: %s in %s, EUR %s\n", made.ID, facts(made.Debits, "debit", "debits"), out, made.Total)
		} else if made.Debits > 0 {
			fmt.Fprintf(stderr, "nothing was changed (--dry-run); it would be %s, EUR %s\n", facts(made.Debits, "debit", "debits"),
				made.Total)
		} else {
			fmt.Fprintln(stderr, "there is nothing to collect")
		}
		if made.Waiting > 0 {
			fmt.Fprintf(stderr, "%s for the payment of an earlier file\n", facts(made.Waiting, "document waits", "documents wait"))
		}
		if made.Refused > 0 {
			return &problems{}
		}
		return nil
	}
	return c
}

func printCollection(cmd *cobra.Command, f *flags, c *backoffice.Collection) error {
	if f.output == output.JSON {
		return json.NewEncoder(objects(cmd)).Encode(c)
	}
	g := output.New("document", "payer", "amount", "on", "sequence", "mandate", "result", "why").Amounts("amount").Sparse("why")
	for _, l := range c.Lines {
		g.Add(l.Document, l.Payer, l.Amount, l.On, l.Sequence, l.Mandate, l.Result, l.Why)
	}
	if g.Len() == 0 {
		return nil
	}
	return g.Print(data(cmd), f.output)
}

// writeNew writes a file that must not exist yet.
func writeNew(name string, content []byte) error {
	file, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

func paymentCollections(f *flags) *cobra.Command {
	var out, as string
	c := &cobra.Command{
		Use:     "collections [ID]",
		Short:   "List the files of direct debits, or write one again",
		Long:    `Collections lists the files of direct debits so far. With an id and --out it writes that file again, byte for byte.`,
		Example: "  ratemill payment collections\n  ratemill payment collections RM-20260504-1 --out again.xml",
		Args:    atMostOne("id of a collection"),
	}
	outputFlag(f, c)
	c.Flags().StringVar(&out, "out", "", "file to write; it must not exist")
	invoiceAskedAs(c, &as)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		id := ""
		if len(args) == 1 {
			id = args[0]
		} else if out != "" {
			return fmt.Errorf("--out needs the id of a collection")
		}
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		all, err := office.Collections(cmd.Context(), id, as)
		if err != nil {
			return refusal(err)
		}
		if out != "" {
			return writeNew(out, all[0].Content)
		}
		if len(all) == 0 {
			fmt.Fprintln(stderr, "there are no collections")
		}
		return errors.Join(printAll(cmd, f, all, collectionsTable), unreadable(all))
	}
	return c
}

func collectionsTable(all []backoffice.Collection) *output.Grid {
	g := output.New("id", "seller", "made", "debits", "total", "who", "why", "sha256", "error").Numbers("debits").Amounts("total").
		Sparse("error")
	for i := range all {
		g.Add(all[i].ID, all[i].Seller, all[i].Made, fmt.Sprint(all[i].Debits), all[i].Total, all[i].Who, all[i].Why,
			all[i].SHA256[:min(12, len(all[i].SHA256))], all[i].Error)
	}
	return g
}
