package form_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/terms"
)

func date(text string) (d document.Date) {
	if err := d.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return d
}

func span(from, to string) document.Period { return document.Period{From: date(from), To: date(to)} }

var april = span("2026-04-01", "2026-05-01")

func operator() *terms.Seller {
	return &terms.Seller{
		Name: diag.Text{Value: "skyway"}, Brand: "Skyway",
		Bank:     &terms.Bank{Name: "Banco Uno", IBAN: diag.Text{Value: "ES91 2100 0418 4502 0005 1332"}, BIC: "CAIXESBB"},
		Creditor: diag.Text{Value: "ES50ZZZM23456789"},
	}
}

// draft is a document without lines.
func draft() *document.Document {
	return &document.Document{
		ID: "7-regular-2026-04-01-0", Number: "INV-2026-000042", Form: document.Regular, Issued: date("2026-05-03"), Due: date("2026-06-02"),
		Payer: document.Party{
			Account: "acme", Name: "Acme Logistics GmbH", Street: "Alexanderplatz 1", Postcode: "10178", City: "Berlin", Country: "DE",
			VAT: "DE123456789", Registration: "HRB 12345 B", Email: "office@acme.example", Phone: "+49 30 901820",
			Endpoint: "9930:DE123456789",
		},
		Seller: document.Party{
			Name: "Skyway IoT S.L.", Street: "Calle Mayor 1", Postcode: "28001", City: "Madrid", Country: "ES", VAT: "ESB12345674",
			Registration: "M-123456", Email: "billing@skyway.example", Phone: "+34 912 345 678", Endpoint: "9920:ESB12345674",
		},
		Terms: document.Terms{AccountingGroup: "es-b2b", CostCentre: "4711", Language: "en", Payment: "slip", Target: 30, Billable: true},
		Cycle: april, Periods: []document.Period{april}, Currency: "EUR", Scale: 2,
	}
}

func item(kind document.Kind, product, price, exact string, more ...func(*document.Item)) document.Item {
	i := document.Item{
		Kind: kind, Account: "acme", Product: product, Cycle: april.From, Period: april, Price: decimal.MustParse(price),
		Exact: decimal.MustParse(exact), Quantity: decimal.FromInt(1), Unit: "1", Tax: "telecom",
	}
	for _, m := range more {
		m(&i)
	}
	return i
}

// daysOf makes an item of a SIM for some days of the cycle's 30.
func daysOf(sim uint32, n int) func(*document.Item) {
	return func(i *document.Item) {
		i.SIM, i.Unit, i.Quantity, i.Days, i.Of, i.State = sim, "days", decimal.FromInt(int64(n)), n, 30, "in_billing"
	}
}

// usageOf makes an item of usage.
func usageOf(quantity, unit string, per, records int64) func(*document.Item) {
	return func(i *document.Item) {
		i.Quantity, i.Unit, i.Per, i.Records = decimal.MustParse(quantity), unit, per, records
		i.Class, i.Zone, i.Tariff = "data", "eu", "local"
	}
}

func classed(class string) func(*document.Item) { return func(i *document.Item) { i.Tax = class } }

func worded(text string) func(*document.Item) {
	return func(i *document.Item) { i.Text, i.Cause = text, text }
}

// month is what a customer with three SIMs owes: whole and prorated recurring charges, usage with one and with several prices, a credit.
func month() []document.Item {
	return []document.Item{
		item(document.Recurring, "fleet", "0.40", "0.40", daysOf(1, 30)),
		item(document.Recurring, "fleet", "0.40", "0.40", daysOf(2, 30)),
		item(document.Recurring, "tracker", "1.00", "0.333333333333", daysOf(3, 10)),
		item(document.Usage, "eu-data", "0.009", "4.5", usageOf("500000000", "B", 1000000, 812)),
		item(document.Usage, "eu-data", "0", "7.3125", usageOf("73125", "s", 0, 44), func(i *document.Item) { i.Class = "voice_mo" }),
		item(document.OneOff, "goodwill", "-2.00", "-2", worded("Goodwill for the outage on 12 April")),
		item(document.Usage, "eu-data", "0.01", "0.09", usageOf("9", "1", 1, 9), func(i *document.Item) {
			i.Class, i.Cycle, i.Period = "sms_mo", date("2026-03-01"), span("2026-03-01", "2026-04-01")
		}),
	}
}

// rates are the taxes of the classes of these tests.
var rates = map[string]document.Taxed{
	"telecom": {Category: "S", Rate: decimal.MustParse("21")}, "books": {Category: "S", Rate: decimal.MustParse("5.5")},
	"zero": {Category: "Z"}, "insurance": {Category: "E", Reason: "Exempt, article 20.1.16 of Ley 37/1992"},
	"tenth": {Category: "S", Rate: decimal.MustParse("10")}, "fifth": {Category: "S", Rate: decimal.MustParse("20")},
	"canary": {Category: "L", Rate: decimal.MustParse("7")}, "ceuta": {Category: "M", Rate: decimal.MustParse("10")},
}

// all taxes every line alike.
func all(category, reason string) func(*document.Line) (document.Taxed, error) {
	return func(*document.Line) (document.Taxed, error) {
		return document.Taxed{Category: category, Reason: reason}, nil
	}
}

func byClass(l *document.Line) (document.Taxed, error) { return rates[l.Tax], nil }

// made is a document of items; change is done before its lines are made.
func made(t testing.TB, items []document.Item, tax func(*document.Line) (document.Taxed, error),
	change func(*document.Document)) *form.Print {
	t.Helper()
	d := draft()
	if change != nil {
		change(d)
	}
	sums, err := document.SumsOf(items)
	require.NoError(t, err)
	require.NoError(t, d.Make(sums, tax))
	if d.Negative {
		d.Number = "CN-2026-000007"
	}
	return &form.Print{Document: d, Seller: operator()}
}

func credited(t testing.TB, of *form.Print, takes ...document.Take) *form.Print {
	t.Helper()
	var err error
	if takes == nil {
		takes, err = document.All(of.Document, nil)
		require.NoError(t, err)
	}
	c, err := document.Credit(of.Document, nil, takes)
	require.NoError(t, err)
	c.Number, c.Issued, c.Due = "CN-2026-000008", date("2026-05-20"), date("2026-06-19")
	return &form.Print{Document: c, Seller: of.Seller, Corrected: of.Document.Issued}
}

// ublCases are the e-invoices that are kept in testdata/ubl, by the names of their files.
func ublCases(t testing.TB) map[string]*form.Print {
	yen := func(d *document.Document) { d.Currency, d.Scale = "JPY", 0 }
	plain := made(t, month(), byClass, nil)
	mixed := append(month(), item(document.OneOff, "handbook", "10.05", "10.05", classed("books"), worded("Handbook")),
		item(document.OneOff, "map", "3", "3", classed("zero"), worded("Map")),
		item(document.OneOff, "cover", "12.50", "12.5", classed("insurance"), worded("Insurance of devices")))
	islands := []document.Item{item(document.OneOff, "router", "80", "80", classed("canary"), worded("Router")),
		item(document.OneOff, "router", "70", "70", classed("ceuta"), worded("Router"))}
	peppol := func(d *document.Document) {
		d.Terms.EInvoiceFormat, d.Notes = form.Peppol, []string{"Two SIMs were moved.", "Thank you."}
	}
	south := item(document.Recurring, "fleet", "0.40", "0.40", daysOf(9, 30), func(i *document.Item) { i.Account = "acme-south" })
	tree := made(t, append(month(), south), all("AE", "reverse_charge"), func(d *document.Document) { d.Terms.Language = "es" })
	tree.Accounts = map[string]string{"acme": "Acme", "acme-south": "Acme Sur"}
	takesBackACredit := credited(t, plain, document.Take{Line: 6, Amount: decimal.MustParse("-2.00")})
	cases := map[string]*form.Print{
		"tax-once-per-rate": made(t, tenAndOne(), byClass, nil), "credit-note-of-the-last-part": lastPart(t),
		"credit-note-of-a-credit": takesBackACredit,
		"nothing-to-pay": made(t, []document.Item{item(document.Usage, "eu-data", "0", "0", usageOf("5", "1", 1, 5))}, byClass,
			nil),
		"units-of-prices": made(t, inUnits(), byClass, nil),
		"kosovo": made(t, month(), all("G", "export"), func(d *document.Document) {
			d.Payer.Country, d.Payer.VAT = "XK", ""
			d.Payer.Lines = []string{"c/o Acme Berlin", "Alexanderplatz 1", "10178 Berlin"}
		}),
		"direct-debit": made(t, month(), byClass, func(d *document.Document) { d.Terms.Payment = "direct_debit" }),
		"peppol-direct-debit": made(t, month(), byClass, func(d *document.Document) {
			d.Terms.Payment, d.Terms.EInvoiceFormat = "direct_debit", form.Peppol
		}),
	}
	maps.Copy(cases, map[string]*form.Print{
		"invoice":            plain,
		"peppol":             made(t, month(), byClass, peppol),
		"peppol-credit-note": credited(t, made(t, month(), byClass, peppol)),
		"credit-note-of-all": credited(t, plain),
		"credit-note-of-a-part": credited(t, plain, document.Take{Line: 1, Amount: decimal.MustParse("0.25")},
			document.Take{Line: 3, Amount: decimal.MustParse("0.03")}),
		"reverse-charge":  made(t, month(), all("AE", "reverse_charge"), nil),
		"intra-community": made(t, month(), all("K", "intra_community"), nil),
		"export":          made(t, month(), all("G", "export"), func(d *document.Document) { d.Payer.Country, d.Payer.VAT = "US", "" }),
		"outside-of-vat":  made(t, month(), all("O", "outside_scope"), func(d *document.Document) { d.Payer.Country = "CH" }),
		"several-rates":   made(t, mixed, byClass, nil),
		"islands": made(t, islands, byClass, func(d *document.Document) {
			d.Payer.Country, d.Payer.VAT, d.Payer.Street, d.Payer.City, d.Payer.Postcode = "ES", "", "", "", ""
			d.Payer.Lines = []string{"Edificio Norte", "Planta 3", "Calle Real 4", "51001 Ceuta"}
		}),
		"zero-decimals": made(t, []document.Item{item(document.OneOff, "router", "12345", "12345", worded("Router")),
			item(document.Usage, "jp-data", "0.7", "350.7", usageOf("501", "1", 1, 501))}, byClass, yen),
		"gross": made(t, month(), byClass, func(d *document.Document) { d.Gross = true }),
		"negative-regular": made(t, []document.Item{item(document.OneOff, "goodwill", "-2.00", "-2", worded("Goodwill")),
			item(document.Usage, "eu-data", "0.003", "1.5", usageOf("500000000", "B", 1000000, 12))}, byClass, nil),
		"sepa": made(t, month(), byClass, func(d *document.Document) {
			d.Terms.Payment, d.Terms.IBAN, d.Terms.BIC = "sepa", "DE89 3704 0044 0532 0130 00", "COBADEFF"
			d.Terms.Mandate, d.Terms.MandateSigned = "ACME-2026-01", date("2026-01-15")
		}),
		"spanish-of-a-tree": tree,
		"foreign-text": made(t, []document.Item{item(document.OneOff, "a&b<c>", "1", "1", worded(foreign))}, byClass,
			func(d *document.Document) {
				d.Payer.Name, d.Notes = "A & B \"Söhne\"\x7f <GmbH>", []string{"5 > 3 & 2 < 4\ufffe"}
			}),
	})
	return cases
}

// inUnits is usage whose prices are for larger units than those in which it is counted.
func inUnits() []document.Item {
	class := func(class string) func(*document.Item) { return func(i *document.Item) { i.Class = class } }
	return []document.Item{
		item(document.Usage, "gb", "2.5", "1.25", usageOf("500000000", "B", 1e9, 2)),
		item(document.Usage, "mib", "0.02", "0.03", usageOf("1572864", "B", 1<<20, 2)),
		item(document.Usage, "odd-mib", "0.02", "0.019073486328", usageOf("1000000", "B", 1<<20, 2)),
		item(document.Usage, "odd-block", "0.05", "0.5", usageOf("1000000", "B", 100000, 2)),
		item(document.Usage, "minutes", "0.06", "0.09", usageOf("90", "s", 60, 2), class("voice_mo")),
		item(document.Usage, "odd-minutes", "0.06", "0.1", usageOf("100", "s", 60, 2), class("voice_mo")),
	}
}

// tenAndOne are ten lines of 0.12 at one rate, and a line of 10.05 at another.
func tenAndOne() (items []document.Item) {
	for n := range 10 {
		items = append(items, item(document.OneOff, "label", "0.12", "0.12", worded("Label "+string(rune('A'+n)))))
	}
	return append(items, item(document.OneOff, "handbook", "10.05", "10.05", classed("tenth"), worded("Handbook")))
}

// lastPart is the last of four credit notes that take back a document line by line: its tax, 13.66, is a cent below 20 % of 68.33.
func lastPart(t testing.TB) (last *form.Print) {
	var items []document.Item
	for _, net := range []string{"68.33", "57.50", "85.00", "68.33"} {
		items = append(items, item(document.OneOff, "router", net, net, classed("fifth"), worded("Router "+string(rune('A'+len(items))))))
	}
	of := made(t, items, byClass, nil)
	var credits []*document.Document
	for n, no := range []int{2, 1, 4, 3} { // lines are in the order of their prices
		l := of.Document.Lines[no-1]
		c, err := document.Credit(of.Document, credits, []document.Take{{Line: l.No, Amount: l.Amount}})
		require.NoError(t, err)
		c.Number, c.Issued = "CN-2026-00001"+string(rune('0'+n)), date("2026-05-20")
		credits = append(credits, c)
		last = &form.Print{Document: c, Seller: of.Seller, Corrected: of.Document.Issued}
	}
	return last
}

// foreign is what nobody should write, and somebody does.
const foreign = "<script>\x00\x1b[31m ]]> \u202etxt\u202c ✓ Ñandú\n2nd line\xff"
