package warehouse

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Column is a column of a table. Its meaning and its source are declared once. DDL, inserts and docs/tables.md
// follow from the declaration.
type Column struct {
	Name  string
	Type  string // ClickHouse's
	Unit  string // unit of a number: B, s, …; empty if it has none or another column contains the unit
	Codec string // empty for the table's default, LZ4
	Since int    // the migration that added it
	Doc   string
	// Absent is the expression for rows that are inserted without the column, by versions that did not have it.
	Absent string
	// Filled is the expression with which ClickHouse fills the column itself; empty for a column that is inserted.
	Filled string
	// Computed is the expression for a column that is not stored.
	Computed string
	// fill appends the column's values. It is a fill for rows of the rated log, or a fillOf[fact]; nil for a column
	// that is not inserted.
	fill any
}

// Table is a table, declared once.
type Table struct {
	Name      string
	Since     int // the migration that created it
	Doc       string
	Columns   []Column
	Partition string // expression; it must not depend on when a row is inserted, or a repeated block would not be recognised
	Order     string
	Expires   bool   // rows are deleted after warehouse.keep, if that is set (Expire)
	Settings  string // settings other than the deduplication window
	Sums      []Sums
}

// ClickHouse keeps sums beside the rows of a table, part by part, so queries of sums do not read the rows. They
// always match the rows, even if a repeated block is dropped.
type Sums struct {
	Name   string
	Since  int
	Select string
}

func (s *Sums) definition() string { return "PROJECTION " + quoteName(s.Name) + " (" + s.Select + ")" }

// View is a frequent query, as a SELECT from tables.
type View struct {
	Name    string
	Since   int
	Doc     string
	Columns []Column // Type is left to the SELECT
	// In Select, {balanced} is the condition for files f whose records are all kept, {kept} the condition for a cycle
	// whose usage is all kept.
	Select string
	Takes  []Column // parameters, as in sims_at(at = '2026-04-01 00:00:00')
}

// Layout has the settings of the tables.
type Layout struct {
	// Window is how many of the latest blocks a table remembers, to drop them when they arrive again; 0
	// means 200,000. The window of a table is never reduced.
	Window int
	// Keep is the least number of months for which rated usage is kept after its arrival; 0 means forever.
	// Files and suspended records are kept forever.
	Keep int
	// Remake lists tables to be recreated, empty, if they are missing although they were created before; a user
	// orders this.
	Remake []string
	// Cluster creates replicated tables on a cluster of ClickHouse; if it is empty, the tables are plain.
	Cluster string
}

const defaultWindow = 200_000

// Window returns the number of blocks that a table must remember for six hours, if the given number of sinks write
// one block per flush, half of them with usage of two months. A table counts each month of a block as a separate
// block.
func Window(partitions int, flush time.Duration) int {
	blocks := int64(partitions) * int64(6*time.Hour) / int64(flush)
	return int(min(max(blocks*3/2, defaultWindow), mostWindow))
}

// mostWindow limits the server's memory: a table holds some 200 bytes for each block.
const mostWindow = 4_000_000

// balanced is the condition for files, under an alias, whose records are all kept. Rows that belong to a file's end
// arrived at most a month before it.
func (l Layout) balanced(alias string) string {
	if l.Keep == 0 {
		return "1"
	}
	return fmt.Sprintf("%s.stored >= now() - toIntervalMonth(%d)", alias, l.Keep-1)
}

// kept is the condition for billing cycles whose usage is all kept.
func (l Layout) kept() string {
	if l.Keep == 0 {
		return "1"
	}
	return fmt.Sprintf("cycle >= toDate32(now() - toIntervalMonth(%d))", max(l.Keep-2, 0))
}

func (l Layout) onCluster() string {
	if l.Cluster == "" {
		return ""
	}
	return " ON CLUSTER " + quoteName(l.Cluster)
}

// create returns the statement that creates t with the columns of the migrations up to a given one.
func (t *Table) create(l Layout, version int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s%s (", t.Name, l.onCluster())
	separator := "\n"
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Since <= version {
			b.WriteString(separator + "  " + c.definition())
			separator = ",\n"
		}
	}
	for i := range t.Sums {
		if s := &t.Sums[i]; s.Since <= version {
			b.WriteString(separator + "  " + s.definition())
		}
	}
	b.WriteString("\n)")
	settings := fmt.Sprintf("%s = %d", l.windowSetting(), l.window())
	if l.Cluster == "" {
		b.WriteString(" ENGINE = MergeTree")
	} else {
		b.WriteString(" ENGINE = ReplicatedMergeTree")
		settings += ", replicated_deduplication_window_seconds = 604800"
	}
	if t.Partition != "" {
		b.WriteString(" PARTITION BY " + t.Partition)
	}
	b.WriteString(" ORDER BY " + t.Order)
	if t.Settings != "" {
		settings += ", " + t.Settings
	}
	fmt.Fprintf(&b, " SETTINGS %s COMMENT %s", settings, quoteText(t.Doc))
	return b.String()
}

func (c *Column) definition() string {
	d := quoteName(c.Name) + " " + c.Type
	if fill := c.Filled + c.Absent; fill != "" {
		d += " DEFAULT " + fill
	}
	if c.Computed != "" {
		d += " ALIAS " + c.Computed
	}
	d += " COMMENT " + quoteText(c.doc())
	if c.Codec != "" {
		d += " CODEC(" + c.Codec + ")"
	}
	return d
}

func (c *Column) doc() string {
	if c.Unit == "" {
		return c.Doc
	}
	return c.Doc + " Unit: " + c.Unit + "."
}

func (l Layout) window() int { return cmp.Or(l.Window, defaultWindow) }

func (l Layout) windowSetting() string {
	if l.Cluster != "" {
		return "replicated_deduplication_window"
	}
	return "non_replicated_deduplication_window"
}

func (v *View) create(l Layout) string {
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s%s AS (%s) COMMENT %s", v.Name, l.onCluster(),
		strings.TrimSpace(strings.NewReplacer("{balanced}", l.balanced("f"), "{kept}", l.kept()).Replace(v.Select)), quoteText(v.Doc))
}

// comments returns the statement that gives the view's columns their comments, because a view cannot get them when
// it is created. A view of * has the columns of its table, with their comments.
func (v *View) comments(l Layout) string {
	if len(v.Takes) > 0 {
		return "" // ClickHouse does not know its columns before the first query
	}
	var parts []string
	add := func(c *Column) {
		for _, name := range strings.Split(c.Name, ", ") {
			parts = append(parts, fmt.Sprintf("COMMENT COLUMN %s %s", quoteName(name), quoteText(c.doc())))
		}
	}
	for i := range v.Columns {
		if c := &v.Columns[i]; c.Name != "*" {
			add(c)
			continue
		}
		for j := range tables {
			if !strings.Contains(v.Select, "SELECT *, id FROM "+tables[j].Name+" ") {
				continue
			}
			for k := range tables[j].Columns {
				if c := &tables[j].Columns[k]; c.Computed == "" { // * leaves those out
					add(c)
				}
			}
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("ALTER TABLE %s%s %s", v.Name, l.onCluster(), strings.Join(parts, ", "))
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// Docs returns docs/tables.md: every table and view with its columns.
func Docs() string {
	var b strings.Builder
	b.WriteString("# Tables of the warehouse\n\n[All pages](README.md)\n\n" +
		"The tables and views in ClickHouse, for users who write SQL. This page is generated " +
		"from the declarations in `internal/warehouse`.\n\n" +
		"Every row exists exactly once, so plain SELECTs are exact and `FINAL` is never needed. Amounts are " +
		"`Decimal(38,12)` and every amount has a " +
		"currency beside it; do not add amounts of different currencies. Times are UTC; cycles, and the column day, are in " +
		"the account's own time zone." +
		"\n\n" +
		"| table | content |\n| --- | --- |\n")
	for _, t := range Tables() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", t.Name, t.Name, firstSentence(t.Doc))
	}
	b.WriteString("\n| view | content |\n| --- | --- |\n")
	for _, v := range Views() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", v.Name, v.Name, firstSentence(v.Doc))
	}
	for _, t := range Tables() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nSorted by `%s`", t.Name, t.Doc, t.Order)
		if t.Partition != "" {
			fmt.Fprintf(&b, ", in partitions by `%s`", t.Partition)
		}
		if t.Expires {
			b.WriteString("; kept for `warehouse.keep`")
		}
		b.WriteString(".\n\n| column | type | unit | meaning |\n| --- | --- | --- | --- |\n")
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Name, c.Type, c.Unit, c.Doc)
		}
	}
	for _, v := range Views() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| column | unit | meaning |\n| --- | --- | --- |\n", v.Name, v.Doc)
		for _, c := range v.Columns {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", c.Name, c.Unit, c.Doc)
		}
	}
	return b.String()
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}
