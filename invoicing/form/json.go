package form

import (
	"bytes"
	"encoding/json"
	"io"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/printable"
)

// jsonDocument is the document format for programs. Fields are never changed or removed; new fields may be
// added. It differs from the stored form (document.Document), which also has the terms of delivery.
type jsonDocument struct {
	Number   string       `json:"number,omitempty" doc:"Number of the document; a draft has none."`
	ID       string       `json:"id,omitempty" doc:"Id of the document; a draft has one too."`
	Type     string       `json:"type" doc:"invoice, or credit_note if the document pays money back."`
	Form     string       `json:"form" doc:"regular, off_cycle, credit_note or final_settlement."`
	Corrects string       `json:"corrects,omitempty" doc:"Number of the document that a credit note takes back."`
	Issued   string       `json:"issued,omitempty" doc:"Date of issue."`
	Due      string       `json:"due,omitempty" doc:"Date on which it is due."`
	Seller   jsonParty    `json:"seller" doc:"Who sells."`
	Payer    jsonParty    `json:"payer" doc:"Who pays."`
	Cost     string       `json:"cost_centre,omitempty" doc:"Cost centre of the payer."`
	Payment  string       `json:"payment,omitempty" doc:"How the document is paid: slip, direct_debit or sepa."`
	Cycle    jsonPeriod   `json:"cycle" doc:"The last billing cycle that the document closes."`
	Periods  []jsonPeriod `json:"periods" doc:"All billing cycles that the document closes, oldest first."`
	Currency string       `json:"currency" doc:"Currency of all amounts, ISO 4217."`
	Gross    bool         `json:"gross" doc:"true: the amounts of the lines include the tax."`
	Lines    []jsonLine   `json:"lines" doc:"Lines."`
	Taxes    []jsonTax    `json:"taxes" doc:"Categories and rates of tax."`
	Net      string       `json:"net" doc:"Sum without tax."`
	Tax      string       `json:"tax" doc:"Tax."`
	Total    string       `json:"total" doc:"Sum with tax: what the payer owes, or gets if it is below 0."`
	Notes    []string     `json:"notes,omitempty" doc:"Notes, as printed."`
	Hash     string       `json:"hash,omitempty" doc:"SHA-256 of the canonical text of a final document."`
}

// jsonParty is document.Party with the field names of the JSON format. A field that only one of the two types has
// does not compile.
type jsonParty struct {
	Account      string   `json:"account,omitempty" doc:"Account; the operator has none."`
	Name         string   `json:"name" doc:"Name."`
	Lines        []string `json:"lines,omitempty" doc:"Lines of the address, as printed."`
	Street       string   `json:"street,omitempty" doc:"Street and number."`
	Postcode     string   `json:"postcode,omitempty" doc:"Postcode."`
	City         string   `json:"city,omitempty" doc:"City."`
	Country      string   `json:"country,omitempty" doc:"Country, ISO 3166-1 alpha-2."`
	VAT          string   `json:"vat,omitempty" doc:"VAT number."`
	Registration string   `json:"registration,omitempty" doc:"Number in the register of companies."`
	TaxNumber    string   `json:"tax_number,omitempty" doc:"Number at the tax office."`
	Email        string   `json:"email,omitempty" doc:"E-mail address."`
	Phone        string   `json:"phone,omitempty" doc:"Phone number."`
	Homepage     string   `json:"homepage,omitempty" doc:"Web site."`
	Endpoint     string   `json:"endpoint,omitempty" doc:"Electronic address with its scheme."`
}

type jsonPeriod struct {
	First string `json:"first_day,omitempty" doc:"First day."`
	Last  string `json:"last_day,omitempty" doc:"Last day."`
}

type jsonLine struct {
	No       int    `json:"line" doc:"Number of the line, from 1."`
	Kind     string `json:"kind" doc:"Kind of charge."`
	Account  string `json:"account" doc:"Account that has the SIMs, or the product."`
	Product  string `json:"product,omitempty" doc:"Name of the part, plan or contract in the catalogue."`
	Version  string `json:"version,omitempty" doc:"Date from which that version of the part, plan or contract is in force; if omitted, it was always in force."`
	State    string `json:"state,omitempty" doc:"State of the SIMs."`
	Class    string `json:"class,omitempty" doc:"Usage class."`
	Zone     string `json:"zone,omitempty" doc:"Zone of the usage."`
	Tariff   string `json:"tariff,omitempty" doc:"Name of the price in the plan."`
	Cycle    string `json:"cycle,omitempty" doc:"First day of the billing cycle to which the line belongs."`
	First    string `json:"first_day,omitempty" doc:"First day of the period."`
	Last     string `json:"last_day,omitempty" doc:"Last day of the period."`
	SIMs     int    `json:"sims,omitempty" doc:"Number of SIMs."`
	Records  int64  `json:"records,omitempty" doc:"Number of usage records."`
	Quantity string `json:"quantity" doc:"Quantity, in unit."`
	Unit     string `json:"unit,omitempty" doc:"days, B, s or 1."`
	Price    string `json:"price" doc:"Price for the number of units in per, or for a whole period; 0 for usage with several prices."`
	Per      int64  `json:"per,omitempty" doc:"Number of units for which the price is."`
	Exact    string `json:"exact" doc:"Exact amount."`
	Amount   string `json:"amount" doc:"Exact amount, rounded."`
	Rest     string `json:"rest" doc:"What rounding removed."`
	Net      string `json:"net" doc:"Amount without tax."`
	Category string `json:"tax_category" doc:"Category of tax by EN 16931."`
	Rate     string `json:"tax_rate" doc:"Rate of tax in percent."`
	Takes    int    `json:"takes,omitempty" doc:"Line of the corrected document that this line takes back."`
	Text     string `json:"text,omitempty" doc:"Text that a user wrote for a charge."`
}

type jsonTax struct {
	Category string `json:"category" doc:"Category of tax by EN 16931."`
	Rate     string `json:"rate" doc:"Rate in percent."`
	Reason   string `json:"reason,omitempty" doc:"Reason why there is no tax."`
	Basis    string `json:"basis" doc:"Sum of the lines without tax."`
	Tax      string `json:"tax" doc:"Tax on the basis."`
}

// JSON writes a document for programs. Amounts, prices and quantities are strings, because programs read JSON
// numbers as binary fractions. Amounts have the document's sign: a debt of the payer is positive.
func JSON(w io.Writer, d *document.Document) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(jsonOf(d)); err != nil {
		return err
	}
	_, err := w.Write(printable.JSON(b.Bytes()))
	return err
}

func jsonOf(d *document.Document) *jsonDocument {
	money := func(amount decimal.D) string { return amount.Fixed(d.Scale) }
	out := &jsonDocument{
		Number: d.Number, ID: d.ID, Type: "invoice", Form: string(d.Form), Corrects: d.Corrects, Issued: isoDate(d.Issued), Due: isoDate(d.Due),
		Seller: jsonParty(d.Seller), Payer: jsonParty(d.Payer), Cost: d.Terms.CostCentre, Payment: d.Terms.Payment,
		Cycle: jsonPeriodOf(d.Cycle), Periods: []jsonPeriod{}, Currency: d.Currency, Gross: d.Gross, Lines: []jsonLine{}, Taxes: []jsonTax{},
		Net: money(d.Net), Tax: money(d.Tax), Total: money(d.Total), Notes: d.Notes, Hash: d.Hash,
	}
	if d.Negative {
		out.Type = "credit_note"
	}
	for _, p := range d.Periods {
		out.Periods = append(out.Periods, jsonPeriodOf(p))
	}
	for i := range d.Lines {
		l := &d.Lines[i]
		out.Lines = append(out.Lines, jsonLine{
			No: l.No, Kind: string(l.Kind), Account: l.Account, Product: l.Product, Version: isoDate(l.Version), State: l.State, Class: l.Class,
			Zone: l.Zone, Tariff: l.Tariff, Cycle: isoDate(l.Cycle), First: firstDay(l.Period), Last: lastDay(l.Period), SIMs: l.SIMs,
			Records: l.Records, Quantity: l.Quantity.String(), Unit: l.Unit, Price: l.Price.String(), Per: l.Per, Exact: l.Exact.String(),
			Amount: money(l.Amount), Rest: l.Rest.String(), Net: money(l.Net), Category: l.Category, Rate: l.Rate.String(), Takes: l.Takes,
			Text: l.Text,
		})
	}
	for _, g := range d.Taxes {
		out.Taxes = append(out.Taxes, jsonTax{
			Category: g.Category, Rate: g.Rate.String(), Reason: g.Reason, Basis: money(g.Basis), Tax: money(g.Tax),
		})
	}
	return out
}

func jsonPeriodOf(p document.Period) jsonPeriod { return jsonPeriod{firstDay(p), lastDay(p)} }
