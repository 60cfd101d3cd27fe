package form

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/printable"
)

// Formats of e-invoices, under the names that billing profiles use. Both are UBL 2.1 by EN 16931.
const (
	EN16931 = "en16931"      // the plain standard; also the format of payers whose profile has no format
	Peppol  = "peppol-bis-3" // Peppol BIS Billing 3.0
)

// Formats lists the formats of e-invoices.
var Formats = []string{EN16931, Peppol}

// UBL returns a final document as a UBL 2.1 Invoice (type 380), or, if it pays money back, as a CreditNote (381) with
// all signs reversed. If the document lacks values that EN 16931 needs, it returns a *RefusedError that lists all of
// them.
func UBL(in *Print) ([]byte, error) {
	u := newUBLMaker(in)
	if wrong := append(u.unfinished(), u.lacking()...); len(wrong) > 0 {
		return nil, &RefusedError{Document: cmp.Or(in.Document.Number, in.Document.ID), Reasons: wrong}
	}
	doc := u.document()
	if err := u.failed(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	e := xml.NewEncoder(&out)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Lacking lists the reasons why a document, or a draft once it is final, cannot be an e-invoice. The missing
// values can be added only before the document is final, so a bill run calls it for each draft.
func Lacking(in *Print) []string { return newUBLMaker(in).lacking() }

// ublMaker makes one e-invoice. Its texts are the same as in the PDF.
type ublMaker struct {
	*viewer
	format string
}

func newUBLMaker(in *Print) *ublMaker {
	w := wordsOf(in.Document.Terms.Language)
	return &ublMaker{
		viewer: &viewer{words: w, money: moneyOf(in.Document, w.lang), in: in, d: in.Document},
		format: cmp.Or(in.Document.Terms.EInvoiceFormat, EN16931),
	}
}

func (u *ublMaker) document() *ublDocument {
	d := u.d
	doc := &ublDocument{
		XMLName: xml.Name{Local: "Invoice"}, Namespace: ublInvoice, Aggregate: ublAggregate, Basic: ublBasic,
		Customization: "urn:cen.eu:en16931:2017",
		ID:            xmlText(d.Number), Issued: d.Issued.String(), Note: xmlText(strings.Join(d.Notes, " ")), Currency: d.Currency,
		Cost: xmlText(d.Terms.CostCentre), Buyer: xmlText(d.Terms.CostCentre), Period: u.period(),
		Supplier: u.supplier(), Customer: u.customer(), Means: u.means(),
		Taxes: ublTaxTotal{Amount: u.sum(d.Tax)},
		Totals: ublTotals{
			Lines: u.sum(d.Net), Net: u.sum(d.Net), Total: u.sum(d.Total), Payable: u.sum(d.Total),
		},
	}
	if u.format == Peppol {
		doc.Customization += "#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
		doc.Profile = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
	}
	if d.Negative {
		doc.XMLName.Local, doc.Namespace, doc.CreditNoteType = "CreditNote", ublCreditNote, "381"
	} else {
		doc.InvoiceType, doc.Due = "380", d.Due.String()
	}
	if d.Corrects != "" {
		doc.Corrects = &ublReference{ID: xmlText(d.Corrects), Issued: isoDate(u.in.Corrected)}
	}
	if u.taxed("K") { // BR-IC-12: the country of delivery
		doc.Delivery = new(ublCountryOf(d.Payer.Country))
	}
	for i := range d.Taxes {
		doc.Taxes.Groups = append(doc.Taxes.Groups, u.group(&d.Taxes[i]))
	}
	for i := range d.Lines {
		l := u.invoiceLine(&d.Lines[i])
		if d.Negative {
			l.Invoiced, l.Credited = nil, l.Invoiced
			doc.CreditLines = append(doc.CreditLines, l)
		} else {
			doc.InvoiceLines = append(doc.InvoiceLines, l)
		}
	}
	return doc
}

// sum is an amount of money with its currency.
func (u *ublMaker) sum(amount decimal.D) ublAmount {
	return ublAmount{u.d.Currency, u.turned(amount).Fixed(u.d.Scale)}
}

// taxed reports whether a line is in one of some tax categories.
func (u *ublMaker) taxed(categories ...string) bool {
	return slices.ContainsFunc(u.d.Lines, func(l document.Line) bool { return slices.Contains(categories, l.Category) })
}

// period returns the document's period. It contains the closed cycles and the periods of all lines, because no line's
// period may be outside the document's period (Peppol R110, R111). Recurring charges in advance and late usage are
// outside the closed cycles.
func (u *ublMaker) period() *ublPeriod {
	all := append([]document.Period{u.d.Cycle}, u.d.Periods...)
	for i := range u.d.Lines {
		all = append(all, u.d.Lines[i].Period)
	}
	var whole document.Period
	for _, p := range all {
		switch {
		case p.Days() <= 0:
		case whole.Days() <= 0:
			whole = p
		default:
			whole = document.Period{From: min(whole.From, p.From), To: max(whole.To, p.To)}
		}
	}
	return ublDays(whole)
}

// ublDays is a period by its first and last day, nil if it has no day.
func ublDays(p document.Period) *ublPeriod {
	if p.Days() <= 0 {
		return nil
	}
	return &ublPeriod{p.From.String(), (p.To - 1).String()}
}

// isoDate returns a date as text, empty if there is none.
func isoDate(d document.Date) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// xmlText returns foreign text on one line, without characters that are invisible or that XML does not allow.
func xmlText(text string) string {
	text = strings.Map(xmlCharacter, printable.Text(text))
	return strings.Join(strings.Fields(text), " ")
}

// xmlCharacter removes characters that XML 1.0 does not allow, and invisible ones.
func xmlCharacter(r rune) rune {
	if r == printable.Substitute || r == 0xfffe || r == 0xffff {
		return -1
	}
	return r
}
