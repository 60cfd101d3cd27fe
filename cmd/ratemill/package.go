package main

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func packageCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "package",
		Short: "Packages and top-ups of accounts and SIMs: buy, list, cancel",
		Long: `A package is a set of units that an account or a SIM buys on top of its plan, for a limited time and at a price
paid in advance. The catalogue's documents with the key package define the packages.`,
	}
	c.AddCommand(packageBuy(f), packageList(f), packageCancel(f))
	return c
}

func packageBuy(f *flags) *cobra.Command {
	r := backoffice.PackageOrder{Cap: -1}
	c := &cobra.Command{
		Use:   "buy ACCOUNT PACKAGE --why WORDS",
		Short: "Buy a package for an account, or for one of its SIMs",
		Long: `Buy gives an account, or with --sim one of its SIMs, a package of the catalogue from --at on. Its price is a
one-off charge on the next invoice of the payer; the tax class comes from a part with of: { charge: PACKAGE },
or from --tax. Its units need no part in the catalogue.

Users of the account (--as) may buy the packages that are open to them (account resource set ACCOUNT package/NAME --open).
Whether the package renews automatically depends on --renewal, otherwise on the package, otherwise on prepaid_renewal in the
billing profile of the payer. Each renewal costs as much as the purchase. With --key you can safely repeat a request: the
same key does not buy the package twice.`,
		Example: "  ratemill package buy acme travel-eu --sim 214070050000011 --why \"order 18\"\n" +
			"  ratemill package buy acme topup-10gb --price 80.00 --cap 10 --at 2026-04-12 --dry-run",
		Args: needing(2, 2, "an account and a package: ratemill package buy acme travel-eu --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().StringVar(&r.SIM, "sim", "", "the SIM that gets the package, by one of its identifiers (default: the account)")
	c.Flags().StringVar(&r.Price, "price", "", "net price in the payer's currency, instead of the catalogue's; 0 for free")
	c.Flags().StringVar(&r.Tax, "tax", "", "tax class of the price, if no part of the catalogue gives it")
	c.Flags().IntVar(&r.Cap, "cap", -1, "cap in percent of the size, instead of the catalogue's: units that are free "+
		"beyond those of the package")
	c.Flags().StringVar(&r.Renewal, "renewal", "", "never, on_expiry or on_use_up, instead of the setting in the "+
		"catalogue or the billing profile")
	c.Flags().StringVar(&r.Notes, "notes", "", "words for colleagues")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.Package = args[0], args[1]
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.BuyPackage(cmd.Context(), r)
		})
	}
	return c
}

func packageCancel(f *flags) *cobra.Command {
	r := backoffice.PackageOrder{Cap: -1}
	c := &cobra.Command{
		Use:   "cancel ACCOUNT PACKAGE/INSTANCE --why WORDS",
		Short: "End a package, or only its renewal",
		Long: `Cancel ends a package from --at on. Its remaining units lapse, and usage that the package blocked is charged at
the plan's price. Cancel does not refund the price; use charge add for a credit. The package does not renew any
more. With --at-end it only stops renewing, and its units stay usable until its time ends.`,
		Example: "  ratemill package cancel acme travel-eu/1 --sim 214070050000011 --why \"ordered by mistake\"\n" +
			"  ratemill package cancel acme topup/1 --at-end --why \"no longer needed\"",
		Args: needing(2, 2, "an account and a package with its instance: ratemill package cancel acme travel-eu/1 --why …"),
	}
	at := orderFlags(f, c, &r.AccountOrder)
	c.Flags().StringVar(&r.SIM, "sim", "", "the SIM that has the package, by one of its identifiers (default: the account)")
	c.Flags().BoolVar(&r.AtEnd, "at-end", false, "only stop its renewal")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		r.Account, r.Package = args[0], args[1]
		return change(cmd, f, &r.AccountOrder, at, func(o *backoffice.Office) (*backoffice.AccountChange, error) {
			return o.CancelPackage(cmd.Context(), r)
		})
	}
	return c
}

func packageList(f *flags) *cobra.Command {
	var q backoffice.AccountQuestion
	c := &cobra.Command{
		Use: "list ACCOUNT", Short: "List the packages of an account and of its SIMs",
		Long: `List prints the packages that an account and its SIMs bought, one row for each bucket, with the used and the
remaining units.

The role account of ratemill run counts units seconds after their usage is rated. The last line shows the time
of the last count; JSON and CSV contain that time in as_of. used and left include all usage counted so far, also
with --at. They are empty while they are unknown.

status   pending: its time begins with its first use, which has not come. active. expired: its time is over, and the cap can still be
         drawn. inactive. cancelled.
size     units of the bucket. For a package that renews on use-up, this is the sum of all its renewals.
left     units that can still be drawn, 0 when its time is over
cap      units that are free beyond the size, in percent; cap_left is how many of them are left
from     when its time began, or that of its last renewal; ends is when it is over
renewed  how often it renewed; renewals_left is how often it can renew on use-up in this billing cycle, 0 if it does not renew, and
         empty if it renews on expiry`,
		Example: "  ratemill package list acme --as acme",
		Args:    needing(1, 1, "an account: ratemill package list acme"),
	}
	at := questionFlags(f, c, &q)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		office, end, err := openOfficeForAccounts(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		q.At = at.Time
		all, err := office.ListPackages(cmd.Context(), args[0], q)
		if err != nil {
			return refusal(err)
		}
		g := output.New("package", "sim", "status", "bucket", "size", "used", "left", "unit", "from", "ends", "renewal", "renewed",
			"renewals_left", "cap", "cap_left", "then", "bought", "notes", "as_of").Sparse("sim", "bucket", "size", "used", "left", "unit",
			"renewals_left", "cap_left", "notes", "as_of").Numbers("size", "used", "left", "renewed", "renewals_left", "cap", "cap_left")
		counted, unknown := "", false
		for _, p := range all {
			counted = cmp.Or(p.AsOf, counted)
			unknown = addPackage(g, &p, f.output) || unknown
		}
		if g.Len() == 0 {
			fmt.Fprintf(stderr, "account %s has no packages\n", args[0])
		}
		if err := g.Print(data(cmd), f.output); err != nil {
			return err
		}
		tellCounted(counted, unknown)
		return nil
	}
	return c
}

// known returns a number, or nothing if it is unknown.
func known[T int | int64](n *T) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}

// addPackage adds the rows of a package, and reports whether the number of its used units is unknown.
func addPackage(g *output.Grid, p *backoffice.ListedPackage, format string) (unknown bool) {
	buckets, asOf := p.Buckets, p.AsOf
	if buckets == nil {
		buckets = []backoffice.PackageUnits{{}}
	}
	if format == output.Table { // below the table
		asOf = ""
	}
	for _, u := range buckets {
		size := ""
		if u.Bucket != "" {
			size, unknown = strconv.FormatInt(u.Size, 10), unknown || u.Used == nil
		}
		g.Add(p.Package, p.SIM, p.Status, u.Bucket, size, known(u.Used), known(u.Left), u.Unit, p.From, p.Ends, p.Renewal, known(p.Renewed),
			known(p.Again), known(p.Cap), known(u.CapLeft), p.Then, p.Bought, p.Notes, asOf)
	}
	return unknown
}

// tellCounted prints the time of the last count of units, and the reason if units are missing.
func tellCounted(asOf string, unknown bool) {
	switch {
	case asOf == "" && unknown:
		fmt.Fprintln(stderr, "used and left are not known yet: no usage was counted. The role account counts it: ratemill run, or ratemill run "+
			"--role account")
	case unknown:
		fmt.Fprintf(stderr, "units as of %s; where used is empty, the role account has not counted since the purchase: the "+
			"next usage that draws units fills it in\n", asOf)
	case asOf != "":
		fmt.Fprintf(stderr, "units as of %s\n", asOf)
	}
}
