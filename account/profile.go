package account

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
)

// Profile is the billing profile of an account that pays. An account without a profile uses its payer's.
type Profile struct {
	AccountingGroup string            `yaml:"accounting_group" json:"accounting_group,omitempty" doc:"Accounting group: currency, taxes, number ranges, template and periodicity of its invoices." example:"es-b2b"`
	CycleDay        int               `yaml:"cycle_day" json:"cycle_day,omitempty" doc:"Day of the month on which its billing cycles begin, 1 to 28." example:"1"`
	Billable        *bool             `yaml:"billable" json:"billable,omitempty" doc:"false: its cycles close, but ratemill creates no invoice, as for a demo account."`
	Environment     string            `yaml:"environment" json:"environment,omitempty" enum:"production|sandbox" doc:"sandbox: its invoices are tests. They are marked, use separate numbers, and are not delivered, and the payer owes nothing. It never changes."`
	CostCentre      string            `yaml:"cost_centre" json:"cost_centre,omitempty" doc:"Cost centre, printed on its invoices." example:"4711"`
	ZeroVAT         *ZeroVAT          `yaml:"zero_vat" json:"zero_vat,omitempty" doc:"Invoices without VAT, and the reason for that. If omitted, the tax rules of the accounting group decide."`
	Payment         *Payment          `yaml:"payment" json:"payment,omitempty" doc:"How and when the account pays."`
	Delivery        string            `yaml:"delivery" json:"delivery,omitempty" enum:"email|hardcopy|email_and_hardcopy|e_invoice" doc:"How the account gets its invoices."`
	Emails          []string          `yaml:"emails" json:"emails,omitempty" doc:"Mail addresses that get its invoices." example:"[billing@acme.example]"`
	EInvoice        *EInvoice         `yaml:"e_invoice" json:"e_invoice,omitempty" doc:"Format and receiver, if delivery is e_invoice."`
	Format          string            `yaml:"format" json:"format,omitempty" enum:"standard|reseller" doc:"File format of its invoices for programs; the PDF is the same."`
	Language        string            `yaml:"language" json:"language,omitempty" enum:"en|es|pt" doc:"Language of its invoices; the installation must have enabled it."`
	BillingAddress  string            `yaml:"billing_address" json:"billing_address,omitempty" names:"address" doc:"Name of the address on its invoices: one of the account's addresses, or company/NAME for one of its company. company is the company's seat." example:"company"`
	Threshold       decimal.D         `yaml:"threshold" json:"threshold,omitzero" doc:"Net amount below which ratemill creates no invoice and carries the amount over to the next one. 0: no threshold. A negative sum always leads to a document." example:"25"`
	MRC             string            `yaml:"mrc" json:"mrc,omitempty" enum:"in_advance|in_retrospect" doc:"When monthly recurring charges are due: for the cycle that begins, or for the cycle that ends."`
	RatingType      string            `yaml:"rating_type" json:"rating_type,omitempty" enum:"prorated|retrorated" doc:"prorated: a change in mid-cycle creates an item at once. retrorated: one item when the cycle closes. The sums are equal in both cases."`
	PrepaidRenewal  string            `yaml:"prepaid_renewal" json:"prepaid_renewal,omitempty" enum:"never|on_expiry|on_use_up" doc:"Renewal of the packages that accounts of this payer buy, unless the package or the purchase sets it."`
	Activation      *Activation       `yaml:"activation" json:"activation,omitempty" doc:"The charge for activating a SIM, and what triggers it."`
	CreditLimit     *decimal.D        `yaml:"credit_limit" json:"credit_limit,omitempty" doc:"Largest exposure of the account and all accounts below it together. If omitted, there is no limit; 0 allows nothing." example:"1000"`
	CreditPolicy    string            `yaml:"credit_policy" json:"credit_policy,omitempty" doc:"Credit policy, which defines thresholds and what happens at each. By default, the one named standard." example:"standard"`
	AnchorMonth     int               `yaml:"anchor_month" json:"anchor_month,omitempty" doc:"Month, 1 to 12, in which periods of several cycles begin. If omitted, they begin with the product." example:"1"`
	RemoteStorage   *RemoteStorage    `yaml:"remote_storage" json:"remote_storage,omitempty" doc:"A server that receives invoices and reports."`
	Custom          map[string]string `yaml:"custom" json:"custom,omitempty" doc:"Fields that the installation defines in a custom_fields document."`
}

// ZeroVAT means that no VAT is charged, with the reason.
type ZeroVAT struct {
	Category string `yaml:"category,required" json:"category" enum:"AE|K|G|E|Z|O" doc:"VAT category of EN 16931: AE reverse charge, K supply within the EU, G export, E exempt, Z zero rated, O not subject to VAT."`
	Reason   string `yaml:"reason,required" json:"reason" doc:"Reason, as printed on invoices." example:"Reverse charge, article 196 of directive 2006/112/EC"`
}

// Payment holds the means and the terms of payment of an account.
type Payment struct {
	Method      string       `yaml:"method,required" json:"method" enum:"slip|direct_debit|sepa" doc:"slip: by hand. direct_debit: from an international bank account. sepa: by SEPA direct debit."`
	Target      *int         `yaml:"target" json:"target,omitempty" doc:"Days from the date of issue until an invoice is due, 0 to 180." example:"30"`
	DirectDebit *DirectDebit `yaml:"direct_debit" json:"direct_debit,omitempty" doc:"The bank account, if method is direct_debit."`
	SEPA        *SEPA        `yaml:"sepa" json:"sepa,omitempty" doc:"The mandate, if method is sepa."`
}

// DirectDebit is a bank account outside SEPA.
type DirectDebit struct {
	Bank    string `yaml:"bank,required" json:"bank" doc:"Name or routing number of the bank."`
	Account string `yaml:"account,required" json:"account" doc:"Number of the account."`
	Holder  string `yaml:"holder,required" json:"holder" doc:"Name of its holder."`
}

// SEPA is a mandate for SEPA direct debits.
type SEPA struct {
	IBAN    IBAN   `yaml:"iban,required" json:"iban" doc:"IBAN of the account that is debited." example:"DE89 3704 0044 0532 0130 00"`
	BIC     BIC    `yaml:"bic" json:"bic,omitempty" doc:"BIC of its bank; needed only outside the EEA." example:"COBADEFF"`
	Mandate string `yaml:"mandate,required" json:"mandate" doc:"Reference of the mandate, at most 35 characters." example:"ACME-2026-01"`
	Signed  Date   `yaml:"signed,required" json:"signed" doc:"Date on which the mandate was signed." example:"2026-01-15"`
}

// EInvoice is the format and the receiver of electronic invoices.
type EInvoice struct {
	Format   string `yaml:"format,required" json:"format" doc:"One of the installation's formats." example:"peppol-bis-3"`
	Endpoint string `yaml:"endpoint,required" json:"endpoint" doc:"Electronic address of the receiver, with its scheme." example:"0204:991-1234512345-06"`
}

// Activation is the charge for activating a SIM.
type Activation struct {
	Charge  decimal.D `yaml:"charge,required" json:"charge" doc:"Amount in the account's currency." example:"4.00"`
	Trigger string    `yaml:"trigger,required" json:"trigger" enum:"on_assignment|on_activation|in_billing" doc:"When it is due: when the SIM is assigned; when it leaves inventory or is assigned in another state; when it first reaches in billing."`
	Once    string    `yaml:"once" json:"once,omitempty" default:"seller" enum:"seller|payer" doc:"A SIM is charged once by each seller, or once to each payer."`
}

// RemoteStorage is a server that receives invoices and reports.
type RemoteStorage struct {
	SFTP     string `yaml:"sftp,required" json:"sftp" doc:"Host, and port unless it is 22." example:"files.acme.example:2022"`
	User     string `yaml:"user,required" json:"user" doc:"User name on the server." example:"ratemill"`
	Path     string `yaml:"path,required" json:"path" doc:"Folder on the server." example:"/invoices"`
	HostKey  string `yaml:"host_key,required" json:"host_key" doc:"Fingerprint of the server's key." example:"SHA256:u3Qf8bXoK4k1y0Hq3cN5m2p7r9t1v3x5z7B9D1F3H5I"`
	Secret   string `yaml:"secret,required" json:"secret" doc:"Location of the password or private key, never the secret itself: file:PATH, or env:NAME." example:"file:/etc/ratemill/acme.key"`
	Invoices bool   `yaml:"invoices" json:"invoices,omitempty" doc:"Push invoices."`
	Reports  bool   `yaml:"reports" json:"reports,omitempty" doc:"Push reports."`
}

// mostTarget is the longest payment target in days.
const mostTarget = 180

func (v *Profile) check(c *checker) {
	in := c.in
	if in.Accounting != nil && v.AccountingGroup != "" && !slices.Contains(in.Accounting, v.AccountingGroup) {
		c.errorf("accounting_group", "%s is not in the catalogue%s", v.AccountingGroup, instead(v.AccountingGroup, in.Accounting))
	}
	if c.node.Member("cycle_day") != nil && (v.CycleDay < 1 || v.CycleDay > 28) {
		c.errorf("cycle_day", "must be 1 to 28, not %d, so that cycles begin on the same day of each month", v.CycleDay)
	}
	if c.node.Member("anchor_month") != nil && (v.AnchorMonth < 1 || v.AnchorMonth > 12) {
		c.errorf("anchor_month", "must be a month, 1 to 12, not %d", v.AnchorMonth)
	}
	if v.ZeroVAT != nil && strings.TrimSpace(v.ZeroVAT.Reason) == "" && c.node.Member("zero_vat").Member("reason") != nil {
		c.errorf("zero_vat.reason", "is empty; invoices without VAT need a reason")
	}
	if v.Threshold.Sign() < 0 {
		c.errorf("threshold", "must be 0 or more, not %s", v.Threshold)
	}
	if v.CreditLimit != nil && v.CreditLimit.Sign() < 0 {
		c.errorf("credit_limit", "must be 0 or more, not %s; omit it for no limit", v.CreditLimit)
	}
	if v.Activation != nil && v.Activation.Charge.Sign() < 0 {
		c.errorf("activation.charge", "must be 0 or more, not %s", v.Activation.Charge)
	}
	if v.Language != "" && v.Language != "en" && !slices.Contains(in.Languages, v.Language) {
		c.errorf("language", "%s is not enabled in this installation; enabled: %s", v.Language, list(append([]string{"en"}, in.Languages...)))
	}
	v.checkDelivery(c)
	v.checkPayment(c)
	v.checkStorage(c)
	if v.CreditPolicy != "" && in.Documents != nil && in.Documents.Credit(v.CreditPolicy) == nil {
		c.errorf("credit_policy", "%s is not in the catalogue%s", v.CreditPolicy, instead(v.CreditPolicy, in.Documents.Credits()))
	}
	c.custom("profile", v.Custom)
}

func (v *Profile) checkDelivery(c *checker) {
	for i, address := range v.Emails {
		before := c.Errors()
		if c.email("emails", address); c.Errors() == before && slices.Contains(v.Emails[:i], address) {
			c.errorf("emails", "%s stands there twice", address)
		}
	}
	mails := v.Delivery == "email" || v.Delivery == "email_and_hardcopy"
	if mails && len(v.Emails) == 0 {
		c.errorf("delivery", "is %s, which needs an address in emails", v.Delivery)
	}
	switch {
	case v.Delivery == "e_invoice" && v.EInvoice == nil:
		c.errorf("delivery", "is e_invoice, which needs format and endpoint in e_invoice")
	case v.Delivery != "e_invoice" && v.EInvoice != nil:
		c.errorf("e_invoice", "has an effect only if delivery is e_invoice; remove it, or change delivery")
	case v.EInvoice != nil && v.EInvoice.Format != "" && !slices.Contains(c.in.EInvoices, v.EInvoice.Format):
		c.errorf("e_invoice.format", "%s is not a format of this installation; its formats: %s", v.EInvoice.Format, list(c.in.EInvoices))
	}
}

func (v *Profile) checkPayment(c *checker) {
	p := v.Payment
	if p == nil {
		return
	}
	if p.Target != nil && (*p.Target < 0 || *p.Target > mostTarget) {
		c.errorf("payment.target", "must be 0 to %d days, not %d", mostTarget, *p.Target)
	}
	for _, m := range []struct {
		method string
		there  bool
	}{{"direct_debit", p.DirectDebit != nil}, {"sepa", p.SEPA != nil}} {
		switch {
		case p.Method == m.method && !m.there:
			c.errorf("payment.method", "is %s, which needs payment.%s", m.method, m.method)
		case p.Method != m.method && m.there && p.Method != "":
			c.errorf("payment."+m.method, "has an effect only if method is %s; remove it, or change method", m.method)
		}
	}
	// The longest reference of ISO 20022: Max35Text, with the characters of SEPA.
	if s := p.SEPA; s != nil && s.Mandate != "" && (len(s.Mandate) > 35 || !all(s.Mandate, sepaCharacter)) {
		c.errorf("payment.sepa.mandate", "%q is not a reference of a mandate: a reference has at most 35 letters, digits, "+
			"spaces and / - ? : ( ) . , ' +",
			s.Mandate)
	}
}

func sepaCharacter(c byte) bool {
	return digit(c) || letter(c) || c >= 'a' && c <= 'z' || strings.IndexByte("/-?:().,'+ ", c) >= 0
}

func (v *Profile) checkStorage(c *checker) {
	s := v.RemoteStorage
	if s == nil {
		return
	}
	host, port, err := net.SplitHostPort(s.SFTP)
	if err != nil {
		host, port = s.SFTP, "22"
	}
	if n, err := strconv.Atoi(port); s.SFTP != "" && (host == "" || strings.ContainsAny(host, "/@ ") || err != nil || n < 1 || n > 65535) {
		c.errorf("remote_storage.sftp", "%q is not a host with an optional port, as in files.acme.example:2022", s.SFTP)
	}
	if s.Path != "" && !strings.HasPrefix(s.Path, "/") {
		c.errorf("remote_storage.path", "%q must begin with a slash", s.Path)
	}
	if s.HostKey != "" && !strings.HasPrefix(s.HostKey, "SHA256:") {
		c.errorf("remote_storage.host_key", "must be a fingerprint such as SHA256:u3Q…; ssh-keyscan prints the key, "+
			"ssh-keygen -lf its fingerprint")
	}
	kind, name, _ := strings.Cut(s.Secret, ":")
	if s.Secret != "" && (name == "" || kind != "env" && kind != "file") {
		// The value may be the secret itself, so the error does not repeat it.
		c.errorf("remote_storage.secret", "must be the location of the secret, file:PATH or env:NAME; ratemill never stores the secret itself")
	}
	if !s.Invoices && !s.Reports && c.node.Member("remote_storage").Kind != 0 {
		c.errorf("remote_storage", "pushes nothing; write invoices: true or reports: true")
	}
}

// list formats names for use in a sentence.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// buyerVAT lists the categories in which invoices need the buyer's VAT number (EN 16931 BR-AE-02, BR-IC-02).
var buyerVAT = []string{"AE", "K"}

// ProfileOf reads a profile of an account. company is the account's company, nil if it is unknown.
func ProfileOf(name string, text []byte, in *Installation, company *Company) (Profile, diag.List) {
	v, found := Read[Profile](name, text, in)
	if z := v.ZeroVAT; z != nil && slices.Contains(buyerVAT, z.Category) && (company == nil || company.VAT == "") {
		what := "the account's company has none"
		if company != nil {
			what = fmt.Sprintf("company %s has none", company.Name)
		}
		found.Errorf(valuePos(name, text, "zero_vat.category"), "zero_vat.category %s needs the buyer's VAT number on "+
			"invoices, and %s; set the company's vat first", z.Category, what)
	}
	found.Sort()
	return v, found
}

// Sandbox reports whether the account's invoices are tests.
func (v *Profile) Sandbox() bool { return v.Environment == "sandbox" }

// IsBillable reports whether the account gets invoices. It gets invoices unless the profile disables them.
func (v *Profile) IsBillable() bool { return v.Billable == nil || *v.Billable }

// Missing returns the mandatory fields that a profile lacks: as long as there are any, an account stays a draft.
func (v *Profile) Missing() (fields []string) {
	p := v.Payment
	for _, f := range []struct {
		name  string
		there bool
	}{
		{"accounting_group", v.AccountingGroup != ""}, {"cycle_day", v.CycleDay != 0}, {"billable", v.Billable != nil},
		{"payment.method", p != nil && p.Method != ""}, {"payment.target", p != nil && p.Target != nil},
		{"billing_address", v.BillingAddress != ""}, {"delivery", v.Delivery != ""}, {"language", v.Language != ""},
		{"rating_type", v.RatingType != ""}, {"mrc", v.MRC != ""}, {"activation.trigger", v.Activation != nil && v.Activation.Trigger != ""},
	} {
		if !f.there {
			fields = append(fields, f.name)
		}
	}
	return fields
}
