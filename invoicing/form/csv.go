package form

import (
	"encoding/csv"
	"io"
	"iter"
	"strconv"
	"time"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/printable"
)

// column is a column of a CSV file of T.
type column[T any] struct {
	name    string
	meaning string
	of      func(T) string
}

// billed is a line with its document.
type billed struct {
	d *document.Document
	l *document.Line
}

func (b billed) money(amount decimal.D) string { return amount.Fixed(b.d.Scale) }

// lineColumns are the columns of the lines of a document. New columns are added at the end.
var lineColumns = []column[billed]{
	{"number", "Number of the document; empty for a draft.", func(b billed) string { return b.d.Number }},
	{"line", "Number of the line.", func(b billed) string { return strconv.Itoa(b.l.No) }},
	{"payer", "Account that pays the document.", func(b billed) string { return b.d.Payer.Account }},
	{"account", "Account that has the SIMs, or the product.", func(b billed) string { return b.l.Account }},
	{"kind", "Kind of charge: " + kindNames() + ".", func(b billed) string { return string(b.l.Kind) }},
	{"product", "Name of the part, plan or contract in the catalogue.", func(b billed) string { return b.l.Product }},
	{"version", "Date from which that version of the part, plan or contract is in force; empty if it was always in " +
		"force.", func(b billed) string { return isoDate(b.l.Version) }},
	{"state", "State of the SIMs.", func(b billed) string { return b.l.State }},
	{"class", "Usage class.", func(b billed) string { return b.l.Class }},
	{"zone", "Zone of the usage.", func(b billed) string { return b.l.Zone }},
	{"tariff", "Name of the price in the plan.", func(b billed) string { return b.l.Tariff }},
	{"cycle", "First day of the billing cycle to which the line belongs.", func(b billed) string { return isoDate(b.l.Cycle) }},
	{"first_day", "First day of the line's period.", func(b billed) string { return firstDay(b.l.Period) }},
	{"last_day", "Last day of the period.", func(b billed) string { return lastDay(b.l.Period) }},
	{"sims", "Number of SIMs; empty for usage.", func(b billed) string { return orEmpty(int64(b.l.SIMs)) }},
	{"records", "Number of usage records.", func(b billed) string { return orEmpty(b.l.Records) }},
	{"quantity", "Quantity, in unit.", func(b billed) string { return b.l.Quantity.String() }},
	{"unit", "days (of SIMs), B (octets), s (seconds), 1 (events, pieces).", func(b billed) string { return b.l.Unit }},
	{"price", "Price for the number of units in per, or for a whole period. It is 0 for usage with several prices.",
		func(b billed) string { return b.l.Price.String() }},
	{"per", "Number of units for which the price is.", func(b billed) string { return orEmpty(b.l.Per) }},
	{"exact", "Exact amount.", func(b billed) string { return b.l.Exact.String() }},
	{"amount", "Amount on the document: exact, rounded half away from zero. With gross prices, it includes the tax.",
		func(b billed) string { return b.money(b.l.Amount) }},
	{"rest", "Amount that rounding removed: exact minus amount.", func(b billed) string { return b.l.Rest.String() }},
	{"net", "Amount without tax. The sum of this column is the document's net amount.", func(b billed) string { return b.money(b.l.Net) }},
	{"currency", "Currency of the document, ISO 4217.", func(b billed) string { return b.d.Currency }},
	{"tax_category", "Category of EN 16931: S, Z, E, AE, K, G, O, L, M.", func(b billed) string { return b.l.Category }},
	{"tax_rate", "Rate of tax in percent.", func(b billed) string { return b.l.Rate.String() }},
	{"takes", "Line of the corrected document that this line of a credit note takes " +
		"back.", func(b billed) string { return orEmpty(int64(b.l.Takes)) }},
	{"text", "Text that a user wrote for a charge.", func(b billed) string { return b.l.Text }},
}

func kindNames() string {
	names := make([]string, len(document.Kinds))
	for i, k := range document.Kinds {
		names[i] = string(k)
	}
	return join(", ", names...)
}

// CSV writes the lines of a document, one per row. Amounts have the document's sign: a debt of the payer is positive.
func CSV(w io.Writer, d *document.Document) error {
	return rows(w, lineColumns, func(yield func(billed, error) bool) {
		for i := range d.Lines {
			if !yield(billed{d, &d.Lines[i]}, nil) {
				return
			}
		}
	})
}

// Call is a usage record with the charge of one account.
type Call struct {
	At         time.Time // written in its own time zone
	ID         string
	Account    string
	Kind       string // kind of Identifier: iccid, imsi, msisdn, …
	Identifier string // of the SIM
	Class      string
	Direction  string // mo, mt
	Country    string
	Network    string
	Peer       string
	Zone       string
	Plan       string
	Tariff     string // name of the price
	Quantity   int64
	Unit       string
	Charged    int64
	Covered    int64
	Amount     decimal.D
	Currency   string
	Cycle      document.Date
}

// callColumns are the columns of call detail. New columns are added at the end.
var callColumns = []column[*Call]{
	{"at", "When the usage began, with the offset from UTC.", func(c *Call) string { return c.At.Format(time.RFC3339Nano) }},
	{"id", "Id of the usage record, as in `ratemill explain`.", func(c *Call) string { return c.ID }},
	{"account", "Account that has the SIM.", func(c *Call) string { return c.Account }},
	{"identifier_kind", "Kind of the SIM's identifier in the carrier's record: iccid, imsi, msisdn, imei, eid, " +
		"name.", func(c *Call) string { return c.Kind }},
	{"identifier", "Identifier of the SIM in the carrier's record.", func(c *Call) string { return c.Identifier }},
	{"class", "Usage class.", func(c *Call) string { return c.Class }},
	{"direction", "mo if the SIM started the call, message or session, mt if the other party " +
		"did.", func(c *Call) string { return c.Direction }},
	{"country", "Country where the usage happened, ISO 3166-1 alpha-2.", func(c *Call) string { return c.Country }},
	{"network", "Where it happened, MCC-MNC.", func(c *Call) string { return c.Network }},
	{"peer", "The other party.", func(c *Call) string { return c.Peer }},
	{"zone", "Zone by which the usage was priced.", func(c *Call) string { return c.Zone }},
	{"plan", "Plan by which the usage was priced.", func(c *Call) string { return c.Plan }},
	{"tariff", "Name of the price in the plan.", func(c *Call) string { return c.Tariff }},
	{"quantity", "Quantity used, in unit.", func(c *Call) string { return strconv.FormatInt(c.Quantity, 10) }},
	{"unit", "B (octets), s (seconds), 1 (events).", func(c *Call) string { return c.Unit }},
	{"charged", "The quantity, rounded up to the plan's increments.", func(c *Call) string { return strconv.FormatInt(c.Charged, 10) }},
	{"covered", "How much of charged came from pools and included units.", func(c *Call) string {
		return strconv.FormatInt(c.Covered,
			10)
	}},
	{"amount", "Exact amount. The sum over a line of a document is the exact amount of the line.",
		func(c *Call) string { return c.Amount.String() }},
	{"currency", "Currency of the amount, ISO 4217.", func(c *Call) string { return c.Currency }},
	{"cycle", "First day of the billing cycle to which the usage belongs.", func(c *Call) string { return isoDate(c.Cycle) }},
}

// Sum is the total of call detail.
type Sum struct {
	Records int64
	Amount  decimal.D
}

// CallDetail writes usage records as they arrive, one per row, and keeps none of them in memory. It stops at the first
// error of calls; the rows before the error are written. The caller compares the sum with the lines of the document.
func CallDetail(w io.Writer, calls iter.Seq2[*Call, error]) (sum Sum, err error) {
	err = rows(w, callColumns, func(yield func(*Call, error) bool) {
		for c, err := range calls {
			if err == nil {
				if c.Identifier != "" { // a correction of earlier records is not a record itself, and belongs to no SIM
					sum.Records++
				}
				sum.Amount, err = sum.Amount.Add(c.Amount)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	})
	return sum, err
}

// rows writes a header and the rows as RFC 4180 defines. If a spreadsheet would take a text for a formula, an
// apostrophe is written before it.
func rows[T any](w io.Writer, columns []column[T], all iter.Seq2[T, error]) error {
	out, cells := csv.NewWriter(w), make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	if err := out.Write(cells); err != nil {
		return err
	}
	for v, err := range all {
		if err != nil {
			out.Flush()
			return err
		}
		for i, c := range columns {
			cells[i] = printable.Spreadsheet(c.of(v))
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func firstDay(p document.Period) string {
	if p.Days() <= 0 {
		return ""
	}
	return p.From.String()
}

func lastDay(p document.Period) string {
	if p.Days() <= 0 {
		return ""
	}
	return (p.To - 1).String()
}
