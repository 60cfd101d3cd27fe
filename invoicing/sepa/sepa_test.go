package sepa_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/sepa"
	"ratemill/registry"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out to testdata")

func date(t testing.TB, text string) (d registry.Date) {
	require.NoError(t, d.UnmarshalText([]byte(text)))
	return d
}

var globex = sepa.Creditor{Name: "Globex IoT España S.L.", ID: "ES50ZZZM23456789", IBAN: "ES91 2100 0418 4502 0005 1332", BIC: "CAIXESBB"}

func checks(t testing.TB) sepa.Checks {
	return sepa.Checks{Today: date(t, "2026-05-04")}
}

func debits(t testing.TB) []sepa.Debit {
	first := sepa.Debit{Document: "INV-2026-000412", Amount: decimal.MustParse("13603.49"), Currency: "EUR", On: date(t, "2026-05-11"),
		Sequence: sepa.First, Payer: "acme", Debtor: "Ácme & Söhne GmbH", IBAN: "DE89 3704 0044 0532 0130 00", BIC: "COBADEFF",
		Mandate: "ACME-2026-01", Signed: date(t, "2026-01-15"), Text: "Invoice INV-2026-000412, 2026-03"}
	second := first
	second.Document, second.Amount, second.Payer, second.Debtor, second.Sequence = "INV-2026-000414", decimal.MustParse("0.01"), "initech",
		"Łódź Straße, Æro; 東京", sepa.Recurrent
	second.IBAN, second.BIC, second.Mandate = "PT50000201231234567890154", "", "INI+7"
	third := second
	third.Document, third.Amount, third.On = "INV-2026-000413", decimal.MustParse("99.9"), date(t, "2026-05-11")
	fourth := third
	fourth.Document, fourth.On = "INV-2026-000500", date(t, "2026-06-01")
	fourth.IBAN, fourth.BIC, fourth.Mandate, fourth.Debtor = "CH93 0076 2011 6238 5295 7", "ubswchzh80a", "CH 1", "Zürcher Käserei AG"
	fourth.Address = sepa.Address{Street: "Bahnhofstraße 1", Postcode: "8001", Town: "Zürich", Country: "CH"}
	return []sepa.Debit{first, second, third, fourth}
}

// message makes a message of debits, of which none is refused.
func message(t testing.TB, debits []sepa.Debit) *sepa.Message {
	m, refused, err := sepa.New("RM-20260504-1", time.Date(2026, 5, 4, 8, 30, 0, 0, time.UTC), globex, debits, checks(t))
	require.NoError(t, err)
	require.Empty(t, refused)
	return m
}

func TestDebitsAreGroupedByDayAndSequenceWithExactSums(t *testing.T) {
	m := message(t, debits(t))
	text, err := m.XML()
	require.NoError(t, err)
	const golden = "testdata/pain008.xml"
	if *rewrite {
		require.NoError(t, os.WriteFile(golden, text, 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text))
	require.Equal(t, "13803.3", m.Sum.String())
	require.Len(t, m.Batches, 3)
}

func TestAllThatADebitLacksIsToldAndTheOthersAreCollected(t *testing.T) {
	all := debits(t)
	all[0].Mandate, all[0].Signed, all[0].IBAN = "", 0, "DE89 3704 0044 0532 0130 01"
	all[1].Currency = "USD"
	all[2].Amount = decimal.MustParse("1.005")
	all[2].Debtor, all[2].On = "", date(t, "2026-05-01")
	all[2].Document = "INV/2026//1"
	m, refused, err := sepa.New("RM-1", time.Unix(0, 0), globex, append(all, all[3]), checks(t))
	require.NoError(t, err)
	require.Equal(t, 1, m.Count)
	var told []string
	for i := range refused {
		told = append(told, refused[i].Error())
	}
	require.Equal(t, []string{
		`document INV-2026-000412 of acme cannot be collected: the payer has no mandate; write payment.sepa.mandate of its billing profile; ` +
			`the date on which the mandate was signed is missing; write payment.sepa.signed; ` +
			`"DE89370400440532013001" is not an IBAN: its check digits 89 are wrong, so a character is mistyped`,
		`document INV-2026-000414 of initech cannot be collected: it is in USD, but SEPA is in EUR`,
		`document INV/2026//1 of initech cannot be collected: 1.005 has more than 2 decimals; its number is not an end-to-end id: that has at ` +
			`most 35 letters, digits and / - ? : ( ) . , ' +; the payer has no name; it would be collected on 2026-05-01, which is in the past`,
		`document INV-2026-000500 of initech cannot be collected: another debit has the same number`,
	}, told)
}

func TestASellerThatLacksTermsCollectsNothing(t *testing.T) {
	_, _, err := sepa.New("too long for a message of a bank, by far", time.Unix(0, 0), sepa.Creditor{BIC: "x"}, debits(t), checks(t))
	for _, word := range []string{"not an id of a message", "has no name", "sepa_creditor", "has no bank account", "not a BIC"} {
		require.ErrorContains(t, err, word)
	}
}

// The rules of the scheme that no schema can say: the area, what banks outside of the EEA need, and mandates that ended.
func TestWhatTheRulebookForbidsIsRefused(t *testing.T) {
	last := debits(t)[3]
	for _, c := range []struct {
		change func(*sepa.Debit)
		want   string
	}{
		{func(d *sepa.Debit) { d.BIC = "" }, "outside of the European Economic Area, so banks ask for its BIC"},
		{func(d *sepa.Debit) { d.Address = sepa.Address{} }, "banks ask for the payer's address"},
		{func(d *sepa.Debit) { d.Address.Country = "Schweiz" }, "banks ask for the payer's address"},
		{func(d *sepa.Debit) { d.IBAN = "TR330006100519786457841326" }, "is not in the SEPA area"},
		{func(d *sepa.Debit) { d.Used = date(t, "2023-05-31") }, "mandate CH 1 was last used on 2023-05-31, and a mandate that is not used for " +
			"36 months ends"},
		{func(d *sepa.Debit) { d.Used = date(t, "2023-06-01") }, ""},
		{func(d *sepa.Debit) { d.Mandate = "Straße" }, "is not a reference of a mandate"},
		{func(d *sepa.Debit) { d.Document = "INV/1/" }, "its number is not an end-to-end id"},
		{func(d *sepa.Debit) { d.Amount = decimal.MustParse("1000000000") }, "is no amount that can be debited"},
		{func(d *sepa.Debit) { d.Signed = date(t, "2026-05-05") }, "which is in the future"},
	} {
		d := last
		c.change(&d)
		_, refused, err := sepa.New("RM-1", time.Unix(0, 0), globex, []sepa.Debit{d}, checks(t))
		require.NoError(t, err)
		if c.want == "" {
			require.Empty(t, refused)
			continue
		}
		require.Len(t, refused, 1, c.want)
		require.ErrorContains(t, &refused[0], c.want)
	}
	for _, c := range []struct {
		by   sepa.Creditor
		want string
	}{
		{sepa.Creditor{Name: "G", ID: "ES51ZZZM23456789", IBAN: globex.IBAN}, "its check digits 51 are wrong"},
		{sepa.Creditor{Name: "G", ID: globex.ID, IBAN: "TR330006100519786457841326"}, "is not in the SEPA area, so it cannot collect"},
		{sepa.Creditor{Name: " / ", ID: globex.ID, IBAN: globex.IBAN}, "the seller has no name"},
	} {
		_, _, err := sepa.New("RM-1", time.Unix(0, 0), c.by, nil, checks(t))
		require.ErrorContains(t, err, c.want)
	}
}
