package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/diag"
	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/registry"
	"ratemill/udr"
)

func registryCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "registry",
		Short: "Accounts and SIMs: owners, with validity and the revision from which each is known",
		Long: `Registry shows what ratemill import brought: the tree of accounts, the SIMs of an account, and all that was ever said of a
SIM, which any of its identifiers finds, also one that it has no more.`,
	}
	c.AddCommand(registryList(f), registryShow(f))
	return c
}

// known is the registry, opened for a query.
type known struct {
	view *registry.View
	rev  registry.Revision
	at   udr.Instant
}

// ask loads the registry and views it at a time, as known now.
func (f *flags) askRegistry(ctx context.Context, at time.Time, ask func(known) error) error {
	store, _, err := reachStore(ctx, f)
	if err != nil {
		return err
	}
	defer store.Close()
	r := registry.New()
	if _, err := store.LoadRegistry(ctx, r); err != nil {
		return err
	}
	view := r.View()
	defer view.Close()
	if view.Revision() == 0 {
		return &problems{"the registry is empty; `ratemill import registry/` brings companies, accounts and SIMs"}
	}
	return ask(known{view, view.Revision(), udr.InstantOf(at)})
}

// timeFlag is a time or a day given by the user; the default is now.
type timeFlag struct {
	time.Time
	day bool // a day was given: its beginning in UTC
}

func (t *timeFlag) Set(text string) (err error) {
	if t.Time, err = time.Parse(time.DateOnly, text); err == nil {
		t.day = true
		return nil
	}
	if t.Time, err = time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("%s is neither a day such as 2026-03-28 nor a time such as 2026-03-28T15:04:05Z", text)
	}
	return nil
}

func (t *timeFlag) String() string { return "" }
func (t *timeFlag) Type() string   { return "TIME" }

// orNow is the given time, or now.
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
		Long: `List prints the accounts, each below the one that it pays, with how many SIMs it owns. With an account it prints the SIMs
that this account owns. --at asks how it was at another time, by what is known now.`,
		Example: "  ratemill registry list\n  ratemill registry list acme -o csv > sims.csv\n  ratemill registry list acme --at 2026-03-01",
		Args:    atMostOne("account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && cmd.Flags().Changed("limit") {
				return errors.New("--limit does nothing without an account")
			}
			return f.askRegistry(cmd.Context(), at.orNow(), func(k known) error {
				if len(args) == 0 {
					return k.tree(f).Print(data(cmd), f.output)
				}
				number, err := k.account(args[0])
				if err != nil {
					return err
				}
				sims := k.view.SIMsOf(number, k.at, k.rev, nil)
				if len(sims) == 0 {
					fmt.Fprintf(stderr, "%s owned no SIM then\n", args[0])
				}
				if len(sims) > limit {
					fmt.Fprintf(stderr, "the first %d of %d only; --limit shows more\n", limit, len(sims))
					sims = sims[:limit]
				}
				return k.sims(sims).Print(data(cmd), f.output)
			})
		},
	}
	c.Flags().Var(&at, "at", "how it was on a day or at a time (default now)")
	c.Flags().IntVar(&limit, "limit", 1000, "with an account: most SIMs")
	outputFlag(f, c)
	return c
}

// account is the number of the account with an id.
func (k known) account(id string) (uint32, error) {
	if number, ok := k.view.AccountNumber(id); ok {
		return number, nil
	}
	var ids []string
	for n := range k.view.Accounts() {
		if id, ok := k.view.AccountID(n + 1); ok {
			ids = append(ids, id)
		}
	}
	return 0, fmt.Errorf("no account is called %s%s", id, orAll(diag.Suggest(id, ids), "; there are ", ids))
}

// tree is all accounts, each below its parent.
func (k known) tree(f *flags) *output.Grid {
	owned := make([]int, k.view.Accounts()+1)
	for sim := uint32(1); sim <= k.view.SIMs(); sim++ {
		if own, ok := k.view.Owner(sim, k.at, k.rev); ok {
			owned[own.Account]++
		}
	}
	below := map[uint32][]*registry.Account{}
	for n := uint32(1); n <= k.view.Accounts(); n++ {
		if a, ok := k.view.Account(n, k.at, k.rev); ok {
			below[a.Parent] = append(below[a.Parent], a)
		}
	}
	g := output.New("account", "parent", "company", "kind", "currency", "zone", "cycle_day", "plan", "share_plans", "limits", "sims", "since").Numbers("cycle_day", "sims")
	var add func(parent uint32)
	add = func(parent uint32) {
		slices.SortFunc(below[parent], func(a, b *registry.Account) int { return cmp.Compare(a.ID, b.ID) })
		for _, a := range below[parent] {
			id, above := a.ID, ""
			if f.output == output.Table {
				id = strings.Repeat("  ", a.Level) + id
			}
			if a.Parent != 0 {
				above, _ = k.view.AccountID(a.Parent)
			}
			company, kind := a.Company, ""
			if c, ok := k.view.Company(a.Company, k.rev); ok {
				company, kind = cmp.Or(c.Name, c.ID), c.Kind.String()
			}
			g.Add(id, above, company, kind, a.Currency, a.Zone.String(), fmt.Sprint(a.CycleDay), a.Plan, strings.Join(a.SharePlans, " "), strings.Join(a.Limits, " "), fmt.Sprint(owned[a.Number]), k.day(a.Since, a.Zone))
			add(a.Number)
		}
	}
	add(0)
	return g
}

// day is the beginning of a validity, as the registry's files write it: a day in the account's zone, or a time.
func (k known) day(at udr.Instant, zone *time.Location) string {
	if at == registry.Always {
		return "always"
	}
	local := at.Time().In(zone)
	if local.Hour() == 0 && local.Minute() == 0 && local.Second() == 0 && local.Nanosecond() == 0 {
		return local.Format(time.DateOnly)
	}
	return local.Format(time.RFC3339)
}

// sims has a row for each SIM, with its identifiers of each kind.
func (k known) sims(sims []uint32) *output.Grid {
	g := output.New("sim", "iccid", "imsi", "msisdn", "others", "account", "plan", "since").Numbers("sim")
	for _, sim := range sims {
		own, _ := k.view.Owner(sim, k.at, k.rev)
		account, _ := k.view.AccountID(own.Account)
		of := map[udr.IDKind][]string{}
		var others []string
		for _, id := range k.view.Identifiers(sim, k.at, k.rev, nil) {
			switch id.Kind {
			case udr.ICCID, udr.IMSI, udr.MSISDN:
				of[id.Kind] = append(of[id.Kind], id.Value)
			default:
				others = append(others, id.Kind.String()+":"+id.Value)
			}
		}
		g.Add(fmt.Sprint(sim), strings.Join(of[udr.ICCID], " "), strings.Join(of[udr.IMSI], " "), strings.Join(of[udr.MSISDN], " "), strings.Join(others, " "),
			account, k.view.PlanName(own.Plan), k.day(own.Since, k.zone(own.Account, own.Since)))
	}
	return g
}

func (k known) zone(account uint32, at udr.Instant) *time.Location {
	if a, ok := k.view.Account(account, at, k.rev); ok {
		return a.Zone
	}
	return time.UTC
}

func registryShow(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "show IDENTIFIER…",
		Short: "Show the whole history of a SIM",
		Long: `Show finds a SIM by any of its identifiers (ICCID, IMSI, MSISDN, IMEI, EID or name), also by one that it has no more, and
prints its owners, plans and identifiers: since when and until when each holds, and with which revision of the registry
each became known. "corrected" is the revision that took a row back or replaced it: usage that was rated before keeps it.
Write the kind before an identifier where it could be several: imsi:214070050000011.`,
		Example: "  ratemill registry show 8934070000500000119\n  ratemill registry show +34650000010 -o json",
		Args:    needing(1, 0, "identifiers of SIMs: ratemill registry show 8934070000500000119"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.askRegistry(cmd.Context(), time.Now(), func(k known) error {
				g := output.New("sim", "what", "value", "plan", "since", "until", "known", "until_known", "corrected").Numbers("sim", "known", "until_known", "corrected")
				var seen []uint32
				for _, text := range args {
					sims, err := backoffice.SIMs(k.view, text)
					if err != nil {
						return &problems{"ratemill: " + err.Error()}
					}
					for _, sim := range sims {
						if !slices.Contains(seen, sim) {
							seen = append(seen, sim)
							k.history(g, sim)
						}
					}
				}
				return g.Print(data(cmd), f.output)
			})
		},
	}
	outputFlag(f, c)
	return c
}

// history adds a row for each fact about a SIM.
func (k known) history(g *output.Grid, sim uint32) {
	periods := k.view.History(sim)
	zoneAt := func(at udr.Instant) *time.Location {
		zone := time.UTC
		for _, p := range periods {
			if p.Identifier.Kind == udr.NoID && (p.Since <= at || zone == time.UTC) {
				zone = k.zone(p.Account, max(p.Since, at))
			}
		}
		return zone
	}
	for _, p := range periods {
		what, value, plan := p.Identifier.Kind.String(), p.Identifier.Value, ""
		if p.Identifier.Kind == udr.NoID {
			what, plan = "owner", k.view.PlanName(p.Plan)
			value, _ = k.view.AccountID(p.Account)
		}
		until, ended := "", ""
		if p.Ends {
			until, ended = k.day(p.Until, zoneAt(p.Until-1)), fmt.Sprint(p.EndKnown)
		}
		corrected := ""
		if p.Corrected != 0 {
			corrected = fmt.Sprint(p.Corrected)
		}
		g.Add(fmt.Sprint(sim), what, value, plan, k.day(p.Since, zoneAt(p.Since)), until, fmt.Sprint(p.Known), ended, corrected)
	}
}
