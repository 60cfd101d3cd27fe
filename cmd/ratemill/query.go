package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/engines"
	"ratemill/internal/output"
	"ratemill/internal/warehouse"
)

func queryCommand(f *flags) *cobra.Command {
	var sim string
	c := &cobra.Command{
		Use:   "query SQL",
		Short: "Query the warehouse with SQL",
		Long: `Query runs a SELECT in ClickHouse and prints the rows. Plain SELECTs are exact: no FINAL is needed anywhere.
The rows of WITH TOTALS come last: below the table, or with -o json as a last line {"totals":{…}}. The tables
and views are described in docs/tables.md; - reads the SQL from standard input. With --sim, {sim} in the SQL is
replaced by the number of the SIM that has, or once had, this identifier.`,
		Example: `  ratemill query "select * from usage_by_account_day"
  ratemill query -o csv "select account, sum(amount), currency from charges group by all" > costs.csv
  ratemill query --sim +34650000010 "select at, class, quantity, amount, currency from rated_usage where sim = {sim}"`,
		Args: needing(1, 1, "one SQL query: ratemill query \"select …\", or - to read it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			sql := args[0]
			if sql == "-" {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
				if err != nil {
					return err
				}
				sql = string(text)
			}
			sql = strings.TrimRight(strings.TrimSpace(sql), "; \n")
			if clause := formatClause.FindString(sql); clause != "" {
				return fmt.Errorf("remove `%s` from the query; -o table, json or csv chooses the output format", strings.TrimSpace(clause))
			}
			config, err := f.load()
			if err != nil {
				return err
			}
			store, err := storeToCompare(cmd.Context(), config, config.EmbeddedClickHouse())
			if err != nil {
				return err
			}
			if store != nil {
				defer store.Close()
			}
			if sql, err = backoffice.WithSIM(cmd.Context(), store, sql, sim); err != nil {
				return err
			}
			w, end, err := openWarehouse(cmd.Context(), f, config, store)
			if err != nil {
				return err
			}
			defer end()
			if config.EmbeddedClickHouse() {
				if w, err = engines.ReadingWarehouse(cmd.Context(), config, w); err != nil {
					return err
				}
				defer w.Close()
			}
			return print(cmd.Context(), data(cmd), w, f.output, sql)
		},
	}
	c.Flags().StringVar(&sim, "sim", "", "any identifier of a SIM; its number replaces {sim} in the SQL")
	outputFlag(f, c)
	return c
}

// formatClause matches the clause that chooses a format in ClickHouse's own clients. Here the rows come through the
// driver, which needs its own format.
var formatClause = regexp.MustCompile(`(?i)\sformat\s+\w+$`)

// expectations matches the part of a syntax error in which ClickHouse lists the tokens it expected: hundreds of
// words.
var expectations = regexp.MustCompile(`\. Expected one of: .{200,}?\.( \([A-Z_]+\))`)

func print(ctx context.Context, to io.Writer, w *warehouse.Warehouse, format, sql string, args ...any) error {
	if format == output.CSV && warehouse.AsksApart(sql) {
		fmt.Fprintln(stderr, "CSV leaves out totals and extremes, because they would look like rows; -o table and -o json show them")
	}
	n, err := w.Print(ctx, to, warehouse.Format(format), sql, args...)
	if n == 0 && err == nil {
		fmt.Fprintln(stderr, "(no rows)")
	}
	var refused *warehouse.RefusedError
	if errors.As(err, &refused) {
		return fmt.Errorf("ClickHouse refuses the query: %s", expectations.ReplaceAllString(refused.Text, ".$1"))
	}
	return err
}
