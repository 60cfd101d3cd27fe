package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"ratemill/internal/control"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/progress"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
	"ratemill/registry"
)

// Options define how the demo runs.
type Options struct {
	Dir      string
	Once     bool // exit when everything is stored, instead of staying up
	Records  int  // number of records to generate in addition to the shipped files
	Seed     uint64
	Stages   string    // file for the work of each stage, as JSON; empty for none
	Program  string    // name of the program, for commands that people copy
	Ask      string    // Program, with the options that make its other commands use this demo's engines
	Words    io.Writer // where people read
	Terminal bool      // Words is a terminal: show progress bars
	Log      *slog.Logger
	Roles    []roles.Role // all roles of the binary; each runs in a process of its own
}

// Run runs the demo until ctx ends, or, with Once, until everything is stored.
func Run(ctx context.Context, o Options) error {
	began := time.Now()
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	stay := ", ctrl-C stops it"
	if o.Once {
		stay = ""
	}
	fmt.Fprintf(o.Words, "ratemill demo · data in %s · everything runs on this machine%s\n", o.Dir, stay)
	e, err := build(ctx, dir, o.Roles, o.Log)
	if err != nil {
		return err
	}
	defer e.close()
	var generated []registry.Input
	if o.Records > 0 {
		if generated, err = e.generate(ctx, o); err != nil {
			return err
		}
	}
	if err := e.register(ctx, generated); err != nil {
		return err
	}
	known, err := closedFiles(ctx, e.engines.Store)
	if err != nil {
		return err
	}
	files, bytes, err := countFiles(filepath.Join(dir, "sftp"))
	if err != nil {
		return err
	}
	var version string
	if err := e.engines.Warehouse.Conn().QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return err
	}
	fmt.Fprintf(o.Words, "  sftp        127.0.0.1:%-16s %d files of %d carriers, %s\n", e.ports["sftp"], files,
		len(e.project.Sources.Sources), size(bytes))
	fmt.Fprintf(o.Words, "  kafka       %-26s embedded\n", e.engines.KafkaAddress)
	fmt.Fprintf(o.Words, "  clickhouse  %-26s embedded, %s\n\n", "http://"+e.engines.ClickHouseAddress, version)

	p, err := start(e)
	defer p.stop()
	if err != nil {
		return err
	}
	if err := p.watch(ctx, o, files); err != nil || ctx.Err() != nil {
		return err
	}
	if o.Terminal {
		fmt.Fprintln(o.Words)
	}
	if err := e.report(ctx, p, o, known, time.Since(began)); err != nil {
		return err
	}
	if o.Once {
		return nil
	}
	fmt.Fprintf(o.Words, "\nClickHouse answers at http://%s (curl -u \"%s:$(cat %s)\" 'http://%s/?query=select+1'), metrics at "+
		"http://%s/metrics. ctrl-C stops the demo.\n",
		e.engines.ClickHouseAddress, keys.Reader, keys.ReaderFile(e.config.Data), e.engines.ClickHouseAddress, p.all[0].metrics)
	<-ctx.Done()
	return nil
}

// watch follows the roles until no work is left.
func (p *processes) watch(ctx context.Context, o Options, files int) error {
	b := newBars(o, files)
	defer b.Done()
	quiet := 0
	for ctx.Err() == nil {
		if err := p.left(); err != nil {
			return err
		}
		r := p.read(ctx)
		closed, err := closedFiles(ctx, p.environment.engines.Store)
		if err != nil {
			return err
		}
		p.note(r)
		b.show(closed, r)
		idle, err := p.idle(ctx, r)
		if err != nil {
			return err
		}
		// Twice in a row, because the last file's rows may have been in transit between two queries.
		if quiet++; !idle {
			quiet = 0
		}
		if quiet >= 2 {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// note records when each role was last seen to have done something.
func (p *processes) note(all map[string]scrape.Metrics) {
	now := time.Now()
	for _, m := range p.all {
		n := all[m.role.Name].Sum(m.role.Work.Done.Name())
		if n > m.busy.records {
			if m.busy.records == 0 {
				m.busy.began = now.Add(-100 * time.Millisecond)
			}
			m.busy.records, m.busy.ended = n, now
		}
	}
}

// idle reports whether every existing file was read, rated and stored.
func (p *processes) idle(ctx context.Context, all map[string]scrape.Metrics) (bool, error) {
	for _, m := range p.all {
		if all[m.role.Name] == nil {
			return false, nil
		}
	}
	for _, source := range p.environment.project.Sources.Names() {
		if m := all[roles.Mediation.Name]; m.Sum("ratemill_source_listed_timestamp_seconds", "source", source) == 0 ||
			m.Sum("ratemill_source_growing_files", "source", source) > 0 {
			return false, nil
		}
	}
	partitions := float64(p.environment.engines.Partitions)
	for _, m := range p.all {
		waits := m.role.Work.Waits
		if r := all[m.role.Name]; waits.Declared() && (r.Sum("ratemill_partitions_owned") < partitions || r.Sum(waits.Name()) > 0) {
			return false, nil
		}
	}
	waiting, err := p.environment.engines.Store.Waiting(ctx)
	return len(waiting) == 0, err
}

// closedFiles returns the number of files without remaining work.
func closedFiles(ctx context.Context, store *control.Store) (n int, err error) {
	after := int64(0)
	for {
		files, err := store.Files(ctx, control.FileFilter{After: after, Limit: 5000})
		if err != nil || len(files) == 0 {
			return n, err
		}
		for _, f := range files {
			if !f.Open {
				n++
			}
			after = f.Number
		}
	}
}

// bars shows a bar for each stage on a terminal, and nothing elsewhere.
type bars struct {
	*progress.Bars
	collect, rate, stored *progress.Bar
	files                 int
}

func newBars(o Options, files int) *bars {
	b := lasting(o)
	return &bars{Bars: b, collect: b.Add("mediate"), rate: b.Add("rate"), stored: b.Add("store"), files: files}
}

func lasting(o Options) *progress.Bars {
	if o.Terminal {
		return progress.Lasting(o.Words)
	}
	return nil
}

func of(done, total int64, what string) string {
	return humanize.Comma(done) + " of " + humanize.Comma(total) + " " + what
}

func (b *bars) show(closed int, all map[string]scrape.Metrics) {
	m := all[roles.Mediation.Name]
	read := int64(m.Sum("ratemill_mediation_records_total"))
	b.collect.At(int64(closed), int64(b.files), fmt.Sprintf("%s, %s records", of(int64(closed), int64(b.files), "files"),
		humanize.Comma(read)))
	rated := int64(all[roles.Rating.Name].Sum("ratemill_rating_records_total"))
	toRate := max(int64(m.Sum("ratemill_mediation_records_total", "outcome", "mapped")), rated)
	b.rate.At(rated, toRate, of(rated, toRate, "records"))
	stored := int64(all[roles.Warehouse.Name].Sum("ratemill_warehouse_rows_total"))
	b.stored.At(stored, rated, of(stored, rated, "records"))
}
