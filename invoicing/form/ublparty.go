package form

import (
	"strings"

	"ratemill/invoicing/document"
	"ratemill/literal"
)

// Codes of payment means (UNCL 4461).
const (
	creditTransfer     = "30"
	sepaCreditTransfer = "58"
	directDebit        = "49"
	sepaDirectDebit    = "59"
	standingAgreement  = "57"
)

func (u *ublMaker) supplier() ublParty {
	p := u.party(&u.d.Seller)
	if u.in.Seller != nil {
		if brand := xmlText(u.in.Seller.Brand); brand != "" && brand != p.Name {
			p.Trade = &ublName{brand}
		}
	}
	if !u.taxed("O") && u.d.Seller.VAT != "" {
		p.Taxes = append(p.Taxes, ublPartyTax{xmlText(u.d.Seller.VAT), "VAT"})
	}
	if number := xmlText(u.d.Seller.TaxNumber); number != "" {
		p.Taxes = append(p.Taxes, ublPartyTax{number, "TAX"}) // BT-32: any scheme but VAT
	}
	if m := u.means(); m != nil && m.Code == sepaDirectDebit {
		p.IDs = append(p.IDs, ublPartyID{ublID{"SEPA", u.in.Seller.Creditor.Value}}) // BT-90
	}
	return p
}

func (u *ublMaker) customer() ublParty {
	p := u.party(&u.d.Payer)
	if account := xmlText(u.d.Payer.Account); account != "" {
		p.IDs = append(p.IDs, ublPartyID{ublID{Value: account}}) // BT-46
	}
	if !u.taxed("O") && u.d.Payer.VAT != "" { // BR-O-02: neither party may then have a VAT number
		p.Taxes = append(p.Taxes, ublPartyTax{xmlText(u.d.Payer.VAT), "VAT"})
	}
	return p
}

// party has the elements that sellers and buyers share.
func (u *ublMaker) party(p *document.Party) ublParty {
	out := ublParty{Name: xmlText(p.Name), Register: xmlText(p.Registration), Address: ublPlace(p)}
	if scheme, address, ok := strings.Cut(p.Endpoint, ":"); ok {
		out.Endpoint = &ublID{scheme, xmlText(address)}
	}
	if phone, email := xmlText(p.Phone), xmlText(p.Email); phone != "" || email != "" {
		out.Contact = &ublContact{phone, email}
	}
	return out
}

func ublCountryOf(code string) ublCountry {
	if code == kosovo {
		code = kosovoOfEN16931
	}
	return ublCountry{code}
}

// ublPlace is an address in UBL. An address without a street has its lines as printed.
func ublPlace(p *document.Party) ublAddress {
	a := ublAddress{Street: xmlText(p.Street), City: xmlText(p.City), Postcode: xmlText(p.Postcode), Country: ublCountryOf(p.Country)}
	var lines []string
	for _, l := range p.Lines {
		// A value that has its own element is not repeated in the lines.
		if l = xmlText(l); l != "" && (a.Street == "" || l != a.Street && l != a.City && l != join(" ", a.Postcode, a.City)) {
			lines = append(lines, l)
		}
	}
	if a.Street != "" {
		a.Additional = strings.Join(lines, ", ")
		return a
	}
	for i, to := range []*string{&a.Street, &a.Additional} {
		if len(lines) > i {
			*to = lines[i]
		}
	}
	if len(lines) > 2 {
		a.Line = &ublAddressLine{strings.Join(lines[2:], ", ")}
	}
	return a
}

// paid reports whether the buyer has to pay something.
func (u *ublMaker) paid() bool { return !u.d.Negative && u.d.Total.Sign() > 0 }

// means returns the payment means of the buyer, nil if the buyer pays nothing or no means are known.
func (u *ublMaker) means() *ublMeans {
	t := &u.d.Terms
	if !u.paid() {
		return nil
	}
	m := &ublMeans{ID: xmlText(u.d.Number)}
	switch {
	case t.Payment == "sepa":
		m.Code, m.Mandate = sepaDirectDebit, &ublMandate{xmlText(t.Mandate), ublPlainID{compact(t.IBAN)}}
	case t.Payment == "direct_debit" && u.format == Peppol:
		m.Code = standingAgreement // R061: in Peppol, a direct debit needs a mandate, which only SEPA has
	case t.Payment == "direct_debit":
		m.Code = directDebit
	case u.in.Seller != nil && u.in.Seller.Bank != nil:
		bank := u.in.Seller.Bank
		m.Code, m.Account = creditTransfer, &ublAccount{compact(bank.IBAN.Value), xmlText(u.d.Seller.Name), plainID(compact(bank.BIC))}
		if is, _ := literal.InSEPA(m.Account.IBAN); is && u.d.Currency == "EUR" {
			m.Code = sepaCreditTransfer
		}
	default:
		return nil
	}
	return m
}

// compact returns an IBAN or a BIC without the blanks between its groups.
func compact(text string) string { return strings.ReplaceAll(xmlText(text), " ", "") }
