package invoicing

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

// This file compares values that the control store holds more than once: columns with the text of their row,
// closes with the documents that contain their items, and stored items with computed ones.

// documentRow has the columns of a stored document that repeat values of its text.
type documentRow struct{ id, payer, seq, state, seller, form, cycle, number, issued, currency, total, hash string }

func (t Table) rows(ctx context.Context, where string, args ...any) (map[string]documentRow, error) {
	rows, err := t.Tx.Rows(ctx, `SELECT id, payer_number, seq, state, seller, form, cycle, number_text, issued, currency, total, hash
		FROM invoice_documents WHERE `+everFinal+` AND `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]documentRow{}
	for rows.Next() {
		var r documentRow
		if err := rows.Scan(&r.id, &r.payer, &r.seq, &r.state, &r.seller, &r.form, &r.cycle, &r.number, &r.issued, &r.currency, &r.total,
			&r.hash); err != nil {
			return nil, err
		}
		all[r.id] = r
	}
	return all, rows.Err()
}

// differences returns the columns that differ from the text. An id begins with the number of the payer and ends with
// the document's number among documents of the same form and cycle.
func (r documentRow) differences(s *Stored) (all []document.Difference) {
	payer, _, _ := strings.Cut(s.ID, "-")
	is := documentRow{s.ID, payer, s.ID[strings.LastIndexByte(s.ID, '-')+1:], string(Final), s.Seller.Account, string(s.Form),
		strconv.Itoa(int(s.Cycle.From)), s.Number, strconv.Itoa(int(s.Issued)), s.Currency, s.Total.String(), s.Hash}
	return columnsDiffer("column", []column{
		{"id", r.id, is.id}, {"payer_number", r.payer, is.payer}, {"seq", r.seq, is.seq}, {"state", r.state, is.state},
		{"seller", r.seller, is.seller}, {"form", r.form, is.form}, {"cycle", r.cycle, is.cycle}, {"number_text", r.number, is.number},
		{"issued", r.issued, is.issued}, {"currency", r.currency, is.currency}, {"total", r.total, is.total}, {"hash", r.hash, is.hash},
	})
}

// column is a column of a row and the value that it should have.
type column struct{ name, row, should string }

func columnsDiffer(part string, columns []column) (all []document.Difference) {
	for _, c := range columns {
		if c.row != c.should {
			all = append(all, document.Difference{Part: part + " " + c.name, Stored: cmp.Or(c.row, empty),
				Computed: cmp.Or(c.should, empty)})
		}
	}
	return all
}

// empty stands for an empty value, because an empty side of a difference means that there is no such part.
const empty = "(empty)"

// closeRow has the columns of a close that repeat values of its text.
type closeRow struct{ cycle, offCycle, ends, facts store.Integer }

// closeRows returns the columns of the closes that Closes read with the same condition in the same transaction.
func (t Table) closeRows(ctx context.Context, closes []*Closed, where string, args ...any) (map[closeKey]closeRow, error) {
	rows, err := t.Tx.Rows(ctx, `SELECT cycle, off_cycle, ends, facts FROM invoice_closes WHERE `+where+
		` ORDER BY payer_number, cycle, off_cycle`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[closeKey]closeRow{}
	for n := 0; rows.Next() && n < len(closes); n++ {
		var r closeRow
		if err := rows.Scan(&r.cycle, &r.offCycle, &r.ends, &r.facts); err != nil {
			return nil, err
		}
		all[closes[n].key()] = r
	}
	return all, rows.Err()
}

// closeDiffers compares a stored close with the document that contains its items, and with the computed close.
func (w *verifying) closeDiffers(s *Stored, c *recomputed) (all []document.Difference) {
	is, row, number := c.stored, w.closeRows[c.stored.key()], func(n int64) string { return strconv.FormatInt(n, 10) }
	part := "close " + is.Cycle.String()
	if is.Document != s.ID {
		all = append(all, document.Difference{Part: part, Stored: "on document " + s.ID, Computed: "on document " + is.Document})
	}
	id, _ := w.Basis.View.AccountID(is.PayerNumber)
	all = append(all, columnsDiffer(part+", column", []column{
		{"payer", is.Payer, id}, {"cycle", number(row.cycle.N), number(int64(is.Cycle.From))},
		{"off_cycle", number(row.offCycle.N), number(int64(is.OffCycle))}, {"ends", number(row.ends.N), number(int64(is.Cycle.To))},
		{"state", string(is.State), string(CloseBilled)}, {"currency", is.Currency, s.Currency},
		{"facts", number(row.facts.N), number(int64(is.Facts))},
	})...)
	return append(all, itemsDiffer(part, is.Lines, c.closed.Lines)...)
}

// itemsDiffer compares the stored lines of a close with the computed ones. A line that differs only in its
// quantities and amounts is one difference; other lines are missing on one side.
func itemsDiffer(part string, stored, computed []document.Line) (all []document.Difference) {
	were, are := itemTexts(stored), itemTexts(computed)
	without := func(texts, others []string) (left []string) {
		counts := map[string]int{}
		for _, t := range others {
			counts[t]++
		}
		for _, t := range texts {
			if counts[t]--; counts[t] < 0 {
				left = append(left, t)
			}
		}
		return left
	}
	were, are = without(were, are), without(are, were)
	for _, was := range were {
		name, values, _ := strings.Cut(was, "\n")
		d := document.Difference{Part: part + ", column items", Stored: name + " " + values}
		if n := slices.IndexFunc(are, func(is string) bool { return strings.HasPrefix(is, name+"\n") }); n >= 0 {
			_, d.Computed, _ = strings.Cut(are[n], "\n")
			d.Part, d.Stored = d.Part+", "+name, values
			are = slices.Delete(are, n, n+1)
		}
		all = append(all, d)
	}
	for _, is := range are {
		all = append(all, document.Difference{Part: part + ", column items", Computed: strings.Replace(is, "\n", " ", 1)})
	}
	return all
}

// itemTexts returns the lines of a close as texts: first the values that identify a line, then its other values.
func itemTexts(lines []document.Line) (texts []string) {
	for i := range lines {
		name, values, _ := strings.Cut(strings.TrimSuffix(lines[i].Canonical(), "\n"), "\n ")
		name = strings.TrimPrefix(name, "line 0 ")
		texts = append(texts, fmt.Sprintf("%s\n%s prorated %t", name, strings.ReplaceAll(values, "\n", ""), lines[i].Prorated))
	}
	return texts
}

// unnamed returns the closes that claim that a document contains their items, although the document
// does not list them.
func (w *verifying) unnamed(s *Stored) (all []document.Difference) {
	for _, c := range w.closes[s.PayerNumber] {
		named := slices.ContainsFunc(s.Input.Closes, func(of document.Close) bool { return keyOf(s, &of) == c.key() })
		if c.Document == s.ID && !named {
			all = append(all, document.Difference{Part: "close " + c.Cycle.String(), Stored: "on document " + s.ID,
				Computed: "on no document: " + s.Name() + " does not name it"})
		}
	}
	return all
}

// beside compares the values of a document that people see and that its canonical text leaves out.
func beside(stored, computed *document.Document) (all []document.Difference) {
	if was, is := fmt.Sprint(stored.Periods), fmt.Sprint(computed.Periods); was != is {
		all = append(all, document.Difference{Part: "periods", Stored: was, Computed: is})
	}
	for n := range min(len(stored.Lines), len(computed.Lines)) {
		if was, is := stored.Lines[n].Prorated, computed.Lines[n].Prorated; was != is {
			all = append(all, document.Difference{Part: fmt.Sprintf("line %d", n+1), Stored: fmt.Sprintf("prorated %t", was),
				Computed: fmt.Sprintf("prorated %t", is)})
		}
	}
	return all
}
