package decimal_test

import (
	"math/big"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/seeds"
)

func TestParseAndPrint(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "+1.50": "1.5", ".5": "0.5", "5.": "5", "-12.000000000001": "-12.000000000001",
		"99999999999999999999999999.999999999999": "99999999999999999999999999.999999999999",
		"1.0000000000000000":                      "1", "000007": "7",
	} {
		d, err := decimal.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d.String())
	}
	for text, reason := range map[string]string{
		"": "no digits", "-": "no digits", "1e3": "unexpected 'e' at position 2", "1.2.3": "unexpected '.'", "1,5": "unexpected ','",
		"0.0000000000001": "more than 12 decimals", "100000000000000000000000000": "at most 26 digits",
		strings.Repeat("9", 10_000): "at most 26 digits", " 1": "unexpected ' '",
	} {
		_, err := decimal.Parse(text)
		require.ErrorContains(t, err, reason, text)
		require.Less(t, len(err.Error()), 200)
	}
	require.Equal(t, "0.170", decimal.MustParse("0.17").Fixed(3))
	require.Equal(t, "-0.175", decimal.MustParse("-0.175").Fixed(2), "more decimals where the number needs them")
}

// The model: big.Rat, where nothing overflows and nothing rounds.

func rat(d decimal.D) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(d.String())
	}
	return r
}

func roundRat(r *big.Rat, scale int, mode decimal.Mode) *big.Rat {
	step := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	abs := new(big.Rat).Abs(r)
	steps := new(big.Rat).Quo(abs, step)
	whole := new(big.Int).Quo(steps.Num(), steps.Denom())
	rest := new(big.Rat).Sub(steps, new(big.Rat).SetInt(whole))
	cmp := rest.Cmp(big.NewRat(1, 2))
	up := false
	switch mode {
	case decimal.Up:
		up = rest.Sign() > 0
	case decimal.Down:
	case decimal.HalfUp:
		up = cmp >= 0
	case decimal.HalfDown:
		up = cmp > 0
	case decimal.HalfEven:
		up = cmp > 0 || cmp == 0 && whole.Bit(0) == 1
	}
	if up {
		whole.Add(whole, big.NewInt(1))
	}
	out := new(big.Rat).Mul(new(big.Rat).SetInt(whole), step)
	if r.Sign() < 0 {
		out.Neg(out)
	}
	return out
}

func random(r *rand.Rand) decimal.D {
	n := r.Intn(1 << uint(r.Intn(31)))
	text := big.NewInt(int64(n) + 1).String()
	for r.Intn(3) > 0 && len(text) < 20 {
		text += big.NewInt(int64(r.Intn(100))).String()
	}
	if k := r.Intn(13); k > 0 {
		for len(text) <= k {
			text = "0" + text
		}
		text = text[:len(text)-k] + "." + text[len(text)-k:]
	}
	if r.Intn(2) == 0 {
		text = "-" + text
	}
	return decimal.MustParse(text)
}

var limit, _ = new(big.Rat).SetString("100000000000000000000000000")

// requireSame says that got is want, or an error when want is out of range or needs more decimals.
func requireSame(t *testing.T, want *big.Rat, got decimal.D, err error, what string) {
	t.Helper()
	exact := roundRat(want, decimal.Scale, decimal.Down).Cmp(want) == 0
	switch {
	case new(big.Rat).Abs(want).Cmp(limit) >= 0:
		require.ErrorIs(t, err, decimal.ErrRange, what)
	case !exact:
		require.ErrorIs(t, err, decimal.ErrInexact, what)
	default:
		require.NoError(t, err, what)
		require.Zero(t, rat(got).Cmp(want), "%s: %s, want %s", what, got, want.FloatString(14))
	}
}

func TestArithmeticIsThatOfRationals(t *testing.T) {
	for seed := range seeds.Each(t, 10_000, 10_000) {
		r := rand.New(rand.NewSource(int64(seed)))
		a, b := random(r), random(r)
		mode, scale := decimal.Mode(r.Intn(5)), r.Intn(13)
		what := a.String() + " and " + b.String()
		sum, err := a.Add(b)
		requireSame(t, new(big.Rat).Add(rat(a), rat(b)), sum, err, what)
		diff, err := a.Sub(b)
		requireSame(t, new(big.Rat).Sub(rat(a), rat(b)), diff, err, what)
		mul, err := a.Mul(b)
		requireSame(t, new(big.Rat).Mul(rat(a), rat(b)), mul, err, what)
		div, err := a.Div(b)
		requireSame(t, new(big.Rat).Quo(rat(a), rat(b)), div, err, what)
		mul, err = a.MulRound(b, scale, mode)
		requireSame(t, roundRat(new(big.Rat).Mul(rat(a), rat(b)), scale, mode), mul, err, what)
		div, err = a.DivRound(b, scale, mode)
		requireSame(t, roundRat(new(big.Rat).Quo(rat(a), rat(b)), scale, mode), div, err, what)
		round, rest, err := a.Round(decimal.Rounding{Scale: scale, Mode: mode})
		require.NoError(t, err)
		require.Zero(t, rat(round).Cmp(roundRat(rat(a), scale, mode)), "%s to %d %s: %s", a, scale, mode, round)
		back, err := round.Add(rest)
		require.NoError(t, err)
		require.Equal(t, a, back)
		require.Equal(t, rat(a).Cmp(rat(b)), a.Cmp(b))
	}
}

func TestPriceLosesNothing(t *testing.T) {
	for seed := range seeds.Each(t, 10_000, 10_000) {
		r := rand.New(rand.NewSource(int64(seed)))
		price, quantity, per := random(r), r.Int63n(1<<uint(1+r.Intn(50))), uint64(1+r.Int63n(1<<uint(1+r.Intn(40))))
		if r.Intn(8) == 0 {
			quantity = -quantity
		}
		rounding := decimal.Rounding{Scale: r.Intn(13), Mode: decimal.Mode(r.Intn(5))}
		truth := new(big.Rat).Mul(rat(price), new(big.Rat).SetFrac(big.NewInt(quantity), new(big.Int).SetUint64(per)))
		got, rest, below, err := price.Price(quantity, per, rounding)
		if new(big.Rat).Abs(truth).Cmp(limit) >= 0 {
			require.ErrorIs(t, err, decimal.ErrRange)
			continue
		}
		require.NoError(t, err)
		require.Zero(t, rat(got).Cmp(roundRat(truth, rounding.Scale, rounding.Mode)), "%s × %d / %d", price, quantity, per)
		missing := new(big.Rat)
		if below.Den != 0 {
			missing.SetFrac(big.NewInt(below.Num), new(big.Int).SetUint64(below.Den))
			missing.Mul(missing, big.NewRat(1, 1_000_000_000_000))
		}
		missing.Add(missing, rat(rest))
		require.Zero(t, missing.Add(missing, rat(got)).Cmp(truth), "result + rest is the true value")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("12.5")
	f.Add("-0.000000000001")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := decimal.Parse(text)
		if err != nil {
			return
		}
		again, err := decimal.Parse(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		require.Zero(t, rat(d).Cmp(want))
	})
}

func BenchmarkPrice(b *testing.B) {
	p := decimal.MustParse("0.02")
	for b.Loop() {
		_, _, _, _ = p.Price(79_200, 1_000_000, decimal.Rounding{Scale: 6})
	}
}
