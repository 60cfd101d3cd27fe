package form_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/terms"
)

func TestADocumentThatLacksSomethingForAnEInvoiceIsRefusedWithAllThatItLacks(t *testing.T) {
	in := made(t, month(), byClass, func(d *document.Document) {
		d.Number, d.Issued, d.Due = "", 0, 0
		d.Payer = document.Party{Account: "acme", VAT: "123456789", Endpoint: "acme"}
		d.Seller = document.Party{}
		d.Terms = document.Terms{Payment: "slip", EInvoiceFormat: form.Peppol}
	})
	in.Seller.Bank = nil
	_, err := form.UBL(in)
	var refused *form.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "document 7-regular-2026-04-01-0 cannot be an e-invoice:", strings.SplitN(err.Error(), "\n", 2)[0])
	require.Equal(t, []string{
		"it has no number and no date of issue; finalise it first",
		"it has no due date (BR-CO-25); finalise it again",
		"the seller has no name (BR-06); state company.name in the document of seller skyway",
		"the seller has no country, or \"\" is none (BR-09); state company.country in the document of seller skyway",
		"the buyer has no name (BR-07); state name in the company of account acme",
		"the buyer has no country, or \"\" is none (BR-11); state country in the billing address of account acme",
		"the seller has neither a VAT number nor a tax number (BR-S-02, BR-AE-02); state company.vat in the document of seller skyway",
		"no field identifies the seller (BR-CO-26; category O forbids its VAT number); state company.registration in " +
			"the document of seller skyway",
		"the buyer's VAT number 123456789 does not begin with its country's code (BR-CO-09); correct vat in the " +
			"company of account acme",
		"the seller has no electronic address (R010, R020); state company.endpoint in the document of seller skyway",
		"the buyer's electronic address \"acme\" does not begin with its scheme, as in 0204:991-1234512345-06; correct " +
			"e_invoice.endpoint of account acme",
		"it has no buyer reference, which Peppol requires (R003); state cost_centre of account acme",
		"the buyer pays by credit transfer, and the seller has no bank account (BR-50, BR-61); state bank in the " +
			"document of seller skyway",
	}, refused.Reasons)
}

func TestEachReasonAgainstAnEInvoiceIsNamed(t *testing.T) {
	noVAT := func(d *document.Document) { d.Seller.VAT = "" }
	mixed := func(l *document.Line) (document.Taxed, error) {
		if l.Kind == document.Usage {
			return document.Taxed{Category: "O", Reason: "outside_scope"}, nil
		}
		return rates["telecom"], nil
	}
	for _, c := range []struct {
		in     *form.Print
		reason string
	}{
		{made(t, month(), byClass, func(d *document.Document) { d.Currency, d.Scale = "KWD", 3 }),
			"amounts in KWD have 3 decimals, and EN 16931 allows 2 (BR-DEC); send it as a PDF"},
		{made(t, month(), byClass, func(d *document.Document) { d.Terms.EInvoiceFormat = "facturae" }),
			"its format facturae is not one of en16931, peppol-bis-3; change e_invoice.format of account acme"},
		{made(t, nil, byClass, nil), "it has no line (BR-16)"},
		{made(t, month(), byClass, func(d *document.Document) { d.Terms.Sandbox = true }),
			"account acme is a sandbox, so nothing is owed, and an e-invoice would be a claim"},
		{made(t, month(), all("AE", "reverse_charge"), func(d *document.Document) { d.Payer.VAT = "" }),
			"the buyer has no VAT number, which category AE or K needs (BR-AE-02, BR-IC-02); state vat in the company of account acme"},
		{made(t, month(), all("G", "export"), noVAT),
			"the seller has no VAT number (BR-IC-02, BR-G-02); state company.vat in the document of seller skyway"},
		{made(t, month(), all("E", ""), nil),
			"tax category E has no reason (BR-E-10); state it in the tax table, or in zero_vat of account acme"},
		{made(t, month(), mixed, nil),
			"it has lines of tax category O and others, which EN 16931 forbids (BR-O-11); bill them separately, or give " +
				"the lines without tax the category E or Z in the tax table"},
		{made(t, month(), byClass, func(d *document.Document) { d.Terms.Payment = "sepa" }),
			"it has no SEPA mandate with its IBAN (BT-89, BT-91); state payment.sepa of account acme"},
	} {
		_, err := form.UBL(c.in)
		var refused *form.RefusedError
		require.ErrorAs(t, err, &refused, c.reason)
		require.Equal(t, []string{c.reason}, refused.Reasons)
	}
}

func TestADirectDebitWithoutACreditorIsRefused(t *testing.T) {
	in := made(t, month(), byClass, func(d *document.Document) {
		d.Terms.Payment, d.Terms.IBAN, d.Terms.Mandate = "sepa", "DE89370400440532013000", "M-1"
	})
	in.Seller = &terms.Seller{Name: diag.Text{Value: "globex"}}
	_, err := form.UBL(in)
	require.ErrorContains(t, err,
		"the seller has no SEPA creditor identifier (BT-90); state sepa_creditor in the document of seller globex")
}

// FuzzForeignText: whatever a carrier, a customer or a colleague wrote, an e-invoice can be read, and has no character that is not shown.
func FuzzForeignText(f *testing.F) {
	for _, text := range []string{
		"Ñandú & Söhne <GmbH>", "]]>", "\x00\x1b[31m", "\u202egnp.exe", "\xff\xfe", "\ufffe\uffff", "&#0;", "a\r\nb\tc",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one := item(document.OneOff, text, "1", "1", worded(text))
		one.Account, one.State, one.Class, one.Zone, one.Tariff = text, text, text, text, text
		in := made(t, []document.Item{one}, all("E", text), func(d *document.Document) {
			p := document.Party{
				Account: text, Name: "x" + text, Lines: []string{text, text, text,
					text}, Street: text, Postcode: text, City: text, Country: "DE",
				VAT: "DE" + text + "1", Registration: text + "1", TaxNumber: text, Email: text, Phone: text, Endpoint: "9930:1" + text,
			}
			d.Payer, d.Seller, d.Notes, d.Terms.CostCentre = p, p, []string{text, text}, text
		})
		in.Seller.Brand = text
		got, err := form.UBL(in)
		if err != nil {
			var refused *form.RefusedError
			require.ErrorAs(t, err, &refused)
			return
		}
		holds(t, got, "0.005")
		require.NotContains(t, strings.ReplaceAll(string(got), "<cbc:Name>x", ""), "></", "an empty element")
		for _, r := range string(got) {
			require.False(t, r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0xfffd || r == 0xfffe || r == 0xffff,
				"%U", r)
		}
	})
}
