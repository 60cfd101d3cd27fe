package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func productCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "product",
		Short: "Products: charges other than usage",
	}
	list := &cobra.Command{
		Use:   "list [FOLDER]",
		Short: "List the parts of the catalogue with their prices",
		Long: `List prints the parts of the project's catalogue in all versions, with prices by state, periods,
and the products that contain them. Without FOLDER, it reads the project of the current folder, or the one that
ratemill.yaml names.`,
		Example: "  ratemill product list\n  ratemill product list -o csv",
		Args:    atMostOne("project folder"),
	}
	outputFlag(f, list)
	list.RunE = func(cmd *cobra.Command, args []string) error {
		dir, err := f.projectFolder(args)
		if err != nil {
			return err
		}
		all, err := backoffice.ListProducts(dir)
		if err != nil {
			return refusal(err)
		}
		g := output.New("part", "from", "charge", "of", "states", "price", "currency", "every", "tax", "products").Numbers("price", "every").
			Sparse("from", "states", "products")
		for _, p := range all {
			g.Add(p.Part, p.From, p.Charge, p.Of, p.States, p.Price, p.Currency, fmt.Sprint(p.Every), p.Tax, p.Products)
		}
		return g.Print(data(cmd), f.output)
	}
	c.AddCommand(list)
	return c
}
