package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/registry"
)

func registryCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "registry",
		Short: "Accounts and SIMs: owners, validity, and the revision in which each fact became known",
		Long: `Registry shows imported facts: the tree of accounts, the SIMs of an account, and the whole history of a SIM. You
can name a SIM by any identifier that it has or had.`,
	}
	c.AddCommand(registryList(f), registryShow(f))
	return c
}

// timeFlag is a time or a day given by the user; the default is now.
type timeFlag struct {
	time.Time
	day bool // the user gave a day, which means its beginning in UTC
}

func (t *timeFlag) Set(text string) (err error) {
	if t.Time, err = time.Parse(time.DateOnly, text); err == nil {
		t.day = true
	} else if t.Time, err = time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("%s is neither a day such as 2026-03-28 nor a time such as 2026-03-28T15:04:05Z", text)
	}
	return inRange(t.Time, text)
}

// inRange refuses the years that documents also refuse.
func inRange(t time.Time, text string) error {
	if !registry.InYears(t) {
		return fmt.Errorf("%s is outside the years 1970 to 2199", text)
	}
	return nil
}

func (t *timeFlag) String() string { return "" }
func (t *timeFlag) Type() string   { return "TIME" }

// orNow returns the given time, or now.
func (t *timeFlag) orNow() time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t.Time
}

func registryList(f *flags) *cobra.Command {
	var at timeFlag
	var limit int
	c := &cobra.Command{
		Use:   "list [ACCOUNT]",
		Short: "List all accounts as a tree, or the SIMs of an account",
		Long: `List prints the accounts, each below the one that it pays, with the number of its SIMs. With an account it
prints the SIMs that this account owns. --at shows another time, as known now.`,
		Example: "  ratemill registry list\n  ratemill registry list acme -o csv > sims.csv\n  ratemill registry list acme --at 2026-03-01",
		Args:    atMostOne("account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && cmd.Flags().Changed("limit") {
				return errors.New("--limit does nothing without an account")
			}
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			if len(args) == 0 {
				accounts, err := office.Accounts(cmd.Context(), at.orNow())
				if err != nil {
					return err
				}
				return accountsGrid(accounts, f.output).Print(data(cmd), f.output)
			}
			owned, err := office.SIMsOf(cmd.Context(), args[0], at.orNow(), limit)
			if err != nil {
				return err
			}
			if owned.All == 0 {
				fmt.Fprintf(stderr, "%s owned no SIM then\n", args[0])
			}
			if owned.All > limit {
				fmt.Fprintf(stderr, "the first %d of %d only; --limit shows more\n", limit, owned.All)
			}
			return simsGrid(owned.SIMs).Print(data(cmd), f.output)
		},
	}
	c.Flags().Var(&at, "at", "show the state on a day or at a time (default now)")
	c.Flags().IntVar(&limit, "limit", 1000, "with an account: largest number of SIMs to show")
	outputFlag(f, c)
	return c
}

// accountsGrid has a row for each account; the table shows the tree.
func accountsGrid(accounts []backoffice.Account, format string) *output.Grid {
	g := output.New("account", "parent", "company", "kind", "currency", "zone", "cycle_day", "plan", "share_plans", "limits", "sims",
		"since").Numbers("cycle_day", "sims")
	for _, a := range accounts {
		id := a.ID
		if format == output.Table {
			id = strings.Repeat("  ", a.Level) + id
		}
		g.Add(id, a.Parent, a.Company, a.Kind, a.Currency, a.Zone, fmt.Sprint(a.CycleDay), a.Plan, strings.Join(a.SharePlans, " "),
			strings.Join(a.Limits, " "), fmt.Sprint(a.SIMs), a.Since)
	}
	return g
}

func simsGrid(sims []backoffice.SIM) *output.Grid {
	g := output.New("sim", "iccid", "imsi", "msisdn", "others", "account", "plan", "since").Numbers("sim")
	for _, s := range sims {
		g.Add(fmt.Sprint(s.Number), strings.Join(s.ICCID, " "), strings.Join(s.IMSI, " "), strings.Join(s.MSISDN, " "),
			strings.Join(s.Others, " "), s.Account, s.Plan, s.Since)
	}
	return g
}

func registryShow(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "show SUBJECT…",
		Short: "Show every fact about a SIM, an account or a company",
		Long: `Show finds a SIM by any of its identifiers (ICCID, IMSI, MSISDN, IMEI, EID or name), including former ones, and
prints its owners, plans, identifiers, states and settings. For an account, a company or another subject, such
as a project or a contract, it prints every fact.

Each fact has both times: since and until are the time for which it holds, known is the revision of the registry
that first contained it, and told is the time at which that revision was published. who and why belong to the
revision; cause is the origin of the fact, such as the record that was a SIM's first usage. "corrected" is the
revision that withdrew or replaced a fact: usage that was rated earlier keeps the old fact.

Write the kind before an identifier that fits several kinds (imsi:214070050000011), and account: or company:
before an id that both have.`,
		Example: "  ratemill registry show 8934070000500000119\n  ratemill registry show +34650000010 -o json\n  ratemill " +
			"registry show account:acme",
		Args: needing(1, 0, "identifiers of SIMs, or ids: ratemill registry show 8934070000500000119"),
		RunE: func(cmd *cobra.Command, args []string) error {
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			facts, err := office.Facts(cmd.Context(), args)
			if problem := (*backoffice.Problem)(nil); errors.As(err, &problem) && problem.Kind == backoffice.Missing {
				return &problems{"ratemill: " + problem.Error()}
			}
			if err != nil {
				return err
			}
			g := output.New("sim", "subject", "what", "name", "value", "plan", "since", "until", "known", "until_known", "corrected", "why",
				"cause", "who",
				"told").Numbers("sim", "known", "until_known", "corrected").Sparse("sim", "subject", "name", "plan", "why", "cause")
			for _, k := range facts {
				sim, subject := "", k.Subject
				if k.SIM != 0 {
					sim, subject = fmt.Sprint(k.SIM), ""
				}
				g.Add(sim, subject, k.What, k.Name, k.Value, k.Plan, k.Since, k.Until, fmt.Sprint(k.Known), orNone(k.UntilKnown), orNone(k.Corrected),
					k.Why, k.Cause, k.Who, k.Told)
			}
			return g.Print(data(cmd), f.output)
		},
	}
	outputFlag(f, c)
	return c
}

// orNone returns a revision of the registry, or an empty text if there is none.
func orNone(revision uint64) string {
	if revision == 0 {
		return ""
	}
	return fmt.Sprint(revision)
}
