package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/offline"
	"ratemill/internal/ratedlog"
	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// comparison compares the offline pipeline's result for the current file with the warehouse.
type comparison struct {
	ctx      context.Context
	w        *warehouse.Warehouse
	report   *Report
	view     *registry.View
	expected [tableCount][]string // lines of the current file
	rows     [tableCount]int      // of all files
	balances map[string]*offline.Balance
	pins     map[udr.FileID]control.Pins
	renamed  map[string][]string // versions of documents, by source
	counters sums
	paid     map[account.Key]account.Balance // by offline rating
	err      error

	bars   []string // bars that limits require from simstate
	usage  udr.Usage
	charge rating.Charge
}

// compare runs the offline pipeline over the same files, in the order of each source, and compares file by file.
func (r *run) compare(ctx context.Context) error {
	pins, err := r.pins(ctx)
	if err != nil {
		return err
	}
	c := &comparison{
		ctx: ctx, w: r.Access.Warehouse, report: r.report, view: r.changes.first.View(), balances: map[string]*offline.Balance{},
		pins: pins, renamed: r.renamed.versions, counters: sums{}, paid: map[account.Key]account.Balance{},
	}
	defer c.view.Close()
	pipe := r.pipeline(r.changes.first)
	pipe.Batch = func(_ *offline.File, _ int, b *ratedlog.Batch, _ []byte) error { return c.add(b) }
	pipe.Done = c.file
	balances, err := pipe.Run(ctx, slices.Concat(r.feed.offline(r.Installation), r.priced.offline(r.Installation, nil),
		r.leaving.offline(r.Installation, r.leaving.given)))
	if err != nil {
		return fmt.Errorf("the reference, the offline pipeline, fails: %w", err)
	}
	if c.err != nil {
		return c.err
	}
	retried, err := r.compareRetried(ctx, c)
	if err != nil {
		return err
	}
	c.rows[ratedTable] += retried
	if err := r.grown(ctx, c); err != nil {
		return err
	}
	if err := r.compareFacts(ctx, c); err != nil {
		return err
	}
	if err := r.compareBalances(ctx, c.paid); err != nil {
		return err
	}
	if err := c.totals(); err != nil {
		return err
	}
	if err := c.balance(); err != nil {
		return err
	}
	if err := r.moved(); err != nil {
		return err
	}
	if err := r.compareLedger(ctx, balances); err != nil {
		return err
	}
	for _, compare := range []func(context.Context) error{r.compareRemoved, r.compareRenamed, r.compareDays} {
		if err := compare(ctx); err != nil {
			return err
		}
	}
	if err := r.compareCounters(ctx, c.counters); err != nil || r.report.Differing == 0 {
		return err
	}
	return c.parts()
}

// parts logs ClickHouse's parts of the tables that differ, because ClickHouse sets broken parts aside after a
// kill -9.
func (c *comparison) parts() error {
	for _, query := range []string{
		"SELECT concat('detached: ', table, ' ', name, ' ', reason) FROM system.detached_parts ORDER BY table, name",
		`SELECT concat('active: ', table, ' ', toString(count()), ' parts, ', toString(sum(rows)), ' rows') FROM system.parts
			WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table`,
	} {
		lines, err := c.lines(query)
		if err != nil {
			return err
		}
		c.report.Parts = append(c.report.Parts, lines...)
	}
	return nil
}

// add records an expected row of the warehouse.
func (c *comparison) add(b *ratedlog.Batch) error {
	for i := range b.Rated {
		if err := c.rated(b, &b.Rated[i]); err != nil {
			return err
		}
	}
	for _, m := range b.Duplicate {
		line, err := c.record(b, m)
		if err != nil {
			return err
		}
		c.expect(duplicateTable, line)
	}
	for _, m := range b.Suspended {
		var s udr.Suspended
		if err := udr.ParseSuspended(m, &s); err != nil {
			return err
		}
		c.expect(suspenseTable, join(s.Seq, s.Line, s.Bytes, s.Why.Code, s.Why.Rule, s.Why.Reason, fmt.Sprintf("%x", s.Raw),
			fmt.Sprintf("%x", s.Usage)))
	}
	return c.counters.add(b)
}

func (c *comparison) expect(table int, line string) {
	c.expected[table] = append(c.expected[table], line)
}

func (c *comparison) rated(b *ratedlog.Batch, r *ratedlog.RatedRecord) error {
	line, err := c.record(b, r.Usage)
	if err != nil {
		return err
	}
	seq := c.usage.Seq
	charges, err := c.charged(r.Charges)
	if err != nil {
		return err
	}
	c.expect(ratedTable, join(line, charges))
	for _, m := range r.Events {
		e, err := rating.ParseEvent(m)
		if err != nil {
			return err
		}
		c.report.Flowed[e.Kind.String()]++
		c.bar(&e)
		amount := func(v rating.Value) any {
			if !e.Counter.Kind.IsCost() {
				return v.Units()
			}
			d, _ := v.Cost()
			return d
		}
		c.expect(eventTable, join(seq, e.Kind, e.Name, int64(e.At), e.Account, e.SIM, e.Counter.ID, e.Counter.Owner, amount(e.Threshold),
			amount(e.Before), amount(e.After), e.Severity))
	}
	return nil
}

// charged returns the fields of a record's charges. The charges of upper tiers are expected in a separate table.
func (c *comparison) charged(charges [][]byte) (string, error) {
	var own rating.Charge
	var joined []byte
	for i, m := range charges {
		joined = append(binary.AppendUvarint(joined, uint64(len(m))), m...)
		if err := rating.ParseCharge(m, &c.charge); err != nil {
			return "", err
		}
		c.report.flows(&c.charge)
		if err := c.pay(); err != nil {
			return "", err
		}
		if i == 0 && c.charge.Tier == 0 {
			own = c.charge
			continue
		}
		c.expect(tierTable, join(c.usage.Seq, c.charge.Tier, c.charge.Account, c.charge.Plan, c.charge.Zone, c.charge.Total, c.charge.Currency))
	}
	return join(own.Total, own.Currency, own.Plan, own.PlanVersion, own.Price, own.Zone, own.Rounded, fmt.Sprintf("%x", joined)), nil
}

// record returns the line of a usage record. The ledger shows which versions the file is pinned to.
func (c *comparison) record(b *ratedlog.Batch, message []byte) (string, error) {
	u := &c.usage
	if err := udr.ParseUsage(message, u); err != nil {
		return "", err
	}
	pins := c.pins[b.File]
	return join(u.Seq, u.Line, u.Bytes, b.Source, c.rules(b), pins.Catalogue, pins.Registry, c.used()), nil
}

// used returns the fields of a usage record that describe the usage and its owner.
func (c *comparison) used() string {
	u := &c.usage
	account, _ := c.view.AccountID(u.Account)
	root, _ := c.view.AccountID(u.Root)
	return join(u.Class, u.Unit, int64(u.At), u.Quantity, u.Identifier.Value, u.SIM,
		account, u.Account, root, u.Root, u.Network, u.Country, u.Peer, u.APN, u.IMEI, u.Session, u.Direction, u.Duration, u.Up, u.Down,
		fmt.Sprintf("%x", u.Duplicate[:]))
}

func join(fields ...any) string {
	text := make([]string, len(fields))
	for i, f := range fields {
		text[i] = fmt.Sprint(f)
	}
	return strings.Join(text, "|")
}

// The compared tables, with expressions that produce the same lines from the warehouse.
const (
	ratedTable = iota
	tierTable
	eventTable
	duplicateTable
	suspenseTable
	tableCount
)

const usageFields = "class, unit, toUnixTimestamp64Nano(at), quantity, identifier, sim, account, account_number, root, root_number, " +
	"network, country, peer, apn, imei, session, direction, duration, up, down, lower(hex(duplicate_key))"

const recordFields = "seq, line, bytes, source, rules, catalogue, registry, " + usageFields

const chargeFields = "amount, currency, plan, plan_version, price, zone, charged, lower(hex(charges))"

var comparedTables = [tableCount]struct{ name, words, fields string }{
	ratedTable: {"rated_usage", "rated", recordFields + ", " + chargeFields},
	tierTable:  {"tier_charges", "charges of tiers above", "seq, tier, account_number, plan, zone, amount, currency"},
	eventTable: {"usage_events", "events", "seq, event, name, toUnixTimestamp64Nano(at), account_number, sim, counter_id, owner, " +
		"threshold, before, after, severity"},
	duplicateTable: {"duplicates", "duplicates", recordFields},
	suspenseTable:  {"suspense", "suspended", "seq, line, bytes, code, rule, reason, lower(hex(raw)), lower(hex(usage))"},
}

// file compares a file after the offline pipeline has finished it.
func (c *comparison) file(b *offline.Balance) {
	if b.DuplicateOf == "" {
		c.balances[b.ID.String()] = b
	}
	for i := range c.expected {
		if c.err == nil && len(c.expected[i]) > 0 {
			c.err = c.table(i, b)
		}
		c.rows[i] += len(c.expected[i])
		c.expected[i] = c.expected[i][:0]
	}
}

func (c *comparison) table(i int, b *offline.Balance) error {
	t := comparedTables[i]
	found, err := c.lines(fmt.Sprintf("SELECT %s FROM %s WHERE file = '%s'", written(t.fields), t.name, b.ID))
	if err != nil {
		return err
	}
	c.match(t.name+", "+b.Path, t.words, t.fields, c.expected[i], found)
	return nil
}

// match compares lines.
func (c *comparison) match(where, words, fields string, expected, found []string) {
	slices.Sort(expected)
	slices.Sort(found)
	for len(expected) > 0 || len(found) > 0 {
		switch {
		case len(expected) > 0 && len(found) > 0 && expected[0] != found[0] && sameRecord(expected[0], found[0]):
			c.report.differs("%s: record %s", where, contrast(fields, expected[0], found[0]))
			expected, found = expected[1:], found[1:]
		case len(found) == 0 || len(expected) > 0 && expected[0] < found[0]:
			c.report.differs("%s: lacks %.300s", where, expected[0])
			expected = expected[1:]
		case len(expected) == 0 || found[0] < expected[0]:
			c.report.differs("%s: has unexpected or repeated rows: %.300s", where, found[0])
			found = found[1:]
		default:
			c.report.Compared[words]++
			expected, found = expected[1:], found[1:]
		}
	}
}

// sameRecord reports whether two lines begin with the same sequence.
func sameRecord(a, b string) bool {
	first, _, _ := strings.Cut(a, "|")
	return strings.HasPrefix(b, first+"|")
}

// contrast returns the fields in which two lines of a record differ.
func contrast(fields, expected, found string) string {
	names := strings.Split(fields, ", ")
	a, b := strings.Split(expected, "|"), strings.Split(found, "|")
	words := a[0]
	for i, name := range names {
		if i < len(a) && i < len(b) && a[i] != b[i] {
			words += fmt.Sprintf("; %s is %.200s and ought to be %.200s", name, b[i], a[i])
		}
	}
	return words
}

// written returns an SQL expression that formats fields as join does.
func written(fields string) string {
	var parts []string
	for f := range strings.SplitSeq(fields, ", ") {
		parts = append(parts, "toString("+f+")")
	}
	return "concatWithSeparator('|', " + strings.Join(parts, ", ") + ")"
}

func (c *comparison) lines(query string) (lines []string, err error) {
	rows, err := c.w.Conn().Query(c.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, rows.Err()
}

// totals compares the sizes of the tables, to find rows that belong to no file.
func (c *comparison) totals() error {
	for i, t := range comparedTables {
		var n uint64
		if err := c.w.Conn().QueryRow(c.ctx, "SELECT count() FROM "+t.name).Scan(&n); err != nil {
			return err
		}
		if int(n) != c.rows[i] {
			c.report.differs("%s has %d rows, and ought to have %d", t.name, n, c.rows[i])
		}
	}
	return nil
}

// balance checks that every balance is zero, in records, bytes and units, and has the expected numbers.
func (c *comparison) balance() error {
	found, err := c.w.Balance(c.ctx)
	if err != nil {
		return err
	}
	for _, b := range found {
		if b.Difference != 0 || b.DifferenceBytes != 0 {
			c.report.differs("the balance of %s is %d records and %d bytes", b.Name, b.Difference, b.DifferenceBytes)
		}
		if b.Source == grows {
			continue // the machine decided how this file is split into parts
		}
		want := c.balances[b.File]
		if want == nil && b.BroughtBack > 0 {
			c.report.Compared["retry batches"]++
			continue
		}
		if want == nil {
			c.report.differs("file_balance has %s (%s), which ought not to be there, or not twice", b.Name, b.File)
			continue
		}
		delete(c.balances, b.File)
		c.report.Compared["files"]++
		have := [6]int64{int64(b.Records + b.Added), int64(b.Filtered), int64(b.Duplicate), int64(b.Suspended + b.Retried), int64(b.Rated),
			int64(b.Bytes)}
		if ought := [6]int64{want.Records, want.Filtered, want.Duplicate, want.Suspended, want.Rated, have[5]}; have != ought {
			c.report.differs("file_balance of %s has %v for records, filtered, duplicate, suspended, rated, bytes; it ought to have %v", b.Name,
				have, ought)
		}
	}
	for _, b := range c.balances {
		c.report.differs("file_balance lacks %s", b.Path)
	}
	for view, where := range map[string]string{"file_balance_units": "difference != 0", "file_ends_missing": "true"} {
		var n uint64
		if err := c.w.Conn().QueryRow(c.ctx, "SELECT count() FROM "+view+" WHERE "+where).Scan(&n); err != nil {
			return err
		}
		if n != 0 {
			c.report.differs("%s has %d rows where %s", view, n, where)
		}
	}
	return nil
}

// compareLedger compares the outcome of every file.
func (r *run) compareLedger(ctx context.Context, balances []*offline.Balance) error {
	ought := map[string]control.FileState{}
	for _, b := range balances {
		ought[b.Path] = control.Done
		if b.DuplicateOf != "" {
			ought[b.Path] = control.Duplicate
		}
	}
	for after := int64(0); ; {
		files, err := r.Access.Store.Files(ctx, control.FileFilter{After: after, Limit: 5000})
		if err != nil {
			return err
		}
		for _, f := range files {
			after = f.Number
			if f.Source == grows {
				continue
			}
			if f.Retry > 0 {
				ought[f.Path] = control.Done
			}
			if f.Source == leaves && f.Path == r.leaving.dropped {
				ought[f.Path] = control.Dropped
			}
			if f.State != ought[f.Path] {
				r.report.differs("the ledger has %s as %s (%s); expected %q", f.Path, f.State, f.Why, ought[f.Path])
			}
			if f.State == control.Duplicate {
				r.report.Compared["duplicate files"]++
			}
			delete(ought, f.Path)
		}
		if len(files) == 0 {
			break
		}
	}
	for path := range ought {
		r.report.differs("the ledger lacks %s", path)
	}
	return nil
}

// pins returns the pins of every file in the ledger, counted by version.
func (r *run) pins(ctx context.Context) (map[udr.FileID]control.Pins, error) {
	pins, catalogues, revisions := map[udr.FileID]control.Pins{}, map[string]bool{}, map[registry.Revision]bool{}
	for after := int64(0); ; {
		files, err := r.Access.Store.Files(ctx, control.FileFilter{After: after, Limit: 5000})
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			after = f.Number
			if f.Pinned {
				pins[f.FileID], catalogues[f.Pins.Catalogue], revisions[f.Pins.Registry] = f.Pins, true, true
			}
		}
		if len(files) == 0 {
			r.report.Catalogues, r.report.Revisions = len(catalogues), len(revisions)
			return pins, nil
		}
	}
}
