package terms

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
)

const good = `
seller: skyway
company: { name: Skyway Telecom S.L., street: Calle Mayor 1, postcode: "28001", city: Madrid, country: ES, vat: ESB12345674 }
accounting_groups: [es-b2b]
colour: "#0b7a5b"
texts: { es: { footer: [Gracias] } }
---
accounting_group: es-b2b
currency: EUR
numbers: { invoice: "INV-{year}-{n:6}", credit_note: "CN-{year}-{n:6}" }
periodicity: quarterly
tax: spain
grace: 2 d
hold: { suspense_records: 100 }
---
tax: spain
from: 2020-01-01
rules:
  - { when: 'buyer.country != "ES" && buyer.vat != "" && buyer.country in eu', category: AE, rate: 0, reason: reverse_charge }
  - { class: telecom, category: S, rate: 21 }
  - { class: books, category: S, rate: 4 }
---
tax: spain
from: 2027-01-01
rules:
  - { category: S, rate: 22 }
`

func load(t *testing.T, text string) (*Documents, string) {
	t.Helper()
	files := fstest.MapFS{}
	for n, doc := range strings.Split(text, "---\n") {
		files[string(rune('a'+n))+".yaml"] = &fstest.MapFile{Data: []byte(doc)}
	}
	c, list := rating.LoadCatalogue(files, Kinds()...)
	said := ""
	for _, d := range list {
		said += d.Message + "\n"
	}
	if c == nil {
		return nil, said
	}
	d, _ := DocumentsOf(c)
	return d, said
}

func TestATaxTableSaysHowALineIsTaxedOnADate(t *testing.T) {
	d, said := load(t, good)
	require.Empty(t, said)
	seller := &document.Party{Country: "ES", VAT: "ESB12345674"}
	on := func(text string) (date registry.Date) {
		require.NoError(t, date.UnmarshalText([]byte(text)))
		return date
	}
	g := d.Group("es-b2b", on("2026-04-01"))
	for _, c := range []struct{ country, vat, class, date, want string }{
		{"ES", "ESA1", "telecom", "2026-04-30", "S 21"},
		{"ES", "", "books", "2026-04-30", "S 4"},
		{"DE", "DE1", "telecom", "2026-04-30", "AE 0 reverse_charge"},
		{"DE", "", "telecom", "2026-04-30", "S 21"},
		{"GB", "GB1", "telecom", "2026-04-30", "S 21"},
		{"ES", "", "telecom", "2027-01-01", "S 22"},
	} {
		tax, err := d.Tax(g, nil, c.class, &document.Party{Country: c.country, VAT: c.vat}, seller, on(c.date))
		require.NoError(t, err)
		got := tax.Category + " " + tax.Rate.String()
		if tax.Reason != "" {
			got += " " + tax.Reason
		}
		require.Equal(t, c.want, got)
	}
	_, err := d.Tax(g, nil, "food", &document.Party{Country: "ES"}, seller, on("2026-04-30"))
	require.ErrorContains(t, err, "tax table spain has no rule for class food on 2026-04-30, buyer in ES")
	_, err = d.Tax(g, nil, "telecom", seller, seller, on("2019-04-30"))
	require.ErrorContains(t, err, "no version that is in force on 2019-04-30")
	tax, err := d.Tax(g, &document.ZeroVAT{Category: "AE", Reason: "Reverse charge"}, "telecom", seller, seller, on("2026-04-30"))
	require.NoError(t, err)
	require.Equal(t, "AE 0 Reverse charge", tax.Category+" "+tax.Rate.String()+" "+tax.Reason)
}

func TestInvoicesAreMadeWhenTheLastCycleOfTheirPeriodCloses(t *testing.T) {
	issued := func(periodicity string, last int) (months []int) {
		g := Group{Periodicity: periodicity, IssueMonth: last}
		for month := 1; month <= 12; month++ {
			var date registry.Date
			require.NoError(t, date.UnmarshalText([]byte("2026-"+string(rune('0'+month/10))+string(rune('0'+month%10))+"-15")))
			if g.Issues(date) {
				months = append(months, month)
			}
		}
		return months
	}
	require.Len(t, issued("monthly", 0), 12)
	require.Equal(t, []int{3, 6, 9, 12}, issued("quarterly", 0))
	require.Equal(t, []int{6, 12}, issued("half_yearly", 0))
	require.Equal(t, []int{12}, issued("yearly", 0))
	require.Equal(t, []int{1, 4, 7, 10}, issued("quarterly", 10))
	require.Equal(t, []int{5}, issued("yearly", 5))
}

func TestNumbersNeverRepeat(t *testing.T) {
	r, err := ParseRange("INV-{year}-{n:6}")
	require.NoError(t, err)
	require.True(t, r.Yearly)
	require.Equal(t, "INV-2026-000412", r.Number(2026, 412))
	require.Equal(t, "INV-2026-1000000", r.Number(2026, 1_000_000))
	for text, want := range map[string]string{
		"INV-{year}":  "must have {n} or {n:6} exactly once",
		"{n}-{n}":     "must have {n} or {n:6} exactly once",
		"{year}{n:6}": "put a character that is not a digit between",
		"2026{n}":     "put a character that is not a digit between",
		"{month}-{n}": "{month} is not a part of a number; the parts are {year}, {n} and {n:6}",
		"{n:13}":      "the digits of {n:…} are 1 to 12",
		"INVOICE-OF-SKYWAY-TELECOM-{year}-{n:12}": "at most 35 characters",
		"Ñ{n}": "ASCII characters",
	} {
		_, err := ParseRange(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestMistakesInTermsAreToldAllAtOnce(t *testing.T) {
	_, said := load(t, `
seller: skyway
company: { name: Skyway, street: Calle Mayor 1, city: Madrid, country: Spain }
accounting_groups: [es-b2c]
colour: green
sepa_creditor: ES1
bank: { iban: ES91 2100 0418 4502 0005 1333 }
texts: { sp: { footer: [a, b, c, d] } }
---
seller: other
company: { name: Other, street: Calle Mayor 1, city: Madrid, country: ES }
accounting_groups: [es-b2b]
sepa_creditor: ES98ZZZ09999999999
---
accounting_group: es-b2b
currency: XAU
numbers: { invoice: "INV-{n}", credit_note: "INV-{n:6}" }
tax: spane
grace: soon
issue_month: 3
---
tax: spain
rules:
  - { category: S, rate: 21 }
  - { class: books, category: AE, rate: 4 }
  - { when: 'buyer.town == "X"', category: Z, rate: 0, reason: none }
  - { category: E, rate: 0 }
  - { category: S, rate: 101 }
`)
	for _, want := range []string{
		`"Spain" is not a country`, "there is no accounting group es-b2c; did you mean es-b2b?", `"green" is not a colour`,
		`"ES1" is not a SEPA creditor identifier`, `"ES98ZZZ09999999999" is not a SEPA creditor identifier: its check digits 98 are wrong`,
		`"ES91 2100 0418 4502 0005 1333" is not an IBAN: its check digits 91 are wrong`, "sp is not a language of documents",
		"the footer has 4 lines",
		"the operator is seller other already", `"XAU" is not a currency in which invoices are paid`,
		"numbers of INV-{n:6} can be the same as those of INV-{n}", "there is no tax table spane; did you mean spain?",
		`"soon" is not a number from 0 to 60`, "issue_month has no effect on monthly invoices",
		"rule 2 is never reached", "rule 2: category AE allows no rate but 0", "the condition: ", "rule 3: category Z has no reason",
		"rule 4: category E needs a reason", `"101" is not a rate in percent`,
	} {
		require.Contains(t, said, want)
	}
}
