package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/broker"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/output"
)

func partitionCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "partition",
		Short: "Inspect and resume stopped partitions: list, show, retry, skip",
		Long: `A rater or a sink that finds something in its partition that cannot be right stops there, rather than lose records or
charge twice; other partitions go on. Look at what it found, correct the cause and let it try again. Or order it to skip
the faulty message or rows; the balance of the file then shows the difference.`,
	}
	c.AddCommand(partitionList(f), partitionShow(f), partitionRetry(f), partitionSkip(f))
	return c
}

// stopRef names the position of a stop, as people type it.
type stopRef struct {
	offset  int64
	message string
}

func (r *stopRef) flags(c *cobra.Command) {
	c.Flags().Int64Var(&r.offset, "offset", -1, "offset where the partition stopped, as list shows it")
	_ = c.MarkFlagRequired("offset")
}

// find returns the stop that it names.
func (r *stopRef) find(ctx context.Context, store *control.Store, topics broker.Topics, args []string, open bool) (*control.Stop, error) {
	partition, _ := strconv.Atoi(args[1]) // stopWords has checked it
	topic := topicOf(topics, args[0])
	all, err := store.Stops(ctx, control.StopFilter{Topic: topic, Partition: &partition, Offset: &r.offset, Open: open})
	if err != nil {
		return nil, err
	}
	var found []control.Stop
	for _, s := range all {
		if r.message == "" || s.Hash == r.message {
			found = append(found, s)
		}
	}
	switch {
	case len(all) > 0 && len(found) == 0:
		return nil, &problems{fmt.Sprintf("offset %d of %s/%d holds %s, not %s; look at it again: ratemill partition show %s %d --offset %d", r.offset, topic, partition, all[0].Hash, r.message, args[0], partition, r.offset)}
	case len(found) == 0:
		return nil, &problems{fmt.Sprintf("partition %d of %s did not stop at offset %d, or has gone past it; `ratemill partition list` shows the stopped partitions", partition, topic, r.offset)}
	}
	return &found[len(found)-1], nil
}

// topicWords are the topics as people type them.
var topicWords = []string{"usage", "rated"}

// topicWord checks that the first argument is a topic.
func topicWord(_ *cobra.Command, args []string) error {
	return oneOf(args[0], topicWords)
}

// stopWords checks the arguments that name a partition.
func stopWords(c *cobra.Command, args []string) error {
	if _, err := strconv.Atoi(args[1]); err != nil {
		return fmt.Errorf("%q is not a partition number", args[1])
	}
	if err := topicWord(c, args); err != nil {
		return err
	}
	return allFlags(c)
}

func topicOf(topics broker.Topics, word string) string {
	if word == "usage" {
		return topics.Usage
	}
	return topics.Rated
}

func wordOf(topics broker.Topics, topic string) string {
	if topic == topics.Usage {
		return "usage"
	}
	return "rated"
}

func reachStops(ctx context.Context, f *flags) (*control.Store, broker.Topics, error) {
	store, c, err := reachStore(ctx, f)
	if err != nil {
		return nil, broker.Topics{}, err
	}
	return store, broker.TopicsUnder(c.Kafka.Prefix), nil
}

func partitionList(f *flags) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List stopped partitions, with the reason and the commands to type",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, topics, err := reachStops(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			stops, err := store.Stops(cmd.Context(), control.StopFilter{Open: !all})
			if err != nil {
				return err
			}
			if len(stops) == 0 {
				fmt.Fprintln(stderr, "no partition is stopped")
			}
			if f.output != output.Table {
				g := output.New("role", "topic", "partition", "offset", "kind", "message", "since", "last", "process", "reason", "skip", "who", "why", "gone_on", "ordered_for").Numbers("partition", "offset")
				for _, s := range stops {
					g.Add(s.Role, wordOf(topics, s.Topic), fmt.Sprint(s.Partition), fmt.Sprint(s.Offset), string(s.Kind), s.Hash, backoffice.Moment(s.First), backoffice.Moment(s.Last), s.Process, s.Reason, fmt.Sprint(s.Skip), s.Who, s.Why, momentOrNever(s.Closed), s.OrderedFor)
				}
				return g.Print(data(cmd), f.output)
			}
			var b strings.Builder
			for i := range stops {
				if i > 0 {
					b.WriteString("\n")
				}
				tellStop(&b, topics, &stops[i], output.Width(data(cmd)))
			}
			return output.Words(data(cmd), b.String(), 4)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "include partitions that have continued since")
	outputFlag(f, c)
	return c
}

func momentOrNever(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return backoffice.Moment(t)
}

// tellStop prints where a partition stopped and the commands to type, in lines of at most width characters where
// possible.
func tellStop(w io.Writer, topics broker.Topics, s *control.Stop, width int) {
	word := wordOf(topics, s.Topic)
	at := fmt.Sprintf("%s %d --offset %d", word, s.Partition, s.Offset)
	fmt.Fprintf(w, "%s, partition %d: stopped at offset %d of %s since %s\n  %s\n", s.Role, s.Partition, s.Offset, s.Topic, backoffice.Moment(s.First), s.Reason)
	if s.Skip {
		looked := ""
		if s.OrderedFor != "" && s.OrderedFor != s.Role {
			looked = ", when " + s.OrderedFor + " had stopped there"
		}
		fmt.Fprintf(w, "  %s ordered to skip it at %s%s: %s\n", s.Who, backoffice.Moment(s.Ordered), looked, s.Why)
	}
	if !s.Closed.IsZero() {
		fmt.Fprintf(w, "  went on at %s\n", backoffice.Moment(s.Closed))
		return
	}
	fmt.Fprint(w, typed("look:", "show "+at, width), typed("try again:", "retry "+at, width))
	if s.Skip || s.Kind == control.StopOther {
		return
	}
	fmt.Fprint(w, typed("skip it:", "skip "+at+" --message "+s.Hash+" --why \"…\"", width))
}

// typed is a subcommand of ratemill partition, for a terminal of a width (0: any). A command that is too wide continues
// on further lines in a form that a shell accepts.
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

// skipMeans explains the effect of skipping.
func skipMeans(s *control.Stop, topics broker.Topics) string {
	switch {
	case s.Kind == control.StopRows:
		return "These rows stay out of the warehouse, and the balance of their files stays off by them."
	case s.Kind == control.StopGap:
		return "The message is rated. The records missing before it stay missing, and the balance of their file stays off by them."
	case s.Topic == topics.Usage:
		return "Records whose identity can be read go to suspense with the code skipped, and can be retried from there; the balance of the file stays off by the others."
	}
	return "The message does not count. If it held records, the balance of their files stays off by them."
}

func partitionShow(f *flags) *cobra.Command {
	var ref stopRef
	var raw bool
	c := &cobra.Command{
		Use:   "show usage|rated PARTITION --offset N",
		Short: "Show the message or rows at which a partition stopped",
		Example: `  ratemill partition show usage 3 --offset 812
  ratemill partition show usage 3 --offset 812 --raw > message.bin`,
		Args: cobra.MatchAll(needing(2, 2, "a topic and a partition: ratemill partition show usage 3 --offset 812"), stopWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, topics, err := reachStops(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			s, err := ref.find(cmd.Context(), store, topics, args, false)
			if err != nil {
				return err
			}
			if raw {
				if output.Width(data(cmd)) > 0 && len(s.Message) > 0 {
					return errors.New("a message is no text for a terminal; send it to a file: ratemill partition show … --raw > " +
						"message.bin")
				}
				_, err := data(cmd).Write(append(s.Message, s.Detail...)) // one of them is there
				return err
			}
			out := &strings.Builder{}
			tellStop(out, topics, s, output.Width(data(cmd)))
			fmt.Fprintf(out, "  kind:      %s\n  message:   %s\n", s.Kind, s.Hash)
			if s.Kind != control.StopOther {
				fmt.Fprintf(out, "  skipped:   %s\n", skipMeans(s, topics))
			}
			var rows []consumer.RefusedRow
			if s.Kind == control.StopRows && json.Unmarshal(s.Detail, &rows) == nil {
				for _, r := range rows {
					fmt.Fprintf(out, "\n%s of %s, from offset %d: %s\n  %s\n", r.Record, r.Table, r.Offset, r.Why, r.Values)
				}
			}
			if len(s.Message) > 0 {
				fmt.Fprintf(out, "\n%d bytes, the first of them:\n%s", len(s.Message), hex.Dump(s.Message[:min(len(s.Message), 256)]))
			}
			return output.Words(data(cmd), out.String(), 4)
		},
	}
	ref.flags(c)
	c.Flags().BoolVar(&raw, "raw", false, "print only the raw message from the topic, or the refused rows as JSON")
	return c
}

func partitionRetry(f *flags) *cobra.Command {
	var ref stopRef
	c := &cobra.Command{
		Use:     "retry usage|rated PARTITION --offset N",
		Short:   "Let a stopped partition try again, once the cause is corrected",
		Example: "  ratemill partition retry rated 0 --offset 4711",
		Args:    cobra.MatchAll(needing(2, 2, "a topic and a partition: ratemill partition retry usage 3 --offset 812"), stopWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			return orderStop(cmd, f, &ref, args, false, "")
		},
	}
	ref.flags(c)
	return c
}

func partitionSkip(f *flags) *cobra.Command {
	var ref stopRef
	var reason string
	c := &cobra.Command{
		Use:   "skip usage|rated PARTITION --offset N --message HASH --why WORDS",
		Short: "Order a stopped partition to skip a faulty message or rows",
		Long: `Skip orders a stopped partition to go on without a message that cannot be read or rated, without records that are
missing before a message, or without rows that the warehouse refuses. The order holds for exactly the message or rows
with the hash that list and show print, and cannot be undone. Skipped content is kept, with your name and reason
(list --all, show).`,
		Example: `  ratemill partition skip usage 3 --offset 812 --message 9f3a1c22b0d4e5f6 --why "a test message of ours, TICKET-17"`,
		Args:    cobra.MatchAll(needing(2, 2, "a topic and a partition: ratemill partition skip usage 3 --offset 812 --message 9f3a1c22b0d4e5f6 --why \"…\""), stopWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return errors.New("the reason is empty; give one for those who read the balance later")
			}
			return orderStop(cmd, f, &ref, args, true, reason)
		},
	}
	ref.flags(c)
	c.Flags().StringVar(&ref.message, "message", "", "hash of the message or rows, as list and show print it")
	c.Flags().StringVar(&reason, "why", "", "the reason, for those who read the balance later")
	_ = c.MarkFlagRequired("message")
	_ = c.MarkFlagRequired("why")
	return c
}

func orderStop(cmd *cobra.Command, f *flags, ref *stopRef, args []string, skip bool, reason string) error {
	store, topics, err := reachStops(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer store.Close()
	s, err := ref.find(cmd.Context(), store, topics, args, true)
	if err != nil {
		return err
	}
	if skip && s.Kind == control.StopOther {
		return &problems{fmt.Sprintf("this cannot be skipped: %s", s.Reason)}
	}
	err = store.OrderStop(cmd.Context(), s, skip, whoami(), reason, time.Now())
	switch {
	case errors.Is(err, control.ErrSkipped):
		return &problems{err.Error()}
	case errors.Is(err, control.ErrConflict):
		return &problems{"somebody else has just given an order for it; look again: ratemill partition list"}
	case err != nil:
		return err
	}
	if skip {
		fmt.Fprintln(words(cmd), skipMeans(s, topics))
	}
	fmt.Fprintf(words(cmd), "%s of partition %d continues within seconds; `ratemill partition list` shows whether it stopped again.\n",
		s.Role, s.Partition)
	return nil
}
