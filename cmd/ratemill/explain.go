package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ratemill/internal/warehouse"
)

func explainCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a record's price",
		Long: `Explain follows a record from its line in the carrier's file to its amount: source and rules, owner, zone, plan, rounding,
pools, price steps, for every account that pays. The last line computes the amount again from the steps above it.

ID is the file's id (or its beginning), a colon and the record's sequence number, as query and tail show them.`,
		Example: "  ratemill explain 8f3a0c:1",
		Args:    needing(1, 1, "one record's id: ratemill explain 8f3a0c:1"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, end, err := inquire(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			words, err := q.Explain(cmd.Context(), args[0])
			if errors.Is(err, warehouse.ErrNotFound) {
				return &problems{err.Error()}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), words)
			return err
		},
	}
}
