package account

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"ratemill/normalize"
)

// Company is an owner of accounts. M16 lists its mandatory fields, M17 its optional ones.
type Company struct {
	Name         string            `yaml:"name,required" json:"name" doc:"Name in the register of companies." example:"Acme Logistics GmbH"`
	Kind         string            `yaml:"kind" json:"kind,omitempty" default:"customer" enum:"customer|reseller|operator" doc:"Role of the company in the business."`
	Type         string            `yaml:"type,required" json:"type" doc:"Legal form or line of business, in your own words." example:"GmbH"`
	Phone        string            `yaml:"phone,required" json:"phone" doc:"Phone number; if it has no country code, the address's country gives it." example:"+49 30 901820"`
	Address      Address           `yaml:"address,required" json:"address" doc:"Its seat."`
	Email        string            `yaml:"email" json:"email,omitempty" doc:"E-mail address." example:"office@acme.example"`
	Homepage     string            `yaml:"homepage" json:"homepage,omitempty" doc:"URL of the company's web site." example:"https://acme.example"`
	Registration string            `yaml:"registration" json:"registration,omitempty" doc:"Number in the register of companies." example:"HRB 12345 B"`
	VAT          string            `yaml:"vat" json:"vat,omitempty" doc:"VAT number with its country's prefix." example:"DE123456789"`
	TaxNumber    string            `yaml:"tax_number" json:"tax_number,omitempty" doc:"Number at the tax office." example:"27/123/45678"`
	Source       *Source           `yaml:"source" json:"source,omitempty" doc:"The look-up that supplied the fields."`
	Custom       map[string]string `yaml:"custom" json:"custom,omitempty" doc:"Fields that the installation defines in a custom_fields document."`
}

// Source describes the look-up that found a company, and who confirmed it.
type Source struct {
	Service   string    `yaml:"service,required" json:"service" doc:"Address of the service that answered." example:"https://registry.example/companies/HRB12345"`
	At        time.Time `yaml:"at,required" json:"at" doc:"When it answered." example:"2026-04-01T09:30:00Z"`
	Confirmed string    `yaml:"confirmed" json:"confirmed,omitempty" doc:"Person who compared the answer with the company's papers." example:"maria"`
}

// Address is a postal address.
type Address struct {
	Country  string `yaml:"country,required" json:"country" doc:"ISO 3166-1 alpha-2 code." example:"DE"`
	City     string `yaml:"city,required" json:"city" doc:"City or village." example:"Berlin"`
	Street   string `yaml:"street,required" json:"street" doc:"Street, without the number." example:"Alexanderplatz"`
	Number   string `yaml:"number,required" json:"number" doc:"Number in the street." example:"1"`
	Postcode string `yaml:"postcode" json:"postcode,omitempty" doc:"Postcode." example:"10178"`
}

func (v *Company) check(c *checker) {
	v.Address.checkAt(c, "address.")
	v.Phone = c.phone("phone", v.Phone, v.Address.Country)
	c.email("email", v.Email)
	if v.Homepage != "" {
		if u, err := url.Parse(v.Homepage); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			c.errorf("homepage", "%q is not the address of a web site; write it as https://acme.example", v.Homepage)
		}
	}
	if v.VAT != "" {
		v.VAT = c.vat("vat", v.VAT)
	}
	c.notBlank("name", v.Name)
	c.notBlank("type", v.Type)
	if v.Source != nil && v.Source.Confirmed != "" && strings.TrimSpace(v.Source.Confirmed) == "" {
		c.errorf("source.confirmed", "is empty; name who confirmed the company, or leave it out")
	}
	c.custom("company", v.Custom)
}

func (a *Address) check(c *checker) { a.checkAt(c, "") }

func (a *Address) checkAt(c *checker, path string) {
	if a.Country == "" {
		return
	}
	if a.Country = strings.ToUpper(a.Country); !country(a.Country) {
		c.errorf(path+"country", "%q is not a country; write its code of two letters (ISO 3166-1), such as DE", a.Country)
	}
}

// country reports whether a text is a code of ISO 3166-1 alpha-2, or XK, which the EU uses for Kosovo.
func country(code string) bool {
	if len(code) != 2 {
		return false
	}
	known, err := normalize.ParseCountry([]byte(code))
	return err == nil && known.String() == code || code == "XK"
}

// phone is a phone number in its international form.
func (c *checker) phone(path, text, country string) string {
	if text == "" {
		return ""
	}
	n, err := phonenumbers.Parse(text, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		c.errorf(path, "%q is not a phone number; write it with its country code, as in +49 30 901820", text)
		return text
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}

func (c *checker) email(path, text string) {
	if text == "" {
		return
	}
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || !strings.Contains(text[strings.LastIndexByte(text, '@'):], ".") {
		c.errorf(path, "%q is not an e-mail address such as billing@acme.example", text)
	}
}

func (c *checker) notBlank(path, text string) {
	if text != "" && strings.TrimSpace(text) == "" || text == "" && c.node.Member(path) != nil && c.node.Member(path).Text == "" {
		c.errorf(path, "is empty")
	}
}

// vatPrefixes are the prefixes of VAT numbers that are not country codes: Greece and Northern Ireland (EN 16931
// BR-CO-09).
var vatPrefixes = []string{"EL", "XI"}

func (c *checker) vat(path, text string) string {
	s := strings.ToUpper(strings.NewReplacer(" ", "", ".", "", "-", "").Replace(text))
	if len(s) < 4 || len(s) > 20 || !country(s[:2]) && !slices.Contains(vatPrefixes, s[:2]) || !all(s[2:], vatCharacter) {
		c.errorf(path, "%q is not a VAT number: it begins with its country's two letters, as in DE123456789", text)
		return text
	}
	return s
}

func vatCharacter(c byte) bool { return alphanumeric(c) || c == '+' || c == '*' }

// Confirmed reports whether a user confirmed the company or typed it in. The fields of a look-up count only after
// they are confirmed.
func (v *Company) Confirmed() bool { return v.Source == nil || v.Source.Confirmed != "" }

// Project is a part of a company's business that has its own accounts.
type Project struct {
	Company    string `yaml:"company,required" json:"company" names:"company" doc:"The company that owns the project, and whose data its accounts use unless they name another." example:"acme-gmbh"`
	Name       string `yaml:"name,required" json:"name" doc:"Name for people." example:"Trackers 2026"`
	SingleBill bool   `yaml:"single_bill" json:"single_bill,omitempty" doc:"true: one invoice bills all its accounts, with a section for each. One account of the project has the billing profile, and the others are below it; ratemill refuses a change that would lead to a second invoice, or put accounts of another project on this one."`
}

func (v *Project) check(c *checker) {
	c.notBlank("name", v.Name)
	if !c.in.Projects {
		c.Errorf(c.node.Pos, "projects are not enabled in this installation; write projects: true under accounts in ratemill.yaml")
	}
}
