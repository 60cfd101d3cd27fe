package form

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/normalize"
)

func TestNumbersAreWrittenAsInThePayersCountry(t *testing.T) {
	for _, x := range []struct{ lang, country, code, amount, want string }{
		{"en", "ES", "EUR", "12480.17", "€12,480.17"}, {"en", "DE", "USD", "-3.5", "−$3.50"},
		{"es", "ES", "EUR", "12480.17", "12.480,17 €"},
		{"es", "MX", "MXN", "12480.17", "$12,480.17"}, {"es", "", "EUR", "1", "1,00 €"}, {"pt", "PT", "EUR", "12480.17", "12 480,17 €"},
		{"pt", "BR", "BRL", "12480.17", "R$ 12.480,17"}, {"pt", "ES", "EUR", "-1", "−€ 1,00"}, {"en", "JP", "JPY", "15000", "¥15,000"},
		{"en", "KW", "KWD", "1.234", "KWD 1.234"}, {"xx", "GB", "GBP", "1", "£1.00"},
	} {
		p, err := normalize.ParseCurrency([]byte(x.code))
		require.NoError(t, err)
		d := &document.Document{Currency: x.code, Scale: p.MinorUnits(), Payer: document.Party{Country: x.country}}
		m := moneyOf(d, wordsOf(x.lang).lang)
		require.Equal(t, x.want, strings.ReplaceAll(m.total(decimal.MustParse(x.amount)), "\u00a0", " "), "%v", x)
		require.NoError(t, m.err)
	}
}

func TestEveryCurrencyInWhichInvoicesCanBePaidIsPrinted(t *testing.T) {
	file, err := os.ReadFile("../../normalize/data/currencies.txt")
	require.NoError(t, err)
	known := 0
	for _, code := range regexp.MustCompile(`(?m)^[A-Z]{3}\b`).FindAllString(string(file), -1) {
		p, err := normalize.ParseCurrency([]byte(code))
		require.NoError(t, err)
		if p.MinorUnits() < 0 {
			continue // no invoice is paid in gold
		}
		known++
		for _, lang := range Languages {
			for _, country := range []string{"", "ES", "PT", "BR", "MX", "CO", "CR", "PY", "VE", "CV", "AO", "MZ", "CH", "US"} {
				m := moneyOf(&document.Document{Currency: code, Scale: p.MinorUnits(), Payer: document.Party{Country: country}}, lang)
				text := m.total(decimal.MustParse("-1234567.8"))
				require.NoError(t, m.err, code)
				for _, r := range text {
					require.True(t, printed(r), "%s in %s-%s: %q has a character that the font lacks", code, lang, country, text)
				}
			}
		}
	}
	require.Greater(t, known, 140)
	m := moneyOf(&document.Document{Currency: "EURO", Scale: 2}, "en")
	m.total(decimal.FromInt(1))
	require.ErrorContains(t, m.err, "an amount of the document cannot be written")
}

func TestQuantitiesHaveTheUnitOfTheirPrice(t *testing.T) {
	for _, x := range []struct {
		unit, quantity, price string
		per                   int64
		want                  string
	}{
		{"B", "1337250000", "0.02", 1_000_000, "1,337.25 MB | 0.02 / MB"}, {"B", "1073741824", "1.5", 1 << 30, "1 GiB | 1.50 / GiB"},
		{"B", "5000000000", "0", 0, "5 GB | "}, {"B", "999", "0", 0, "999 B | "}, {"B", "300", "0.0001", 100, "300 B | 0.0001 / 100 B"},
		{"s", "7261", "0.03", 60, "121.017 min | 0.03 / min"}, {"s", "90", "0.001", 1, "90 s | 0.001 / s"},
		{"s", "7200", "1", 3600, "2 h | 1.00 / h"},
		{"s", "90", "0", 0, "1.5 min | "}, {"1", "1204", "0.05", 1, "1,204 | 0.05"}, {"1", "5000", "2", 1000, "5,000 | 2.00 / 1,000"},
		{"", "1", "120", 0, "1 | 120.00"}, {"", "1", "0", 0, " | "}, {"1", "2", "0.123456789012", 1, "2 | 0.123456789012"},
	} {
		d := &document.Document{Currency: "EUR", Scale: 2}
		v := &viewer{words: wordsOf("en"), money: moneyOf(d, "en"), d: d}
		quantity, price, by := v.quantities(&document.Line{
			Unit: x.unit, Quantity: decimal.MustParse(x.quantity), Price: decimal.MustParse(x.price), Per: x.per,
		})
		require.Equal(t, x.want+"", quantity+" | "+price+by, "%v", x)
		require.NoError(t, v.money.err)
	}
}

// parsed is a number that English writes.
func parsed(t *testing.T, text string) decimal.D {
	return decimal.MustParse(strings.NewReplacer(",", "", minus, "-").Replace(text))
}

// Whatever a document has, each of its lines is a row, and the rows of each section and account add up to what stands beside their title.
func TestTheRowsOfRandomDocumentsAddUp(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := sampleDocument("en")
		d.Scale, d.Gross = r.IntN(4), r.IntN(2) == 0
		var items []document.Item
		for n := range 1 + r.IntN(30) {
			i := sampleItem(document.Kinds[r.IntN(len(document.Kinds))], fmt.Sprintf("harbour/%d", r.IntN(3)), fmt.Sprint("p", r.IntN(3)),
				decimal.FromInt(r.Int64N(200_000)-80_000).String(), wholeMonth(2026, 1+r.IntN(4)))
			i.Cause, i.SIM, i.Class = fmt.Sprint(n), uint32(n), []string{"data", "own_class", ""}[r.IntN(3)]
			i.Exact, _ = i.Exact.Div(decimal.FromInt(1000))
			items = append(items, i)
		}
		require.NoError(t, d.Make(sumsOf(t, items), taxedAt("S", "21", "")))
		v, err := printer(t, Options{}).view(printOf(t, d))
		require.NoError(t, err)
		var all, account, section, titled decimal.D
		lines, accounts := 0, 0
		for _, row := range v.Rows {
			switch row.Kind {
			case "account":
				account, accounts = decimal.Zero, accounts+1
			case "group":
				require.Equal(t, titled, section, "seed %d: lines under a title", seed)
				titled, section = parsed(t, row.Amount), decimal.Zero
			case "line":
				lines++
				for _, sum := range []*decimal.D{&all, &account, &section} {
					*sum, err = sum.Add(parsed(t, row.Amount))
					require.NoError(t, err)
				}
			case "sum":
				require.Equal(t, account, parsed(t, row.Amount), "seed %d: %s", seed, row.Text)
			}
		}
		require.Equal(t, titled, section, "seed %d: lines under the last title", seed)
		require.Len(t, d.Lines, lines)
		want := d.Net
		if d.Gross {
			want = d.Total
		}
		if d.Negative {
			want = want.Neg()
		}
		require.Equal(t, want, all, "seed %d: all lines", seed)
		require.True(t, v.Rows[len(v.Rows)-1].Last)
		require.NotEqual(t, 1, accounts, "an account alone has no title")
	}
}
