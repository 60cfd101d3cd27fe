package invoicing

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/terms"
	"ratemill/registry"
)

// numbers compares the counters of number ranges with the numbers of documents (B7). Numbers must have no gap, and
// their order must be the order of the dates.
func (w *balancing) numbers(ctx context.Context) error {
	var counters []*Counter
	issued := map[[2]string]Date{} // by seller and number
	var broken []error
	err := w.DB.Change(ctx, "reading numbers", func(tx *store.Tx) (err error) {
		clear(issued)
		broken = nil
		if counters, err = (Table{tx}).Counters(ctx); err != nil {
			return err
		}
		rows, err := tx.Rows(ctx, `SELECT seller, number_text, issued FROM invoice_documents WHERE number_text <> ''`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var seller, number string
			var date store.Integer
			if err := rows.Scan(&seller, &number, &date); err != nil {
				return err
			}
			if date.Err != nil {
				broken = append(broken, brokenDocument(number, "issued", date.Err))
			}
			issued[[2]string{seller, number}] = Date(date.N)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	one := decimal.FromInt(1)
	for _, err := range broken {
		w.all.both("B7", 0, "", err.Error(), one, decimal.Zero)
	}
	for _, c := range counters {
		if c.Broken != nil {
			w.all.both("B7", 0, "", c.Broken.Error(), one, decimal.Zero)
			continue
		}
		r, err := terms.ParseRange(c.Range)
		if err == nil && r.Yearly != (c.Year != 0) {
			err = fmt.Errorf("the row of this range in invoice_numbers has the year %d", c.Year)
		}
		if err != nil { // the row was altered
			w.all.both("B7", 0, "", c.Range+": "+err.Error(), one, decimal.Zero)
			continue
		}
		name := c.Range
		if c.Year != 0 {
			name = fmt.Sprintf("%s of %d", c.Range, c.Year)
		}
		for _, s := range c.Skips {
			if s.Last >= c.Next { // SetNext skips only numbers before the next one
				w.all.both("B7", 0, "", fmt.Sprintf("%s: %s was skipped, and the next number is %d", name, r.Number(c.Year, s.Last), c.Next),
					one, decimal.Zero)
			}
		}
		before := Date(0)
		w.all.add(left, "B7", 0, "", name, decimal.FromInt(c.Next-1))
		w.all.add(right, "B7", 0, "", name, decimal.FromInt(c.skipped(c.Next)))
		for n := int64(1); n < c.Next; n++ {
			if last := c.last(n); last >= n { // an operator gave the reason
				n = last
				continue
			}
			key := [2]string{c.Seller, r.Number(c.Year, n)}
			date, ok := issued[key]
			if !ok {
				w.all.both("B7", 0, "", key[1]+" is missing", one, decimal.Zero)
				continue
			}
			delete(issued, key)
			w.all.add(right, "B7", 0, "", name, one)
			if date < before {
				w.all.both("B7", 0, "", fmt.Sprintf("%s has the date %s, but the number before it has %s", key[1], date, before), one,
					decimal.Zero)
			}
			before = max(before, date)
		}
	}
	for key := range issued {
		w.all.add(right, "B7", 0, "", key[1]+" belongs to no range", one)
	}
	return nil
}

// tiers adds up all charges of the warehouse in the compared cycles by tier, and compares them with the charges
// that belong to a payer (B9). It reports charges that appear on no invoice, because no account with a billing
// profile pays them.
func (w *balancing) tiers(ctx context.Context, payers []uint32) error {
	if len(w.cut.Offsets) == 0 {
		return nil
	}
	b := *w.Basis
	b.Facts = w.facts
	closed := map[uint32]bool{}
	for _, n := range payers {
		closed[n] = true
	}
	var of AccountCycle
	payer, paid, known := uint32(0), false, false
	unpaid, examples := newCells(0, ""), map[string][]string{}
	err := b.Usage(ctx, UsageQuestion{Until: w.cut, From: max(w.From, w.Kept, b.Begin), To: w.To}, func(s *Charged) error {
		if at := (AccountCycle{s.Account, s.Cycle}); !known || at != of {
			of, known = at, true
			payer = b.payerOf(s.Account, s.Cycle)
			paid = payer != 0 && (closed[payer] || b.profiled(payer, s.Cycle))
		}
		what := fmt.Sprintf("tier %d", s.Tier)
		w.all.add(left, "B9", 0, s.Currency, what, s.Amount)
		if payer == 0 {
			return nil
		}
		w.all.add(right, "B9", 0, s.Currency, what, s.Amount)
		if id, _ := b.View.AccountID(s.Account); !paid {
			unpaid.add(left, "B9", 0, s.Currency, "", s.Amount)
			if all := examples[s.Currency]; len(all) == 0 || all[len(all)-1] != id { // rows are ordered by account
				examples[s.Currency] = append(all, id)
			}
		}
		return nil
	})
	for k, sums := range unpaid.sides {
		accounts := examples[k.currency]
		text := fmt.Sprintf("%s %s of usage is invoiced to no account, because no payer with a billing profile pays for %s", k.currency,
			sums[left].Sum,
			strings.Join(accounts[:min(len(accounts), mostNamed)], ", "))
		if more := len(accounts) - mostNamed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		w.notes = append(w.notes, text)
	}
	slices.Sort(w.notes)
	return err
}

// mostNamed is the largest number of accounts that a note lists.
const mostNamed = 5

// profiled reports whether a payer has a billing profile in a cycle.
func (b *Basis) profiled(payer uint32, cycle Date) bool {
	a, err := b.accountOn(payer, cycle)
	if err != nil {
		return false
	}
	_, next := a.CycleOf(int32(cycle))
	return b.View.Profiled(payer, registry.Midnight(a.Zone, next)-1, b.Facts)
}

// PutOff stores the places where the balance of the cycles between two dates differs. It replaces the places
// stored for these cycles and payers; nil means all payers. The next run holds the payers that have a stored
// place.
func (t Table) PutOff(ctx context.Context, payers []uint32, from, to Date, off []Place, by By) error {
	where, args := `(cycle = 0 OR cycle BETWEEN ? AND ?)`, []any{int64(from), int64(to)}
	if payers != nil {
		which, more := in("payer_number", payers)
		where, args = where+" AND "+which, append(args, more...)
	}
	if _, err := t.Tx.Exec(ctx, `DELETE FROM invoice_balance_off WHERE `+where, args...); err != nil {
		return err
	}
	for i := range off {
		p := &off[i]
		if _, err := t.Tx.Exec(ctx, `INSERT INTO invoice_balance_off (payer_number, line, cycle, currency, what, difference, at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, int64(p.Number), p.Line, int64(p.Cycle), p.Currency, p.What, p.Difference().String(),
			by.At.UnixNano()); err != nil {
			return err
		}
	}
	return nil
}

// Off returns the stored places where the balance differs, by payer.
func (t Table) Off(ctx context.Context) (all map[uint32][]Place, err error) {
	rows, err := t.Tx.Rows(ctx,
		`SELECT payer_number, line, cycle, currency, what, difference FROM invoice_balance_off ORDER BY payer_number, line, cycle, what`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all = map[uint32][]Place{}
	for rows.Next() {
		var p Place
		var difference string
		var payer, cycle store.Integer
		if err := rows.Scan(&payer, &p.Line, &cycle, &p.Currency, &p.What, &difference); err != nil {
			return nil, err
		}
		p.Number, p.Cycle = uint32(payer.N), Date(cycle.N)
		if p.Left, err = decimal.Parse(difference); err != nil { // it differed anyway
			p.What, p.Left = strings.TrimPrefix(fmt.Sprintf("%s, by an amount that is stored as %q", p.What, difference), ", "), decimal.FromInt(1)
		}
		all[p.Number] = append(all[p.Number], p)
	}
	return all, rows.Err()
}

// Words describes a place where a line differs.
func (p *Place) Words() string {
	i := slices.IndexFunc(BalanceLines, func(l BalanceLine) bool { return l.ID == p.Line })
	text := p.Line
	if i >= 0 {
		text += " " + BalanceLines[i].Name
	}
	if p.Cycle != 0 {
		text += ", cycle from " + p.Cycle.String()
	}
	if p.What != "" {
		text += ", " + p.What
	}
	return text + ": off by " + p.Difference().String() + map[bool]string{true: " " + p.Currency}[p.Currency != ""]
}

// PayersOff counts the payers whose invoice balance differs, and the differing lines that belong to no payer.
func PayersOff(ctx context.Context, db *store.DB) (payers, lines int, err error) {
	err = db.Query(ctx, "reading the invoice balance", `SELECT count(DISTINCT CASE WHEN payer_number > 0 THEN payer_number END),
		count(DISTINCT CASE WHEN payer_number = 0 THEN line END) FROM invoice_balance_off`, nil, func(rows *sql.Rows) error {
		return rows.Scan(&payers, &lines)
	})
	return payers, lines, err
}
