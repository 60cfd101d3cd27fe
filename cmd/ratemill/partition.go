package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func partitionCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "partition",
		Short: "Inspect and resume stopped partitions: list, show, retry, skip",
		Long: `A rater or a sink stops at a message or row that cannot be right, rather than lose records or charge twice;
other partitions continue. Look at the message or row, correct the cause and order the partition to try again.
Or order it to skip the faulty message or rows; the balance of the file then shows the difference.`,
	}
	c.AddCommand(partitionList(f), partitionShow(f), partitionRetry(f), partitionSkip(f))
	return c
}

// stopFlags are the flags that identify the position of a stop.
func stopFlags(c *cobra.Command, ref *backoffice.StopRef) {
	c.Flags().Int64Var(&ref.Offset, "offset", -1, "offset where the partition stopped, as list shows it")
	_ = c.MarkFlagRequired("offset")
}

// topicWord checks that the first argument is a topic.
func topicWord(_ *cobra.Command, args []string) error {
	return oneOf(args[0], backoffice.TopicWords)
}

// stopWords returns a check that reads the arguments that identify a partition.
func stopWords(ref *backoffice.StopRef) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) (err error) {
		if ref.Partition, err = strconv.Atoi(args[1]); err != nil {
			return fmt.Errorf("%q is not a partition number", args[1])
		}
		if err := topicWord(c, args); err != nil {
			return err
		}
		ref.Topic = args[0]
		return allFlags(c)
	}
}

func partitionList(f *flags) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List stopped partitions, with the reason and the commands to type",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			stops, err := office.Stops(cmd.Context(), all)
			if err != nil {
				return err
			}
			if len(stops) == 0 {
				fmt.Fprintln(stderr, "no partition is stopped")
			}
			if f.output != output.Table {
				return stopsGrid(stops).Print(data(cmd), f.output)
			}
			var b strings.Builder
			for i := range stops {
				if i > 0 {
					b.WriteString("\n")
				}
				tellStop(&b, &stops[i], output.Width(data(cmd)))
			}
			return output.Words(data(cmd), b.String(), 4)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "include partitions that have continued since")
	outputFlag(f, c)
	return c
}

func stopsGrid(stops []backoffice.Stop) *output.Grid {
	g := output.New("role", "topic", "partition", "offset", "kind", "message", "since", "last", "process", "reason", "skip", "who", "why",
		"gone_on", "ordered_for").Numbers("partition", "offset")
	for _, s := range stops {
		g.Add(s.Role, s.Topic, fmt.Sprint(s.Partition), fmt.Sprint(s.Offset), s.Kind, s.Message, backoffice.Moment(s.Since),
			backoffice.Moment(s.Last), s.Process, s.Reason, fmt.Sprint(s.Skip), s.Who, s.Why, momentOrNever(s.GoneOn), s.OrderedFor)
	}
	return g
}

func momentOrNever(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return backoffice.Moment(t)
}

// tellStop prints where a partition stopped and the commands to type, wrapped to width characters where
// possible.
func tellStop(w io.Writer, s *backoffice.Stop, width int) {
	at := fmt.Sprintf("%s %d --offset %d", s.Topic, s.Partition, s.Offset)
	fmt.Fprintf(w, "%s, partition %d: stopped at offset %d of %s since %s\n  %s\n", s.Role, s.Partition, s.Offset, s.Name,
		backoffice.Moment(s.Since), s.Reason)
	if s.Skip {
		looked := ""
		if s.OrderedFor != "" && s.OrderedFor != s.Role {
			looked = ", when " + s.OrderedFor + " had stopped there"
		}
		fmt.Fprintf(w, "  %s ordered to skip it at %s%s: %s\n", s.Who, backoffice.Moment(s.Ordered), looked, s.Why)
	}
	if !s.GoneOn.IsZero() {
		fmt.Fprintf(w, "  went on at %s\n", backoffice.Moment(s.GoneOn))
		return
	}
	fmt.Fprint(w, typed("look:", "show "+at, width), typed("try again:", "retry "+at, width))
	if s.Skip || !s.Skippable {
		return
	}
	fmt.Fprint(w, typed("skip it:", "skip "+at+" --message "+s.Message+" --why \"…\"", width))
}

// typed returns a subcommand of ratemill partition as the user types it, for a terminal of a given width (0: any). A
// command that is too wide continues on further lines in a form that a shell accepts.
func typed(label, command string, width int) string {
	line := fmt.Sprintf("  %-10s ratemill partition", label)
	var b strings.Builder
	for i, part := range strings.Split(command, " --") {
		if i > 0 {
			part = "--" + part
		}
		if width > 0 && utf8.RuneCountInString(line+" "+part)+len(` \`) > width {
			b.WriteString(line + " \\\n")
			line = strings.Repeat(" ", 14)
		}
		line += " " + part
	}
	return b.String() + line + "\n"
}

func partitionShow(f *flags) *cobra.Command {
	var ref backoffice.StopRef
	var raw bool
	c := &cobra.Command{
		Use:   "show usage|rated PARTITION --offset N",
		Short: "Show the message or rows at which a partition stopped",
		Example: `  ratemill partition show usage 3 --offset 812
  ratemill partition show usage 3 --offset 812 --raw > message.bin`,
		Args: cobra.MatchAll(needing(2, 2, "a topic and a partition: ratemill partition show usage 3 --offset 812"), stopWords(&ref)),
		RunE: func(cmd *cobra.Command, _ []string) error {
			office, end, err := openOffice(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			s, err := office.Stop(cmd.Context(), ref)
			if err != nil {
				return err
			}
			if raw {
				if output.Width(data(cmd)) > 0 && len(s.Content) > 0 {
					return errors.New("a message is not text for a terminal; send it to a file: ratemill partition show … --raw > message.bin")
				}
				_, err := data(cmd).Write(append(s.Content, s.Detail...)) // exactly one of the two is set
				return err
			}
			out := &strings.Builder{}
			tellStop(out, &s.Stop, output.Width(data(cmd)))
			tellContent(out, s)
			return output.Words(data(cmd), out.String(), 4)
		},
	}
	stopFlags(c, &ref)
	c.Flags().BoolVar(&raw, "raw", false, "print only the raw message from the topic, or the refused rows as JSON")
	return c
}

// tellContent prints the content at which a partition stopped.
func tellContent(w io.Writer, s *backoffice.StopContent) {
	fmt.Fprintf(w, "  kind:      %s\n  message:   %s\n", s.Kind, s.Message)
	if s.SkipMeans != "" {
		fmt.Fprintf(w, "  skipped:   %s\n", s.SkipMeans)
	}
	for _, r := range s.Rows {
		fmt.Fprintf(w, "\n%s of %s, from offset %d: %s\n  %s\n", r.Record, r.Table, r.Offset, r.Why, r.Values)
	}
	if len(s.Content) > 0 {
		fmt.Fprintf(w, "\n%d bytes, the first of them:\n%s", len(s.Content), hex.Dump(s.Content[:min(len(s.Content), 256)]))
	}
}

func partitionRetry(f *flags) *cobra.Command {
	var ref backoffice.StopRef
	c := &cobra.Command{
		Use:     "retry usage|rated PARTITION --offset N",
		Short:   "Let a stopped partition try again, once the cause is corrected",
		Example: "  ratemill partition retry rated 0 --offset 4711",
		Args:    cobra.MatchAll(needing(2, 2, "a topic and a partition: ratemill partition retry usage 3 --offset 812"), stopWords(&ref)),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return orderStop(cmd, f, backoffice.StopOrder{StopRef: ref, Who: whoami()})
		},
	}
	stopFlags(c, &ref)
	return c
}

func partitionSkip(f *flags) *cobra.Command {
	var ref backoffice.StopRef
	var reason string
	c := &cobra.Command{
		Use:   "skip usage|rated PARTITION --offset N --message HASH --why WORDS",
		Short: "Order a stopped partition to skip a faulty message or rows",
		Long: `Skip orders a stopped partition to continue without a message that it cannot read or rate, without records that
are missing before a message, or without rows that the warehouse refuses. The order holds for exactly the
message or rows with the hash that list and show print, and cannot be undone. Skipped content is kept, with your
name and reason (list --all, show).`,
		Example: `  ratemill partition skip usage 3 --offset 812 --message 9f3a1c22b0d4e5f6 --why "a test message of ours, TICKET-17"`,
		Args: cobra.MatchAll(needing(2, 2, "a topic and a partition: ratemill partition skip usage 3 --offset 812 --message "+
			"9f3a1c22b0d4e5f6 --why \"…\""), stopWords(&ref)),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if strings.TrimSpace(reason) == "" {
				return errors.New("the reason is empty; give one for the audit log")
			}
			return orderStop(cmd, f, backoffice.StopOrder{StopRef: ref, Skip: true, Who: whoami(), Why: reason})
		},
	}
	stopFlags(c, &ref)
	c.Flags().StringVar(&ref.Message, "message", "", "hash of the message or rows, as list and show print it")
	c.Flags().StringVar(&reason, "why", "", "the reason, for the audit log")
	_ = c.MarkFlagRequired("message")
	_ = c.MarkFlagRequired("why")
	return c
}

func orderStop(cmd *cobra.Command, f *flags, order backoffice.StopOrder) error {
	office, end, err := openOffice(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer end()
	ordered, err := office.OrderStop(cmd.Context(), order)
	if err != nil {
		return err
	}
	if ordered.SkipMeans != "" {
		fmt.Fprintln(words(cmd), ordered.SkipMeans)
	}
	fmt.Fprintf(words(cmd), "%s of partition %d continues within seconds; `ratemill partition list` shows whether it stopped again.\n",
		ordered.Role, ordered.Partition)
	return nil
}
