package golden

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"ratemill/internal/offline"
	"ratemill/internal/output"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// writer builds tables of results.
type writer struct {
	reg   *registry.Registry
	files map[udr.FileID]string
	usage, charges,
	suspense, events []row
	balance []row
	many    bool // several files: tables contain the file names
}

// row is a line of a table with its position: by file, then by record.
type row struct {
	file  udr.FileID
	seq   uint64
	cells []string
}

func newWriter(reg *registry.Registry, files []offline.File) *writer {
	return &writer{reg: reg, files: map[udr.FileID]string{}, many: len(files) > 1}
}

func (w *writer) batch(b *ratedlog.Batch, cover *Coverage) error {
	view := w.reg.View()
	defer view.Close()
	var u udr.Usage
	for _, r := range b.Rated {
		if err := udr.ParseUsage(r.Usage, &u); err != nil {
			return err
		}
		w.addUsage(b, &u, "", r.Late)
		for _, m := range r.Charges {
			var c rating.Charge
			if err := rating.ParseCharge(m, &c); err != nil {
				return err
			}
			w.addCharge(view, b, &u, &c)
			if cover != nil {
				c.Reached(u.Class, cover.reach)
			}
		}
		for _, m := range r.Events {
			e, err := rating.ParseEvent(m)
			if err != nil {
				return err
			}
			w.events = append(w.events, row{b.File, u.Seq, []string{number(u.Line), e.Kind.String(), e.Name, accountID(view, e.Account, e.At),
				value(&e, e.Before), value(&e, e.After), value(&e, e.Threshold)}})
			if p, ok := e.Reached(); ok && cover != nil {
				cover.reach(p)
			}
		}
	}
	for _, m := range b.Duplicate {
		if err := udr.ParseUsage(m, &u); err != nil {
			return err
		}
		w.addUsage(b, &u, "duplicate", 0)
	}
	var s udr.Suspended
	for _, m := range b.Suspended {
		if err := udr.ParseSuspended(m, &s); err != nil {
			return err
		}
		w.suspense = append(w.suspense, row{b.File, s.Seq, []string{number(s.Line), s.Why.Code, s.Why.Values, s.Why.Reason}})
		if len(s.Usage) > 0 {
			if err := udr.ParseUsage(s.Usage, &u); err != nil {
				return err
			}
			w.addUsage(b, &u, "suspended", 0)
		}
	}
	return nil
}

func (w *writer) addUsage(b *ratedlog.Batch, u *udr.Usage, outcome string, late int) {
	var attributes []string
	for _, a := range u.Attributes {
		attributes = append(attributes, a.Name+"="+a.Value)
	}
	cells := []string{number(u.Line), outcome, u.Class, strconv.FormatInt(u.Quantity, 10), u.At.String(), u.Identifier.Kind.String() + " " +
		u.Identifier.Value}
	for _, f := range usageFields {
		cells = append(cells, f.Get(u))
	}
	cycles := ""
	if late > 0 {
		cycles = strconv.Itoa(late)
	}
	w.usage = append(w.usage, row{b.File, u.Seq, append(cells, strings.Join(attributes, " "), cycles)})
}

// usageFields lists the fields of a usage record that have columns in a case if a record has them.
var usageFields = func() (fields []udr.Field) {
	for _, f := range udr.Fields() {
		if f.Name != "sim" && f.Name != "at" && f.Name != "quantity" {
			fields = append(fields, f)
		}
	}
	return fields
}()

func (w *writer) addCharge(view *registry.View, b *ratedlog.Batch, u *udr.Usage, c *rating.Charge) {
	units := func(n int64) string {
		if u.Unit == udr.Count {
			return strconv.FormatInt(n, 10)
		}
		return strconv.FormatInt(n, 10) + " " + u.Unit.String()
	}
	var from []string
	covered := int64(0)
	for i := range c.Draws {
		d := &c.Draws[i]
		word := "pool"
		switch {
		case d.Kind == rating.SIMLife:
			word = "free"
		case d.Package != "":
			word = "package"
		case d.Rolled():
			word = "rolled over"
		case d.Share == "":
			word = "included"
		}
		if d.Drawn > 0 {
			from = append(from, word+" "+units(d.Drawn))
		}
		covered += d.Drawn
	}
	if left := c.Rounded - covered; left > 0 && len(c.Draws) > 0 {
		from = append(from, "overage "+units(left))
	}
	w.charges = append(w.charges, row{b.File, u.Seq, []string{number(u.Line), strconv.Itoa(int(c.Tier)), accountID(view, c.Account, u.At),
		c.Plan + "@" + strconv.Itoa(int(c.PlanVersion)), c.Zone, units(c.Rounded), strings.Join(from, ", "), c.Currency + " " +
			c.Total.String()}})
}

func (w *writer) balances(all []*offline.Balance) {
	for i, b := range all {
		note := b.Failure
		if b.Continues != "" && note == "" {
			note = fmt.Sprintf("continues %s from byte %d on", path.Base(b.Continues), b.From)
		}
		if b.DuplicateOf != "" {
			note = "the same content as " + path.Base(b.DuplicateOf)
		}
		w.files[b.ID] = path.Base(b.Path)
		n := func(n int64) string { return strconv.FormatInt(n, 10) }
		w.balance = append(w.balance, row{b.ID, uint64(i), []string{path.Base(b.Path), n(b.Records), n(b.Filtered), n(b.Duplicate),
			n(b.Suspended), n(b.Rated), n(b.Difference()), note}})
	}
}

// tables returns the sections.
func (w *writer) tables() map[string]string {
	line := column{name: "line", keep: true}
	usage := []column{line, {name: "outcome"}, {name: "class", keep: true}, {name: "quantity", keep: true}, {name: "at", keep: true},
		{name: "sim"}}
	for _, f := range usageFields {
		usage = append(usage, column{name: f.Name})
	}
	usage = append(usage, column{name: "attributes"}, column{name: "late"})
	if sameSIM(w.usage) {
		for _, r := range w.usage {
			r.cells[5] = ""
		}
	}
	keep := func(names ...string) (columns []column) {
		for _, n := range names {
			columns = append(columns, column{name: n, keep: true})
		}
		return columns
	}
	charges := keep("line", "tier", "account", "plan", "zone", "quantity", "from", "amount")
	charges[6].keep = false
	balance := append(keep("file", "records", "filtered", "duplicate", "suspended", "rated", "difference"), column{name: "note"})
	suspense := keep("line", "code", "values", "reason")
	suspense[2].keep = false
	return map[string]string{
		"usage":    w.table(usage, w.usage),
		"charges":  w.table(charges, w.charges),
		"suspense": w.table(suspense, w.suspense),
		"events":   w.table(keep("line", "event", "name", "account", "before", "after", "threshold"), w.events),
		"balance":  text(balance, cells(w.balance)),
	}
}

// sameSIM reports whether all usage is of one SIM, which then needs no column.
func sameSIM(rows []row) bool {
	for _, r := range rows {
		if r.cells[5] != rows[0].cells[5] {
			return false
		}
	}
	return true
}

func (w *writer) table(columns []column, rows []row) string {
	order := map[udr.FileID]int{}
	for i, b := range w.balance {
		if _, twice := order[b.file]; !twice {
			order[b.file] = i
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(order[a.file], order[b.file]), cmp.Compare(a.seq, b.seq))
	})
	if !w.many {
		return text(columns, cells(rows))
	}
	var named [][]string
	for _, r := range rows {
		named = append(named, append([]string{w.files[r.file]}, r.cells...))
	}
	return text(append([]column{{name: "file", keep: true}}, columns...), named)
}

// column is a column of a section. If it has no values, it is left out, unless it is kept.
type column struct {
	name string
	keep bool
}

// text returns a section, empty if there are no rows.
func text(columns []column, rows [][]string) string {
	var names, sparse []string
	for _, c := range columns {
		names = append(names, c.name)
		if !c.keep {
			sparse = append(sparse, c.name)
		}
	}
	g := output.New(names...).Sparse(sparse...)
	for _, r := range rows {
		g.Add(r...)
	}
	return g.Text()
}

func cells(rows []row) (all [][]string) {
	for _, r := range rows {
		all = append(all, r.cells)
	}
	return all
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func accountID(view *registry.View, number uint32, at udr.Instant) string {
	if a, ok := view.Account(number, at, view.Revision()); ok {
		return a.ID
	}
	return "?"
}

// value returns the value of a counter.
func value(e *rating.Event, v rating.Value) string {
	if !e.Counter.Kind.IsCost() {
		return strconv.FormatInt(v.Units(), 10)
	}
	d, err := v.Cost()
	if err != nil {
		return "out of range"
	}
	return d.String()
}

// normal returns a section without insignificant parts: blanks at the ends of lines, empty lines at the end.
func normal(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
