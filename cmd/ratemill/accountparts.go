package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

// listing returns a command that lists a part of an account.
func listing(f *flags, what, short, example string, columns []string, rows func(*output.Grid, *backoffice.FullAccount)) *cobra.Command {
	var q backoffice.AccountQuestion
	c := &cobra.Command{
		Use: "list ACCOUNT", Short: short, Example: example,
		Args: needing(1, 1, "an account: ratemill account "+what+" list acme"),
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
		g := output.New(columns...)
		rows(g, a)
		if g.Len() == 0 {
			fmt.Fprintf(stderr, "account %s has no %s\n", a.ID, what)
		}
		return g.Print(data(cmd), f.output)
	}
	return c
}

func accountResource(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "resource",
		Short: "Resources of an account: list, set, remove",
		Long: `A resource is something that an account can assign to its SIMs: an APN group, a service, roaming or security
profile, a price plan, a share plan, a SIM product, time slices, a private network, an add-on. An account has the resources
that are assigned to it, and the accounts above it must have them too; an account without an assigned resource of a kind
shares those of its parent.`,
	}
	c.AddCommand(listing(f, "resource", "List the resources of an account", "  ratemill account resource list initech --as initech",
		[]string{"kind", "name", "assigned_to", "default", "active", "open"}, func(g *output.Grid, a *backoffice.FullAccount) {
			for _, r := range a.Resources {
				g.Add(r.Kind, r.Name, r.From, fmt.Sprint(r.Default), fmt.Sprint(r.Active), fmt.Sprint(r.Open))
			}
		}), resourceSet(f), resourceRemove(f))
	return c
}

func resourceSet(f *flags) *cobra.Command {
	var r backoffice.ResourceOrder
	c := &cobra.Command{
		Use:   "set ACCOUNT KIND/NAME --why WORDS",
		Short: "Assign a resource to an account",
		Long: `Set assigns a resource to an account, or changes how it is assigned. With --default, SIMs of the account get
it by default, in place of the former default of the kind. With --open, users of the account may choose it; otherwise only
the provider may.`,
		Example: "  ratemill account resource set initech price_plan/retail --default --open --why onboarding",
		Args:    needing(2, 2, "an account and a resource: ratemill account resource set acme price_plan/fleet --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().BoolVar(&r.Default, "default", false, "SIMs of the account get it by default")
	c.Flags().BoolVar(&r.Open, "open", false, "users of the account may choose it")
	c.Flags().BoolVar(&r.Inactive, "inactive", false, "assign it, but do not let anyone use it yet")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.Resource = args[0], args[1]
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetResource(cmd.Context(), r)
		})
	}
	return c
}

func resourceRemove(f *flags) *cobra.Command {
	r := backoffice.ResourceOrder{Take: true}
	c := &cobra.Command{
		Use: "remove ACCOUNT KIND/NAME --why WORDS", Short: "Withdraw a resource from an account, and so from the accounts below it",
		Example: "  ratemill account resource remove initech price_plan/retail --why \"replaced by retail-2\"",
		Args:    needing(2, 2, "an account and a resource: ratemill account resource remove acme price_plan/fleet --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.Resource = args[0], args[1]
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetResource(cmd.Context(), r)
		})
	}
	return c
}

func accountGroup(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "group",
		Short: "Groups of an enterprise's SIMs: list, set, remove",
		Long: `A group is a set of an account's SIMs that the enterprise defines. It shares all resources of the account.
The provider cannot define groups: use --as ACCOUNT if the enterprise asked you to.`,
	}
	c.AddCommand(listing(f, "group", "List the groups of an account", "  ratemill account group list initech",
		[]string{"group", "name"}, func(g *output.Grid, a *backoffice.FullAccount) {
			for _, group := range a.Groups {
				g.Add(group.ID, group.Name)
			}
		}))
	var set backoffice.GroupOrder
	s := &cobra.Command{
		Use: "set ACCOUNT GROUP --name NAME --why WORDS", Short: "Create or rename a group",
		Example: "  ratemill account group set initech north --name \"Trucks, north\" --as initech --why \"two depots\"",
		Args:    needing(2, 2, "an account and an id for the group: ratemill account group set acme north --name North --as acme --why …"),
	}
	at := orderFlags(f, s, &set.AccountOrder)
	s.Flags().StringVar(&set.Name, "name", "", "name for people")
	_ = s.MarkFlagRequired("name")
	s.RunE = func(cmd *cobra.Command, args []string) error {
		set.Account, set.Group = args[0], args[1]
		return change(cmd, f, &set.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetGroup(cmd.Context(), set)
		})
	}
	take := backoffice.GroupOrder{Take: true}
	r := &cobra.Command{
		Use: "remove ACCOUNT GROUP --why WORDS", Short: "End a group; its SIMs stay with the account",
		Example: "  ratemill account group remove initech north --as initech --why \"depot closed\"",
		Args:    needing(2, 2, "an account and a group: ratemill account group remove acme north --as acme --why …"),
	}
	ends := orderFlags(f, r, &take.AccountOrder)
	r.RunE = func(cmd *cobra.Command, args []string) error {
		take.Account, take.Group = args[0], args[1]
		return change(cmd, f, &take.AccountOrder, ends, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetGroup(cmd.Context(), take)
		})
	}
	c.AddCommand(s, r)
	return c
}

func accountAddon(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "addon",
		Short: "Add-ons of an account, on top of its plans: list, set, remove",
		Long: `An add-on is an extra on top of an account's plans, such as a VPN or a support plan. Users of the account may
order those that are open to them (account resource set ACCOUNT addon/NAME --open) while the account is active.`,
	}
	c.AddCommand(listing(f, "addon", "List the add-ons of an account", "  ratemill account addon list initech",
		[]string{"addon", "quantity", "price", "notes"}, func(g *output.Grid, a *backoffice.FullAccount) {
			g.Numbers("quantity").Amounts("price")
			for _, addon := range a.Addons {
				g.Add(addon.Name, fmt.Sprint(addon.Quantity), addon.Price, addon.Notes)
			}
		}))
	var set backoffice.AddonOrder
	s := &cobra.Command{
		Use: "set ACCOUNT NAME[/INSTANCE] --why WORDS", Short: "Give an account an add-on, or change it",
		Example: "  ratemill account addon set initech vpn/madrid --price 25.00 --why \"order 17\"",
		Args:    needing(2, 2, "an account and an add-on: ratemill account addon set acme vpn/madrid --why …"),
	}
	at := orderFlags(f, s, &set.AccountOrder)
	s.Flags().IntVar(&set.Quantity, "quantity", 0, "how many (default 1)")
	s.Flags().StringVar(&set.Price, "price", "", "price per unit and cycle, instead of the product's")
	s.Flags().StringVar(&set.Notes, "notes", "", "words for colleagues")
	s.RunE = func(cmd *cobra.Command, args []string) error {
		set.Account, set.Addon = args[0], args[1]
		return change(cmd, f, &set.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetAddon(cmd.Context(), set)
		})
	}
	take := backoffice.AddonOrder{Take: true}
	r := &cobra.Command{
		Use: "remove ACCOUNT NAME[/INSTANCE] --why WORDS", Short: "End an add-on of an account",
		Example: "  ratemill account addon remove initech vpn/madrid --why cancelled",
		Args:    needing(2, 2, "an account and an add-on: ratemill account addon remove acme vpn/madrid --why …"),
	}
	ends := orderFlags(f, r, &take.AccountOrder)
	r.RunE = func(cmd *cobra.Command, args []string) error {
		take.Account, take.Addon = args[0], args[1]
		return change(cmd, f, &take.AccountOrder, ends, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.SetAddon(cmd.Context(), take)
		})
	}
	c.AddCommand(s, r)
	return c
}
