package crash

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ratemill/internal/offline"
	"ratemill/internal/ratedlog"
	"ratemill/mediation"
	"ratemill/registry/life"
	"ratemill/udr"
)

// A switch appends to one file during the whole run, and about half of the time stops in the middle of a line. Each
// part that is read is a separate file in the ledger, and the timing of the machine decides where parts begin. This
// file is therefore compared line by line, and the other files record by record.
const (
	grows      = "switch"
	growsSIMs  = 5
	growsLines = 40 // most lines that are appended at once
)

const growsSource = `source: switch
collect:
  sftp: CONNECTION
  match: DIR/switch/usage.csv
  settled: 300ms
  every: 300ms
decode: { csv: { columns: [who, begun, octets] } }
times: { back: 10000d }
map:
  - name: data
    class: data
    set: { sim: name(who), at: rfc3339(begun), country: 'country("ES")', quantity: octets(octets) }
duplicate: { key: [who, begun, octets], within: 30d }
session: whole
`

// growing is the file to which the switch appends.
type growing struct {
	path  string
	text  strings.Builder // all lines
	lines int
	there int // bytes that the file has so far
}

// registerGrowing registers the SIMs of the switch with a separate account.
func (r *run) registerGrowing() error {
	dir := r.Incoming(grows)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r.growing = &growing{path: filepath.Join(dir, "usage.csv")}
	sims := "name,account,plan,since\n"
	for i := range growsSIMs {
		sims += fmt.Sprintf("line-%d,%s,fleet,%s\n", i, grows, livesSince)
	}
	_, err := r.imports(r.t.Context(), map[string]string{
		"companies.csv": "id,name,kind\nswitch,Switch,customer\n",
		"accounts.csv":  "id,company,currency,zone,cycle_day,limits,since\nswitch,switch,EUR,Europe/Madrid,1," + livesLimit + ",2026-01-01\n",
		"sims.csv":      sims,
	})
	if err != nil {
		return err
	}
	return r.beginLives()
}

// grow appends some lines. Unless the file is to be complete, the last line may be unfinished until the next call. The
// first line is never unfinished: a file without any line end does not look unfinished, and its only line is read.
func (r *run) grow(all bool) error {
	g := r.growing
	for range 1 + r.random.IntN(growsLines) {
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.lines) * time.Minute)
		fmt.Fprintf(&g.text, "line-%d,%s,%d\n", r.random.IntN(growsSIMs), at.Format(time.RFC3339), 1000*(1+r.random.IntN(5000)))
		g.lines++
	}
	end := g.text.Len()
	if !all && r.random.IntN(2) == 0 {
		end = max(end-r.random.IntN(20), strings.Index(g.text.String(), "\n")+1)
	}
	to, err := os.OpenFile(g.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := to.WriteString(g.text.String()[g.there:end]); err != nil {
		to.Close()
		return err
	}
	g.there = end
	return to.Close()
}

// grown compares the results of the file with the offline pipeline's result for the whole file.
func (r *run) grown(ctx context.Context, c *comparison) error {
	if r.growing.lines == 0 {
		return nil
	}
	source, _ := r.Project.Sources.Source(grows)
	file := offline.File{Source: source, Path: offline.Listed(source, r.growing.path), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(r.growing.text.String())), nil
	}}
	var ought, events []string
	used := map[uint32][]life.Event{}
	pipe := r.pipeline(r.changes.first)
	pipe.Batch = func(_ *offline.File, _ int, b *ratedlog.Batch, _ []byte) error {
		for i := range b.Rated {
			if err := udr.ParseUsage(b.Rated[i].Usage, &c.usage); err != nil {
				return err
			}
			line := join(c.usage.Line, c.used())
			charges, err := c.charged(b.Rated[i].Charges)
			if err != nil {
				return err
			}
			ought = append(ought, join(line, charges))
			fired, err := c.usedLives(used, b.Rated[i].Events)
			if err != nil {
				return err
			}
			events = append(events, fired...)
		}
		return c.counters.add(b)
	}
	if _, err := pipe.Run(ctx, []offline.File{file}); err != nil {
		return err
	}
	if len(ought) != r.growing.lines {
		return fmt.Errorf("offline, %d of %d lines of the growing file are rated", len(ought), r.growing.lines)
	}
	fields := "line, " + usageFields + ", " + chargeFields
	found, err := c.lines("SELECT " + written(fields) + " FROM rated_usage WHERE source = '" + grows + "' AND attributes['" +
		mediation.RetryAttribute + "'] = ''")
	if err != nil {
		return err
	}
	c.rows[ratedTable] += len(found)
	c.match("the file that grows", "lines of the file that grows", fields, ought, found)
	if err := c.compareEvents(events); err != nil {
		return err
	}
	if err := r.compareBars(ctx, c.bars); err != nil {
		return err
	}
	return r.compareLives(ctx, used)
}
