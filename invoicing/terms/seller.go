package terms

import (
	"regexp"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
)

// Seller is the catalogue document that describes a seller: the operator, or a reseller.
type Seller struct {
	Name     diag.Text       `yaml:"seller,required" doc:"Name of the seller." example:"globex"`
	From     registry.Date   `yaml:"from" doc:"Date from which this version is in force. If omitted, it has always been in force." example:"2026-01-01"`
	Account  diag.Text       `yaml:"account" doc:"The reseller's account. The operator, which has no account, leaves it out." example:"globex"`
	Company  Company         `yaml:"company,required" doc:"The company, as printed on its documents."`
	Groups   []diag.Text     `yaml:"accounting_groups,required" doc:"Accounting groups that its customers may have." example:"[es-b2b]"`
	Logo     string          `yaml:"logo" doc:"File with the logo, SVG or PNG, beside this document. If omitted, the name is printed." example:"globex.svg"`
	Brand    string          `yaml:"brand" doc:"Name printed beside or instead of the logo; if omitted, the company's." example:"globex"`
	Colour   diag.Text       `yaml:"colour" doc:"Colour of titles and of the box with the amount." example:"#0b7a5b"`
	Template diag.Text       `yaml:"template" doc:"File with a template beside this document: HTML blocks that replace those of ratemill's page." example:"globex.html"`
	Bank     *Bank           `yaml:"bank" doc:"Account to which customers pay."`
	Creditor diag.Text       `yaml:"sepa_creditor" doc:"SEPA creditor identifier, for direct debits." example:"DE98ZZZ09999999999"`
	Mail     string          `yaml:"mail_from" doc:"Address from which invoices are mailed." example:"billing@globex.example"`
	Texts    diag.Map[Words] `yaml:"texts" doc:"Texts on documents and in mails, by language: en, es, pt."`
}

// Company is a seller as printed, with the fields that EN 16931 requires (BG-4).
type Company struct {
	Name         string    `yaml:"name,required" doc:"Name in the register of companies." example:"Globex IoT S.L."`
	Street       string    `yaml:"street,required" doc:"Street with its number." example:"Calle Mayor 1"`
	Postcode     string    `yaml:"postcode" doc:"Postcode." example:"28001"`
	City         string    `yaml:"city,required" doc:"City." example:"Madrid"`
	Country      diag.Text `yaml:"country,required" doc:"ISO 3166-1 alpha-2 code." example:"ES"`
	VAT          string    `yaml:"vat" doc:"VAT number with its country's prefix." example:"ESB12345674"`
	Registration string    `yaml:"registration" doc:"Number in the register of companies." example:"M-123456"`
	TaxNumber    string    `yaml:"tax_number" doc:"Number at the tax office."`
	Email        string    `yaml:"email" doc:"E-mail address." example:"billing@globex.example"`
	Phone        string    `yaml:"phone" doc:"Phone number." example:"+34 912 345 678"`
	Homepage     string    `yaml:"homepage" doc:"Web site." example:"https://globex.example"`
	Endpoint     string    `yaml:"endpoint" doc:"Electronic address with its scheme, for e-invoices." example:"9920:ESB12345674"`
}

// Bank is an account to which customers pay.
type Bank struct {
	Name string    `yaml:"name" doc:"Name of the bank." example:"Banco Uno"`
	IBAN diag.Text `yaml:"iban,required" doc:"IBAN of the account." example:"ES91 2100 0418 4502 0005 1332"`
	BIC  string    `yaml:"bic" doc:"BIC of the bank." example:"CAIXESBB"`
}

// Words are a seller's words in a language.
type Words struct {
	Greeting string   `yaml:"greeting" doc:"Above the lines." example:"Thank you for your business."`
	Payment  string   `yaml:"payment" doc:"Text below the amount due." example:"Please name the invoice number."`
	Footer   []string `yaml:"footer" doc:"Text at the end of each page, at most three lines."`
	Subject  string   `yaml:"subject" doc:"Subject of the mail; {number}, {period} and {seller} are replaced." example:"Your invoice {number}"`
	Mail     string   `yaml:"mail" doc:"Text of the mail; {number}, {period} and {seller} are replaced."`
}

// DocumentName implements rating.Version.
func (v *Seller) DocumentName() diag.Text { return v.Name }

// InForce implements rating.Version.
func (v *Seller) InForce() registry.Date { return v.From }

var (
	colour  = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	country = regexp.MustCompile(`^[A-Z]{2}$`)
)

// languages lists the languages of the forms.
var languages = []string{"en", "es", "pt"}

// Check implements the checks of diag.Decode.
func (v *Seller) Check(_ *diag.Node, c *diag.Decoder) {
	if v.Colour.Value != "" && !colour.MatchString(v.Colour.Value) {
		c.Errorf(v.Colour.Pos, "%q is not a colour; write it as \"#0b7a5b\"", v.Colour.Value)
	}
	if v.Company.Country.Value != "" && !country.MatchString(v.Company.Country.Value) {
		c.Errorf(v.Company.Country.Pos, "%q is not a country; write its ISO 3166-1 code, such as ES", v.Company.Country.Value)
	}
	if v.Creditor.Value != "" {
		if _, err := literal.ParseCreditor(v.Creditor.Value); err != nil {
			c.Errorf(v.Creditor.Pos, "%v", err)
		}
	}
	if v.Bank != nil && v.Bank.IBAN.Value != "" {
		if _, err := literal.ParseIBAN(v.Bank.IBAN.Value); err != nil {
			c.Errorf(v.Bank.IBAN.Pos, "%v", err)
		}
	}
	for i := range v.Texts {
		if name := v.Texts[i].Key; !known(languages, name.Value) {
			c.Errorf(name.Pos, "%s is not a language of documents%s", name.Value, diag.Suggest(name.Value, languages))
		}
		if len(v.Texts[i].Value.Footer) > 3 {
			c.Errorf(v.Texts[i].Key.Pos, "the footer has %d lines; 3 fit on a page", len(v.Texts[i].Value.Footer))
		}
	}
}
