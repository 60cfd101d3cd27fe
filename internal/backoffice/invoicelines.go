package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// InvoiceLine is a line of a document with its parts: usage records, or items of SIMs and accounts.
type InvoiceLine struct {
	Document string          `json:"document"`
	Line     int             `json:"line"`
	What     string          `json:"what"`
	Exact    string          `json:"exact"` // amount before rounding
	Net      string          `json:"net"`
	Currency string          `json:"currency"`
	Records  []InvoiceRecord `json:"records,omitempty"`
	Items    []InvoiceItem   `json:"items,omitempty"`
	Sum      string          `json:"sum"`  // sum of all records or items
	Full     bool            `json:"full"` // there are more records or items than the limit
}

// InvoiceRecord is a record in a line of usage.
type InvoiceRecord struct {
	ID       string `json:"id"`
	At       string `json:"at"`
	SIM      string `json:"sim"` // the ICCID of the SIM, or another identifier
	Quantity int64  `json:"quantity"`
	Unit     string `json:"unit"`
	Amount   string `json:"amount"`
	File     string `json:"file"`
	Line     uint64 `json:"line"` // line in the file; 0 if the payer is an account above the SIM's own
}

// InvoiceItem is the charge of a SIM or an account in a line.
type InvoiceItem struct {
	SIM    string `json:"sim"` // "" for a charge of a whole account
	Period string `json:"period"`
	Days   string `json:"days"` // 21/30, "" for a one-time charge
	Price  string `json:"price"`
	Exact  string `json:"exact"`
	Cause  string `json:"cause,omitempty"`
}

// OpenInvoiceLine returns a line of a document with at most `most` of its records or items, and the sum of all of
// them.
func (o *Office) OpenInvoiceLine(ctx context.Context, name, as string, line, most int) (*InvoiceLine, error) {
	s, err := o.Invoice(ctx, name, as)
	if err != nil {
		return nil, err
	}
	if line < 1 || line > len(s.Lines) {
		return nil, &Problem{Missing, document.NoLine(s.Name(), line, len(s.Lines))}
	}
	l := &s.Lines[line-1]
	open := &InvoiceLine{Document: s.Name(), Line: line, What: LineWords(l), Exact: l.Exact.String(), Net: l.Net.Fixed(s.Scale),
		Currency: s.Currency}
	if s.Form == document.CreditNote {
		return nil, conflict("line %d of credit note %s takes back line %d of %s; open that one", line, s.Name(), l.Takes, s.Corrects)
	}
	view, statements, err := o.below(ctx, []string{s.Payer.Account})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	if l.Kind == document.Usage {
		return open, o.lineRecords(ctx, view, s, l, open, most)
	}
	return open, o.lineItems(ctx, view, statements, s, l, open, most)
}

// simName returns an identifier of a SIM at a time, for display.
func simName(view *registry.View, sim uint32, at udr.Instant) string {
	_, name := simIdentifier(view, sim, at)
	return name
}

// simIdentifier returns the ICCID of a SIM at a time, or another identifier if it has no ICCID.
func simIdentifier(view *registry.View, sim uint32, at udr.Instant) (kind, value string) {
	ids := view.Identifiers(sim, at, view.Revision(), nil)
	for _, id := range ids {
		if id.Kind == udr.ICCID {
			return id.Kind.String(), id.Value
		}
	}
	if len(ids) > 0 {
		return ids[0].Kind.String(), ids[0].Value
	}
	return "", fmt.Sprint(sim)
}

func (o *Office) lineRecords(ctx context.Context, view *registry.View, s *invoicing.Stored, l *document.Line, open *InvoiceLine,
	most int) error {
	sum := decimal.Zero
	err := o.charges(ctx, view, s, l, func(c *warehouse.LineCharge, amount decimal.D) (err error) {
		if sum, err = sum.Add(amount); err != nil {
			return err
		}
		if open.Full = len(open.Records) == most && most > 0; open.Full {
			return nil
		}
		sim := "" // a correction has no SIM
		if c.SIM != 0 {
			sim = simName(view, c.SIM, udr.InstantOf(c.At))
		}
		open.Records = append(open.Records, InvoiceRecord{ID: c.ID.String(), At: Moment(c.At), SIM: sim, Quantity: c.Quantity,
			Unit: c.Unit.String(), Amount: amount.String(), File: strings.TrimPrefix(c.File, "/"), Line: c.Line})
		return nil
	})
	open.Sum = sum.String()
	return err
}

// charges calls each with the charges of a line of usage, in the order of their use.
func (o *Office) charges(ctx context.Context, view *registry.View, s *invoicing.Stored, l *document.Line,
	each func(c *warehouse.LineCharge, amount decimal.D) error) error {
	account, ok := view.AccountNumber(l.Account)
	if !ok {
		return missing("account %s of line %d is not in the registry", l.Account, l.No)
	}
	q := warehouse.LineQuestion{Account: account, Class: l.Class, Plan: l.Product, Zone: l.Zone, Price: l.Tariff, Cycle: l.Cycle.UTC()}
	cut := func(c document.Cut) warehouse.Cut { return warehouse.Cut{Log: uint32(c.Log), Offsets: c.Offsets} }
	var catalogues []*rating.Catalogue
	for i := range s.Input.Closes {
		c := &s.Input.Closes[i]
		catalogue := o.catalogue(ctx, c.Catalogue)
		if catalogue == nil {
			return fmt.Errorf("version %.8s of the catalogue, by which the cycle from %s was closed, is not in the control store any more; was the "+
				"store restored from a backup?", c.Catalogue, c.Cycle.From)
		}
		catalogues = append(catalogues, catalogue)
		span := warehouse.CutSpan{Until: cut(c.Cut)}
		switch {
		case l.Cycle > c.Cycle.From:
			continue
		case l.Cycle < c.Cycle.From && c.Before > 0:
			from := cut(c.From)
			span.From = &from
		}
		q.Spans = append(q.Spans, span)
	}
	w, err := o.Warehouse(ctx)
	if err != nil {
		return err
	}
	return w.ChargesOf(ctx, q, func(c *warehouse.LineCharge) error {
		if !slices.ContainsFunc(catalogues, func(k *rating.Catalogue) bool { return k.PlanFrom(l.Product, c.Version) == l.Version }) {
			return nil // a price from another date belongs to another line
		}
		amount, err := decimal.Parse(c.Amount.String())
		if err != nil {
			return err
		}
		return each(c, amount)
	})
}

func (o *Office) lineItems(ctx context.Context, view *registry.View, statements *registry.Statements, s *invoicing.Stored, l *document.Line,
	open *InvoiceLine, most int) error {
	catalogue, err := o.catalogueNow()
	if err != nil {
		return err
	}
	b := &invoicing.Basis{View: view, Statements: statements, Facts: view.Revision(), Catalogue: s.Input.Catalogue, Now: o.Now()}
	o.documents(ctx, b, catalogue)
	run := &invoicing.Run{DB: o.Store.DB, Basis: b}
	sum := decimal.Zero
	err = run.Items(ctx, s, l, func(i *document.Item) (err error) {
		if sum, err = sum.Add(i.Exact); err != nil {
			return err
		}
		if open.Full = len(open.Items) == most && most > 0; open.Full {
			return nil
		}
		item := InvoiceItem{Period: i.Period.From.String() + " – " + (i.Period.To - 1).String(), Price: i.Price.String(),
			Exact: i.Exact.String(), Cause: i.Cause}
		if i.Of > 0 {
			item.Days = fmt.Sprintf("%d/%d", i.Days, i.Of)
		}
		if i.SIM != 0 {
			item.SIM = simName(view, i.SIM, udr.InstantOf(i.Period.From.UTC()))
		}
		open.Items = append(open.Items, item)
		return nil
	})
	open.Sum = sum.String()
	return err
}

// LineWords describes a line in a few words.
func LineWords(l *document.Line) string {
	parts := []string{l.Product}
	switch l.Kind {
	case document.Usage:
		parts = append(parts, l.Class, l.Zone)
		if l.Tariff != l.Zone {
			parts = append(parts, l.Tariff)
		}
	case document.Recurring, document.Addon, document.PoolFee:
		parts = append(parts, l.State)
	default:
		parts = append(parts, strings.ReplaceAll(string(l.Kind), "_", " "), l.State, l.Text)
	}
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}

// invoice returns the document that contains a charge of a record.
func (q *inquiry) invoice(ctx context.Context, b *strings.Builder, view *registry.View, r *warehouse.Record, c *rating.Charge) {
	id, ok := view.AccountID(c.Account)
	if !ok || invoicing.Migrate(ctx, q.Store.DB) != nil {
		return
	}
	version := registry.Date(0)
	if catalogue := q.catalogue(ctx, r.Pin.Catalogue); catalogue != nil {
		version = catalogue.PlanFrom(c.Plan, c.PlanVersion)
	}
	class, _, _, _ := c.Counts(&r.Usage)
	of := &invoicing.Record{Log: int(r.Log), Partition: r.Partition, Offset: r.Offset, Account: id, Cycle: registry.Date(c.Cycle),
		Class: class,
		Plan:  c.Plan, Version: version, Zone: c.Zone, Tariff: c.Price}
	payers := view.Path(c.Account, r.Usage.At, view.Revision(), nil)
	var closed *invoicing.Closed
	var s *invoicing.Stored
	var n int
	err := q.Store.Change(ctx, "finding a record's invoice", func(tx *store.Tx) (err error) {
		closed, s, n, err = invoicing.Table{Tx: tx}.Where(ctx, payers, of)
		return err
	})
	switch {
	case err != nil:
		line(b, "invoice", "it cannot be found: "+err.Error())
	case closed == nil:
	case s == nil:
		line(b, "invoice", fmt.Sprintf("none yet: the cycle of %s from %s is closed, and its items wait (%s)", closed.Payer,
			closed.Cycle.From, closed.Waits))
	default:
		state := ""
		if s.State != invoicing.Final {
			state = " (" + string(s.State) + ")"
		}
		if n == 0 {
			line(b, "invoice", s.Name()+state)
			return
		}
		l := &s.Lines[n-1]
		line(b, "invoice", fmt.Sprintf("%s%s, line %d (%s), %s, %s %s", s.Name(), state, n, LineWords(l), counted(int(l.Records),
			"record"), s.Currency,
			l.Net.Fixed(s.Scale)))
	}
}
