package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/invoicing/contract"
)

func contractCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "contract",
		Short: "Contracts: list, sign, end, price of leaving early",
		Long: `A contract refers to a catalogue document that defines the customer's commitments. The invoice bills a shortfall
at the end of a cycle or a contract year, and early termination.`,
	}
	c.AddCommand(contractAdd(f), contractList(f), contractEnd(f), contractWhatIf(f))
	return c
}

func contractAdd(f *flags) *cobra.Command {
	var r backoffice.NewContract
	var term int
	c := &cobra.Command{
		Use:   "add CONTRACT --why WORDS",
		Short: "Sign a contract for an account, or keep a draft of one",
		Long: `Add signs a contract. Its first day is the day of --at, by default today. An id such as fleet-24@acme names the
document and the account; with any other id, name them with --document and --account. --draft stores it without
effect; sign it later by the same command without --draft. A signed contract does not change: to change terms,
end it and sign another.

A contract of level line is for products or SIMs: name them with --product or --sim. If it is for SIMs, its commitments
count connections.`,
		Example: "  ratemill contract add fleet-24@acme --at 2026-01-01 --why \"contract 4711\"\n" +
			"  ratemill contract add c-17 --document line-12 --account acme --product tracker --at 2026-02-01 --why \"contract 4712\"\n" +
			"  ratemill contract add fleet-24@bolt --at 2026-03-01 --draft --why offer",
		Args: needing(1, 1, "an id for the contract: ratemill contract add fleet-24@acme --at 2026-01-01 --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	flags := c.Flags()
	flags.StringVar(&r.Document, "document", "", "the contract document of the catalogue")
	flags.StringVar(&r.Account, "account", "", "the account that signs the contract")
	flags.IntVar(&term, "term", 0, "length of the first term in cycles (default: that of the document)")
	flags.BoolVar(&r.Draft, "draft", false, "keep it without effect until it is signed")
	flags.StringSliceVar(&r.Products, "product", nil, "for a contract of level line: a plan, part or add-on that it covers")
	flags.StringSliceVar(&r.SIMs, "sim", nil, "for a contract of level line: a SIM that it covers, as imsi:214070000000001")
	flags.StringVar(&r.Coterminates, "coterminates", "", "id of a contract that this one ends together with")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.ID = args[0]
		if cmd.Flags().Changed("term") && (term < 1 || term > 600) {
			return fmt.Errorf("--term is 1 to 600 cycles, not %d", term)
		}
		r.Term = contract.Cycles(term)
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.AddContract(cmd.Context(), r)
		})
	}
	return c
}

func contractEnd(f *flags) *cobra.Command {
	var r backoffice.ContractEnd
	noticed := &timeFlag{}
	c := &cobra.Command{
		Use:   "end CONTRACT (--at DAY | --term) --why WORDS",
		Short: "End a contract: with its term, early, or by agreement",
		Long: `End sets the first day on which a contract is no longer in force. A day before the end of the term means early
termination, and the invoice charges it unless you give --agreed. --term ends the contract at the end of the
term to which the customer is bound if notice is given on the day of --noticed. A second end replaces the first.
For a draft, end withdraws it. --dry-run shows the cost and changes nothing; so does contract what-if.`,
		Example: "  ratemill contract end fleet-24@acme --term --why \"notice of 12 March\"\n" +
			"  ratemill contract end fleet-24@acme --at 2027-03-16 --noticed 2027-01-31 --why \"letter of 31 January\"",
		Args: needing(1, 1, "a contract: ratemill contract end fleet-24@acme --at 2027-03-16 --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().BoolVar(&r.Term, "term", false, "at the end of the term")
	c.Flags().BoolVar(&r.Agreed, "agreed", false, "the seller agrees: charge no early termination")
	c.Flags().Var(noticed, "noticed", "the day on which notice was given (default today)")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Contract, r.Noticed = args[0], noticed.Time
		if r.Term && !at.IsZero() {
			return errors.New("give --at or --term, not both")
		}
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.EndContract(cmd.Context(), r)
		})
	}
	return c
}

func contractList(f *flags) *cobra.Command {
	var q backoffice.AccountQuestion
	c := &cobra.Command{
		Use:   "list [ACCOUNT]",
		Short: "List contracts, of all accounts or of one and those below it",
		Long: `List shows the status of each contract on a day, the end of the term to which notice on that day would bind
the customer, and, if the contract does not renew, the first day on which it is no longer in force.`,
		Example: "  ratemill contract list\n  ratemill contract list acme --at 2027-01-31 -o json",
		Args:    atMostOne("account"),
	}
	at := questionFlags(f, c, &q)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		all, wrong, err := office.ListContracts(cmd.Context(), q, strings.Join(args, ""))
		if err != nil {
			return refusal(err)
		}
		for _, err := range wrong {
			fmt.Fprintln(stderr, err)
		}
		if f.output == output.JSON {
			lines := json.NewEncoder(objects(cmd))
			for _, l := range all {
				if err := lines.Encode(l); err != nil {
					return err
				}
			}
			return brokenContracts(wrong)
		}
		g := output.New("contract", "account", "document", "status", "start", "month", "end_of_term", "ends", "commitments",
			"coterminates").
			Numbers("month").Sparse("ends", "coterminates")
		for _, l := range all {
			month := ""
			if l.Month > 0 {
				month = fmt.Sprint(l.Month)
			}
			g.Add(l.ID, l.Account, l.Document, l.Called, l.Start, month, l.EndOfTerm, l.Ends, strings.Join(l.Commitments, ", "),
				l.Coterminates)
		}
		if g.Len() == 0 {
			fmt.Fprintln(stderr, "there are no contracts; ratemill contract add signs one")
		}
		if err := g.Print(data(cmd), f.output); err != nil {
			return err
		}
		return brokenContracts(wrong)
	}
	return c
}

func brokenContracts(wrong []error) error {
	if len(wrong) == 0 {
		return nil
	}
	return &problems{"ratemill: no invoices are created for the accounts of these contracts until this is corrected"}
}

func contractWhatIf(f *flags) *cobra.Command {
	var q backoffice.ContractQuestion
	ends, noticed := &timeFlag{}, &timeFlag{}
	c := &cobra.Command{
		Use:   "what-if CONTRACT --end DAY",
		Short: "Show what it would cost to end a contract on a day",
		Long: `What-if computes early termination as the invoice does, and changes nothing: the remaining commitment from the day of --end, on
which the contract would no longer be in force, to the end of the term, and the tier of the month.`,
		Example: "  ratemill contract what-if fleet-24@acme --end 2027-03-16\n" +
			"  ratemill contract what-if fleet-24@acme --end 2027-03-16 --noticed 2027-01-31 -o json",
		Args: needing(1, 1, "a contract: ratemill contract what-if fleet-24@acme --end 2027-03-16"),
	}
	outputFlag(f, c)
	c.Flags().StringVar(&q.As, "as", "",
		"the account on whose behalf you ask; that account sees itself and the accounts below it (default: the provider)")
	c.Flags().Var(ends, "end", "the first day on which it would no longer be in force")
	c.Flags().Var(noticed, "noticed", "the day on which notice is given (default today)")
	_ = c.MarkFlagRequired("end")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.Contract, q.End, q.Noticed = args[0], ends.Time, noticed.Time
		l, err := office.ContractWhatIf(cmd.Context(), q)
		if err != nil {
			return refusal(err)
		}
		if f.output == output.Table {
			_, err = fmt.Fprintf(words(cmd), "remaining  %s     tier of month %d: %s     early termination %s %s\n", l.Sum(), l.Month,
				l.Tier,
				l.Currency, l.Due)
			return err
		}
		if f.output == output.JSON {
			return json.NewEncoder(objects(cmd)).Encode(l)
		}
		g := output.New("contract", "account", "end", "noticed", "end_of_term", "month", "tier", "remaining", "exact", "due", "currency")
		g.Add(l.Contract, l.Account, l.End, l.Noticed, l.EndOfTerm, fmt.Sprint(l.Month), l.Tier, l.Remaining.String(), l.Exact.String(),
			l.Rounded.String(), l.Currency)
		return g.Print(data(cmd), f.output)
	}
	return c
}
