package form_test

import (
	"encoding/xml"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
)

// read is what a receiver reads in an e-invoice, by a reader that knows no more than the standard.
type read struct {
	XMLName   xml.Name
	Currency  string `xml:"DocumentCurrencyCode"`
	Tax       string `xml:"TaxTotal>TaxAmount"`
	Subtotals []struct {
		Basis    string `xml:"TaxableAmount"`
		Tax      string `xml:"TaxAmount"`
		Category string `xml:"TaxCategory>ID"`
		Rate     string `xml:"TaxCategory>Percent"`
	} `xml:"TaxTotal>TaxSubtotal"`
	Sum     string     `xml:"LegalMonetaryTotal>LineExtensionAmount"`
	Net     string     `xml:"LegalMonetaryTotal>TaxExclusiveAmount"`
	Total   string     `xml:"LegalMonetaryTotal>TaxInclusiveAmount"`
	Payable string     `xml:"LegalMonetaryTotal>PayableAmount"`
	Lines   []readLine `xml:"InvoiceLine"`
	Credits []readLine `xml:"CreditNoteLine"`
}

type readLine struct {
	Invoiced string `xml:"InvoicedQuantity"`
	Credited string `xml:"CreditedQuantity"`
	Net      string `xml:"LineExtensionAmount"`
	Category string `xml:"Item>ClassifiedTaxCategory>ID"`
	Rate     string `xml:"Item>ClassifiedTaxCategory>Percent"`
	Price    string `xml:"Price>PriceAmount"`
	Per      string `xml:"Price>BaseQuantity"`
}

func ratio(t testing.TB, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	require.True(t, ok, "%q is a number", text)
	return r
}

func sum(all ...*big.Rat) *big.Rat {
	s := new(big.Rat)
	for _, r := range all {
		s.Add(s, r)
	}
	return s
}

func equal(t testing.TB, want, got *big.Rat, rule string) {
	require.Zero(t, want.Cmp(got), "%s: %s is not %s", rule, got.FloatString(4), want.FloatString(4))
}

// holds checks the sums of an e-invoice with fractions of its own: BR-CO-10, 13, 14, 15, 16 and 17, BR-S-08 and its like, BR-27, and that
// a line is its quantity times its price (Peppol R120). off is how far a group's tax may be from its rate.
func holds(t testing.TB, text []byte, off string) {
	var r read
	require.NoError(t, xml.Unmarshal(text, &r))
	lines := append(r.Lines, r.Credits...)
	require.NotEmpty(t, lines)
	require.Equal(t, r.XMLName.Local == "CreditNote", len(r.Credits) > 0)
	nets, taxes := new(big.Rat), new(big.Rat)
	groups := map[[2]string]*big.Rat{}
	for _, l := range lines {
		net, price, per := ratio(t, l.Net), ratio(t, l.Price), big.NewRat(1, 1)
		if l.Per != "" {
			per = ratio(t, l.Per)
		}
		require.GreaterOrEqual(t, price.Sign(), 0, "BR-27")
		quantity := ratio(t, l.Invoiced+l.Credited)
		product := new(big.Rat).Mul(quantity, new(big.Rat).Quo(price, per))
		away := new(big.Rat).Sub(product, net)
		require.LessOrEqual(t, away.Abs(away).Cmp(big.NewRat(1, 200)), 0, "R120: %s × %s is not %s", quantity, price, net)
		nets.Add(nets, net)
		k := [2]string{l.Category, l.Rate}
		if groups[k] == nil {
			groups[k] = new(big.Rat)
		}
		groups[k].Add(groups[k], net)
	}
	equal(t, nets, ratio(t, r.Sum), "BR-CO-10")
	equal(t, nets, ratio(t, r.Net), "BR-CO-13")
	require.Len(t, r.Subtotals, len(groups))
	for _, s := range r.Subtotals {
		k := [2]string{s.Category, s.Rate}
		require.Contains(t, groups, k)
		basis, tax := ratio(t, s.Basis), ratio(t, s.Tax)
		equal(t, groups[k], basis, "BR-S-08")
		taxes.Add(taxes, tax)
		rate := new(big.Rat)
		if s.Rate != "" {
			rate = new(big.Rat).Quo(ratio(t, s.Rate), big.NewRat(100, 1))
		}
		away := new(big.Rat).Sub(tax, new(big.Rat).Mul(basis, rate))
		require.LessOrEqual(t, away.Abs(away).Cmp(ratio(t, off)), 0, "BR-CO-17: %s at %s of %s", s.Tax, s.Rate, s.Basis)
	}
	equal(t, taxes, ratio(t, r.Tax), "BR-CO-14")
	equal(t, sum(ratio(t, r.Net), taxes), ratio(t, r.Total), "BR-CO-15")
	equal(t, ratio(t, r.Total), ratio(t, r.Payable), "BR-CO-16")
}

// randomItems are some items, about a third of them credits.
func randomItems(r *rand.Rand) (items []document.Item) {
	classes := []string{"telecom", "books", "zero", "insurance", "canary"}
	amount := func(decimals int64) decimal.D {
		d, _ := decimal.FromInt(r.Int64N(2_000_000) - 600_000).Div(decimal.FromInt(decimals))
		return d
	}
	for range 1 + r.IntN(9) {
		i := item(document.Usage, "plan", "0", "0", classed(classes[r.IntN(len(classes))]))
		i.SIM = r.Uint32N(3)
		switch r.IntN(4) {
		case 0: // usage with one price
			i.Price, i.Per, i.Unit = amount(1_000_000).Abs(), []int64{1, 60, 1_000_000}[r.IntN(3)], []string{"B", "s", "1"}[r.IntN(3)]
			i.Quantity = decimal.FromInt(r.Int64N(100_000))
			product, _ := i.Quantity.Mul(i.Price)
			i.Exact, _ = product.DivRound(decimal.FromInt(i.Per), decimal.Scale, decimal.HalfUp)
		case 1: // a part of a period
			i.Kind, i.Price = document.Recurring, amount(100)
			daysOf(1+r.Uint32N(3), 1+r.IntN(30))(&i)
			product, _ := i.Price.Mul(i.Quantity)
			i.Exact, _ = product.DivRound(decimal.FromInt(30), decimal.Scale, decimal.HalfUp)
		case 2:
			i.Exact = amount([]int64{1, 100, 100_000}[r.IntN(3)])
			i.Quantity, i.Unit = decimal.FromInt(r.Int64N(1000)), []string{"B", "parsec"}[r.IntN(2)]
		default:
			i.Kind, i.Price = document.OneOff, amount(100)
			i.Exact = i.Price
			worded(string(rune('a' + len(items))))(&i)
		}
		items = append(items, i)
	}
	return items
}

func TestSumsOfRandomEInvoicesHold(t *testing.T) {
	s := ublSchema(t)
	kinds := map[string]int{}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		in := made(t, randomItems(r), byClass, func(d *document.Document) {
			d.Gross = r.IntN(3) == 0
			if r.IntN(4) == 0 {
				d.Currency, d.Scale = "JPY", 0
			}
			if r.IntN(3) == 0 {
				d.Terms.EInvoiceFormat = form.Peppol
			}
		})
		// Half of the minor unit, which is the rounding; with gross prices the net amount is rounded too.
		off := map[int]string{0: "0.5", 2: "0.005"}[in.Document.Scale]
		if in.Document.Gross {
			off = map[int]string{0: "1", 2: "0.01"}[in.Document.Scale]
		}
		text, err := form.UBL(in)
		require.NoError(t, err, "seed %d", seed)
		holds(t, text, off)
		require.NoError(t, s.check(text), "seed %d", seed)
		kinds["document"]++
		if in.Document.Negative {
			kinds["negative"]++
		}
		kinds["credit note"] += creditInParts(t, r, in, s)
	}
	require.Greater(t, kinds["negative"], 20)
	require.Greater(t, kinds["credit note"], 500)
}

// creditInParts credits a document in random parts, and checks the e-invoice of each.
func creditInParts(t testing.TB, r *rand.Rand, in *form.Print, s schema) (n int) {
	var credits []*document.Document
	for range 3 {
		left, err := document.Left(in.Document, credits)
		require.NoError(t, err)
		var takes []document.Take
		for l, amount := range left {
			if r.IntN(2) == 0 {
				amount, err = amount.DivRound(decimal.FromInt(1+r.Int64N(3)), in.Document.Scale, decimal.Down)
				require.NoError(t, err)
			}
			if !amount.IsZero() && r.IntN(3) > 0 {
				takes = append(takes, document.Take{Line: l + 1, Amount: amount})
			}
		}
		if len(takes) == 0 {
			continue
		}
		c, err := document.Credit(in.Document, credits, takes)
		require.NoError(t, err)
		c.Number, c.Issued, c.Due = "CN-1", in.Document.Issued, in.Document.Issued+30
		text, err := form.UBL(&form.Print{Document: c, Seller: in.Seller, Corrected: in.Document.Issued})
		require.NoError(t, err)
		// The tax is what is missing to the tax of all credits so far, so it is one rounding more away.
		holds(t, text, map[int]string{0: "2", 2: "0.02"}[c.Scale])
		require.NoError(t, s.check(text))
		credits = append(credits, c)
		n++
	}
	return n
}
