package normalize

import (
	_ "embed"
	"sync"
)

// Currency is an ISO 4217 code in capitals; the zero value is not a currency.
type Currency [3]byte

func (c Currency) String() string { return string(c.Append(nil)) }

// Append appends the code; the zero value has none.
func (c Currency) Append(dst []byte) []byte {
	if c == (Currency{}) {
		return dst
	}
	return append(dst, c[:]...)
}

// MinorUnits returns the number of decimals of amounts in the currency: 2 for EUR, 0 for JPY. It returns -1 for codes
// that have none, such as gold (XAU), and for unknown codes.
func (c Currency) MinorUnits() int {
	if row, ok := currencies()[c]; ok {
		return row.minor
	}
	return -1
}

// Name returns the English name of the currency.
func (c Currency) Name() string { return currencies()[c].name }

type currencyRow struct {
	minor int
	name  string
}

//go:embed data/currencies.txt
var currenciesText string

var currencies = sync.OnceValue(func() map[Currency]currencyRow {
	t := map[Currency]currencyRow{}
	for fields := range rows(currenciesText, 4) {
		row := currencyRow{minor: -1, name: fields[3]}
		if minor, ok := decimal([]byte(fields[2])); ok {
			row.minor = int(minor)
		}
		t[Currency([]byte(fields[0]))] = row
	}
	return t
})

// ParseCurrency reads the code of a currency in use, in upper or lower case, such as EUR.
func ParseCurrency(text []byte) (Currency, error) {
	in := trim(text)
	if len(in) != 3 {
		return Currency{}, fail("currency", text, "a currency is a code of three letters (ISO 4217), such as EUR")
	}
	c := Currency{upper(in[0]), upper(in[1]), upper(in[2])}
	if _, ok := currencies()[c]; !ok {
		return Currency{}, fail("currency", text, "no currency in use has this code (ISO 4217)")
	}
	return c, nil
}

var _ = declare(Function{
	Name: "currency", Family: "currency", Params: []Param{text("three letters")},
	Doc:      "A currency in use (ISO 4217), in capitals.",
	Suspends: "the text is not the code of a currency in use",
	Examples: []Example{ex(`currency("eur")`, "EUR"), exFails(`currency("DEM")`, "no currency in use")},
}, ParseCurrency)

var _ = declare(Function{
	Name: "minor_units", Family: "currency", Params: []Param{text("three letters")},
	Doc:      "Number of decimals in which amounts of a currency are paid.",
	Suspends: "the text is not the code of a currency in use",
	Examples: []Example{ex(`minor_units("EUR")`, "2"), ex(`minor_units("JPY")`, "0"), exFails(`minor_units("DEM")`, "no currency in use")},
}, func(text []byte) (int64, error) {
	c, err := ParseCurrency(text)
	if err != nil {
		return 0, err
	}
	return int64(c.MinorUnits()), nil
})
