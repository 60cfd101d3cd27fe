package form

import (
	"cmp"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// section holds the lines under one title: lines of one account and one kind or, for usage, of one class.
type section struct {
	account string
	kind    document.Kind
	class   string
	lines   []*document.Line
}

// sections returns the lines of a document by account, then in the order of kinds. A document with too many lines
// prints one line for each section, with the section's sum.
func (v *viewer) sections(out *view, most int) {
	all := v.split(v.d.Lines)
	short := len(v.d.Lines) > most
	if short {
		out.Notes = append(out.Notes, v.say("summarised", "lines", v.count("lines", int64(len(v.d.Lines)), v.int(int64(len(v.d.Lines))))))
		if len(all) > most { // the sections of the accounts alone are too many
			all = v.split(v.withoutAccounts())
		}
	}
	out.Head = columns{v.say("item"), v.say("quantity"), v.say("price"), v.say("amount", "currency", v.d.Currency)}
	if v.d.Gross {
		out.Head.D = v.say("amount_gross", "currency", v.d.Currency)
	}
	several := slices.ContainsFunc(all, func(s *section) bool { return s.account != all[0].account })
	var total decimal.D
	for i, s := range all {
		name := v.text(v.in.account(s.account))
		if several && (i == 0 || s.account != all[i-1].account) {
			out.Rows = append(out.Rows, row{Kind: "account", Text: name, Keep: true})
			total = decimal.Zero
		}
		rows, sum := v.section(s, short)
		out.Rows = append(out.Rows, rows...)
		total = v.add(total, sum)
		if several && (i == len(all)-1 || s.account != all[i+1].account) {
			out.Rows[len(out.Rows)-1].Keep = true
			out.Rows = append(out.Rows, row{Kind: "sum", Text: v.say("total_of", "name", name), Amount: v.amount(total)})
		}
	}
	countSpans(out.Rows)
}

// countSpans counts the rows that must stay on one page.
func countSpans(rows []row) {
	for first := 0; first < len(rows); {
		n := 1
		for rows[first+n-1].Keep && first+n < len(rows) {
			n++
		}
		rows[first].Span, rows[first+n-1].Last = n, true
		first += n
	}
}

// groups returns the number of groups of rows that stay together.
func (v *view) groups() (n int) {
	for i := range v.Rows {
		if v.Rows[i].Last {
			n++
		}
	}
	return n
}

// split puts lines under their titles; the payer's own account comes first.
func (v *viewer) split(lines []document.Line) []*section {
	type key struct {
		account string
		kind    document.Kind
		class   string
	}
	at := map[key]*section{}
	var all []*section
	for n := range lines {
		l := &lines[n]
		k := key{l.Account, l.Kind, l.Class}
		if l.Kind != document.Usage {
			k.class = ""
		}
		s := at[k]
		if s == nil {
			s = &section{account: k.account, kind: k.kind, class: k.class}
			at[k], all = s, append(all, s)
		}
		s.lines = append(s.lines, l)
	}
	slices.SortStableFunc(all, func(a, b *section) int {
		return cmp.Or(own(a.account != v.d.Payer.Account)-own(b.account != v.d.Payer.Account), cmp.Compare(a.account, b.account))
	})
	for _, s := range all { // earlier periods come after the others
		slices.SortStableFunc(s.lines, func(a, b *document.Line) int { return own(v.late(a)) - own(v.late(b)) })
	}
	return all
}

func own(b bool) int {
	if b {
		return 1
	}
	return 0
}

// withoutAccounts returns the lines as if all of them belonged to the payer's account.
func (v *viewer) withoutAccounts() []document.Line {
	lines := slices.Clone(v.d.Lines)
	for n := range lines {
		lines[n].Account = v.d.Payer.Account
	}
	return lines
}

// late reports whether a line belongs to a cycle before those that the document closes.
func (v *viewer) late(l *document.Line) bool {
	first := v.d.Cycle.From
	if len(v.d.Periods) > 0 {
		first = v.d.Periods[0].From
	}
	return l.Cycle != 0 && l.Cycle < first
}

func (v *viewer) add(a, b decimal.D) decimal.D {
	sum, err := a.Add(b)
	if err != nil && v.err == nil {
		v.err = err
	}
	return sum
}

// section returns the rows of a section and their sum.
func (v *viewer) section(s *section, short bool) (rows []row, sum decimal.D) {
	for _, l := range s.lines {
		sum = v.add(sum, v.turned(l.Amount))
	}
	title, period := v.text(v.title(s.kind, s.class)), v.common(s)
	if period != (document.Period{}) {
		title = v.say("of_period", "name", title, "period", v.cycle(period))
	}
	rows = append(rows, row{Kind: "group", Text: title, Amount: v.amount(sum), Keep: true})
	if short {
		n := int64(len(s.lines))
		return append(rows, row{Kind: "line", Text: v.count("lines", n, v.int(n)), Amount: v.amount(sum)}), sum
	}
	for _, l := range s.lines {
		rows = append(rows, v.line(l, period))
	}
	return rows, sum
}

// common returns the billing cycle of all lines of a section that are not late, none if they have several cycles.
func (v *viewer) common(s *section) (period document.Period) {
	for i, l := range s.lines {
		switch c := v.cycleOf(s, l.Cycle); {
		case v.late(l):
		case i > 0 && period != (document.Period{}) && period != c:
			return document.Period{}
		default:
			period = c
		}
	}
	return period
}

// cycleOf returns the billing cycle that begins on a date. It is a cycle that the document closes, or the following
// cycle as far as the lines reach.
func (v *viewer) cycleOf(s *section, from document.Date) document.Period {
	for _, p := range append(v.d.Periods, v.d.Cycle) {
		if p.From == from {
			return p
		}
	}
	hull := document.Period{From: from, To: from}
	for _, l := range s.lines {
		if l.Cycle == from {
			hull.To = max(hull.To, l.Period.To)
		}
	}
	return hull
}

// line returns the row of a line under a title that states a period.
func (v *viewer) line(l *document.Line, titled document.Period) row {
	out := row{Kind: "line", Text: v.text(v.what(l)), Amount: v.amount(v.turned(l.Amount))}
	var details []string
	if p := l.Period; p != titled && p.Days() > 0 {
		details = append(details, v.period(p))
	}
	if v.late(l) {
		details = append(details, v.say("earlier"))
	}
	if l.Kind == document.Usage && l.Product != "" {
		details = append(details, v.say("plan", "name", v.text(l.Product)))
	}
	if l.State != "" {
		details = append(details, v.say("state", "name", v.text(readable(l.State))))
	}
	if l.SIMs > 0 {
		details = append(details, v.count("sims", int64(l.SIMs), v.int(int64(l.SIMs))))
	}
	if l.Records > 0 {
		details = append(details, v.count("records", l.Records, v.int(l.Records)))
	}
	if l.Takes > 0 && v.d.Corrects != "" {
		details = append(details, v.say("takes", "line", number(l.Takes), "number", v.text(v.d.Corrects)))
	}
	var by string
	out.Quantity, out.Price, by = v.quantities(l)
	if by != "" {
		details = append(details, by)
	}
	out.Detail = strings.Join(details, " · ")
	return out
}

// quantities returns the columns quantity and price of a line. If items pay for whole periods, and the number of
// periods times the price is the amount, quantity is that number. For items that pay by days, the days are in the
// details.
func (v *viewer) quantities(of *document.Line) (quantity, price, by string) {
	l := *of
	switch { // amount = quantity × price; a credit note has the quantities and prices of the lines that it credits
	case v.d.Negative == (v.d.Form == document.CreditNote):
	case l.Price.Sign() < 0:
		l.Price = l.Price.Neg()
	default:
		l.Quantity = l.Quantity.Neg()
	}
	switch l.Unit {
	case "":
		if l.Price.IsZero() {
			return "", "", ""
		}
		return v.quantity(l.Quantity), v.unitPrice(l.Price), ""
	case "days":
		signed := func(count int) decimal.D {
			if l.Quantity.Sign() < 0 {
				count = -count
			}
			return decimal.FromInt(int64(count))
		}
		items := signed(l.Items)
		if product, err := items.Mul(l.Price); !l.Prorated && err == nil && product == v.turned(l.Exact) {
			return v.quantity(items), v.unitPrice(l.Price), ""
		}
		number, _ := l.Quantity.Int64()
		days := v.count("days", number, v.quantity(l.Quantity))
		return v.quantity(signed(cmp.Or(l.SIMs, l.Items))), "", v.say("by_days", "days", days, "price", v.unitPrice(l.Price))
	}
	return v.quantityOf(&l), v.priceOf(&l), ""
}
