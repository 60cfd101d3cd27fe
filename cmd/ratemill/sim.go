package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func simCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "sim",
		Short: "SIMs: show state, account and plan with reasons and times; change one SIM or a million",
		Long: `Sim shows SIMs, and changes their states, accounts, plans and settings. Every change is a change set with its
reason: it takes effect at the time of --at (now, cycle for the next billing cycle, a date in the payer's time
zone, or an instant), and --dry-run shows it first. --as ACCOUNT does it on behalf of an account, which sees and
changes only its own SIMs and those of the accounts below it. Name a SIM by any of its identifiers.`,
	}
	c.AddCommand(simList(f), simShow(f), simHistory(f), simSet(f), simState(f), simMove(f), simPlan(f), simBatch(f), simAnomalies(f))
	return c
}

// simQuestion adds the flags of a query about SIMs.
func simQuestion(f *flags, c *cobra.Command, q *backoffice.SIMQuestion) *timeFlag {
	at := &timeFlag{}
	c.Flags().Var(at, "at", "show the past or future state on a day or at a time (default now)")
	asFlag(c, &q.As, "you ask")
	outputFlag(f, c)
	return at
}

func asFlag(c *cobra.Command, as *string, does string) {
	c.Flags().StringVar(as, "as", "", "the account on whose behalf "+does+"; it sees its own SIMs and those of the "+
		"accounts below it (default: "+
		"the provider)")
}

func simList(f *flags) *cobra.Command {
	var q backoffice.SIMQuestion
	var filter backoffice.SIMFilter
	c := &cobra.Command{
		Use:   "list [ACCOUNT]",
		Short: "List SIMs with state, account and plan",
		Long: `List prints the SIMs of all accounts, or of one and the accounts below it: state and when it began, account and plan. List
applies a time limit that is due, even if its effect is not stored yet.`,
		Example: "  ratemill sim list\n  ratemill sim list acme --state suspended\n  ratemill sim list --plan fleet --limit " +
			"1000000 -o csv > sims.csv",
		Args: atMostOne("account"),
	}
	at := simQuestion(f, c, &q)
	c.Flags().StringVar(&filter.State, "state", "", "only SIMs in this state")
	c.Flags().StringVar(&filter.Plan, "plan", "", "only SIMs with this plan")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "most SIMs")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			filter.Account = args[0]
		}
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		answer, err := office.ListSIMs(cmd.Context(), q, filter)
		if err != nil {
			return refusal(err)
		}
		switch {
		case answer.All == 0:
			fmt.Fprintln(stderr, "there are no such SIMs")
		case answer.All > len(answer.SIMs):
			fmt.Fprintf(stderr, "the first %d of %d only; --limit shows more\n", len(answer.SIMs), answer.All)
		}
		columns := []string{"sim", "iccid", "imsi", "msisdn", "state", "since", "account", "plan"}
		if f.output == output.Table {
			columns = slices.DeleteFunc(columns, func(c string) bool { return c == "imsi" || c == "msisdn" })
		}
		g := output.New(columns...).Numbers("sim").Sparse("state", "plan")
		for _, s := range answer.SIMs {
			if f.output == output.Table {
				name := s.ICCID
				if name == "" {
					name = strings.TrimSpace(s.IMSI + " " + s.MSISDN)
				}
				g.Add(fmt.Sprint(s.SIM), name, s.State, s.Since, s.Account, s.Plan)
				continue
			}
			g.Add(fmt.Sprint(s.SIM), s.ICCID, s.IMSI, s.MSISDN, s.State, s.Since, s.Account, s.Plan)
		}
		return g.Print(data(cmd), f.output)
	}
	return c
}

func simShow(f *flags) *cobra.Command {
	var q backoffice.SIMQuestion
	c := &cobra.Command{
		Use:   "show SIM",
		Short: "Show a SIM: its state, since when and why, what ends it, and the last request to the network",
		Long: `Show prints the identifiers, owner and plan of a SIM; its state, with time, user and reason; the states that you
can choose; the rules of its lifecycle; the next time limit; its settings; scheduled changes; and the last
request to the network with its status.`,
		Example: "  ratemill sim show 8934070000500000119\n  ratemill sim show +34650000010 --at 2026-04-01 -o json",
		Args:    needing(1, 1, "an identifier of a SIM: ratemill sim show 8934070000500000119"),
	}
	at := simQuestion(f, c, &q)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		s, err := office.ShowSIM(cmd.Context(), args[0], q)
		if err != nil {
			return refusal(err)
		}
		if f.output == output.JSON {
			return json.NewEncoder(objects(cmd)).Encode(s)
		}
		g := output.New("what", "name", "value")
		showSIM(g, s)
		return g.Print(data(cmd), f.output)
	}
	return c
}

// showSIM adds a row for each known value of a SIM.
func showSIM(g *output.Grid, s *backoffice.FullSIM) {
	add := func(what, name, value string) {
		if value != "" {
			g.Add(what, name, value)
		}
	}
	add("sim", "number", fmt.Sprint(s.Number))
	for _, ids := range []struct {
		kind   string
		values []string
	}{{"iccid", s.ICCID}, {"imsi", s.IMSI}, {"msisdn", s.MSISDN}, {"other", s.Others}} {
		add("sim", ids.kind, strings.Join(ids.values, " "))
	}
	owner := s.Account + " since " + s.Since
	if s.Status != "" {
		owner += ", " + s.Status
	}
	add("owner", "account", owner)
	if s.Payer != s.Account {
		add("owner", "payer", s.Payer)
	}
	add("owner", "plan", s.Plan)
	if s.State == "" {
		add("state", "state", "none: account "+s.Account+" has no lifecycle for its SIMs")
	} else {
		add("state", s.State, "since "+s.StateSince+", by "+s.StateBy)
		add("state", "meaning", s.Core)
	}
	add("state", "who", s.Who)
	add("state", "why", s.Why)
	add("state", "cause", s.Cause)
	if s.State != "" {
		next := "nothing"
		if len(s.Next) > 0 {
			next = strings.Join(s.Next, ", ")
		}
		add("state", "can become", next)
	}
	if l := s.Limit; l != nil {
		add("state", "time limit", fmt.Sprintf("%s: %s on %s", l.Limit, l.To, l.Due))
	}
	add("rules", "lifecycle", s.Lifecycle)
	add("rules", "state model", s.Model)
	for _, name := range slices.Sorted(maps.Keys(s.Settings)) {
		add("setting", name, s.Settings[name])
	}
	for _, ahead := range s.Ahead {
		add("ahead", "", ahead)
	}
	if n := s.Network; n != nil {
		status := fmt.Sprintf("%s, asked %s", n.Status, n.Made)
		if n.Attempts > 0 {
			status += fmt.Sprintf(", sent %d ×", n.Attempts)
		}
		if n.NextAt != "" {
			status += ", next attempt " + n.NextAt
		}
		if n.Before != "" {
			status += ", before the SIM is " + n.Before
		}
		if n.Limit != "" {
			status += ", by limit " + n.Limit
		}
		add("network", n.Action, status)
		add("network", "why", n.Why)
	}
}

func simHistory(f *flags) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "history SIM",
		Short: "Show every fact about a SIM: when it holds, when it became known, who stated it, why, and its cause",
		Long: `History prints each fact about a SIM in the order of the times at which they take effect: states, owners, plans,
identifiers and settings. known is the revision in which the fact became known; corrected is the revision that
withdrew or replaced it. An account sees the facts of the time when it owned the SIM.`,
		Example: "  ratemill sim history 8934070000500000119\n  ratemill sim history +34650000010 --as acme -o csv",
		Args:    needing(1, 1, "an identifier of a SIM: ratemill sim history 8934070000500000119"),
	}
	asFlag(c, &as, "you ask")
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		facts, err := office.SIMHistory(cmd.Context(), args[0], as)
		if err != nil {
			return refusal(err)
		}
		g := output.New("since", "until", "what", "name", "value", "plan", "known", "until_known", "corrected", "who", "why", "cause",
			"told").Numbers("known", "until_known", "corrected").Sparse("name", "plan", "until_known", "corrected", "why", "cause")
		for _, k := range facts {
			g.Add(k.Since, k.Until, k.What, k.Name, k.Value, k.Plan, fmt.Sprint(k.Known), orNone(k.UntilKnown), orNone(k.Corrected), k.Who, k.Why,
				k.Cause, k.Told)
		}
		return g.Print(data(cmd), f.output)
	}
	return c
}
