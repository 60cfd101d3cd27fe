package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/registry"
)

func chargeCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "charge",
		Short: "One-off charges and credits: add",
	}
	c.AddCommand(chargeAdd(f))
	return c
}

func chargeAdd(f *flags) *cobra.Command {
	var r backoffice.ChargeOrder
	c := &cobra.Command{
		Use:   "add ACCOUNT PRODUCT AMOUNT --why WORDS",
		Short: "Add a one-off charge, or a credit below 0, to the next invoice",
		Long: `Add states a one-off charge of an account. The payer of the account pays it with the invoice of the billing
cycle that contains --at. The amount is net, in the payer's currency; a negative amount is a credit (write -- before it). The
tax class comes from a part of the catalogue with of: { charge: PRODUCT }, or from --tax.

With --key you can safely repeat a request: the same key does not add the charge twice.`,
		Example: "  ratemill charge add acme installation 120.00 --reference Q-2026-17 --why \"quote accepted\"\n" +
			"  ratemill charge add acme installation 120.00 --sim 214070050000011 --at 2026-04-12 --dry-run\n" +
			"  ratemill charge add acme goodwill --adjusts INV-2026-000412/3 --why TICKET-17 -- -10.00",
		Args: needing(3, 3, "an account, a product and an amount: ratemill charge add acme installation 120.00 --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().StringVar(&r.SIM, "sim", "", "the SIM that is charged, by one of its identifiers")
	c.Flags().StringVar(&r.Tax, "tax", "", "tax class, if no part of the catalogue gives it")
	c.Flags().StringVar(&r.Reference, "reference", "", "text for the invoice, such as the number of a quote")
	c.Flags().StringVar(&r.Adjusts, "adjusts", "", "the line of a document that this charge corrects, as DOCUMENT/LINE")
	c.Flags().Var(&dateFlag{&r.From}, "from", "first day of the period that the charge covers (default: the billing cycle)")
	c.Flags().Var(&dateFlag{&r.To}, "to", "the first day after the period")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.Product, r.Amount = args[0], args[1], args[2]
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.AddCharge(cmd.Context(), r)
		})
	}
	return c
}

// dateFlag is a flag whose value is a day.
type dateFlag struct{ into *registry.Date }

func (d *dateFlag) Set(text string) error {
	if err := d.into.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%s is not a day such as 2026-04-01", text)
	}
	return inRange(d.into.UTC(), text)
}

func (d *dateFlag) String() string { return "" }
func (d *dateFlag) Type() string   { return "DAY" }
