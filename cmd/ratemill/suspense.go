package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ratemill/internal/backoff"
	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/internal/output"
	"ratemill/internal/printable"
	"ratemill/internal/roles"
	"ratemill/internal/warehouse"
	"ratemill/registry"
	"ratemill/udr"
)

func suspenseCommand(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "suspense",
		Short: "Handle records that could not be processed: list, show, retry, drop",
		Long: `A record that cannot be processed waits in suspense with the reason. Correct the cause, then retry the record: it comes
back in a file of its own, a retry batch, and goes through the current rules, registry and catalogue. Drop records that
can never be processed; your name and reason are kept. See docs/suspense.md.`,
	}
	c.AddCommand(suspenseList(f), suspenseShow(f), suspenseRetry(f), suspenseDrop(f), suspenseRetries(f), suspenseCancel(f))
	return c
}

// suspenseFilter is the filter given by the flags.
type suspenseFilter struct {
	warehouse.SuspenseFilter
	sim string
}

// find looks up the SIM in the filter. Records often wait because their SIM is unknown, so an identifier that the
// registry never had works too.
func (f *suspenseFilter) find(ctx context.Context, s *stores) error {
	if f.sim == "" {
		return nil
	}
	r := registry.New()
	if _, err := s.control.LoadRegistry(ctx, r); err != nil {
		return err
	}
	view := r.View()
	defer view.Close()
	f.SIM = backoffice.Identifiers(view, f.sim)
	return nil
}

// chooses says whether the filter leaves any records out.
func (f *suspenseFilter) chooses() bool { return f.Chooses() || f.sim != "" }

func filterFlags(c *cobra.Command, filter *suspenseFilter) {
	c.Flags().StringVar(&filter.sim, "sim", "", "of this SIM only, by any of its identifiers")
	c.Flags().StringVar(&filter.Source, "source", "", "only this source")
	c.Flags().StringVar(&filter.Code, "code", "", "only records with this code, such as sim_unknown")
	c.Flags().StringVar(&filter.Rule, "rule", "", "only records suspended by this rule, as list shows it")
}

func suspenseList(f *flags) *cobra.Command {
	var filter suspenseFilter
	var records bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Count the waiting records by reason, with the oldest of each",
		Example: `  ratemill suspense list
  ratemill suspense list --records --code sim_unknown -o csv > unknown.csv`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needs(cmd, "limit", "records"); err != nil {
				return err
			}
			s, err := reachStores(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer s.close()
			if err := filter.find(cmd.Context(), s); err != nil {
				return err
			}
			if records {
				return s.listRecords(cmd, f, filter.SuspenseFilter)
			}
			reasons, err := s.warehouse.SuspenseReasons(cmd.Context(), filter.SuspenseFilter)
			if err != nil {
				return err
			}
			if len(reasons) == 0 {
				words, err := s.nothingWaits(cmd.Context(), filter.SuspenseFilter)
				if err != nil {
					return err
				}
				fmt.Fprintln(stderr, words)
			}
			g := output.New("records", "source", "code", "since", "example", "rule", "position", "reason").Numbers("records")
			total := uint64(0)
			for _, r := range reasons {
				total += r.Records
				example := r.Example.String()
				if f.output == output.Table {
					example = backoffice.Short(example)
				}
				g.Add(fmt.Sprint(r.Records), r.Source, r.Code, moment(r.Since), example, r.Rule, r.Position, r.Reason)
			}
			if total == 0 && f.output == output.Table {
				return nil
			}
			if err := g.Print(data(cmd), f.output); err != nil {
				return err
			}
			if total > 0 && f.output == output.Table {
				fmt.Fprintf(stderr, "%s; for the reason and what to do: ratemill suspense show %s\n", wait(total), backoffice.Short(reasons[0].Example.String()))
			}
			return s.onTheirWay(cmd.Context())
		},
	}
	filterFlags(c, &filter)
	c.Flags().BoolVar(&records, "records", false, "list each record")
	c.Flags().IntVar(&filter.Limit, "limit", 1000, "with --records: show at most this many")
	outputFlag(f, c)
	return c
}

func wait(n uint64) string {
	if n == 1 {
		return "1 record waits"
	}
	return fmt.Sprintf("%d records wait", n)
}

func moment(t time.Time) string { return t.UTC().Format(time.DateTime) + "Z" }

func (s *stores) listRecords(cmd *cobra.Command, f *flags, filter warehouse.SuspenseFilter) error {
	all, err := s.warehouse.Suspense(cmd.Context(), filter)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		words, err := s.nothingWaits(cmd.Context(), filter)
		if err != nil {
			return err
		}
		fmt.Fprintln(stderr, words)
	}
	g := output.New("id", "source", "file", "line", "code", "since", "reason", "values", "raw").Numbers("line")
	for i := range all {
		r := &all[i]
		id, raw := r.ID.String(), printable.Raw(r.Raw)
		if f.output == output.Table {
			id, raw = backoffice.Short(id), clip(raw, 60)
		}
		g.Add(id, r.Pin.Source, strings.TrimPrefix(r.File, "/"), fmt.Sprint(r.Line), r.Why.Code, moment(r.Stored), r.Why.Reason, r.Why.Values, raw)
	}
	if len(all) == filter.Limit {
		fmt.Fprintf(stderr, "only the first %d are shown; --limit shows more\n", filter.Limit)
	}
	return g.Print(data(cmd), f.output)
}

// clip shortens a carrier's text to one line of a table.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return printable.Line(string(runes))
}

// onTheirWay lists the open retries, whose records still wait.
func (s *stores) onTheirWay(ctx context.Context) error {
	open, err := s.control.Retries(ctx, control.RetryOpen)
	for _, r := range open {
		fmt.Fprintf(stderr, "%s of %s in progress in retry %d, since %s\n", counted(int(r.Records), "record"), r.Source, r.Number, moment(r.Created))
	}
	return err
}

func suspenseShow(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:     "show ID…",
		Short:   "Show why a record waits, what is known of it, and what to do",
		Example: "  ratemill suspense show 8f3a0c:12",
		Args:    needing(1, 0, "ids of records: ratemill suspense show 8f3a0c:12"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, _, end, err := inquire(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer end()
			for i, id := range args {
				text, err := q.Suspended(cmd.Context(), id)
				if errors.Is(err, warehouse.ErrNotFound) {
					return &problems{err.Error()}
				}
				if err != nil {
					return err
				}
				if i > 0 {
					fmt.Fprintln(words(cmd))
				}
				if err := labelled(cmd, text); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// unambiguous refuses a short id that matches records of several files, and any short id for an irreversible action: a
// short id that is unique today need not name the record that the user meant.
func unambiguous(id string, fits []warehouse.SuspendedKey, destroys bool) error {
	if id == "" || len(fits) == 0 {
		return nil
	}
	first := fits[0].ID
	for _, k := range fits[1:] {
		if k.ID.File != first.File {
			return &problems{fmt.Sprintf("%s matches records of several files, such as %s and %s; give more of the id", id, first, k.ID)}
		}
	}
	file, seq, one := strings.Cut(id, ":")
	if whole := first.File.String(); destroys && file != whole {
		if one {
			whole += ":" + seq
		}
		return &problems{fmt.Sprintf("dropping is final, so give the whole id: %s is %s", id, whole)}
	}
	return nil
}

// chosen returns the selected waiting records, by ids or filter, without those that are already in a batch.
func (s *stores) chosen(ctx context.Context, ids []string, filter warehouse.SuspenseFilter, destroys bool) ([]warehouse.SuspendedKey, error) {
	var keys []warehouse.SuspendedKey
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		filter.ID = id
		some, err := s.warehouse.SuspenseKeys(ctx, filter)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			if _, err := s.nothingWaits(ctx, filter); err != nil {
				return nil, err
			}
		}
		if len(some) == 0 && id != "" {
			left, err := s.warehouse.Suspense(ctx, warehouse.SuspenseFilter{ID: id, Closed: true, Limit: 1})
			switch {
			case err != nil:
				return nil, err
			case len(left) > 0 && strings.Contains(id, ":"):
				return nil, &problems{id + " no longer waits; ratemill suspense show " + id + " says what became of it"}
			}
			return nil, &problems{id + " is not waiting in suspense; `ratemill suspense list --records` shows the waiting records"}
		}
		if err := unambiguous(id, some, destroys); err != nil {
			return nil, err
		}
		keys = append(keys, some...)
	}
	slices.SortFunc(keys, func(a, b warehouse.SuspendedKey) int {
		if n := strings.Compare(a.Source, b.Source); n != 0 {
			return n
		}
		if n := slices.Compare(a.ID.File[:], b.ID.File[:]); n != 0 {
			return n
		}
		return int(a.ID.Seq) - int(b.ID.Seq)
	})
	keys = slices.CompactFunc(keys, func(a, b warehouse.SuspendedKey) bool { return a.ID == b.ID })
	all := make([]udr.ID, len(keys))
	for i := range keys {
		all[i] = keys[i].ID
	}
	claimed, err := s.control.Claimed(ctx, all)
	if err != nil {
		return nil, err
	}
	if len(claimed) > 0 {
		fmt.Fprintf(stderr, "%s skipped: already in a retry or a drop\n", are(len(claimed)))
	}
	return slices.DeleteFunc(keys, func(k warehouse.SuspendedKey) bool { _, ok := claimed[k.ID]; return ok }), nil
}

func are(n int) string {
	if n == 1 {
		return "1 record is"
	}
	return fmt.Sprintf("%d records are", n)
}

// A retry batch is bounded because it is held in memory, and sent again as a whole after a crash.
const (
	batchRecords = 10_000
	batchBytes   = 64 << 20
)

func suspenseRetry(f *flags) *cobra.Command {
	var filter suspenseFilter
	var all, waits bool
	var anyway string
	c := &cobra.Command{
		Use:   "retry [ID…]",
		Short: "Process records again with the current rules, registry and catalogue",
		Long: `Retry sends waiting records through the pipeline again, in batches of at most 10,000 records of one source, as if the
source delivered them in a file now. A running mediator processes the batches. ID is the id of a record, or the beginning
of a file's id for all its waiting records; without ids, the flags choose.

A record whose copy was rated while it waited is not rated again: it waits with the code copy_rated. With --anyway and a
reason, it is rated all the same, and ratemill keeps the reason.`,
		Example: `  ratemill suspense retry --code sim_unknown --wait
  ratemill suspense retry 8f3a0c:12 8f3a0c:13
  ratemill suspense retry 8f3a0c:12 --anyway "the first was credited, ticket 4711"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !filter.chooses() && !all {
				return errors.New("say which records: by ID, by --source, --code, --rule or --sim, or --all")
			}
			if all && (len(args) > 0 || filter.chooses()) {
				return errors.New("--all means every waiting record; use it alone, or omit it")
			}
			if cmd.Flags().Changed("anyway") && strings.TrimSpace(anyway) == "" {
				return errors.New("--anyway takes the reason why records are rated that may have been rated before")
			}
			if err := needs(cmd, "output", "wait"); err != nil {
				return err
			}
			s, err := reachStores(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer s.close()
			if err := filter.find(cmd.Context(), s); err != nil {
				return err
			}
			keys, err := s.chosen(cmd.Context(), args, filter.SuspenseFilter, false)
			if err != nil {
				return err
			}
			before := len(keys)
			keys = slices.DeleteFunc(keys, func(k warehouse.SuspendedKey) bool { return k.Code == "file" })
			if n := before - len(keys); n > 0 {
				fmt.Fprintf(stderr, "%s skipped: it stands for the rest of a broken-off file, whose content was not kept; `ratemill suspense show` says what to do\n", are(n))
			}
			if len(keys) == 0 {
				return &problems{"there is nothing to retry"}
			}
			now, err := s.control.Now(cmd.Context())
			if err != nil {
				return err
			}
			var numbers []int64
			for _, batch := range batches(keys) {
				ids := make([]udr.ID, len(batch))
				for i := range batch {
					ids[i] = batch[i].ID
				}
				number, err := s.control.OrderRetry(cmd.Context(), batch[0].Source, whoami(), strings.TrimSpace(anyway), ids, now)
				var already *control.AlreadyRetriedError
				if errors.As(err, &already) {
					return &problems{already.Error()}
				}
				if err != nil {
					return err
				}
				numbers = append(numbers, number)
				fmt.Fprintf(stderr, "retry %d: %s of %s\n", number, counted(len(batch), "record"), batch[0].Source)
			}
			if !waits {
				fmt.Fprintln(stderr, "a running mediator processes them; `ratemill suspense retries` shows the outcome")
				return nil
			}
			return s.await(cmd, f, numbers)
		},
	}
	filterFlags(c, &filter)
	c.Flags().BoolVar(&all, "all", false, "all waiting records")
	c.Flags().StringVar(&anyway, "anyway", "", "rate the records even if copies of them were rated, for this reason")
	c.Flags().BoolVar(&waits, "wait", false, "wait until all are done, then show the outcome")
	outputFlag(f, c)
	return c
}

// batches splits records, sorted by source, into batches.
func batches(keys []warehouse.SuspendedKey) (all [][]warehouse.SuspendedKey) {
	from, bytes := 0, uint64(0)
	for i, k := range keys {
		if i > from && (k.Source != keys[from].Source || i-from == batchRecords || bytes+k.Weight > batchBytes) {
			all, from, bytes = append(all, keys[from:i]), i, 0
		}
		bytes += k.Weight
	}
	return append(all, keys[from:])
}

// untakenAfter: if no mediator has taken a retry by then, ask the user whether one is running.
const untakenAfter = 10 * time.Second

// await waits until retries are done and their records are in the warehouse, and prints the results.
func (s *stores) await(cmd *cobra.Command, f *flags, numbers []int64) error {
	g := output.New("retry", "source", "records", "filtered", "duplicate", "suspended", "rated").Numbers("retry", "records", "filtered", "duplicate", "suspended", "rated")
	suspended, failed := uint64(0), ""
	var once sync.Once
	for _, number := range numbers {
		waiting := func(err error) error {
			if cmd.Context().Err() == nil {
				return err
			}
			return &backoff.StoppedError{What: fmt.Sprintf("see retry %d done; it goes on, and `ratemill suspense retries` shows the outcome", number), Err: context.Canceled}
		}
		done, err := roles.WaitForRetry(cmd.Context(), s.control, number, untakenAfter, func() {
			once.Do(func() {
				fmt.Fprintf(stderr, "no mediator has taken retry %d yet; is `ratemill run` up? ctrl-C stops waiting, and the retry stays\n", number)
			})
		})
		if err != nil {
			return waiting(err)
		}
		if done.File.State != control.Done {
			failed = fmt.Sprintf("retry %d failed: %s; then: ratemill files retry %d, or ratemill suspense cancel %d", number, done.File.Why, done.File.Number, number)
			continue
		}
		b, err := s.balanced(cmd.Context(), done.FileID)
		if err != nil {
			return waiting(err)
		}
		suspended += b.Suspended
		g.Add(fmt.Sprint(number), done.Source, fmt.Sprint(b.BroughtBack), fmt.Sprint(b.Filtered), fmt.Sprint(b.Duplicate), fmt.Sprint(b.Suspended+b.Retried+b.Dropped), fmt.Sprint(b.Rated))
	}
	if err := g.Print(data(cmd), f.output); err != nil {
		return err
	}
	switch {
	case failed != "":
		return &problems{failed}
	case suspended > 0:
		return &problems{wait(suspended) + " again, under new ids; `ratemill suspense list` shows the reasons"}
	}
	return nil
}

// balanced waits until all of a file is in the warehouse.
func (s *stores) balanced(ctx context.Context, file udr.FileID) (*warehouse.FileBalance, error) {
	for {
		b, err := s.warehouse.BalanceOf(ctx, file)
		if err != nil || b != nil && b.Difference == 0 && b.DifferenceBytes == 0 {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func suspenseDrop(f *flags) *cobra.Command {
	var filter suspenseFilter
	var why string
	c := &cobra.Command{
		Use:   "drop ID…",
		Short: "Take records out of suspense for good",
		Long: `Drop is for records that can never be processed: a carrier's tests, garbage, records that were delivered again in another
file. They are never rated. The balance of their file counts them as dropped, and your name and reason are kept. ID is the
whole id of a record, or of a file for all its waiting records; a shortened id is refused, and the whole one is shown.`,
		Example: `  ratemill suspense drop 8f3a0c1e55d94b7e8c2d6f90a1b2c3d4:12 --why "a test of the carrier's, ticket 4711"`,
		Args:    needing(1, 0, "ids of records: ratemill suspense drop 8f3a0c:12 --why \"…\""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(why) == "" {
				return errors.New("give the reason with --why")
			}
			s, err := reachStores(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer s.close()
			if err := filter.find(cmd.Context(), s); err != nil {
				return err
			}
			if err := roles.FinishDrops(cmd.Context(), s.control, s.warehouse); err != nil {
				return err
			}
			keys, err := s.chosen(cmd.Context(), args, filter.SuspenseFilter, true)
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				return &problems{"there is nothing to drop"}
			}
			ids := make([]udr.ID, len(keys))
			for i := range keys {
				ids[i] = keys[i].ID
			}
			now, err := s.control.Now(cmd.Context())
			if err != nil {
				return err
			}
			number, err := s.control.CreateDrop(cmd.Context(), whoami(), why, ids, now)
			var already *control.AlreadyRetriedError
			if errors.As(err, &already) {
				return &problems{already.Error()}
			}
			if err != nil {
				return err
			}
			if err := roles.FinishDrops(cmd.Context(), s.control, s.warehouse); err != nil {
				return fmt.Errorf("drop %d is recorded, but the warehouse does not have it yet; the next `ratemill suspense drop` writes it there: %w", number, err)
			}
			fmt.Fprintf(stderr, "dropped %s for good (number %d in ratemill suspense retries)\n", counted(len(ids), "record"), number)
			return nil
		},
	}
	filterFlags(c, &filter)
	c.Flags().StringVar(&why, "why", "", "the reason, kept with the drop")
	return c
}

func suspenseRetries(f *flags) *cobra.Command {
	c := &cobra.Command{
		Use:   "retries",
		Short: "List retries and drops with their outcome",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := reachStores(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer s.close()
			all, err := s.control.Retries(cmd.Context(), "")
			if err != nil {
				return err
			}
			g := output.New("number", "what", "source", "records", "created", "who", "file", "filtered", "duplicate", "suspended", "rated", "why").Numbers("number", "records", "filtered", "duplicate", "suspended", "rated")
			for _, r := range all {
				row, err := s.retryRow(cmd.Context(), &r)
				if err != nil {
					return err
				}
				g.Add(row...)
			}
			return g.Print(data(cmd), f.output)
		},
	}
	outputFlag(f, c)
	return c
}

func (s *stores) retryRow(ctx context.Context, r *control.Retry) ([]string, error) {
	what := map[control.RetryState]string{control.RetryOpen: "retry, open", control.RetryDone: "retry, done", control.RetryDropped: "retry, cancelled",
		control.RetryDropping: "drop, unfinished", control.RetryDiscarded: "drop"}[r.State]
	row := []string{fmt.Sprint(r.Number), what, r.Source, fmt.Sprint(r.Records), moment(r.Created), r.Who, "", "", "", "", "", r.Why}
	switch r.State {
	case control.RetryOpen:
		files, err := s.control.Files(ctx, control.FileFilter{Retry: r.Number})
		if err != nil || len(files) == 0 {
			return row, err
		}
		row[1], row[11] = "retry, "+string(files[0].State), files[0].Why
	case control.RetryDone:
		row[6] = r.FileID.Short()
		b, err := s.warehouse.BalanceOf(ctx, r.FileID)
		if err != nil {
			return nil, err
		}
		if b == nil || b.Difference != 0 {
			row[11] = "is being rated and stored"
			return row, nil
		}
		copy(row[7:], []string{fmt.Sprint(b.Filtered), fmt.Sprint(b.Duplicate), fmt.Sprint(b.Suspended + b.Retried + b.Dropped), fmt.Sprint(b.Rated)})
	}
	return row, nil
}

func suspenseCancel(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel NUMBER",
		Short: "Cancel a retry that no mediator has begun to send, so that its records can be retried again",
		Args:  needing(1, 1, "the number of a retry, as `ratemill suspense retries` shows it: ratemill suspense cancel 2"),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of a retry; `ratemill suspense retries` shows the numbers", args[0])
			}
			store, _, err := reachStore(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer store.Close()
			now, err := store.Now(cmd.Context())
			if err != nil {
				return err
			}
			err = store.CancelRetry(cmd.Context(), number, whoami(), now)
			if errors.Is(err, control.ErrConflict) {
				return &problems{fmt.Sprintf("retry %d cannot be cancelled: it is being sent, done or already cancelled, or does not exist; `ratemill suspense retries` shows its state", number)}
			}
			if err == nil {
				fmt.Fprintf(stderr, "retry %d is cancelled; its records keep waiting\n", number)
			}
			return err
		},
	}
}
