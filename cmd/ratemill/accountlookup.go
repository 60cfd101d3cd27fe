package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/account/lookup"
	"ratemill/internal/backoffice"
	"ratemill/internal/config"
	"ratemill/internal/output"
)

func accountLookup(f *flags) *cobra.Command {
	var r backoffice.SetOrder
	var country, into string
	c := &cobra.Command{
		Use:   "lookup NUMBER [FIELD=VALUE…]",
		Short: "Look up a company in a register of companies",
		Long: `Lookup queries the register that is configured in accounts.lookup of ratemill.yaml and prints the answer
unchanged, with the address of the query and the time. With --into it stores the answer as a company, together
with the fields that you add. Such a company is unconfirmed, and its accounts cannot become lead, until a person
has compared it with the company's papers and runs: ratemill account set COMPANY company source.confirmed=NAME.`,
		Example: "  ratemill account lookup 01234567 --country GB\n  ratemill account lookup 01234567 --country GB --into " +
			"globex-ltd type=Ltd phone=+442079460958 " +
			"--why \"new customer\"",
		Args: needing(1, 0, "the number of a company: ratemill account lookup 01234567 --country GB"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().StringVar(&country, "country", "", "country whose register has the company, as two letters")
	c.Flags().StringVar(&into, "into", "", "id of the company that stores the answer")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		settings, _, err := f.loadAll()
		if err != nil {
			return err
		}
		s, err := registerOf(&settings.Accounts.Lookup)
		if err != nil {
			return err
		}
		r.Account, r.Fields = into, map[string]string{}
		for _, arg := range args[1:] {
			field, value, ok := strings.Cut(arg, "=")
			if !ok || into == "" {
				return fmt.Errorf("%s has no effect; fields are FIELD=VALUE, together with --into", arg)
			}
			r.Fields[field] = value
		}
		ask := func(o *backoffice.Office, order *backoffice.SetOrder) (*backoffice.CompanyFound, error) {
			found, err := o.LookUp(cmd.Context(), s, args[0], country, order)
			if found != nil && f.output != output.JSON {
				err = errors.Join(err, printFound(cmd, f, found))
			}
			return found, err
		}
		if into != "" {
			return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
				found, err := ask(o, &r)
				if err != nil {
					return nil, err
				}
				return found.Change, nil
			})
		}
		office, end, err := openOfficeForAccounts(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		found, err := ask(office, nil)
		if err != nil {
			return refusal(err)
		}
		if f.output == output.JSON {
			return json.NewEncoder(objects(cmd)).Encode(found)
		}
		return nil
	}
	return c
}

// registerOf returns the register that is configured in ratemill.yaml.
func registerOf(c *config.Lookup) (*lookup.Service, error) {
	if c.URL == "" {
		return nil, errors.New("no register of companies is configured; write accounts: { lookup: { url: …, fields: … } } into ratemill.yaml")
	}
	token := ""
	switch {
	case c.TokenFile != "":
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("accounts.lookup.token_file: %w", err)
		}
		token = strings.TrimSpace(string(text))
	case c.TokenEnv != "":
		var ok bool
		if token, ok = os.LookupEnv(c.TokenEnv); !ok {
			return nil, fmt.Errorf("the environment has no %s, to which accounts.lookup.token_env refers", c.TokenEnv)
		}
	}
	return lookup.New(lookup.Options{URL: c.URL, Fields: c.Fields, Token: token, Timeout: c.Timeout, Private: c.Private})
}

func printFound(cmd *cobra.Command, f *flags, found *backoffice.CompanyFound) error {
	fmt.Fprintf(stderr, "as given by %s at %s; not confirmed\n", found.Service, found.At)
	g := output.New("field", "value")
	for _, field := range slices.Sorted(maps.Keys(found.Fields)) {
		g.Add(field, found.Fields[field])
	}
	return g.Print(data(cmd), f.output)
}
