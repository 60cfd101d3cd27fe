package form

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ratemill/invoicing/document"
	"ratemill/normalize"
)

// RefusedError says all that keeps a document from being an e-invoice, and where to put what is missing.
type RefusedError struct {
	Document string
	Reasons  []string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("document %s cannot be an e-invoice:\n  %s", e.Document, strings.Join(e.Reasons, "\n  "))
}

// mostDecimals of an amount: BR-DEC-01 to BR-DEC-28.
const mostDecimals = 2

// wrong is all that keeps the document from being an e-invoice. The rules are those of EN 16931 (BR) and of Peppol BIS Billing (R).
func (u *ublMaker) wrong() (wrong []string) {
	d := u.d
	say := func(holds bool, format string, args ...any) {
		if holds {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	say(!slices.Contains(Formats, u.format), "its format %s is not one of %s; change e_invoice.format of account %s", u.format,
		strings.Join(Formats, ", "), d.Payer.Account)
	say(d.Terms.Sandbox, "account %s is a sandbox, so nothing is owed, and an e-invoice would be a claim", d.Payer.Account)
	say(d.Number == "" || d.Issued == 0, "it has no number and no date of issue; finalise it first")
	say(d.Scale > mostDecimals, "amounts in %s have %d decimals, and EN 16931 allows %d (BR-DEC); send it as a PDF", d.Currency, d.Scale,
		mostDecimals)
	say(len(d.Lines) == 0, "it has no line (BR-16)")
	say(d.Form == document.CreditNote && d.Corrects == "", "it is a credit note and names no document that it takes back (BT-25)")
	say(!d.Negative && d.Due == 0, "it has no date on which it is due (BR-CO-25); finalise it again")
	say(u.taxed("O") && len(d.Taxes) > 1, "it has lines of tax category O and others, which EN 16931 forbids (BR-O-11); bill them apart, "+
		"or give the lines without tax the category E or Z in the tax table")
	wrong = append(wrong, u.wrongParties()...)
	wrong = append(wrong, u.wrongReasons()...)
	return append(wrong, u.wrongPayment()...)
}

// wrongParties is what the seller and the buyer lack.
func (u *ublMaker) wrongParties() (wrong []string) {
	seller, payer := &u.d.Seller, &u.d.Payer
	in, of := u.sellerDocument(), "the company of account "+payer.Account
	say := func(holds bool, format string, args ...any) {
		if holds {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	say(xmlText(seller.Name) == "", "the seller has no name (BR-06); state company.name in %s", in)
	say(!isCountry(seller.Country), "the seller has no country, or %q is none (BR-09); state company.country in %s", seller.Country, in)
	say(xmlText(payer.Name) == "", "the buyer has no name (BR-07); state name in %s", of)
	say(!isCountry(payer.Country), "the buyer has no country, or %q is none (BR-11); state country in the billing address of account %s",
		payer.Country, payer.Account)
	say(seller.VAT == "" && seller.TaxNumber == "" && u.taxed("S", "Z", "E", "AE", "L", "M"),
		"the seller has neither a VAT number nor a tax number (BR-S-02, BR-AE-02); state company.vat in %s", in)
	say(seller.VAT == "" && u.taxed("K", "G"), "the seller has no VAT number (BR-IC-02, BR-G-02); state company.vat in %s", in)
	say(payer.VAT == "" && u.taxed("AE", "K"),
		"the buyer has no VAT number, which category AE or K needs (BR-AE-02, BR-IC-02); state vat in %s", of)
	say(seller.Registration == "" && (seller.VAT == "" || u.taxed("O")),
		"nothing identifies the seller (BR-CO-26; category O forbids its VAT number); state company.registration in %s", in)
	if !u.taxed("O") {
		say(seller.VAT != "" && !vatNumber(seller.VAT), "the seller's VAT number %s does not begin with its country's code (BR-CO-09); "+
			"correct company.vat in %s", seller.VAT, in)
		say(payer.VAT != "" && !vatNumber(payer.VAT), "the buyer's VAT number %s does not begin with its country's code (BR-CO-09); "+
			"correct vat in %s", payer.VAT, of)
	}
	for _, p := range []struct{ who, endpoint, where string }{
		{"seller", seller.Endpoint, "company.endpoint in " + in},
		{"buyer", payer.Endpoint, "e_invoice.endpoint of account " + payer.Account},
	} {
		say(p.endpoint == "" && u.format == Peppol, "the %s has no electronic address (R010, R020); state %s", p.who, p.where)
		say(p.endpoint != "" && !endpointForm.MatchString(p.endpoint), "the %s's electronic address %q does not begin with its scheme, as in "+
			"0204:991-1234512345-06; correct %s", p.who, p.endpoint, p.where)
	}
	say(u.format == Peppol && xmlText(u.d.Terms.CostCentre) == "", "it has no reference of the buyer, which Peppol asks for (R003); state "+
		"cost_centre of account %s", payer.Account)
	return wrong
}

// wrongReasons is each tax category that needs a reason and has none (BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10).
func (u *ublMaker) wrongReasons() (wrong []string) {
	for _, g := range u.d.Taxes {
		if needsReason(g.Category) && exemptionCodes[g.Category] == "" && xmlText(g.Reason) == "" {
			wrong = append(wrong, fmt.Sprintf("tax category %s has no reason (BR-%s-10); state it in the tax table, or in zero_vat of account %s",
				g.Category, g.Category, u.d.Payer.Account))
		}
	}
	return wrong
}

// wrongPayment is what the instructions for payment lack.
func (u *ublMaker) wrongPayment() (wrong []string) {
	t, account := &u.d.Terms, u.d.Payer.Account
	if !u.paid() {
		return nil
	}
	switch t.Payment {
	case "sepa":
		if u.in.Seller == nil || u.in.Seller.Creditor.Value == "" {
			wrong = append(wrong, "the seller has no SEPA creditor identifier (BT-90); state sepa_creditor in "+u.sellerDocument())
		}
		if t.Mandate == "" || t.IBAN == "" {
			wrong = append(wrong, "it has no SEPA mandate with its IBAN (BT-89, BT-91); state payment.sepa of account "+account)
		}
	case "slip":
		if u.in.Seller == nil || u.in.Seller.Bank == nil || xmlText(u.in.Seller.Bank.IBAN) == "" {
			wrong = append(wrong, "the buyer pays by credit transfer, and the seller has no bank account (BR-50, BR-61); state bank in "+
				u.sellerDocument())
		}
	}
	return wrong
}

// sellerDocument names the catalogue's document of the seller.
func (u *ublMaker) sellerDocument() string {
	switch {
	case u.in.Seller != nil:
		return "the document of seller " + u.in.Seller.Name.Value
	case u.d.Seller.Account != "":
		return "the seller document of account " + u.d.Seller.Account
	}
	return "the operator's seller document"
}

// endpointForm is an electronic address with a scheme of the EAS code list.
var endpointForm = regexp.MustCompile(`^([0-9]{4}|[A-Z]{2}):\S.*$`)

// isCountry reports whether a text is a code of ISO 3166-1 alpha-2, or XK, which the EU uses for Kosovo.
func isCountry(code string) bool {
	if code == "XK" {
		return true
	}
	c, err := normalize.ParseCountry([]byte(code))
	return err == nil && len(code) == 2 && c.String() == code
}

// vatNumber reports whether a VAT number begins with the code of a country, EL of Greece, or XI of Northern Ireland (BR-CO-09).
func vatNumber(number string) bool {
	return len(number) > 2 && (isCountry(number[:2]) || number[:2] == "EL" || number[:2] == "XI")
}
