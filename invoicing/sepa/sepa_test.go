package sepa_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
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
	return sepa.Checks{Today: date(t, "2026-05-04"), IBAN: func(text string) error {
		_, err := account.ParseIBAN(text)
		return err
	}}
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

// children are the elements of the schema that the message uses, in the schema's order: pain.008.001.08 has them in sequences, so a
// bank refuses any other order.
var children = map[string]string{
	"Document":          "CstmrDrctDbtInitn",
	"CstmrDrctDbtInitn": "GrpHdr PmtInf*",
	"GrpHdr":            "MsgId CreDtTm NbOfTxs CtrlSum InitgPty",
	"InitgPty":          "Nm", "Cdtr": "Nm", "Dbtr": "Nm",
	"PmtInf": "PmtInfId PmtMtd BtchBookg NbOfTxs CtrlSum PmtTpInf ReqdColltnDt Cdtr CdtrAcct CdtrAgt ChrgBr CdtrSchmeId " +
		"DrctDbtTxInf*",
	"PmtTpInf": "SvcLvl LclInstrm SeqTp", "SvcLvl": "Cd", "LclInstrm": "Cd",
	"CdtrAcct": "Id", "DbtrAcct": "Id", "CdtrAgt": "FinInstnId", "DbtrAgt": "FinInstnId", "CdtrSchmeId": "Id",
	"DrctDbtTxInf": "PmtId InstdAmt DrctDbtTx DbtrAgt Dbtr DbtrAcct RmtInf",
	"PmtId":        "EndToEndId", "DrctDbtTx": "MndtRltdInf", "MndtRltdInf": "MndtId DtOfSgntr", "RmtInf": "Ustrd",
}

func TestElementsAreInTheOrderOfTheSchema(t *testing.T) {
	text, err := message(t, debits(t)).XML()
	require.NoError(t, err)
	type element struct {
		name string
		has  []string
	}
	open := []element{{}}
	d := xml.NewDecoder(strings.NewReader(string(text)))
	checked := map[string]bool{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			require.Equal(t, sepa.Namespace, token.Name.Space)
			if up := &open[len(open)-1]; len(up.has) == 0 || up.has[len(up.has)-1] != token.Name.Local+"*" {
				if strings.Contains(children[up.name], token.Name.Local+"*") {
					up.has = append(up.has, token.Name.Local+"*")
				} else {
					up.has = append(up.has, token.Name.Local)
				}
			}
			open = append(open, element{name: token.Name.Local})
		case xml.EndElement:
			e := open[len(open)-1]
			if want, ok := children[e.name]; ok {
				require.Equal(t, want, strings.Join(e.has, " "), e.name)
				checked[e.name] = true
			}
			open = open[:len(open)-1]
		}
	}
	require.Len(t, checked, len(children))
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
		`document INV-2026-000414 of initech cannot be collected: it is in USD, and SEPA is in EUR`,
		`document INV/2026//1 of initech cannot be collected: 1.005 has more than 2 decimals; its number is no end-to-end id: that has at ` +
			`most 35 letters, digits and / - ? : ( ) . , ' +; the payer has no name; it would be collected on 2026-05-01, which is over`,
		`document INV-2026-000500 of initech cannot be collected: another debit has the same number`,
	}, told)
}

func TestASellerThatLacksTermsCollectsNothing(t *testing.T) {
	_, _, err := sepa.New("too long for a message of a bank, by far", time.Unix(0, 0), sepa.Creditor{BIC: "x"}, debits(t), checks(t))
	for _, word := range []string{"no id of a message", "has no name", "sepa_creditor", "has no bank account", "no BIC"} {
		require.ErrorContains(t, err, word)
	}
}
