package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/control"
	"ratemill/internal/engines"
	"ratemill/internal/output"
	"ratemill/internal/warehouse"
)

func storesCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "stores",
		Short: "Compare and repair the control store, Kafka and ClickHouse: list, accept, remake",
		Long: `The control store, Kafka and ClickHouse must match. If one of them was restored from an older backup than the
others, ratemill run refuses to start, because it would lose or duplicate records. See
docs/runbooks/stores-of-different-days.md.

These commands start the embedded engines themselves: stop ratemill run first.`,
	}
	c.AddCommand(storesList(f), storesAccept(f), storesRemake(f))
	return c
}

// openStores opens the three stores without running a role. It starts embedded engines, so ratemill run must have
// ended.
func openStores(cmd *cobra.Command, f *flags, remake ...string) (*engines.Engines, error) {
	config, err := f.load()
	if err != nil {
		return nil, err
	}
	return engines.Open(cmd.Context(), engines.Options{Config: config, Log: quietLogger(f), ClickHouse: true, Remake: remake})
}

func storesList(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Compare the marks that the control store gave with those in Kafka and ClickHouse",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, err := openStores(cmd, f)
			if err != nil {
				return err
			}
			defer e.Close()
			days, err := e.CompareStores(cmd.Context())
			if err != nil {
				return err
			}
			g := output.New("store", "control_store_gave", "given_at", "store_has", "had_at", "verdict").Numbers("control_store_gave", "store_has")
			different := 0
			for _, d := range days {
				verdict := "same day"
				if d.Different != nil {
					verdict = d.Different.Older + " is older"
					different++
				}
				g.Add(d.Store, fmt.Sprint(d.Given.Number), momentOrNever(d.Given.At), fmt.Sprint(d.Has.Number), momentOrNever(d.Has.At), verdict)
			}
			if err := g.Print(data(cmd), f.output); err != nil || different == 0 {
				return err
			}
			return &problems{"the stores are from different times; see docs/runbooks/stores-of-different-days.md"}
		},
	}
	outputFlag(f, c)
	return c
}

func storesAccept(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "accept",
		Short: "Accept the three stores as they are, although they are from different times",
		Long: `Accept takes the present state of the three stores as consistent, so that ratemill run starts again. Use it only after
the steps of docs/runbooks/stores-of-different-days.md. Partitions whose epochs or positions do not fit still stop.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("--why is empty; give the reason why the stores may be accepted as they are")
			}
			e, err := openStores(cmd, f)
			if err != nil {
				return err
			}
			defer e.Close()
			accepted, err := e.AcceptStores(cmd.Context(), whoami(), why)
			if err != nil {
				return err
			}
			if len(accepted) == 0 {
				fmt.Fprintln(stderr, "the stores are from the same time; nothing was changed")
			}
			for _, d := range accepted {
				fmt.Fprintf(stderr, "accepted: %v\n", d)
			}
			return nil
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for the audit log")
	_ = c.MarkFlagRequired("why")
	return c
}

func storesRemake(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "remake TABLE…",
		Short: "Recreate a dropped ClickHouse table, empty",
		Long: `Remake recreates, without rows, a table that ratemill had created and that was dropped. If there is a backup,
restore the table from it instead. See docs/runbooks/table-missing.md.`,
		Args: needing(1, 0, "names of tables, as the error message lists them: ratemill stores remake usage_events --why TICKET-17"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("--why is empty; give the reason why the rows can be given up")
			}
			for _, name := range args {
				if err := oneOf(name, warehouse.TableNames()); err != nil {
					return err
				}
			}
			e, err := openStores(cmd, f, args...)
			if err != nil {
				return err
			}
			defer e.Close()
			return e.Store.Audit(cmd.Context(), control.AuditEntry{At: time.Now(), Who: whoami(), What: "stores.remake",
				Subject: strings.Join(args, " "), Detail: why})
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for the audit log")
	_ = c.MarkFlagRequired("why")
	return c
}
