package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func paymentCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "payment",
		Short: "Payments: import and list them, list open amounts, collect direct debits",
		Long: `A payment is a fact: who paid how much and when, and which documents it pays. The open amount of a document is
its gross amount less credit notes and payments; it alone decides whether a document is open, partly paid, paid
or overpaid.`,
	}
	c.AddCommand(paymentImport(f), paymentList(f), paymentOpen(f), paymentAssign(f), paymentWithdraw(f), paymentWriteOff(f),
		paymentDispute(f), paymentCollect(f), paymentCollections(f))
	return c
}

// paymentFlags are the flags that are common to all changes of payments.
func paymentFlags(f *flags, c *cobra.Command, o *backoffice.PaymentOrder) {
	c.Flags().StringVar(&o.Why, "why", "", "the reason, kept with the change")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would change, and change nothing")
	invoiceAs(c, &o.As)
	outputFlag(f, c)
}

// reasoned fills in the user, and requires a reason.
func reasoned(o *backoffice.PaymentOrder) error {
	if strings.TrimSpace(o.Why) == "" && !o.DryRun {
		return errors.New("give the reason with --why; it is kept with the change. --dry-run needs none")
	}
	o.Who = whoami()
	return nil
}

func paymentImport(f *flags) *cobra.Command {
	var o backoffice.PaymentOrder
	c := &cobra.Command{
		Use:   "import FILE.csv --why WORDS",
		Short: "Import payments from a CSV file of the bank; - reads standard input",
		Long: `Import reads payments from a CSV file with a header, separated by commas or semicolons:

  payer,document,amount,currency,date,reference
  ,INV-2026-000412,400.00,EUR,2026-05-12,BANK-88121
  acme,,90.00,EUR,2026-05-12,BANK-88122

One of payer and document is enough, and currency may be empty if the payer or the document determines it. A
payment with a document pays that document; without one, it pays the open documents of its payer, in the order
of their due dates. The rest is a credit of the payer, or a credit without a payer if neither payer nor document
is known. An amount below 0 is money that was paid back, such as a returned debit.

The reference identifies a line: importing the same line again changes nothing. A reference with another amount,
payer or date is refused. The correct lines are imported as one change; the others are listed, and then the exit
code is 1.`,
		Example: "  ratemill payment import statement.csv --dry-run\n  ratemill payment import statement.csv --why \"statement of 12 May\"",
		Args:    needing(1, 1, "a CSV file: ratemill payment import statement.csv --why …"),
	}
	paymentFlags(f, c, &o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := reasoned(&o); err != nil {
			return err
		}
		from := io.Reader(os.Stdin)
		if args[0] != "-" {
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			from = file
		}
		office, end, err := openOfficeForAccounts(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		done, err := office.ImportPayments(cmd.Context(), args[0], from, o)
		if err != nil {
			return refusal(err)
		}
		if err := printPaymentLines(cmd, f, true, done.Lines...); err != nil {
			return err
		}
		words := fmt.Sprintf("%d new, %d known from before, %d refused", done.New, done.Known, done.Refused)
		if done.DryRun {
			fmt.Fprintf(stderr, "nothing was changed (--dry-run); it would be: %s\n", words)
		} else {
			fmt.Fprintf(stderr, "%s: %s\n", facts(len(done.Lines), "line", "lines"), words)
		}
		if done.Credits > 0 {
			fmt.Fprintf(stderr, "%s paid no document, or not only documents; ratemill payment list --credit shows the rest\n",
				facts(done.Credits, "new payment pays", "new payments pay"))
		}
		if done.Refused > 0 {
			return &problems{}
		}
		return nil
	}
	return c
}

func printPaymentLines(cmd *cobra.Command, f *flags, numbered bool, all ...backoffice.PaymentLine) error {
	return printAll(cmd, f, all, func(all []backoffice.PaymentLine) *output.Grid { return paymentLinesTable(numbered, all) })
}

func paymentLinesTable(numbered bool, all []backoffice.PaymentLine) *output.Grid {
	g := output.New("line", "reference", "result", "payer", "amount", "currency", "date", "pays", "credit", "why").Numbers("line").
		Amounts("amount", "credit").Sparse("line", "pays", "credit", "why")
	for _, l := range all {
		line := ""
		if numbered {
			line = fmt.Sprint(l.Line)
		}
		g.Add(line, l.Reference, l.Result, l.Payer, l.Amount, l.Currency, l.Date, l.Pays, l.Credit, l.Why)
	}
	return g
}

func paymentList(f *flags) *cobra.Command {
	var q backoffice.PaymentQuestion
	c := &cobra.Command{
		Use:     "list",
		Short:   "List payments with what they pay, the newest first",
		Long:    `List prints payments: which documents each one pays, and the rest, which is a credit.`,
		Example: "  ratemill payment list --payer acme\n  ratemill payment list --credit -o csv",
		Args:    none,
	}
	outputFlag(f, c)
	c.Flags().StringVar(&q.Payer, "payer", "", "only payments of this account")
	c.Flags().BoolVar(&q.Credits, "credit", false, "only payments with a part that pays no document")
	invoiceAskedAs(c, &q.As)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return printAnswer(cmd, f, "there are no such payments", func(ctx context.Context, o *backoffice.Office) ([]backoffice.ListedPayment,
			error) {
			return o.ListPayments(ctx, q)
		}, paymentsTable)
	}
	return c
}

func paymentsTable(all []backoffice.ListedPayment) *output.Grid {
	g := output.New("date", "reference", "payer", "kind", "amount", "currency", "pays", "credit", "names", "error").
		Amounts("amount", "credit").Sparse("payer", "pays", "credit", "names", "error")
	for _, p := range all {
		g.Add(p.Date, p.Reference, p.Payer, p.Kind, p.Amount, p.Currency, p.Pays, p.Credit, p.Named, p.Error)
	}
	return g
}

func paymentOpen(f *flags) *cobra.Command {
	var q backoffice.OpenQuestion
	c := &cobra.Command{
		Use:   "open [DOCUMENT]",
		Short: "List the open amounts of final documents, in the order of their due dates",
		Long: `Open prints final documents that are not fully paid: total, the amounts of credit notes and of payments, written-off
amounts, and the rest. The state is open, partly, paid, overpaid, credited, written_off, disputed, or credit for
a document with a negative total. overdue counts the days since the due date. A disputed amount is not overdue.`,
		Example: "  ratemill payment open --overdue\n  ratemill payment open INV-2026-000412\n  ratemill payment open --payer acme --all -o csv",
		Args:    atMostOne("number of a document"),
	}
	outputFlag(f, c)
	c.Flags().StringVar(&q.Payer, "payer", "", "only documents of this account")
	invoiceAskedAs(c, &q.As)
	c.Flags().BoolVar(&q.All, "all", false, "also documents that are fully paid")
	c.Flags().BoolVar(&q.Overdue, "overdue", false, "only documents whose due date has passed")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			q.Document = args[0]
		}
		return printAnswer(cmd, f, "no such document has an open amount", func(ctx context.Context, o *backoffice.Office) (
			[]backoffice.OpenDocument, error) {
			return o.OpenDocuments(ctx, q)
		}, openTable)
	}
	return c
}

func openTable(all []backoffice.OpenDocument) *output.Grid {
	g := output.New("document", "payer", "due", "overdue", "state", "total", "credited", "paid", "written_off", "disputed", "open",
		"currency", "error").Numbers("overdue").Amounts("total", "credited", "paid", "written_off", "disputed", "open").Sparse("overdue",
		"credited", "paid", "written_off", "disputed", "error")
	for _, d := range all {
		late := ""
		if d.Overdue > 0 {
			late = fmt.Sprint(d.Overdue)
		}
		g.Add(d.Number, d.Payer, d.Due, late, d.State, d.Total, d.Credited, d.Paid, d.Off, d.Disputed, d.Open, d.Currency, d.Error)
	}
	return g
}
