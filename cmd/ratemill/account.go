package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/output"
	"ratemill/internal/roles"
	"ratemill/registry"
	"ratemill/udr"
)

func accountCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "account",
		Short: "Running balances of accounts: balance, rebuild",
		Long: `Account shows what accounts are charged so far. The role account of ratemill run adds up the balances, seconds after usage
is rated.`,
	}
	c.AddCommand(accountBalance(f), accountRebuild(f))
	return c
}

func accountBalance(f *flags) *cobra.Command {
	var cycle string
	c := &cobra.Command{
		Use:   "balance [ACCOUNT]",
		Short: "Print what accounts are charged, by billing cycle, tier and usage class",
		Long: `Balance prints the running balances of all accounts, or of one: charged records, used quantity and the exact amount, for
each billing cycle, tier and usage class. Tier 0 is usage of the account's own SIMs; the tiers above are what it pays by a
plan of its own for usage of accounts below it. --cycle chooses cycles by a day that is in them, or by their first day.`,
		Example: "  ratemill account balance\n  ratemill account balance acme --cycle 2026-03-01\n  ratemill account balance -o csv > " +
			"balances.csv",
		Args: atMostOne("account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var day time.Time
			if cycle != "" {
				var err error
				if day, err = time.Parse(time.DateOnly, cycle); err != nil {
					return fmt.Errorf("--cycle %s is not a day such as 2026-03-01", cycle)
				}
			}
			store, _, err := reachStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			return tellBalances(cmd, f, store, args, day)
		},
	}
	c.Flags().StringVar(&cycle, "cycle", "", "only the billing cycle that begins on this day, or has it in it")
	outputFlag(f, c)
	return c
}

func tellBalances(cmd *cobra.Command, f *flags, store *control.Store, args []string, day time.Time) error {
	ctx := cmd.Context()
	if err := account.Migrate(ctx, store.DB); err != nil {
		return err
	}
	r := registry.New()
	if _, err := store.LoadRegistry(ctx, r); err != nil {
		return err
	}
	view := r.View()
	defer view.Close()
	k := known{view, view.Revision(), udr.InstantOf(time.Now())}
	var filter account.Filter
	if len(args) == 1 {
		number, err := k.account(args[0])
		if err != nil {
			return err
		}
		filter.Account = &number
	}
	all, err := account.Balances(ctx, store.DB, filter)
	if err != nil {
		return err
	}
	if !day.IsZero() {
		all = inCycle(all, day)
	}
	name := func(number uint32) string {
		if id, ok := view.AccountID(number); ok {
			return id
		}
		return fmt.Sprint(number)
	}
	slices.SortStableFunc(all, func(a, b account.Stored) int { return strings.Compare(name(a.Account), name(b.Account)) })
	g := output.New("account", "cycle", "tier", "class", "records", "quantity", "unit", "amount", "currency").Numbers("tier", "records",
		"quantity").Amounts("amount")
	for _, b := range all {
		g.Add(name(b.Account), b.CycleStart().Format(time.DateOnly), fmt.Sprint(b.Tier), b.Class, fmt.Sprint(b.Records),
			fmt.Sprint(b.Quantity), b.Unit.String(), b.Amount.String(), b.Currency)
	}
	if err := tellBeginnings(ctx, store); err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(stderr, "there are no such balances; the role account makes them: ratemill run, or ratemill run --role account")
	}
	return g.Print(data(cmd), f.output)
}

// inCycle are the balances of the cycles that begin on a day, or else, of each account, of the one that has the day in it:
// cycles differ by account.
func inCycle(all []account.Stored, day time.Time) (in []account.Stored) {
	wanted := int32(day.Unix() / (24 * 60 * 60))
	begun := map[uint32]int32{}
	for _, b := range all {
		if last, any := begun[b.Account]; b.Cycle <= wanted && wanted-b.Cycle < longestCycle && (!any || b.Cycle > last) {
			begun[b.Account] = b.Cycle
		}
	}
	for _, b := range all {
		if began, any := begun[b.Account]; any && b.Cycle == began {
			in = append(in, b)
		}
	}
	return in
}

// longestCycle is more days than a billing cycle has.
const longestCycle = 32

// tellBeginnings says where balances lack the beginning of the rated log.
func tellBeginnings(ctx context.Context, store *control.Store) error {
	beginnings, err := account.Beginnings(ctx, store.DB)
	var late []string
	for partition, offset := range beginnings {
		if offset > 0 {
			late = append(late, fmt.Sprintf("%d from offset %d", partition, offset))
		}
	}
	if len(late) > 0 {
		slices.Sort(late)
		fmt.Fprintf(stderr, "usage that was rated before the balances began is not in them (partition %s); the warehouse has it: "+
			"ratemill query \"select * from cost_by_account_cycle\"\n", strings.Join(late, ", "))
	}
	return err
}

func accountRebuild(f *flags) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "rebuild --why WORDS",
		Short: "Throw all balances away and make them again from the rated log",
		Long: `Rebuild deletes the balances of all accounts, and has the role account make them again from the first message of the rated
log that Kafka keeps. Where Kafka has deleted the beginning, the balances then begin where the warehouse is, and account
balance says so. It is needed only when the balances have stopped at messages that are gone; see
docs/runbooks/balances-of-accounts.md. Your name and the reason are kept in the audit log.`,
		Example: `  ratemill account rebuild --why "the control store was restored from Monday's backup, TICKET-17"`,
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if strings.TrimSpace(reason) == "" {
				return errors.New("the reason is empty; give one for whoever reads the audit log later")
			}
			store, _, err := reachStore(ctx, f)
			if err != nil {
				return err
			}
			defer store.Close()
			if err := account.Migrate(ctx, store.DB); err != nil {
				return err
			}
			installation, err := store.Installation(ctx)
			if err != nil {
				return err
			}
			if err := store.Audit(ctx, control.AuditEntry{At: time.Now(), Who: whoami(), What: "account.rebuild", Subject: "balances",
				Detail: reason}); err != nil {
				return err
			}
			if err := account.Discard(ctx, store.DB, roles.AccountConsumer(installation)); err != nil {
				return err
			}
			fmt.Fprintln(words(cmd), "the balances are deleted; the role account makes them again. If a partition of it had stopped, "+
				"order it to try again: ratemill partition list shows the command")
			return nil
		},
	}
	c.Flags().StringVar(&reason, "why", "", "the reason, for whoever reads the audit log later")
	_ = c.MarkFlagRequired("why")
	return c
}
