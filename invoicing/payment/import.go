package payment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ratemill/csvfile"
	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/internal/store"
	"ratemill/literal"
	"ratemill/normalize"
	"ratemill/registry"
)

// Line is a line of a file of payments.
type Line struct {
	Line      int // in the file
	Payer     string
	Document  string
	Amount    string
	Currency  string
	Date      string
	Reference string

	wrong string // the line has more or fewer cells than the header
}

// Columns lists the columns of a file of payments. One of payer and document is enough.
var Columns = []string{"payer", "document", "amount", "currency", "date", "reference"}

// mostLines is the largest number of lines in a file of payments. The whole file is one change set, so it
// must be bounded.
const mostLines = 100_000

// Read reads a CSV file with a header, separated by commas or semicolons.
func Read(from io.Reader) (lines []Line, err error) {
	r, err := csvfile.NewReader(from)
	if err != nil {
		return nil, err
	}
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; its first line must contain the names of the columns: " + strings.Join(Columns, ", "))
	}
	if err != nil {
		return nil, err
	}
	at, err := columnsOf(header)
	if err != nil {
		return nil, err
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if len(lines) == mostLines {
			return nil, fmt.Errorf("the file has more than %d lines; divide it", mostLines)
		}
		n, _ := r.FieldPos(0)
		l := Line{Line: n}
		if len(cells) != len(header) {
			l.wrong = fmt.Sprintf("the line has %d cells, but the header has %d; write a cell with a %q in it in quotes", len(cells), len(header),
				string(r.Comma))
			lines = append(lines, l)
			continue
		}
		for i, into := range []*string{&l.Payer, &l.Document, &l.Amount, &l.Currency, &l.Date, &l.Reference} {
			if column := at[i]; column >= 0 {
				*into = strings.TrimSpace(cells[column])
			}
		}
		lines = append(lines, l)
	}
}

// columnsOf returns the indexes of the columns in a file, -1 for missing columns.
func columnsOf(header []string) (at [6]int, err error) {
	at = [6]int{-1, -1, -1, -1, -1, -1}
	var wrong []error
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		column := slices.Index(Columns, name)
		switch {
		case column < 0:
			wrong = append(wrong, fmt.Errorf("there is no column %q%s", name, cmp.Or(diag.Suggest(name, Columns), "; the columns are "+
				strings.Join(Columns, ", "))))
		case at[column] >= 0:
			wrong = append(wrong, fmt.Errorf("column %s appears twice", name))
		default:
			at[column] = i
		}
	}
	for i, name := range Columns {
		if at[i] < 0 && (name == "amount" || name == "date" || name == "reference") {
			wrong = append(wrong, fmt.Errorf("column %s is missing", name))
		}
	}
	if at[0] < 0 && at[1] < 0 {
		wrong = append(wrong, errors.New("columns payer and document are missing; one of them is enough"))
	}
	return at, errors.Join(wrong...)
}

// The results of lines.
const (
	New     = "new"     // the line becomes a payment
	Known   = "known"   // the line was imported before, and changes nothing
	Refused = "refused" // the line is not a payment
)

// Result is the result of importing a line.
type Result struct {
	Line
	Result string
	Value  *Value    // of New
	Credit decimal.D // the part of the amount that pays no document
	Why    string    // reason why the line is refused, or why a credit remains
}

// Import decides which documents the lines of a file pay. It only reads.
type Import struct {
	Number   func(account string) (uint32, bool)   // of an account
	Currency func(account string) string           // currency of an account
	Known    func(reference string) (*Value, bool) // returns a payment that was already stated
	Today    registry.Date

	tx     *store.Tx
	seen   map[string]*Value
	open   map[string]*Receivable   // by document
	ofWhom map[string][]*Receivable // open documents by payer and currency
}

// Plan decides about the lines in order, because each decision depends on the payments of the lines before.
func (im *Import) Plan(ctx context.Context, tx *store.Tx, lines []Line) (results []Result, err error) {
	im.tx, im.seen, im.open, im.ofWhom = tx, map[string]*Value{}, map[string]*Receivable{}, map[string][]*Receivable{}
	for _, l := range lines {
		r := Result{Line: l, Result: Refused}
		v, why := im.read(&l)
		switch {
		case len(why) > 0:
			r.Why = strings.Join(why, "; ")
		default:
			err := im.line(ctx, &r, v)
			if broken := (*store.BrokenError)(nil); errors.As(err, &broken) { // the other lines concern other documents
				r = Result{Line: l, Result: Refused, Why: broken.Error()}
			} else if err != nil {
				return nil, err
			}
		}
		results = append(results, r)
	}
	return results, nil
}

// read reads the cells of a line.
func (im *Import) read(l *Line) (v *Value, why []string) {
	v = &Value{Payer: l.Payer, Document: l.Document, Currency: strings.ToUpper(l.Currency)}
	add := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	if l.wrong != "" {
		return v, []string{l.wrong}
	}
	err := literal.CheckText(l.Reference)
	if l.Reference == "" {
		err = errors.New("is missing; it identifies a line that is imported twice")
	}
	if err != nil {
		add("reference %v", err)
	}
	switch v.Amount, err = decimal.Parse(l.Amount); {
	case err != nil && strings.Contains(l.Amount, ","):
		add("amount %q has a comma; write 1234.56", l.Amount)
	case err != nil:
		add("amount %q is not a number; write 1234.56", l.Amount)
	case v.Amount.IsZero():
		add("amount is 0")
	}
	if err := v.Date.UnmarshalText([]byte(l.Date)); err != nil {
		add("date %v", err)
	} else if v.Date <= 0 {
		add("date %s is before 1970", l.Date)
	} else if v.Date > im.Today {
		add("date %s is in the future", l.Date)
	}
	if l.Payer != "" {
		if _, ok := im.Number(l.Payer); !ok {
			add("there is no account %s", l.Payer)
		}
	}
	return v, why
}

// line decides about a line whose cells are valid.
func (im *Import) line(ctx context.Context, r *Result, v *Value) error {
	var payer uint32
	if v.Payer != "" {
		payer, _ = im.Number(v.Payer)
	}
	var of *Receivable
	if v.Document != "" {
		var err error
		of, err = im.find(ctx, v.Document, payer)
		if none := (*NoDocumentError)(nil); errors.As(err, &none) {
			if len(none.Owing) > 0 {
				r.Why = err.Error()
				return nil
			}
			r.Why = err.Error()
		} else if err != nil {
			return err
		}
	}
	if of != nil {
		v.Currency, payer = cmp.Or(v.Currency, of.Currency), of.PayerNumber
		v.Payer = cmp.Or(v.Payer, of.Payer)
	}
	if v.Currency == "" && v.Payer != "" {
		v.Currency = im.Currency(v.Payer)
	}
	if why := im.refuse(r, v, of); why != "" {
		r.Why = why
		return nil
	}
	if before, ok := im.before(r.Reference); ok {
		if r.Why = ""; before.same(v) {
			r.Result = Known
		} else {
			r.Why = fmt.Sprintf("reference %s was used before, for %s %s of %s on %s; each payment needs its own reference", r.Reference,
				before.Amount,
				before.Currency, cmp.Or(before.Payer, before.Document, "nobody"), before.Date)
		}
		return nil
	}
	if err := im.assign(ctx, r, v, of, payer); err != nil || r.Result == Refused && r.Value == nil {
		return err
	}
	im.seen[r.Reference] = v
	return nil
}

func (im *Import) before(reference string) (*Value, bool) {
	if v, ok := im.seen[reference]; ok {
		return v, true
	}
	return im.Known(reference)
}

// refuse returns the reason why a line cannot be a payment, "" if it can.
func (im *Import) refuse(r *Result, v *Value, of *Receivable) string {
	if v.Currency == "" {
		return "currency is missing, and neither payer nor document gives it"
	}
	scale, err := normalize.ParseCurrency([]byte(v.Currency))
	switch {
	case err != nil || scale.MinorUnits() < 0:
		return fmt.Sprintf("currency %s is unknown; write a code of ISO 4217 such as EUR", v.Currency)
	case v.Amount.Decimals() > scale.MinorUnits():
		return fmt.Sprintf("amount %s has more than the %d decimals of %s", v.Amount, scale.MinorUnits(), v.Currency)
	case of != nil && of.Currency != v.Currency:
		return fmt.Sprintf("it is in %s, but document %s is in %s", v.Currency, of.Number, of.Currency)
	case len(r.Reference) > 140:
		return "reference is longer than 140 characters"
	}
	return ""
}

// assign decides which documents a payment pays: the document that the payment refers to, or else its payer's open
// documents in the order of their due dates. The rest is a credit.
func (im *Import) assign(ctx context.Context, r *Result, v *Value, of *Receivable, payer uint32) error {
	var to []*Receivable
	switch {
	case of != nil:
		to = []*Receivable{of}
	case v.Document == "" && payer != 0 && v.Amount.Sign() > 0:
		var err error
		if to, err = im.openOf(ctx, payer, v.Currency); err != nil {
			return err
		}
	}
	if of != nil && v.Amount.Sign() < 0 && v.Amount.Abs().Cmp(of.Paid) > 0 && of.Total.Sign() > 0 {
		r.Why = fmt.Sprintf("%s cannot be paid back: of document %s, only %s is paid", v.Amount.Abs().Fixed(of.Scale), of.Number,
			of.Paid.Fixed(of.Scale))
		return nil
	}
	left := v.Amount
	for _, d := range to {
		part, err := d.takes(left)
		if err != nil {
			return err
		}
		if part.IsZero() {
			continue
		}
		v.Parts = append(v.Parts, Part{d.Number, part})
		if d.Paid, err = d.Paid.Add(part); err != nil {
			return err
		}
		if left, err = left.Sub(part); err != nil {
			return err
		}
	}
	r.Result, r.Value, r.Credit = New, v, left
	if !left.IsZero() {
		r.Why = creditWords(r.Why, v, of, left)
	}
	if len(v.Parts) == 0 && of != nil {
		v.Document = "" // the payment pays nothing of it
	}
	return nil
}

// takes returns how much of an amount pays a document: at most the document's open amount. A returned payment is
// always taken whole.
func (r *Receivable) takes(amount decimal.D) (decimal.D, error) {
	open, err := r.Open()
	switch {
	case err != nil || amount.IsZero():
		return decimal.Zero, err
	case amount.Sign() < 0 && r.Total.Sign() > 0:
		return amount, nil
	case open.Sign() != amount.Sign():
		return decimal.Zero, nil
	case open.Abs().Cmp(amount.Abs()) < 0:
		return open, nil
	}
	return amount, nil
}

// creditWords describes who owns a credit, and the reason for it.
func creditWords(why string, v *Value, of *Receivable, left decimal.D) string {
	whose := "a credit of " + v.Payer
	if v.Payer == "" {
		whose = "a credit without a payer until you name the payer"
	}
	switch {
	case why != "":
	case of != nil && left == v.Amount:
		why = fmt.Sprintf("no amount of document %s is open", of.Number)
	case of != nil:
		why = fmt.Sprintf("document %s is overpaid", of.Number)
	case v.Payer == "":
		why = "neither the payer nor the document exists"
	default:
		why = "no more documents of " + v.Payer + " are open"
	}
	return fmt.Sprintf("%s: %s %s is %s", why, left, v.Currency, whose)
}

// find returns a document in its state after the preceding lines.
func (im *Import) find(ctx context.Context, name string, payer uint32) (*Receivable, error) {
	r, err := Find(ctx, im.tx, name, payer)
	if err != nil {
		return nil, err
	}
	if known := im.open[r.Document]; known != nil {
		return known, nil
	}
	im.open[r.Document] = r
	return r, nil
}

func (im *Import) openOf(ctx context.Context, payer uint32, currency string) ([]*Receivable, error) {
	key := fmt.Sprint(payer, " ", currency)
	if all, ok := im.ofWhom[key]; ok {
		return all, nil
	}
	all, err := openOf(ctx, im.tx, payer, currency)
	for i, r := range all {
		if known := im.open[r.Document]; known != nil {
			all[i] = known
		} else {
			im.open[r.Document] = r
		}
	}
	im.ofWhom[key] = all
	return all, err
}
