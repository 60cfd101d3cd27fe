package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/control"
	"ratemill/internal/grid"
	"ratemill/internal/roles"
	"ratemill/internal/warehouse"
)

func storesCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "stores",
		Short: "Compare and mend the control store, Kafka and ClickHouse: list, accept, remake",
		Long: `The control store, Kafka and ClickHouse go together. When one of them was restored from an older day, ratemill run
refuses to start, since it would lose or double records. See docs/runbooks/stores-of-different-days.md.`,
	}
	c.AddCommand(storesList(f), storesAccept(f), storesRemake(f))
	return c
}

// openStores opens the three stores without running a role. Embedded engines are started, so ratemill run must have ended.
func openStores(cmd *cobra.Command, f *flags, remake ...string) (*roles.Node, error) {
	config, p, err := f.loadAll()
	if err != nil {
		return nil, err
	}
	config.Listen = ""
	n := &roles.Node{Config: config, Project: p, Log: quietLogger(f), Remake: remake}
	if err := roles.Open(cmd.Context(), n); err != nil {
		return nil, fmt.Errorf("%w (stop ratemill run before)", err)
	}
	return n, nil
}

func storesList(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Say which marks the control store gave, and which Kafka and ClickHouse have",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := openStores(cmd, f)
			if err != nil {
				return err
			}
			defer n.Close()
			days, err := n.CompareStores(cmd.Context())
			if err != nil {
				return err
			}
			g := grid.New("store", "control_store_gave", "given_at", "store_has", "had_at", "verdict").Numbers("control_store_gave", "store_has")
			different := 0
			for _, d := range days {
				verdict := "same day"
				if d.Different != nil {
					verdict = d.Different.Older + " is older"
					different++
				}
				g.Add(d.Store, fmt.Sprint(d.Given.Number), momentOrNever(d.Given.At), fmt.Sprint(d.Has.Number), momentOrNever(d.Has.At), verdict)
			}
			if err := g.Print(cmd.OutOrStdout(), f.output); err != nil || different == 0 {
				return err
			}
			return &problems{"the stores are of different days; see docs/runbooks/stores-of-different-days.md"}
		},
	}
	outputFlag(f, c)
	return c
}

func storesAccept(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "accept",
		Short: "Take the three stores as they are, though they are of different days",
		Long: `Accept ends the comparison of the stores with their past: ratemill run starts again. Do it only after the steps of
docs/runbooks/stores-of-different-days.md. Partitions whose epochs or positions do not fit still stop.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("--why is empty; say for whoever comes later why the stores may be taken as they are")
			}
			n, err := openStores(cmd, f)
			if err != nil {
				return err
			}
			defer n.Close()
			accepted, err := n.AcceptStores(cmd.Context(), whoami(), why)
			if err != nil {
				return err
			}
			if len(accepted) == 0 {
				fmt.Fprintln(os.Stderr, "the stores are of one day; nothing was changed")
			}
			for _, d := range accepted {
				fmt.Fprintf(os.Stderr, "accepted: %v\n", d)
			}
			return nil
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for whoever comes later")
	_ = c.MarkFlagRequired("why")
	return c
}

func storesRemake(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "remake TABLE…",
		Short: "Make a dropped table of ClickHouse again, empty",
		Long: `Remake makes a table again that ratemill had made and somebody dropped. Its rows are lost: restore it from a backup
instead, if there is one. See docs/runbooks/table-missing.md.`,
		Args: needing(1, 0, "names of tables, as the message says them: ratemill stores remake usage_events --why TICKET-17"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("--why is empty; say for whoever comes later why the rows are given up")
			}
			for _, name := range args {
				if err := oneOf(name, warehouse.TableNames()); err != nil {
					return err
				}
			}
			n, err := openStores(cmd, f, args...)
			if err != nil {
				return err
			}
			defer n.Close()
			return n.Store.Audit(cmd.Context(), control.AuditEntry{At: time.Now(), Who: whoami(), What: "stores.remake", Subject: strings.Join(args, " "), Detail: why})
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, for whoever comes later")
	_ = c.MarkFlagRequired("why")
	return c
}
