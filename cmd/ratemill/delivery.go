package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/invoicing/delivery"
)

// namesOf converts names to strings.
func namesOf[T ~string](all []T) (names []string) {
	for _, n := range all {
		names = append(names, string(n))
	}
	return names
}

func deliveryCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "delivery",
		Short: "Deliveries of invoices: list, send again, confirm, fail",
		Long: `A final document has a delivery for each channel of its payer's billing profile: email, hardcopy, e_invoice, and sftp for a
remote storage. The role delivery sends them and retries for up to a day.`,
	}
	c.AddCommand(deliveryList(f),
		deliveryDecision(f, "again", "Send a document again",
			`Again sends a delivery again, with the document as issued. A mail then gets a new Message-ID, so mail programs
show it as a separate mail. --to sends it to other addresses than those in the document.`,
			"  ratemill delivery again INV-2026-000412 --why \"the payer lost it\"\n"+
				"  ratemill delivery again INV-2026-000412 --channel email --to billing@acme.example --why \"new address\""),
		deliveryDecision(f, "confirm", "Record that the payer has a document", `Confirm records that the receiver has the
document: a print file was printed and posted, the access point acknowledged the electronic invoice, or the document was
handed over in another way.`,
			"  ratemill delivery confirm INV-2026-000412 --channel hardcopy --why \"posted on 4 May\""),
		deliveryDecision(f, "fail", "Record that the payer does not have a document", `Fail records that a sent document has
not arrived, such as a mail that came back, or that it must not be sent. Send it again when the cause is fixed.`,
			"  ratemill delivery fail INV-2026-000412 --channel email --why \"the mail came back\""))
	return c
}

func deliveryList(f *flags) *cobra.Command {
	var q backoffice.DeliveryQuestion
	c := &cobra.Command{
		Use:   "list [DOCUMENT]",
		Short: "List deliveries of documents, those that failed first",
		Long: `List prints deliveries of documents: channel, receiver, state, and the reason of the last failed attempt.
unclear counts interrupted attempts after which the receiver may already have had the document.`,
		Example: "  ratemill delivery list --state failed\n  ratemill delivery list INV-2026-000412 -o json",
		Args:    atMostOne("number of a document"),
	}
	outputFlag(f, c)
	c.Flags().Var(choice{&q.State, namesOf(delivery.States)}, "state", "only deliveries in this state")
	c.Flags().StringVar(&q.Payer, "payer", "", "only documents of this account")
	invoiceAskedAs(c, &q.As)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			q.Document = args[0]
		}
		return printAnswer(cmd, f, "there are no such deliveries", func(ctx context.Context, o *backoffice.Office) ([]backoffice.ListedDelivery,
			error) {
			return o.ListDeliveries(ctx, q)
		}, deliveriesTable)
	}
	return c
}

func deliveriesTable(all []backoffice.ListedDelivery) *output.Grid {
	g := output.New("document", "payer", "channel", "recipient", "state", "attempts", "unclear", "sent", "next", "who", "why").
		Numbers("attempts", "unclear").Sparse("sent", "next", "who", "why", "unclear")
	for _, l := range all {
		unclear := ""
		if l.Unclear > 0 {
			unclear = fmt.Sprint(l.Unclear)
		}
		g.Add(l.Document, l.Payer, l.Channel, l.Recipient, l.State, fmt.Sprint(l.Attempts), unclear, l.Sent, l.Next, l.Who, l.Why)
	}
	return g
}

// deliveryDecision returns a command that records a decision about a delivery.
func deliveryDecision(f *flags, do, short, long, example string) *cobra.Command {
	r := backoffice.DeliveryOrder{Do: do}
	c := &cobra.Command{
		Use: do + " DOCUMENT --why WORDS", Short: short, Long: long, Example: example,
		Args: needing(1, 1, "the number of a document: ratemill delivery "+do+" INV-2026-000412 --why …"),
	}
	outputFlag(f, c)
	c.Flags().Var(choice{&r.Channel, namesOf(delivery.Channels)}, "channel",
		"the delivery by this channel; needed if the document has several")
	c.Flags().StringVar(&r.Why, "why", "", "the reason, kept with the change")
	c.Flags().BoolVar(&r.DryRun, "dry-run", false, "show what would change, and change nothing")
	invoiceAs(c, &r.As)
	if do == "again" {
		c.Flags().StringArrayVar(&r.To, "to", nil, "mail address to use instead of the earlier ones; repeat for more")
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Document, r.Who, r.Why = args[0], whoami(), strings.TrimSpace(r.Why)
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		l, err := office.DecideDelivery(cmd.Context(), r)
		if err != nil {
			return refusal(err)
		}
		if r.DryRun {
			fmt.Fprintln(stderr, "nothing was changed (--dry-run)")
		}
		return printAll(cmd, f, []backoffice.ListedDelivery{*l}, deliveriesTable)
	}
	return c
}

func invoiceDeliver(f *flags) *cobra.Command {
	r := backoffice.DeliverOrder{}
	var all bool
	c := &cobra.Command{
		Use:   "deliver [DOCUMENT …] --why WORDS",
		Short: "Send final documents, or send them again",
		Long: `Deliver orders the role delivery to send final documents, as issued, through their channels. It sends documents
that you name again, even if they were sent before. With --all it sends the documents of a cycle whose delivery
failed. Deliveries that wait or are being sent do not change. --channel uses only that channel, even for
documents that were issued without it. --to sends mails to other addresses than those in the document. ratemill
delivery list shows their progress.`,
		Example: "  ratemill invoice deliver INV-2026-000412 --why \"the payer lost it\"\n" +
			"  ratemill invoice deliver INV-2026-000412 --channel email --to billing@acme.example --why \"they ask for it by mail\"\n" +
			"  ratemill invoice deliver --cycle 2026-03 --all --why \"the mail server is back\"",
	}
	invoiceFlags(f, c, &r.InvoiceOrder)
	allFlag(c, &all, "all documents of the cycle whose delivery failed")
	c.Flags().Var(choice{&r.Channel, namesOf(delivery.Channels)}, "channel", "only by this channel")
	c.Flags().StringArrayVar(&r.To, "to", nil, "mail address to use instead of the document's; repeat for more")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Who, r.Why, r.Documents = whoami(), strings.TrimSpace(r.Why), args
		if err := named(args, all, &r.InvoiceOrder); err != nil {
			return err
		}
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		if all {
			r.Documents = nil
		}
		done, err := office.DeliverInvoices(cmd.Context(), r)
		if err != nil {
			if len(done) > 0 { // the documents before the refused one were ordered
				err = errors.Join(err, printAll(cmd, f, done, deliveriesTable))
			}
			return refusal(err)
		}
		if r.DryRun {
			fmt.Fprintln(stderr, "nothing was changed (--dry-run)")
		}
		if len(done) == 0 {
			fmt.Fprintln(stderr, "no delivery of these documents failed or waits")
			return nil
		}
		return printAll(cmd, f, done, deliveriesTable)
	}
	return c
}
