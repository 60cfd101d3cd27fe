package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func simAnomalies(f *flags) *cobra.Command {
	var q backoffice.SIMQuestion
	var filter backoffice.AnomalyFilter
	var since timeFlag
	severity := "4"
	c := &cobra.Command{
		Use:   "anomalies",
		Short: "List SIMs that behave strangely, as found by the anomaly rules of the catalogue",
		Long: `Anomalies prints the events of anomaly rules (docs/anomalies.md), the worst first, and the newest first among
equals. before and after are the count before and after the record, or the first 14 digits of the IMEI of the
two devices; a table shortens the digits, JSON and CSV show all. record is the id that ratemill explain takes.
An account sees the events of the time when it owned the SIM.`,
		Example: "  ratemill sim anomalies\n  ratemill sim anomalies --account acme --since 2026-03-01 --severity 2\n" +
			"  ratemill sim anomalies --limit 1000000 -o csv > anomalies.csv",
		Args: none,
	}
	c.Flags().StringVar(&filter.Account, "account", "", "only this account and the accounts below it")
	c.Flags().Var(&since, "since", "only usage records from this time on; a day begins in UTC")
	c.Flags().Var(choice{&severity, []string{"1", "2", "3", "4"}}, "severity", "only this severity and worse ones; 1 is the worst")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "most anomalies")
	asFlag(c, &q.As, "you ask")
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		filter.Since = since.Time
		filter.Severity, _ = strconv.Atoi(severity)
		office, end, err := openOfficeWithWarehouse(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		answer, err := office.SIMAnomalies(cmd.Context(), q, filter)
		if err != nil {
			return refusal(err)
		}
		switch {
		case len(answer.Anomalies) == 0:
			fmt.Fprintln(stderr, "there are no such anomalies")
		case answer.More:
			fmt.Fprintf(stderr, "only the first %d are shown; --limit shows more\n", filter.Limit)
		}
		return anomalyGrid(answer.Anomalies, f.output).Print(data(cmd), f.output)
	}
	return c
}

func anomalyGrid(all []backoffice.SIMAnomaly, format string) *output.Grid {
	g := output.New("severity", "at", "sim", "identifier", "account", "event", "name", "threshold", "before", "after", "record").
		Numbers("severity", "sim")
	for _, a := range all {
		if format == output.Table {
			a = a.ForPeople()
		}
		g.Add(fmt.Sprint(a.Severity), a.At, fmt.Sprint(a.SIM), a.Identifier, a.Account, a.Event, a.Name, a.Threshold, a.Before, a.After, a.Record)
	}
	return g
}
