package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/invoicing"
)

func invoiceVerify(f *flags) *cobra.Command {
	o := backoffice.InvoiceOrder{}
	var all bool
	c := &cobra.Command{
		Use:   "verify [DOCUMENT …]",
		Short: "Recompute final documents from their inputs, and compare",
		Long: `Verify computes final documents again from their recorded inputs: their closes with the revision of the
registry, the cut of the rated log and the version of the catalogue, and the version of the rules. It compares
the hash of the canonical text, names the part that differs, and detects changed rows in the database. It
computes a credit note from the document that it corrects.`,
		Example: "  ratemill invoice verify INV-2026-000412\n  ratemill invoice verify --cycle 2026-03 --all\n  ratemill " +
			"invoice verify --all -o json",
	}
	c.Flags().StringVar(&o.Cycle, "cycle", "", "the month in which the billing cycles begin, as 2026-03 (default all)")
	c.Flags().StringSliceVar(&o.Accounts, "account", nil, "only documents of these payers (default all)")
	c.Flags().BoolVar(&all, "all", false, "all final documents of the cycle, or of all cycles")
	invoiceAskedAs(c, &o.As)
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return fmt.Errorf("name documents, or give --all; not both")
		case !all && len(args) == 0:
			return fmt.Errorf("name a document, or give --all, with --cycle 2026-03 for those of a month; ratemill invoice list shows them")
		case all:
			args = nil
		}
		office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		return printVerified(cmd, f, func(each func(*backoffice.InvoiceVerified) error) error {
			return office.VerifyInvoices(cmd.Context(), args, o, each)
		})
	}
	return c
}

// printVerified prints documents as they are verified.
func printVerified(cmd *cobra.Command, f *flags, verify func(each func(*backoffice.InvoiceVerified) error) error) error {
	documents, wrong := 0, 0
	g := output.New("document", "payer", "cycle", "part", "stored", "computed").Sparse("part", "stored", "computed")
	err := verify(func(v *backoffice.InvoiceVerified) error {
		documents++
		if !v.OK {
			wrong++
		}
		switch f.output {
		case output.JSON:
			return json.NewEncoder(objects(cmd)).Encode(v)
		case output.CSV:
			for _, d := range v.Differences {
				g.Add(v.Document, v.Payer, v.Cycle, d.Part, d.Stored, d.Computed)
			}
			if v.Error != "" {
				g.Add(v.Document, v.Payer, v.Cycle, v.Error, "", "")
			}
		default:
			printOneVerified(cmd, v)
		}
		return nil
	})
	if err != nil {
		return refusal(err)
	}
	if f.output == output.CSV {
		if err := g.Print(data(cmd), f.output); err != nil {
			return err
		}
	} else if f.output != output.JSON {
		fmt.Fprintf(words(cmd), "%s computed again, %d as issued, %d not\n", counted(documents, "document"), documents-wrong, wrong)
	}
	if wrong > 0 {
		return &problems{}
	}
	return nil
}

func printOneVerified(cmd *cobra.Command, v *backoffice.InvoiceVerified) {
	to := words(cmd)
	if v.OK && len(v.Notes) == 0 {
		return
	}
	fmt.Fprintf(to, "%s of %s, cycle from %s: ", v.Document, v.Payer, v.Cycle)
	switch {
	case v.Error != "":
		fmt.Fprintf(to, "cannot be computed again: %s\n", v.Error)
	case v.OK:
		fmt.Fprintln(to, "as issued")
	case v.Changed && v.Same:
		fmt.Fprintln(to, "the stored document was changed; the computed document has the hash with which it was issued")
	case v.Changed:
		fmt.Fprintln(to, "the stored document was changed")
	case v.Same:
		fmt.Fprintln(to, "columns of its row, or its close, differ from its text")
	default:
		fmt.Fprintf(to, "its inputs give a different result now (rules %d)\n", v.Rules)
	}
	for _, d := range v.Differences {
		fmt.Fprintf(to, "  %s: %s\n", d.Part, invoicing.Short(d))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(to, "  %s\n", n)
	}
}
