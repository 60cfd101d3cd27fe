package account

import (
	"slices"
	"strings"
)

// Details are the other values of an account, with or without its own billing profile.
type Details struct {
	Name                string            `yaml:"name" json:"name,omitempty" doc:"Name for people." example:"Acme Logistics, Spain"`
	ExternalNumber      string            `yaml:"external_number" json:"external_number,omitempty" doc:"Number of the account in another system, with letters and digits only." example:"CRM00815"`
	ReportRetention     int               `yaml:"report_retention" json:"report_retention,omitempty" doc:"Days for which ratemill keeps the account's reports." example:"365"`
	ApplicationTypes    []string          `yaml:"application_types" json:"application_types,omitempty" doc:"Purpose of the account's SIMs." example:"[tracking]"`
	DeviceTypes         []string          `yaml:"device_types" json:"device_types,omitempty" doc:"Devices that contain the account's SIMs." example:"[tracker-3]"`
	CustomSupport       string            `yaml:"custom_support" json:"custom_support,omitempty" doc:"Notes about this account for support." example:"Call the fleet desk first"`
	Blacklisted         bool              `yaml:"blacklisted" json:"blacklisted,omitempty" doc:"true: the account gets no more SIMs."`
	ExpectedActivations int               `yaml:"expected_activations" json:"expected_activations,omitempty" doc:"Number of SIMs that the account is expected to activate; only for forecasts." example:"500"`
	SuspendSIMs         *bool             `yaml:"suspend_sims" json:"suspend_sims,omitempty" doc:"true: suspending the account also suspends its SIMs. By default, the value of the parent; true for a root."`
	Notes               string            `yaml:"notes" json:"notes,omitempty" doc:"Words for colleagues."`
	Custom              map[string]string `yaml:"custom" json:"custom,omitempty" doc:"Fields that the installation defines in a custom_fields document."`
}

func (v *Details) check(c *checker) {
	if v.ExternalNumber != "" && !all(strings.ToUpper(v.ExternalNumber), alphanumeric) {
		c.errorf("external_number", "%q contains characters other than letters and digits", v.ExternalNumber)
	}
	if c.node.Member("report_retention") != nil && v.ReportRetention < 1 {
		c.errorf("report_retention", "must be 1 day or more, not %d", v.ReportRetention)
	}
	if v.ExpectedActivations < 0 {
		c.errorf("expected_activations", "must be 0 or more, not %d", v.ExpectedActivations)
	}
	for _, f := range []struct {
		path  string
		words []string
	}{{"application_types", v.ApplicationTypes}, {"device_types", v.DeviceTypes}} {
		for i, word := range f.words {
			if slices.Contains(f.words[:i], word) {
				c.errorf(f.path, "has %s twice", word)
			}
		}
	}
	c.custom("account", v.Custom)
}

// Contact is a person of an account or a company, or a reference to another contact.
type Contact struct {
	Same  string `yaml:"same_as" json:"same_as,omitempty" names:"shared" doc:"Use this contact of the company instead: company/NAME." example:"company/accounting"`
	Name  string `yaml:"name" json:"name,omitempty" doc:"Name of the person." example:"Maria Lopez"`
	Email string `yaml:"email" json:"email,omitempty" doc:"E-mail address." example:"maria@acme.example"`
	Phone string `yaml:"phone" json:"phone,omitempty" doc:"Phone number with its country code." example:"+34 912 345 678"`
	// N14: one contact of an account receives all notices.
	Notices bool `yaml:"notices" json:"notices,omitempty" doc:"true: this person gets the account's notices. An account can have only one such contact."`
}

func (v *Contact) check(c *checker) {
	v.Phone = c.phone("phone", v.Phone, "")
	c.email("email", v.Email)
	switch own := v.Name != "" || v.Email != "" || v.Phone != ""; {
	case v.Same != "" && own:
		c.errorf("same_as", "refers to another contact, which has name, email and phone; leave these fields out")
	case v.Same != "":
		c.company("same_as", v.Same)
	case v.Name == "":
		c.Errorf(c.node.Pos, "a contact needs a name, or same_as: company/NAME")
	case v.Email == "" && v.Phone == "":
		c.Errorf(c.node.Pos, "contact %s has neither email nor phone", v.Name)
	}
	if v.Notices && v.Email == "" && v.Same == "" {
		c.errorf("notices", "sends notices by mail, so the contact needs an email")
	}
}

// company checks a reference to a contact or an address of the company.
func (c *checker) company(path, text string) {
	if of, name, ok := strings.Cut(text, "/"); !ok || of != "company" || name == "" || strings.Contains(name, "/") {
		c.errorf(path, "%q is not company/NAME, as in company/accounting", text)
	}
}

// Shipping is an address of an account or a company, or a reference to another address.
type Shipping struct {
	Same     string `yaml:"same_as" json:"same_as,omitempty" names:"shared" doc:"Use this address of the company instead: company/NAME." example:"company/warehouse"`
	Use      string `yaml:"use" json:"use,omitempty" default:"primary" enum:"primary|alternative|billing" doc:"Use of the address: the primary or the alternative shipping address, or the billing address."`
	To       string `yaml:"to" json:"to,omitempty" doc:"Person or department." example:"Goods receipt, gate 3"`
	Country  string `yaml:"country" json:"country,omitempty" doc:"ISO 3166-1 alpha-2 code." example:"ES"`
	City     string `yaml:"city" json:"city,omitempty" doc:"City or village." example:"Madrid"`
	Street   string `yaml:"street" json:"street,omitempty" doc:"Street, without the number." example:"Calle de Alcalá"`
	Number   string `yaml:"number" json:"number,omitempty" doc:"Number in the street." example:"42"`
	Postcode string `yaml:"postcode" json:"postcode,omitempty" doc:"Postcode." example:"28014"`
}

func (v *Shipping) check(c *checker) {
	own := Address{v.Country, v.City, v.Street, v.Number, v.Postcode}
	if v.Same != "" {
		if own != (Address{}) {
			c.errorf("same_as", "refers to another address, which has country, city, street, number and postcode; leave these fields out")
		}
		c.company("same_as", v.Same)
		return
	}
	own.checkAt(c, "")
	v.Country = own.Country
	var missing []string
	for _, f := range [...]struct{ name, text string }{{"country", v.Country}, {"city", v.City}, {"street", v.Street}, {"number", v.Number}} {
		if strings.TrimSpace(f.text) == "" {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		c.Errorf(c.node.Pos, "the address lacks %s; or use one of the company's with same_as: company/NAME", list(missing))
	}
}
