package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func accountCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "account",
		Short: "Accounts: their status, billing profile, resources, and charges so far",
		Long: `Account shows the tree of accounts, creates accounts, and changes their data: status, billing profile,
contacts, resources, groups, add-ons. Every change is a change set with a reason. It takes effect at the time of --at, and
--dry-run shows it first. --as ACCOUNT does it on behalf of an account, which sees and changes only itself and the accounts
below it. balance shows the charges of accounts so far.`,
	}
	c.AddCommand(accountList(f), accountShow(f), accountCreate(f), accountSet(f), accountStatus(f), accountResource(f), accountGroup(f),
		accountAddon(f), accountLookup(f), accountCredit(f), accountBalance(f), accountRebuild(f))
	return c
}

func accountBalance(f *flags) *cobra.Command {
	var cycle string
	units := false
	c := &cobra.Command{
		Use:   "balance [ACCOUNT]",
		Short: "Print the charges of accounts, by billing cycle, tier and usage class, and how many units an account has left",
		Long: `Balance prints the running balances of all accounts, or of one: charged records, used quantity and the exact
amount, for each billing cycle, tier and usage class. Tier 0 is usage of the account's own SIMs; higher tiers
are usage of the accounts below it, at the prices of its plan. --cycle selects cycles by their first day, or by
any day in them.

For one account, a second table has the units of its pools, and of its add-ons: how many there are now, used and left, for
each bucket, in the billing cycle, or in the day, week, month or contract year of the share plan. With --cycle
it shows them as of the end of that cycle. JSON and CSV contain the balances, or the units if you give --units.
For the packages of an account, use ratemill package list.`,
		Example: "  ratemill account balance\n  ratemill account balance acme --cycle 2026-03-01\n  ratemill account balance acme --units " +
			"-o json\n" +
			"  ratemill account balance -o csv > balances.csv",
		Args: atMostOne("account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request := backoffice.BalancesRequest{}
			if cycle != "" {
				var err error
				if request.Day, err = time.Parse(time.DateOnly, cycle); err != nil {
					return fmt.Errorf("--cycle %s is not a day such as 2026-03-01", cycle)
				}
			}
			if len(args) == 1 {
				request.Account = args[0]
			} else if units {
				return errors.New("--units needs an account: ratemill account balance acme --units")
			}
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			if !units {
				answer, err := office.Balances(cmd.Context(), request)
				if err != nil {
					return err
				}
				if err := printAccountBalances(data(cmd), f.output, answer, cycle); err != nil || f.output != output.Table || len(args) == 0 {
					return err
				}
			}
			has, err := office.AccountUnits(cmd.Context(), request)
			if err != nil {
				return err
			}
			if units && len(has) == 0 {
				fmt.Fprintf(stderr, "account %s has no pools, and no add-ons with units\n", request.Account)
			}
			if !units && len(has) > 0 {
				fmt.Fprintln(words(cmd))
			}
			return printAccountUnits(data(cmd), f.output, has)
		},
	}
	c.Flags().StringVar(&cycle, "cycle", "", "only the billing cycle that contains this day")
	c.Flags().BoolVar(&units, "units", false, "only the units of the account's pools and add-ons")
	outputFlag(f, c)
	return c
}

func printAccountUnits(to io.Writer, format string, all []backoffice.AccountUnits) error {
	g := output.New("account", "kind", "name", "bucket", "period", "from", "size", "used", "left", "unit", "as_of").Sparse("as_of").
		Numbers("size", "used", "left")
	counted, unknown := "", false
	for _, u := range all {
		counted, unknown = u.AsOf, unknown || u.Used == nil
		if format == output.Table {
			u.AsOf = "" // below the table
		}
		g.Add(u.Account, u.Kind, u.Name, u.Bucket, u.Period, u.From, fmt.Sprint(u.Size), known(u.Used), known(u.Left), u.Unit, u.AsOf)
	}
	if err := g.Print(to, format); err != nil {
		return err
	}
	tellCounted(counted, unknown)
	return nil
}

func printAccountBalances(to io.Writer, format string, answer *backoffice.Balances, cycle string) error {
	g := output.New("account", "cycle", "tier", "class", "records", "quantity", "unit", "amount", "currency").Numbers("tier", "records",
		"quantity").Amounts("amount")
	for _, b := range answer.Balances {
		g.Add(b.Account, b.Cycle, fmt.Sprint(b.Tier), b.Class, fmt.Sprint(b.Records), fmt.Sprint(b.Quantity), b.Unit, b.Amount, b.Currency)
	}
	if len(answer.Begin) > 0 {
		var late []string
		for _, b := range answer.Begin {
			late = append(late, fmt.Sprintf("%d from offset %d", b.Partition, b.Offset))
		}
		fmt.Fprintf(stderr, "the balances do not include usage that was rated before they began (partition %s); the "+
			"warehouse has it: ratemill query \"select * from cost_by_account_cycle\"\n", strings.Join(late, ", "))
	}
	switch {
	case g.Len() > 0:
	case cycle != "":
		fmt.Fprintf(stderr, "no billing cycle with balances contains the day %s; without --cycle the command shows all cycles\n", cycle)
	default:
		fmt.Fprintln(stderr, "there are no balances yet; the role account creates them, seconds after usage is rated: "+
			"ratemill run, or ratemill run --role account")
	}
	return g.Print(to, format)
}

func accountRebuild(f *flags) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "rebuild --why WORDS",
		Short: "Delete all balances and rebuild them from the rated log",
		Long: `Rebuild deletes the balances of all accounts. The role account then rebuilds them from the first message of
the rated log that Kafka still has. If Kafka has deleted the beginning of the log, the balances begin at the
position of the warehouse, and account balance notes this. Use it only if the balances have stopped at messages
that no longer exist; see docs/runbooks/balances-of-accounts.md. Your name and the reason are kept in the audit
log.`,
		Example: `  ratemill account rebuild --why "the control store was restored from Monday's backup, TICKET-17"`,
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(reason) == "" {
				return errors.New("the reason is empty; give one for the audit log")
			}
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			if err := office.RebuildBalances(cmd.Context(), backoffice.RebuildRequest{Who: whoami(), Why: reason}); err != nil {
				return err
			}
			fmt.Fprintln(words(cmd), "the balances are deleted; the role account rebuilds them. If one of its partitions "+
				"had stopped, order it to try again: ratemill partition list shows the command")
			return nil
		},
	}
	c.Flags().StringVar(&reason, "why", "", "the reason, for the audit log")
	_ = c.MarkFlagRequired("why")
	return c
}
