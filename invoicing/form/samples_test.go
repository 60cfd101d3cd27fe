package form

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
)

func onDay(text string) document.Date {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return document.Date(t.Unix() / 86400)
}

func wholeMonth(year, m int) document.Period {
	from := time.Date(year, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
	return document.Period{From: document.Date(from.Unix() / 86400), To: document.Date(from.AddDate(0, 1, 0).Unix() / 86400)}
}

const sampleLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 220 48" width="220" height="48">
<path d="M4 40 L24 8 L44 40 Z" fill="#0b7a5b"/><circle cx="24" cy="30" r="6" fill="#ffffff"/>
<rect x="60" y="18" width="150" height="12" rx="6" fill="#0b7a5b"/></svg>`

const sampleSellerText = `seller: northlane
company: { name: Northlane IoT GmbH, street: Speicherstraße 12, postcode: "20457", city: Hamburg, country: DE, vat: DE301234567 }
accounting_groups: [eu]
brand: northlane
colour: "#0b7a5b"
bank: { name: Hanseatische Bank, iban: DE89 3704 0044 0532 0130 00, bic: COBADEFF }
sepa_creditor: DE98ZZZ09999999999
texts:
  en: { greeting: Thank you for your business., payment: Questions? Write to billing@northlane.example., footer: ["Managing director: A. Petersen · Hamburg register HRB 123456"] }
  es: { greeting: Gracias por su confianza., footer: ["Gerente: A. Petersen · Registro de Hamburgo HRB 123456"] }
  pt: { greeting: Obrigado pela sua preferência., footer: ["Gerente: A. Petersen · Registo de Hamburgo HRB 123456"] }
`

func sampleSeller(t testing.TB) *terms.Seller {
	s := &terms.Seller{}
	require.NoError(t, diag.Decode("seller.yaml", []byte(sampleSellerText), s, nil).Err())
	return s
}

func sampleItem(kind document.Kind, account, product, amount string, of document.Period, more ...func(*document.Item)) document.Item {
	i := document.Item{
		Kind: kind, Account: account, Product: product, Cycle: of.From, Period: of, Quantity: decimal.FromInt(1), Unit: "1", Per: 1,
		Price: decimal.MustParse(amount), Exact: decimal.MustParse(amount), Tax: "telecom",
	}
	for _, f := range more {
		f(&i)
	}
	return i
}

// perSIM is a price for a whole period for each of some SIMs, from the first on.
func perSIM(account, product, price string, first, sims int, of document.Period) (items []document.Item) {
	for n := range sims {
		items = append(items, sampleItem(document.Recurring, account, product, price, of, func(i *document.Item) {
			i.SIM, i.State, i.Unit, i.Per = uint32(first+n), "in_billing", "days", 0
			i.Days, i.Of, i.Quantity = of.Days(), of.Days(), decimal.FromInt(int64(of.Days()))
		}))
	}
	return items
}

func sampleUsage(account, class, zone string, quantity int64, unit, price string, per int64, amount string,
	of document.Period) document.Item {
	return sampleItem(document.Usage, account, "fleet-m", amount, of, func(i *document.Item) {
		i.Class, i.Zone, i.Quantity, i.Unit, i.Per, i.Records = class, zone, decimal.FromInt(quantity), unit, per, quantity/97_000+1
		i.Price = decimal.MustParse(price)
	})
}

func sampleDocument(lang string) *document.Document {
	march := wholeMonth(2026, 3)
	return &document.Document{
		Number: "INV-2026-000412", Form: document.Regular, Currency: "EUR", Scale: 2, Cycle: march, Periods: []document.Period{march},
		Issued: onDay("2026-04-01"), Due: onDay("2026-05-01"),
		Seller: document.Party{
			Name: "Northlane IoT GmbH", Street: "Speicherstraße 12", Postcode: "20457", City: "Hamburg", Country: "DE", VAT: "DE301234567",
			Email: "billing@northlane.example", Phone: "+49 40 5550 1200", Registration: "HRB 123456",
		},
		Payer: document.Party{
			Account: "harbour", Name: "Harbour Logistics, S.L.", Lines: []string{"Attn. Cuentas a pagar, José Núñez",
				"Carrer de la Marina 41, 3º",
				"08005 Barcelona"}, Country: "ES", VAT: "ESB12345674",
		},
		Terms: document.Terms{
			Language: lang, Payment: "sepa", Target: 30, Mandate: "NL-2025-0188", MandateSigned: onDay("2025-11-03"), CostCentre: "PO-77120",
			IBAN: "ES9121000418450200051332", Billable: true,
		},
		Notes: []string{"Prices of Fleet M change on 1 July 2026."},
	}
}

func sampleItems() []document.Item {
	march, april := wholeMonth(2026, 3), wholeMonth(2026, 4)
	all := perSIM("harbour", "fleet-m", "10.00", 1, 412, april)
	for n := range 7 {
		all = append(all, sampleItem(document.Recurring, "harbour", "fleet-m", "10.00", march, func(i *document.Item) {
			i.SIM, i.State, i.Unit, i.Per, i.Days, i.Of = uint32(600+n), "in_billing", "days", 0, 17, 31
			i.Period.From += 14
			i.Quantity, i.Exact = decimal.FromInt(17), decimal.MustParse("5.483870967742")
		}))
	}
	all = append(all, sampleItem(document.Addon, "harbour", "private-apn", "184.50", april))
	all = append(all, sampleItem(document.Recurring, "harbour", "fleet-m", "10.00", wholeMonth(2026, 2), func(i *document.Item) {
		i.SIM, i.State, i.Unit, i.Per, i.Days, i.Of = 77, "in_billing", "days", 0, -9, 28
		i.Period.From += 19
		i.Quantity, i.Exact = decimal.FromInt(-9), decimal.MustParse("-3.214285714286")
	}))
	for n, zone := range []string{"austria", "belgium", "home_and_eu"} {
		all = append(all, sampleUsage("harbour", "data", zone, int64(n+1)*1_337_250_000, "B", "0.02", 1_000_000, fmt.Sprintf("%d.74",
			26*(n+1)), march))
	}
	all = append(all, sampleUsage("harbour", "voice_mo", "home", 7_261, "s", "0.03", 60, "3.6305", march))
	all = append(all, sampleUsage("harbour", "sms_mo", "home", 1_204, "1", "0.05", 1, "60.20", march))
	all = append(all, sampleItem(document.OneOff, "harbour", "sim-card", "49.90", march, func(i *document.Item) { i.Cause = "a" }))
	return all
}

func sumsOf(t testing.TB, items []document.Item) *document.Sums {
	s, err := document.SumsOf(items)
	require.NoError(t, err)
	return s
}

func taxedAt(category, rate, reason string) func(*document.Line) (document.Taxed, error) {
	return func(*document.Line) (document.Taxed, error) {
		return document.Taxed{Category: category, Rate: decimal.MustParse(rate), Reason: reason}, nil
	}
}

func printOf(t testing.TB, d *document.Document) *Print {
	return &Print{Document: d, Seller: sampleSeller(t), XML: []byte("<Invoice>" + d.Number + "</Invoice>"), XMLName: "invoice.xml",
		Accounts: map[string]string{"harbour/north": "Harbour North <Lager & Co>"}}
}

// samples are documents of each kind, by name.
func samples(t testing.TB) map[string]*Print {
	all := map[string]*Print{}
	for _, lang := range Languages {
		d := sampleDocument(lang)
		require.NoError(t, d.Make(sumsOf(t, sampleItems()), taxedAt("AE", "0", "reverse_charge")))
		all["regular-"+lang] = printOf(t, d)

		c, err := document.Credit(d, nil, []document.Take{{Line: 3, Amount: decimal.MustParse("120.00")}, {Line: 7,
			Amount: d.Lines[6].Amount}})
		require.NoError(t, err)
		c.Number, c.Issued = "CN-2026-000007", onDay("2026-04-20")
		all["credit-note-"+lang] = printOf(t, c)
	}

	d := sampleDocument("en")
	require.NoError(t, d.Make(sumsOf(t, sampleItems()), taxedAt("S", "19", "")))
	all["template-of-a-reseller"] = printOf(t, d)
	template, err := os.ReadFile("testdata/reseller.html")
	require.NoError(t, err)
	all["template-of-a-reseller"].Template = template

	d = sampleDocument("en")
	d.Terms.Payment = "slip"
	d.Payer.Country, d.Payer.VAT = "DE", "DE811234567"
	d.Periods = []document.Period{wholeMonth(2026, 1), wholeMonth(2026, 2), wholeMonth(2026, 3)}
	var several []document.Item
	for _, account := range []string{"harbour", "harbour/north", "harbour/south"} {
		for _, p := range d.Periods {
			several = append(several, perSIM(account, "tracker", "3.00", 1, 20, p)...)
			several = append(several, sampleItem(document.Addon, account, "handbook", "12.00", p,
				func(i *document.Item) { i.Tax = "books" }))
		}
	}
	require.NoError(t, d.Make(sumsOf(t, several), func(l *document.Line) (document.Taxed, error) {
		if l.Tax == "books" {
			return document.Taxed{Category: "S", Rate: decimal.MustParse("7")}, nil
		}
		return document.Taxed{Category: "S", Rate: decimal.MustParse("19")}, nil
	}))
	all["rates-and-accounts"] = printOf(t, d)
	all["rates-and-accounts"].Logo = []byte(sampleLogo)

	d = sampleDocument("en")
	d.Currency, d.Scale, d.Gross, d.Number, d.Issued, d.Due = "JPY", 0, true, "", 0, 0
	require.NoError(t, d.Make(sumsOf(t, []document.Item{sampleItem(document.OneOff, "harbour", "設定 setup", "15000", wholeMonth(2026, 3)),
		sampleUsage("harbour", "data", "japan", 5_000_000_000, "B", "120", 1_000_000_000, "600", wholeMonth(2026,
			3))}), taxedAt("S", "10", "")))
	all["draft-gross-yen"] = printOf(t, d)

	all["draft-gross-yen"].Logo = pngOf(t, 300, 60)

	d = sampleDocument("es")
	d.Terms.Sandbox, d.Number = true, "TEST-2026-000001"
	var long []document.Item
	for n := range 230 {
		long = append(long, sampleUsage("harbour", "data", fmt.Sprintf("zone_%03d", n), int64(n+1)*1_000_000, "B", "0.02", 1_000_000,
			fmt.Sprintf("%d.02", n), wholeMonth(2026, 3)))
	}
	require.NoError(t, d.Make(sumsOf(t, long), taxedAt("S", "21", "")))
	all["long-sandbox"] = printOf(t, d)

	d = sampleDocument("pt")
	require.NoError(t, d.Make(sumsOf(t, []document.Item{sampleItem(document.Adjustment, "harbour", "goodwill", "-120.00", wholeMonth(2026,
		3), func(i *document.Item) {
		i.Cause = "x"
	}), sampleItem(document.Addon, "harbour", "vpn", "20.00", wholeMonth(2026, 3))}), taxedAt("S", "23", "")))
	d.Number = "CN-2026-000008"
	all["negative-pt"] = printOf(t, d)

	d = sampleDocument("en")
	word := strings.Repeat("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft", 6)
	d.Payer.Name, d.Payer.Lines, d.Terms.CostCentre = "<b>Evil & Sons</b> \u202egnp.exe\x1b[31m", []string{word, "Line\nbreak"}, "</style>"
	d.Number, d.Notes = `"; } @page { size: A3 } "\`, []string{"<script>alert(1)</script>", "שלום {{.Number}}"}
	foreign := sampleItem(document.OneOff, "harbour", "x", "1.00", wholeMonth(2026, 3), func(i *document.Item) { i.Text = word })
	require.NoError(t, d.Make(sumsOf(t, []document.Item{foreign}), taxedAt("E", "0", "Exempt by <i>our own words</i>")))
	all["foreign-text"] = printOf(t, d)
	return all
}
