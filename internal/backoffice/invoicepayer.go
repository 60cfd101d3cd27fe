package backoffice

import (
	"strings"

	"ratemill/account"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
	"ratemill/registry"
	"ratemill/udr"
)

// invoicePayer holds the values of a payer and its seller for a document, from the facts about them at a time.
func invoicePayer(b *account.Book, t *terms.Documents, id string, at udr.Instant) (*invoicing.Payer, error) {
	p := &invoicing.Payer{}
	profile := b.Profile(id, at)
	if profile == nil { // the account had a profile, and another account pays now: later corrections use the last profile
		profile = lastProfile(b, id, at)
	}
	p.Profiled = profile != nil
	p.Closed = b.Status(id, at).Status == account.Terminated
	if profile == nil {
		return p, b.Err()
	}
	p.Terms = invoiceTerms(profile)
	p.Party, p.Lacks = buyer(b, id, profile, at)
	seller := b.Seller(id, at)
	if s := t.Seller(seller, Date(at)); s != nil {
		p.Seller = sellerParty(s)
	} else {
		who := "the operator"
		if seller != "" {
			who = "reseller " + seller
		}
		p.Seller.Account = seller
		p.Lacks = append(p.Lacks, "the catalogue has no seller document of "+who+", so nobody knows who invoices "+id)
	}
	return p, b.Err()
}

// Date returns the date of an instant in UTC.
func Date(at udr.Instant) registry.Date {
	return registry.Date(at.Time().UTC().Unix() / (24 * 60 * 60))
}

func lastProfile(b *account.Book, id string, at udr.Instant) (last *account.Profile) {
	for _, s := range b.Statements.Told(registry.KindProfile, id) {
		if s.From <= at && s.Known <= b.Revision && s.State == registry.Holds {
			if p := b.Profile(id, s.From); p != nil {
				last = p
			}
		}
	}
	return last
}

func invoiceTerms(p *account.Profile) document.Terms {
	t := document.Terms{
		AccountingGroup: p.AccountingGroup, CostCentre: p.CostCentre, Language: p.Language, Format: p.Format, Delivery: p.Delivery,
		Emails: p.Emails, Billable: p.IsBillable(), Threshold: p.Threshold, InAdvance: p.MRC == "in_advance",
		Sandbox: p.Sandbox(),
	}
	if t.Language == "" {
		t.Language = "en"
	}
	if p.EInvoice != nil {
		t.EInvoiceFormat = p.EInvoice.Format
	}
	if z := p.ZeroVAT; z != nil {
		t.ZeroVAT = &document.ZeroVAT{Category: z.Category, Reason: z.Reason}
	}
	if pay := p.Payment; pay != nil {
		t.Payment = pay.Method
		if pay.Target != nil {
			t.Target = *pay.Target
		}
		if s := pay.SEPA; s != nil {
			t.IBAN, t.BIC, t.Mandate, t.MandateSigned = string(s.IBAN), string(s.BIC), s.Mandate, registry.Date(s.Signed)
		}
	}
	if s := p.RemoteStorage; s != nil && s.Invoices {
		t.Storage = &document.Storage{SFTP: s.SFTP, User: s.User, Path: s.Path, HostKey: s.HostKey, Secret: s.Secret}
	}
	return t
}

// buyer returns the payer as printed, and the values that a document needs and that are not stated.
func buyer(b *account.Book, id string, profile *account.Profile, at udr.Instant) (p document.Party, lacks []string) {
	p.Account, p.Name = id, id
	if d := account.Value[account.Details](b, registry.KindDetails, id, "", at); d != nil && d.Name != "" {
		p.Name = d.Name
	}
	c := b.Company(id, at)
	if c == nil {
		lacks = append(lacks, "nothing is known of the company of "+id+"; ratemill account set "+id+" company … states it")
	} else {
		p.Name, p.VAT, p.Registration, p.TaxNumber = c.Name, c.VAT, c.Registration, c.TaxNumber
		p.Email, p.Phone, p.Homepage = c.Email, c.Phone, c.Homepage
	}
	address := b.BillingAddress(id, profile, at)
	if address == nil {
		lacks = append(lacks, "there is no address "+profile.BillingAddress+", which the billing profile of "+id+" names")
	} else {
		p.Street, p.Postcode, p.City, p.Country = strings.TrimSpace(address.Street+" "+address.Number), address.Postcode, address.City,
			address.Country
		if address.To != "" {
			p.Lines = append(p.Lines, address.To)
		}
		if p.Street != "" {
			p.Lines = append(p.Lines, p.Street)
		}
		if city := strings.TrimSpace(address.Postcode + " " + address.City); city != "" {
			p.Lines = append(p.Lines, city)
		}
	}
	if p.Country == "" && c != nil {
		p.Country = c.Address.Country
	}
	if profile.EInvoice != nil {
		p.Endpoint = profile.EInvoice.Endpoint
	}
	return p, lacks
}

func sellerParty(s *terms.Seller) document.Party {
	c := &s.Company
	p := document.Party{Account: s.Account.Value, Name: c.Name, Street: c.Street, Postcode: c.Postcode, City: c.City,
		Country: c.Country.Value,
		VAT:     c.VAT, Registration: c.Registration, TaxNumber: c.TaxNumber, Email: c.Email, Phone: c.Phone, Homepage: c.Homepage,
		Endpoint: c.Endpoint}
	p.Lines = append(p.Lines, c.Street)
	if city := strings.TrimSpace(c.Postcode + " " + c.City); city != "" {
		p.Lines = append(p.Lines, city)
	}
	return p
}
