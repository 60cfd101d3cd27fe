package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

// orderFlags are the flags that are common to all changes of accounts.
func orderFlags(f *flags, c *cobra.Command, o *backoffice.AccountOrder) *timeFlag {
	at := &timeFlag{}
	c.Flags().Var(at, "at", "when it takes effect: a day, which begins in the account's time zone, or a time (default now)")
	c.Flags().StringVar(&o.Why, "why", "", "the reason, kept with the change")
	c.Flags().StringVar(&o.As, "as", "", "the account on whose behalf you do it (default: the provider)")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would change, and change nothing")
	c.Flags().BoolVar(&o.Backdate, "backdate", false, "allow a time before the running billing cycle")
	c.Flags().StringVar(&o.Key, "key", "", "your own key for this request; repeating the request with the same key changes nothing")
	outputFlag(f, c)
	return at
}

// change runs a change of accounts and prints the result.
func change(cmd *cobra.Command, f *flags, o *backoffice.AccountOrder, at *timeFlag,
	do func(*backoffice.Office) (*backoffice.AccountChange, error)) error {
	if strings.TrimSpace(o.Why) == "" && !o.DryRun {
		return errors.New("give the reason with --why; it is kept with the change. --dry-run needs none")
	}
	o.Who, o.At, o.Day = whoami(), at.Time, at.day
	office, end, err := openOfficeForAccounts(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer end()
	made, err := do(office)
	if err != nil {
		return refusal(err)
	}
	if f.output == output.JSON {
		return json.NewEncoder(objects(cmd)).Encode(made)
	}
	for _, note := range made.Notes {
		fmt.Fprintln(stderr, note)
	}
	g := output.New("kind", "subject", "name", "from", "state", "value").Sparse("name")
	for _, fact := range made.Facts {
		g.Add(fact.Kind, fact.Subject, fact.Name, fact.From, fact.State, string(fact.Value))
	}
	for _, s := range made.SIMs {
		fmt.Fprintf(stderr, "%s of account %s\n", facts(s.SIMs, "SIM changes its state", "SIMs change their state"), s.Account)
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
	return g.Print(data(cmd), f.output)
}

// refusal returns the error for a well-formed request that is refused; its exit code differs from that of wrong usage.
// It prints the diagnostics of wrong values.
func refusal(err error) error {
	if wrong := (*backoffice.WrongValueError)(nil); errors.As(err, &wrong) {
		printDiagnostics(wrong.List)
		return &problems{"nothing was changed: " + counted(wrong.List.Errors(), "error")}
	}
	if problem := (*backoffice.Problem)(nil); errors.As(err, &problem) {
		return &problems{"ratemill: " + problem.Error()}
	}
	return err
}

func accountCreate(f *flags) *cobra.Command {
	var r backoffice.NewAccount
	var name string
	c := &cobra.Command{
		Use:   "create ACCOUNT --why WORDS",
		Short: "Create an account: a draft, or a new one below an account that is not a draft",
		Long: `An account without a parent is a billing root: it needs company, currency, time zone and cycle day. It exists
from the beginning of today, or of the day of --at, and begins as a draft. An account below one that is not a
draft exists at once and begins as new, so its mandatory fields must be set: a name, a company, SIM rules and a
billing profile. It inherits the last three from its parent unless you set them. account show lists missing
fields.`,
		Example: "  ratemill account create globex --company globex-ltd --kind reseller --currency EUR --zone Europe/Madrid --cycle-day 1 \\\n" +
			"    --name Globex --why \"contract of 12 March\"\n  ratemill account create initech --parent globex --name " +
			"Initech --as globex --why \"new customer\"",
		Args: needing(1, 1, "an id for the account: ratemill account create acme --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	flags := c.Flags()
	flags.StringVar(&r.Parent, "parent", "", "the account above it")
	flags.StringVar(&r.Company, "company", "", "its company (default: that of the parent)")
	flags.StringVar(&r.Kind, "kind", "standard", "standard or reseller")
	flags.StringVar(&r.Project, "project", "", "its project")
	flags.StringVar(&r.Currency, "currency", "", "currency, as ISO 4217 (default: that of the parent)")
	flags.StringVar(&r.Zone, "zone", "", "time zone, such as Europe/Madrid (default: that of the parent)")
	flags.IntVar(&r.CycleDay, "cycle-day", 0, "day of the month on which its billing cycles begin (default: that of the parent)")
	flags.StringVar(&r.Plan, "plan", "", "price plan by which it pays its parent for the SIMs below it")
	flags.StringVar(&name, "name", "", "name for people")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account = args[0]
		if name != "" {
			r.Details = map[string]string{"name": name}
		}
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.CreateAccount(cmd.Context(), r)
		})
	}
	return c
}

func accountSet(f *flags) *cobra.Command {
	var r backoffice.SetOrder
	var file string
	c := &cobra.Command{
		Use:   "set ACCOUNT KIND [FIELD=VALUE…] --why WORDS",
		Short: "Change the profile, details, contacts, addresses, SIM rules or terms of an account, or of its company",
		Long: `Set adds fields to a value or replaces them, and leaves its other fields as they are; FIELD= without a value
removes a field. Fields within Name a nested field by its path, as in payment.target=30; write a list in
brackets, as in emails=[a@acme.example]. --file gives the whole value as a YAML file, "-" reads it from standard
input. All mistakes are reported at once.

KIND is profile, details, contact, address (with --name), settings (the lifecycle of its SIMs), or account (company, parent,
currency, zone, cycle_day, plan). For company and project, ACCOUNT is the id of the company or the project. The
contacts and addresses of a company belong to company:ID, and accounts refer to them with same_as=company/NAME.
--end ends the current value: an account whose profile ends uses its payer's profile.`,
		Example: "  ratemill account set acme profile payment.method=slip payment.target=30 --why \"as agreed\"\n" +
			"  ratemill account set acme contact --name billing name=\"Maria Lopez\" email=maria@acme.example --why \"new contact\"\n" +
			"  ratemill account set acme-gmbh company --file company.yaml --why \"from the register\"",
		Args: needing(2, 0, "an account and what to set: ratemill account set acme profile threshold=25 --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().StringVar(&r.Name, "name", "", "name of the contact or address")
	c.Flags().StringVar(&file, "file", "", "YAML file with the whole value; - is standard input")
	c.Flags().BoolVar(&r.End, "end", false, "end the current value")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.Kind, r.Fields = args[0], args[1], map[string]string{}
		for _, arg := range args[2:] {
			field, value, ok := strings.Cut(arg, "=")
			if !ok || field == "" {
				return fmt.Errorf("%s is not FIELD=VALUE, as in cost_centre=4711", arg)
			}
			r.Fields[field] = value
		}
		if err := setArguments(&r, file); err != nil {
			return err
		}
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.Set(cmd.Context(), r)
		})
	}
	return c
}

// setArguments reads the file, and refuses flags that would have no effect.
func setArguments(r *backoffice.SetOrder, file string) error {
	named := r.Kind == "contact" || r.Kind == "address"
	switch {
	case named && r.Name == "":
		return fmt.Errorf("a %s needs a name: --name billing", r.Kind)
	case !named && r.Name != "":
		return errors.New("--name is for contacts and addresses")
	case r.End && (file != "" || len(r.Fields) > 0), file != "" && len(r.Fields) > 0:
		return errors.New("give fields, or --file, or --end; one of them")
	case file == "" && !r.End && len(r.Fields) == 0:
		return errors.New("nothing to set: give FIELD=VALUE, --file or --end")
	case file == "":
		return nil
	}
	from := io.Reader(os.Stdin)
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return err
		}
		defer opened.Close()
		from = opened
	}
	text, err := io.ReadAll(io.LimitReader(from, 1<<20))
	r.Text = string(text)
	if err == nil && strings.TrimSpace(r.Text) == "" {
		err = fmt.Errorf("%s is empty", file)
	}
	return err
}

func accountStatus(f *flags) *cobra.Command {
	var r backoffice.StatusOrder
	c := &cobra.Command{
		Use:   "status ACCOUNT STATUS --why WORDS",
		Short: "Change the status of an account: new, lead, active, suspended, terminated, deleted",
		Long: `Status changes the status of an account, and everything that depends on it, in one change set. A suspension also
suspends the active accounts below and their SIMs, and its end restores them. A termination is permanent; it
also terminates the accounts below, and retires all their SIMs. A draft becomes new together with the drafts
below it, once the mandatory fields of all of them are set. An account becomes active when it meets the gates of
its onboarding. A refusal lists the allowed statuses.`,
		Example: "  ratemill account status initech lead --why approved\n  ratemill account status initech suspended --dry-run",
		Args:    needing(2, 2, "an account and a status: ratemill account status acme suspended --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.To = args[0], args[1]
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetStatus(cmd.Context(), r)
		})
	}
	return c
}
