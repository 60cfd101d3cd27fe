package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/account"
	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

// questionFlags are the flags of a query about accounts.
func questionFlags(f *flags, c *cobra.Command, q *backoffice.AccountQuestion) *timeFlag {
	at := &timeFlag{}
	c.Flags().Var(at, "at", "show the state on a day or at a time, also in the future (default now)")
	c.Flags().StringVar(&q.As, "as", "", "the account on whose behalf you ask; it sees itself and the accounts below it "+
		"(default: the provider)")
	outputFlag(f, c)
	return at
}

func accountList(f *flags) *cobra.Command {
	var q backoffice.AccountQuestion
	var status string
	var names []string
	for _, s := range account.Statuses {
		names = append(names, s.String())
	}
	c := &cobra.Command{
		Use:   "list",
		Short: "List accounts as a tree, with status and payer",
		Long: `List prints the accounts, each below the one that it pays: status and when it began, kind, and the account
that pays for it. The tier is reseller for a reseller with a customer, otherwise retailer. Only the tier that created a
draft sees it.`,
		Example: "  ratemill account list\n  ratemill account list --status lead -o csv\n  ratemill account list --as globex --at 2026-04-01",
		Args:    none,
	}
	at := questionFlags(f, c, &q)
	c.Flags().Var(choice{&status, names}, "status", "only accounts of this status")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		all, err := office.ListAccounts(cmd.Context(), q, status)
		if err != nil {
			return refusal(err)
		}
		g := output.New("account", "name", "status", "since", "kind", "tier", "payer", "company", "currency").Sparse("name", "company")
		for _, a := range all {
			id := a.ID
			if f.output == output.Table {
				id = strings.Repeat("  ", a.Level) + id
			}
			g.Add(id, a.Name, a.Status, a.Since, a.Kind, a.Tier, a.Payer, a.Company, a.Currency)
		}
		if g.Len() == 0 {
			fmt.Fprintln(stderr, "there are no such accounts")
		}
		return g.Print(data(cmd), f.output)
	}
	return c
}

func accountShow(f *flags) *cobra.Command {
	var q backoffice.AccountQuestion
	c := &cobra.Command{
		Use:   "show ACCOUNT",
		Short: "Show all data of an account",
		Long: `Show prints the status of an account and its possible next statuses, its payer and its seller, its billing
profile (marked "inherited" if it is the payer's), details, company, contacts and addresses, resources, groups,
add-ons, and the debt of its payer. For a draft it lists missing mandatory fields. For an account that is not
active yet it lists the gates that it does not meet.`,
		Example: "  ratemill account show initech\n  ratemill account show initech --as globex -o json",
		Args:    needing(1, 1, "an account: ratemill account show acme"),
	}
	at := questionFlags(f, c, &q)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		a, err := office.ShowAccount(cmd.Context(), args[0], q)
		if err != nil {
			return refusal(err)
		}
		if f.output == output.JSON {
			return json.NewEncoder(objects(cmd)).Encode(a)
		}
		g := output.New("what", "name", "value")
		showAccount(g, a)
		return g.Print(data(cmd), f.output)
	}
	return c
}

// showAccount adds a row for each known value of an account.
func showAccount(g *output.Grid, a *backoffice.FullAccount) {
	add := func(what, name, value string) {
		if value != "" {
			g.Add(what, name, value)
		}
	}
	add("account", a.ID, a.Name)
	status := a.Status + " since " + a.Since
	if a.Cascade != "" {
		status += ", by " + a.Cascade
	}
	add("status", a.Status, status)
	next := "nothing"
	if len(a.Next) > 0 {
		next = strings.Join(a.Next, ", ")
	}
	add("status", "can become", next)
	for _, m := range a.Missing {
		add("missing", m, "mandatory before it becomes new")
	}
	for _, u := range a.Unmet {
		add("gate", u.Gate, u.Why)
	}
	for _, row := range [][2]string{{"kind", a.Kind}, {"tier", a.Tier}, {"parent", a.Parent}, {"payer", a.Payer}, {"seller", a.Seller},
		{"currency", a.Currency}, {"zone", a.Zone}, {"cycle_day", fmt.Sprint(a.CycleDay)}, {"plan", a.Plan}, {"project", a.Project}} {
		add("account", row[0], row[1])
	}
	profile := "profile"
	if a.Inherited {
		profile = "profile (inherited from " + a.Payer + ")"
	}
	for _, v := range []struct {
		what  string
		value json.RawMessage
	}{{profile, a.Profile}, {"details", a.Details}, {"company " + a.Company, a.CompanyIs}, {"settings", a.Settings}} {
		flatten(g, v.what, "", v.value)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Contacts)) {
		flatten(g, "contact "+name, "", a.Contacts[name].(json.RawMessage))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Addresses)) {
		flatten(g, "address "+name, "", a.Addresses[name].(json.RawMessage))
	}
	for _, r := range a.Resources {
		add("resource", r.Kind+"/"+r.Name, resourceWords(r))
	}
	for _, group := range a.Groups {
		add("group", group.ID, group.Name)
	}
	for _, addon := range a.Addons {
		add("addon", addon.Name, addonWords(addon))
	}
	showCredit(add, a)
}

func accountCredit(f *flags) *cobra.Command {
	var q backoffice.AccountQuestion
	c := &cobra.Command{
		Use:   "credit",
		Short: "List the debts of payers with a credit limit",
		Long: `Credit prints the debt of each account with a credit limit, including the accounts for which it pays: unbilled
usage, the unpaid part of open documents, and their sum, the exposure. The column passed lists the thresholds of
the credit policy that the exposure has reached, in percent of the limit. account show ACCOUNT lists the alerts,
each with the record that caused it.`,
		Example: "  ratemill account credit\n  ratemill account credit --as globex -o csv",
		Args:    none,
	}
	at := questionFlags(f, c, &q)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		office, end, err := openOffice(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		all, err := office.Credits(cmd.Context(), q)
		if err != nil {
			return refusal(err)
		}
		g := output.New("payer", "currency", "limit", "unbilled", "documents", "exposure", "passed", "policy", "activations").
			Amounts("limit", "unbilled", "documents", "exposure")
		for _, x := range all {
			var passed []string
			for _, p := range x.Passed {
				passed = append(passed, fmt.Sprint(p, " %"))
			}
			activations := "allowed"
			if x.Blocked {
				activations = "blocked"
			}
			g.Add(x.Payer, x.Currency, x.Limit, x.Unbilled, x.Documents, x.Exposure, strings.Join(passed, " "), x.Policy, activations)
		}
		if g.Len() == 0 {
			fmt.Fprintln(stderr, "no account has a credit limit; it is a field of the billing profile: ratemill account set "+
				"ACCOUNT profile credit_limit=1000")
		}
		return g.Print(data(cmd), f.output)
	}
	return c
}

func showCredit(add func(what, name, value string), a *backoffice.FullAccount) {
	if c := a.Credit; c != nil {
		limit := "none"
		if c.Limit != "" {
			limit = c.Limit + " " + c.Currency
		}
		add("credit", "limit", limit+", of "+c.Payer+" and the accounts for which it pays")
		add("credit", "exposure", fmt.Sprintf("%s %s: unbilled %s, open documents %s", c.Exposure, c.Currency, c.Unbilled, c.Documents))
	}
	for _, x := range a.Alerts {
		by := ""
		if x.Record != "" {
			by = fmt.Sprintf(", by record %s used %s", x.Record, x.Used)
		}
		add("alert", x.Event, fmt.Sprintf("%d %% of %s %s: exposure %s%s", x.Percent, x.Limit, x.Currency, x.Exposure, by))
	}
}

func resourceWords(r backoffice.AccountResource) string {
	words := []string{"assigned to " + r.From}
	if r.Default {
		words = append(words, "default")
	}
	if !r.Active {
		words = append(words, "inactive")
	}
	if r.Open {
		words = append(words, "open to the account")
	} else {
		words = append(words, "for the provider only")
	}
	return strings.Join(words, ", ")
}

func addonWords(a backoffice.AccountAddon) string {
	words := []string{fmt.Sprint(max(a.Quantity, 1), " ×")}
	if a.Price != "" {
		words = append(words, "price "+a.Price)
	}
	if a.Notes != "" {
		words = append(words, a.Notes)
	}
	return strings.Join(words, ", ")
}

// flatten adds a row for each field of a value; the label is the field's path.
func flatten(g *output.Grid, what, prefix string, value json.RawMessage) {
	var tree map[string]json.RawMessage
	if len(value) == 0 || json.Unmarshal(value, &tree) != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		inner := bytes.TrimSpace(tree[key])
		if len(inner) > 0 && inner[0] == '{' {
			flatten(g, what, prefix+key+".", inner)
			continue
		}
		text := string(inner)
		var plain string
		if json.Unmarshal(inner, &plain) == nil {
			text = plain
		}
		g.Add(what, prefix+key, text)
	}
}
