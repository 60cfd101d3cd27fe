package form

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ratemill/invoicing/document"
	"ratemill/normalize"
)

// RefusedError lists all reasons why a document cannot be an e-invoice, and where to add missing values.
type RefusedError struct {
	Document string
	Reasons  []string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("document %s cannot be an e-invoice:\n  %s", e.Document, strings.Join(e.Reasons, "\n  "))
}

// mostDecimals is the largest number of decimals of an amount: BR-DEC-01 to BR-DEC-28.
const mostDecimals = 2

// reasons collects the reasons why a document cannot be an e-invoice.
type reasons []string

func (r *reasons) say(holds bool, format string, args ...any) {
	if holds {
		*r = append(*r, fmt.Sprintf(format, args...))
	}
}

// unfinished reports the missing values that are set when a document becomes final.
func (u *ublMaker) unfinished() (r reasons) {
	d := u.d
	r.say(d.Number == "" || d.Issued == 0, "it has no number and no date of issue; finalise it first")
	r.say(!d.Negative && d.Due == 0, "it has no due date (BR-CO-25); finalise it again")
	return r
}

// lacking reports all other reasons why the document cannot be an e-invoice, by the rules of EN 16931 (BR) and of
// Peppol BIS Billing (R).
func (u *ublMaker) lacking() (r reasons) {
	d := u.d
	r.say(!slices.Contains(Formats, u.format), "its format %s is not one of %s; change e_invoice.format of account %s", u.format,
		strings.Join(Formats, ", "), d.Payer.Account)
	r.say(d.Terms.Sandbox, "account %s is a sandbox, so nothing is owed, and an e-invoice would be a claim", d.Payer.Account)
	r.say(d.Scale > mostDecimals, "amounts in %s have %d decimals, and EN 16931 allows %d (BR-DEC); send it as a PDF", d.Currency, d.Scale,
		mostDecimals)
	r.say(len(d.Lines) == 0, "it has no line (BR-16)")
	r.say(d.Form == document.CreditNote && d.Corrects == "", "it is a credit note and refers to no document that it takes back (BT-25)")
	r.say(u.taxed("O") && len(d.Taxes) > 1,
		"it has lines of tax category O and others, which EN 16931 forbids (BR-O-11); bill them separately, or give the "+
			"lines without tax the category E or Z in the tax table")
	u.lackingOfParties(&r)
	for _, g := range d.Taxes {
		r.say(needsReason(g.Category) && exemptionCodes[g.Category] == "" && xmlText(g.Reason) == "",
			"tax category %s has no reason (BR-%s-10); state it in the tax table, or in zero_vat of account %s", g.Category, g.Category,
			d.Payer.Account)
	}
	u.lackingOfPayment(&r)
	return r
}

// lackingOfParties reports missing values of the seller and the buyer.
func (u *ublMaker) lackingOfParties(r *reasons) {
	seller, payer := &u.d.Seller, &u.d.Payer
	in, of := u.sellerDocument(), "the company of account "+payer.Account
	r.say(xmlText(seller.Name) == "", "the seller has no name (BR-06); state company.name in %s", in)
	r.say(!isCountry(seller.Country), "the seller has no country, or %q is none (BR-09); state company.country in %s", seller.Country, in)
	r.say(xmlText(payer.Name) == "", "the buyer has no name (BR-07); state name in %s", of)
	r.say(!isCountry(payer.Country), "the buyer has no country, or %q is none (BR-11); state country in the billing address of account %s",
		payer.Country, payer.Account)
	r.say(seller.VAT == "" && seller.TaxNumber == "" && u.taxed("S", "Z", "E", "AE", "L", "M"),
		"the seller has neither a VAT number nor a tax number (BR-S-02, BR-AE-02); state company.vat in %s", in)
	r.say(seller.VAT == "" && u.taxed("K", "G"), "the seller has no VAT number (BR-IC-02, BR-G-02); state company.vat in %s", in)
	r.say(payer.VAT == "" && u.taxed("AE", "K"),
		"the buyer has no VAT number, which category AE or K needs (BR-AE-02, BR-IC-02); state vat in %s", of)
	r.say(seller.Registration == "" && (seller.VAT == "" || u.taxed("O")),
		"no field identifies the seller (BR-CO-26; category O forbids its VAT number); state company.registration in %s", in)
	if !u.taxed("O") {
		r.say(seller.VAT != "" && !vatNumber(seller.VAT), "the seller's VAT number %s does not begin with its country's code (BR-CO-09); "+
			"correct company.vat in %s", seller.VAT, in)
		r.say(payer.VAT != "" && !vatNumber(payer.VAT), "the buyer's VAT number %s does not begin with its country's code (BR-CO-09); "+
			"correct vat in %s", payer.VAT, of)
	}
	for _, p := range []struct{ who, endpoint, where string }{
		{"seller", seller.Endpoint, "company.endpoint in " + in},
		{"buyer", payer.Endpoint, "e_invoice.endpoint of account " + payer.Account},
	} {
		r.say(p.endpoint == "" && u.format == Peppol, "the %s has no electronic address (R010, R020); state %s", p.who, p.where)
		r.say(p.endpoint != "" && !endpointForm.MatchString(p.endpoint),
			"the %s's electronic address %q does not begin with its scheme, as in "+
				"0204:991-1234512345-06; correct %s", p.who, p.endpoint, p.where)
	}
	r.say(u.format == Peppol && xmlText(u.d.Terms.CostCentre) == "",
		"it has no buyer reference, which Peppol requires (R003); state cost_centre of account %s", payer.Account)
}

// lackingOfPayment reports missing payment instructions.
func (u *ublMaker) lackingOfPayment(r *reasons) {
	t, s, account := &u.d.Terms, u.in.Seller, u.d.Payer.Account
	if !u.paid() {
		return
	}
	switch t.Payment {
	case "sepa":
		r.say(s == nil || s.Creditor.Value == "", "the seller has no SEPA creditor identifier (BT-90); state sepa_creditor in %s",
			u.sellerDocument())
		r.say(t.Mandate == "" || t.IBAN == "", "it has no SEPA mandate with its IBAN (BT-89, BT-91); state payment.sepa of account %s",
			account)
	case "slip":
		r.say(s == nil || s.Bank == nil || xmlText(s.Bank.IBAN.Value) == "",
			"the buyer pays by credit transfer, and the seller has no bank account (BR-50, BR-61); state bank in %s", u.sellerDocument())
	}
}

// sellerDocument returns the name of the catalogue document that describes the seller.
func (u *ublMaker) sellerDocument() string {
	switch {
	case u.in.Seller != nil:
		return "the document of seller " + u.in.Seller.Name.Value
	case u.d.Seller.Account != "":
		return "the seller document of account " + u.d.Seller.Account
	}
	return "the operator's seller document"
}

// endpointForm matches an electronic address with a scheme of the EAS code list.
var endpointForm = regexp.MustCompile(`^([0-9]{4}|[A-Z]{2}):\S.*$`)

// kosovo is the EU's code for a country that ISO 3166-1 does not contain; the lists of EN 16931 use a different code
// (BR-CL-14).
const kosovo, kosovoOfEN16931 = "XK", "1A"

// isCountry reports whether a text is a code of ISO 3166-1 alpha-2, or XK, which the EU uses for Kosovo.
func isCountry(code string) bool {
	if code == kosovo {
		return true
	}
	c, err := normalize.ParseCountry([]byte(code))
	return err == nil && len(code) == 2 && c.String() == code
}

// vatNumber reports whether a VAT number begins with the code of a country, with EL for Greece, or with XI for Northern
// Ireland (BR-CO-09).
func vatNumber(number string) bool {
	return len(number) > 2 && (isCountry(number[:2]) && number[:2] != kosovo || number[:2] == "EL" || number[:2] == "XI")
}
