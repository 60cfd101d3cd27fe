package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/internal/engines"
	"ratemill/internal/output"
)

// report prints the results: balances, usage and cost, three explained records, each stage's work, and what to query
// next.
func (e *environment) report(ctx context.Context, p *processes, o Options, known int, took time.Duration) error {
	closed, err := closedFiles(ctx, e.engines.Store)
	if err != nil {
		return err
	}
	if closed == known {
		fmt.Fprintf(o.Words, "nothing new: all %d files were read before, and nothing is charged twice\n\n", known)
	}
	office, err := backoffice.New(backoffice.Options{Store: e.engines.Store, Warehouse: backoffice.Connected(e.engines.Warehouse),
		Project: e.config.Project, Partitions: e.engines.Partitions, InvoicesFrom: e.config.Invoicing.From, Sink: engines.SinkName})
	if err != nil {
		return err
	}
	if err := e.balances(ctx, office, o.Words); err != nil {
		return err
	}
	if err := e.costs(ctx, office, o.Words); err != nil {
		return err
	}
	if err := e.explained(ctx, office, o); err != nil {
		return err
	}
	if err := p.stages(o, took); err != nil {
		return err
	}
	fmt.Fprintln(o.Words)
	if err := e.lives(ctx, office, o); err != nil {
		return err
	}
	if err := e.invoices(ctx, office, o); err != nil {
		return err
	}
	for _, q := range [][2]string{
		{"What is each account charged so far?", "account balance"},
		{"What did each account use on each day?", `query "select * from usage_by_account_day"`},
		{"Which accounts pay most, and for what?",
			`query "select account, plan, class, sum(amount) amount, currency from charges group by all order by amount desc"`},
		{"Which records wait, and for what?", "suspense list"},
		{"What is an invoice line made of?", "invoice show GLX-0001 --line 5"},
	} {
		fmt.Fprintf(o.Words, "%-38s  %s %s\n", q[0], o.Ask, q[1])
	}
	return nil
}

const mostFiles = 30 // number of balances that are shown individually

func (e *environment) balances(ctx context.Context, office *backoffice.Office, to io.Writer) error {
	all, err := office.FileBalances(ctx)
	if err != nil {
		return err
	}
	g := output.New("file", "records", "fan-out", "filtered", "duplicate", "suspended", "rated", "balance").
		Numbers("records", "fan-out", "filtered", "duplicate", "suspended", "rated", "balance")
	line := func(name string, b *backoffice.FileBalance, verdict string) {
		row := []string{name}
		for _, n := range []uint64{b.Records, b.Added, b.Filtered, b.Duplicate, b.Suspended, b.Rated} {
			row = append(row, strconv.FormatUint(n, 10))
		}
		g.Add(append(row, verdict)...)
	}
	const closed = "0 ✓"
	for i, b := range all.Files {
		switch {
		case !b.Closed():
			line(b.Name, &b, fmt.Sprintf("%d ✗", b.Difference))
		case i < mostFiles:
			line(b.Name, &b, closed)
		}
	}
	verdict := closed
	if all.Open > 0 {
		verdict = fmt.Sprintf("%d files ✗", all.Open)
	}
	name := fmt.Sprintf("all %d files", len(all.Files))
	if len(all.Files) > mostFiles {
		name += fmt.Sprintf(", of which %d are shown", mostFiles)
	}
	line(name, &all.All, verdict)
	if err := g.Print(to, output.Table); err != nil {
		return err
	}
	fmt.Fprintln(to, "balance: records + fan-out - filtered - duplicate - suspended - rated, what was read against what lies in ClickHouse")
	return e.unread(ctx, to)
}

// unread returns the files that were not read to their end, with the reasons.
func (e *environment) unread(ctx context.Context, to io.Writer) error {
	files, err := e.engines.Store.Files(ctx, control.FileFilter{States: []control.FileState{control.Duplicate, control.Failed,
		control.Vanished}, Limit: 20})
	for _, f := range files {
		line := fmt.Sprintf("%s: %s: %s\n", strings.TrimPrefix(f.Path, "/"), f.State, f.Why)
		if err := output.Words(to, line, 4); err != nil {
			return err
		}
	}
	fmt.Fprintln(to)
	return err
}

const mostAccounts = 40

func (e *environment) costs(ctx context.Context, office *backoffice.Office, to io.Writer) error {
	totals, err := office.Totals(ctx)
	if err != nil {
		return err
	}
	g := output.New("account", "cost", "usage of its SIMs").Amounts("cost")
	for i, t := range totals {
		if i == mostAccounts {
			g.Add(fmt.Sprintf("and %d more", len(totals)-i), "", "")
			break
		}
		var costs, usage []string
		for _, c := range t.Costs {
			amount, err := decimal.Parse(c.Amount)
			if err != nil {
				return err
			}
			costs = append(costs, c.Currency+" "+amount.Fixed(6))
		}
		for _, u := range t.Usage {
			usage = append(usage, u.Class+" "+quantity(u.Quantity, u.Unit))
		}
		if len(usage) == 0 {
			usage = []string{"(that of the accounts below it)"}
		}
		g.Add(t.Account, strings.Join(costs, " + "), strings.Join(usage, ", "))
	}
	err = g.Print(to, output.Table)
	fmt.Fprintln(to)
	return err
}

// quantity returns a number of units for display: 1.2 GB, 3h12m, 41.
func quantity(n int64, unit string) string {
	switch unit {
	case "B":
		return humanize.Bytes(uint64(n))
	case "s":
		return (time.Duration(n) * time.Second).String()
	}
	return humanize.Comma(n)
}

// explained prints three records whose charges show different cases: a pool that emptied, two tiers, a call.
func (e *environment) explained(ctx context.Context, office *backoffice.Office, o Options) error {
	var ids []string
	for _, where := range []string{
		"(file, seq) IN (SELECT file, seq FROM usage_events WHERE event = 'pool.exhausted')",
		"(file, seq) IN (SELECT file, seq FROM charges WHERE tier > 0 AND amount > 0) AND amount > 0 AND class = 'data'",
		"class LIKE 'voice%' AND amount > 0 AND (file, seq) NOT IN (SELECT file, seq FROM charges WHERE tier > 0)",
	} {
		rows, err := e.engines.Warehouse.Conn().Query(ctx,
			"SELECT file, seq FROM rated_usage WHERE "+where+" ORDER BY amount = 0, at, file, seq LIMIT 1")
		if err != nil {
			return err
		}
		for rows.Next() {
			var file string
			var seq uint64
			if err := rows.Scan(&file, &seq); err != nil {
				return err
			}
			ids = append(ids, file[:8]+":"+strconv.FormatUint(seq, 10))
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	for _, id := range ids {
		e, err := office.Explain(ctx, backoffice.ExplainRequest{ID: id})
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Words, "$ %s explain %s\n", o.Ask, id)
		if err := output.Words(o.Words, e.Words+"\n", 10); err != nil {
			return err
		}
	}
	return nil
}

const few = 50_000 // below this many records, start-up costs dominate

// stages prints the work and cost of each stage, including the engines' part.
func (p *processes) stages(o Options, took time.Duration) error {
	to := o.Words
	g := output.New("stage", "records", "records/s", "CPU", "CPU per record", "memory").Amounts("records", "records/s", "CPU",
		"CPU per record", "memory")
	var all used
	var most float64
	var stages []Stage
	line := func(name string, records float64, busy time.Duration, u used) {
		all.cpu, all.peak = all.cpu+u.cpu, all.peak+u.peak
		stages = append(stages, Stage{name, int64(records), busy.Seconds(), u.cpu.Seconds(), u.peak})
		rate, each := "–", "–"
		if records > 0 && busy > 0 {
			rate = humanize.Comma(int64(records / busy.Seconds()))
		}
		if records > 0 {
			each = fmt.Sprintf("%.2f µs", float64(u.cpu.Microseconds())/records)
		}
		g.Add(name, humanize.Comma(int64(records)), rate, fmt.Sprintf("%.2f s", u.cpu.Seconds()), each, size(u.peak))
	}
	for _, m := range p.all {
		if m.role.Work.Records {
			most = max(most, m.busy.records)
		}
		line(m.role.Work.Title, m.busy.records, m.busy.ended.Sub(m.busy.began), usedBy(m.cmd.Process.Pid))
	}
	line("engine: kafka, embedded", most, 0, usedBy(p.environment.engines.KafkaPID))
	line("engine: clickhouse, embedded", most, 0, usedBy(p.environment.engines.ClickHousePID))
	busy := time.Duration(0)
	if first, last := p.all[0].busy.began, p.all[len(p.all)-1].busy.ended; most > 0 && last.After(first) {
		busy = last.Sub(first)
	}
	line("all, from files to rows", most, busy, all)
	if err := g.Print(to, output.Table); err != nil {
		return err
	}
	fmt.Fprintf(to, "from start to here %s\n", took.Round(100*time.Millisecond))
	if most > 0 && most < few {
		fmt.Fprintf(to, "with so few records, starting up is most of the cost; %s demo -n 1000000 shows what a record costs when "+
			"there are many\n", o.Program)
	}
	if o.Stages == "" {
		return nil
	}
	text, err := json.MarshalIndent(stages, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.Stages, append(text, '\n'), 0o644)
}

// Stage is the work and cost of a process; the last stage of a demo is the total.
type Stage struct {
	Name    string  `json:"name"`
	Records int64   `json:"records"`
	Seconds float64 `json:"seconds"` // from the first record to the last; 0 for an engine
	CPU     float64 `json:"cpu_seconds"`
	Peak    int64   `json:"peak_bytes"` // peak resident memory; for the total, the sum
}

func countFiles(dir string) (n int, bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n++
			bytes += info.Size()
		}
		return err
	})
	return n, bytes, err
}

func size(bytes int64) string { return humanize.Bytes(uint64(bytes)) }
