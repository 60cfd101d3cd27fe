package document

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
)

func oneLine(net, rate string) Item {
	return Item{Kind: OneOff, Product: net, Cause: net, Exact: decimal.MustParse(net), Tax: rate}
}

// byClass takes the name of the tax class as its rate.
func byClass(l *Line) (Taxed, error) {
	return Taxed{Category: "S", Rate: decimal.MustParse(l.Tax)}, nil
}

func made(t *testing.T, gross bool, items ...Item) *Document {
	t.Helper()
	d := &Document{Form: Regular, Currency: "EUR", Scale: 2, Gross: gross}
	sums, err := SumsOf(items)
	require.NoError(t, err)
	require.NoError(t, d.Make(sums, byClass))
	return d
}

func TestTaxIsRoundedOncePerRate(t *testing.T) {
	var items []Item
	for range 10 {
		i := oneLine("0.12", "21")
		i.Cause = string(rune('a' + len(items)))
		items = append(items, i)
	}
	d := made(t, false, append(items, oneLine("10.05", "10"))...)
	require.Equal(t, []string{"11.25", "1.26", "12.51"}, []string{d.Net.Fixed(2), d.Tax.Fixed(2), d.Total.Fixed(2)})
	require.Equal(t, "0.25", d.Taxes[0].Tax.Fixed(2))
	require.Equal(t, "1.01", d.Taxes[1].Tax.Fixed(2))
}

func TestADocumentCreditedInPartsGivesBackItsTaxExactly(t *testing.T) {
	again := oneLine("68.33", "20")
	again.Cause = "again"
	d := made(t, false, oneLine("68.33", "20"), again, oneLine("57.50", "20"), oneLine("85.00", "20"))
	d.Number = "INV-1"
	require.Equal(t, "334.99", d.Total.Fixed(2))
	line := func(amount string) (no int) {
		for _, l := range d.Lines {
			if l.Amount.Fixed(2) == amount {
				no = l.No
			}
		}
		return no
	}
	first := line("68.33")
	var credits []*Document
	var taxes []string
	for n, take := range []Take{{first, decimal.MustParse("68.33")}, {line("57.50"), decimal.MustParse("57.50")},
		{line("85.00"), decimal.MustParse("85.00")}, {0, decimal.MustParse("68.33")}} {
		if n == 3 {
			for _, l := range d.Lines {
				if l.Amount.Fixed(2) == "68.33" && l.No != first {
					take.Line = l.No
				}
			}
		}
		c, err := Credit(d, credits, []Take{take})
		require.NoError(t, err)
		credits = append(credits, c)
		taxes = append(taxes, c.Tax.Neg().Fixed(2)+" "+c.Total.Neg().Fixed(2))
	}
	require.Equal(t, []string{"13.67 82.00", "11.50 69.00", "17.00 102.00", "13.66 81.99"}, taxes)
	_, err := Credit(d, credits, []Take{{first, decimal.MustParse("0.01")}})
	require.ErrorContains(t, err, "0.01 cannot be credited; of its 68.33, 0.00 is left")
}

// Credit everything of random documents in random parts: nothing remains, and the tax comes back exactly.
func TestCreditsInAnyPartsGiveBackTheWhole(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		gross := r.IntN(2) == 0
		var items []Item
		for n := range 1 + r.IntN(8) {
			i := oneLine(decimal.FromInt(r.Int64N(20000)-4000).String(), []string{"0", "4", "21", "5.5"}[r.IntN(4)])
			i.Exact, _ = i.Exact.Div(decimal.FromInt(100))
			i.Cause = string(rune('a' + n))
			items = append(items, i)
		}
		d := made(t, gross, items...)
		d.Number = "INV-1"
		checkTotals(t, d)
		var credits []*Document
		for {
			left, err := Left(d, credits)
			require.NoError(t, err)
			var takes []Take
			for n, amount := range left {
				if amount.IsZero() || r.IntN(3) == 0 {
					continue
				}
				part := amount
				if r.IntN(2) == 0 {
					part, err = amount.MulRound(decimal.FromInt(r.Int64N(100)), 0, decimal.Down)
					require.NoError(t, err)
					part, err = part.DivRound(decimal.FromInt(100), 2, decimal.Down)
					require.NoError(t, err)
				}
				if !part.IsZero() {
					takes = append(takes, Take{n + 1, part})
				}
			}
			if len(takes) == 0 {
				if takes, err = All(d, credits); len(takes) == 0 {
					break
				}
				require.NoError(t, err)
			}
			c, err := Credit(d, credits, takes)
			require.NoError(t, err, "seed %d", seed)
			checkTotals(t, c)
			credits = append(credits, c)
		}
		net, tax := d.Net, d.Tax
		for _, c := range credits {
			net, _ = net.Add(c.Net)
			tax, _ = tax.Add(c.Tax)
		}
		require.Equal(t, "0 0", net.String()+" "+tax.String(), "seed %d: net and tax that remain", seed)
	}
}

func checkTotals(t *testing.T, d *Document) {
	t.Helper()
	var nets, taxes decimal.D
	for _, l := range d.Lines {
		nets, _ = nets.Add(l.Net)
	}
	for _, g := range d.Taxes {
		taxes, _ = taxes.Add(g.Tax)
	}
	total, _ := d.Net.Add(d.Tax)
	require.Equal(t, []decimal.D{d.Net, d.Tax, d.Total}, []decimal.D{nets, taxes, total})
}
