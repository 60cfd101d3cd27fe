package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

// simOrder adds the flags that are common to all changes of SIMs.
func simOrder(f *flags, c *cobra.Command, o *backoffice.SIMOrder) {
	c.Flags().StringVar(&o.At, "at", "", "when it takes effect: now, cycle (the next billing cycle), a date in the "+
		"payer's time zone, or an instant "+
		"(default now)")
	c.Flags().StringVar(&o.Why, "why", "", "the reason, kept with the change")
	asFlag(c, &o.As, "you do it")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would change; change nothing")
	c.Flags().BoolVar(&o.Backdate, "backdate", false, "allow a time before the running billing cycle")
	outputFlag(f, c)
}

// changeSIM runs a change of a SIM and prints the result.
func changeSIM(cmd *cobra.Command, f *flags, o *backoffice.SIMOrder, wish backoffice.SIMWish) error {
	if strings.TrimSpace(o.Why) == "" && !o.DryRun {
		return errors.New("give the reason with --why; it is kept with the change. --dry-run needs none")
	}
	o.Who = whoami()
	office, end, err := openOfficeForAccounts(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer end()
	made, err := office.ChangeSIM(cmd.Context(), *o, wish)
	if err != nil {
		return refusal(err)
	}
	if f.output == output.JSON {
		return json.NewEncoder(objects(cmd)).Encode(made)
	}
	for _, note := range made.Notes {
		fmt.Fprintln(stderr, note)
	}
	switch {
	case len(made.Facts) == 0:
		fmt.Fprintln(stderr, "nothing changes")
		return nil
	case made.DryRun:
		fmt.Fprintln(stderr, "nothing was changed (--dry-run); this would be")
	default:
		fmt.Fprintf(stderr, "revision %d\n", made.Revision)
	}
	g := output.New("sim", "what", "name", "value", "plan", "from", "holds", "cause").Numbers("sim").Sparse("name", "plan", "value")
	for _, x := range made.Facts {
		g.Add(fmt.Sprint(x.SIM), x.What, x.Name, x.Value, x.Plan, x.From, x.Holds, x.Cause)
	}
	return g.Print(data(cmd), f.output)
}

// simChange returns a command that changes one SIM; wish reads its arguments.
func simChange(f *flags, c *cobra.Command, wish func(args []string) (backoffice.SIMWish, error)) *cobra.Command {
	var o backoffice.SIMOrder
	simOrder(f, c, &o)
	c.Flags().StringVar(&o.Key, "key", "", "your own key for this request: the same key again changes nothing")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := wish(args)
		if err != nil {
			return err
		}
		return changeSIM(cmd, f, &o, w)
	}
	return c
}

func simState(f *flags) *cobra.Command {
	return simChange(f, &cobra.Command{
		Use:   "state SIM STATE --why WORDS",
		Short: "Set the state of a SIM, with the state changes that follow from it",
		Long: `State changes the state of a SIM to one that the state model of its lifecycle allows; a refusal lists the
allowed states. The account must be active. The effects of the state are in the same change set: automatic
changes scheduled after it that no longer apply are withdrawn. A SIM in billing that you set to a state which
waits for usage (soft suspend) returns to billing with its next usage.`,
		Example: "  ratemill sim state 8934070000500000119 suspended --why \"reported lost\"\n" +
			"  ratemill sim state +34650000010 in_billing --at cycle --why \"contract begins\"\n  ratemill sim state +34650000010 retired --dry-run",
		Args: needing(2, 2, "a SIM and a state: ratemill sim state 8934070000500000119 suspended --why …"),
	}, func(args []string) (backoffice.SIMWish, error) {
		return backoffice.SIMWish{SIM: args[0], Do: backoffice.SetSIMState, To: args[1]}, nil
	})
}

func simMove(f *flags) *cobra.Command {
	var w backoffice.SIMWish
	c := simChange(f, &cobra.Command{
		Use:   "move SIM --to ACCOUNT --why WORDS",
		Short: "Move a SIM to another account",
		Long: `Move gives a SIM to another account. That account must be active and not blacklisted, and must have the SIM's
plan or the plan of --plan. Within the same payer the SIM keeps its state. With another payer it gets the
default state and the default plan of that account, unless you give --keep-state or --plan. Settings that refer
to resources the new account lacks end.`,
		Example: "  ratemill sim move 8934070000500000119 --to acme-north --why \"new depot\"\n" +
			"  ratemill sim move 8934070000500000119 --to initech --plan office --keep-state --at cycle --why \"sold\"",
		Args: needing(1, 1, "a SIM: ratemill sim move 8934070000500000119 --to acme --why …"),
	}, func(args []string) (backoffice.SIMWish, error) {
		w.SIM, w.Do = args[0], backoffice.MoveSIM
		return w, nil
	})
	c.Flags().StringVar(&w.To, "to", "", "the account that gets the SIM")
	c.Flags().StringVar(&w.Plan, "plan", "", "its plan there")
	c.Flags().BoolVar(&w.Keep, "keep-state", false, "keep the state even if the payer changes")
	_ = c.MarkFlagRequired("to")
	return c
}

func simPlan(f *flags) *cobra.Command {
	return simChange(f, &cobra.Command{
		Use:   "plan SIM PLAN --why WORDS",
		Short: "Change the price plan of a SIM: now, with the next billing cycle, or on a date",
		Long: `Plan gives a SIM another price plan, which its account must have. With --as ACCOUNT it must be open to the users
of the account.`,
		Example: "  ratemill sim plan 8934070000500000119 office --at cycle --why TICKET-17",
		Args:    needing(2, 2, "a SIM and a plan: ratemill sim plan 8934070000500000119 fleet --at cycle --why …"),
	}, func(args []string) (backoffice.SIMWish, error) {
		return backoffice.SIMWish{SIM: args[0], Do: backoffice.SetSIMPlan, To: args[1]}, nil
	})
}

func simSet(f *flags) *cobra.Command {
	return simChange(f, &cobra.Command{
		Use:   "set SIM KIND=VALUE --why WORDS",
		Short: "Set the APN group, a profile, the group or the limits of a SIM",
		Long: `Set changes a setting of a SIM: apn_group, service_profile, roaming_profile or security_profile (resources of
its account; with --as ACCOUNT those that are open to its users), group (one of its account), or
usage_limit_override (disabled, permanent, current_cycle), which lifts the limits that suspend it. KIND= without
a value removes the setting: the account's default applies again.`,
		Example: "  ratemill sim set 8934070000500000119 apn_group=m2m --why \"new device\"\n" +
			"  ratemill sim set 8934070000500000119 usage_limit_override=current_cycle --why \"agreed by phone\"",
		Args: needing(2, 2, "a SIM and what to set: ratemill sim set 8934070000500000119 apn_group=m2m --why …"),
	}, func(args []string) (backoffice.SIMWish, error) {
		kind, value, ok := strings.Cut(args[1], "=")
		if !ok || kind == "" {
			return backoffice.SIMWish{}, fmt.Errorf("%s is not KIND=VALUE, as in apn_group=m2m", args[1])
		}
		return backoffice.SIMWish{SIM: args[0], Do: backoffice.SetSIM, Kind: kind, To: value}, nil
	})
}
