package document

import (
	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// Form is the purpose of a document.
type Form string

// The forms of documents.
const (
	Regular         Form = "regular"          // closes one or more billing cycles
	OffCycle        Form = "off_cycle"        // has what became due between two closes of cycles
	CreditNote      Form = "credit_note"      // credits lines of a final document
	FinalSettlement Form = "final_settlement" // the last one of a terminated account
)

// Document is an invoice or a credit note.
type Document struct {
	ID     string `json:"id"`
	Number string `json:"number,omitempty"` // of its number range, once it is final
	Form   Form   `json:"form"`
	// Negative means that the document pays money back: a credit note, or a regular document with a negative sum.
	// Such a document has the number range and the form of credit notes, and is printed with all signs reversed. A
	// credit note that credits more negative than positive amounts asks for money, so it has the number range and the
	// form of invoices.
	Negative bool   `json:"negative,omitempty"`
	Corrects string `json:"corrects,omitempty"` // number of the document that a credit note corrects

	Payer   Party    `json:"payer"`
	Seller  Party    `json:"seller"`
	Terms   Terms    `json:"terms"`
	Cycle   Period   `json:"cycle"`   // the last billing cycle that it closes
	Periods []Period `json:"periods"` // all that it closes, oldest first
	Issued  Date     `json:"issued,omitempty"`
	Due     Date     `json:"due,omitempty"`

	Currency string `json:"currency"`
	Scale    int    `json:"scale"` // decimals of the currency's minor unit
	// Gross: prices contain the tax. The Net of a line is then its share of its tax group's net amount.
	Gross bool       `json:"gross,omitempty"`
	Lines []Line     `json:"lines"`
	Taxes []TaxGroup `json:"taxes"`
	Net   decimal.D  `json:"net"`
	Tax   decimal.D  `json:"tax"`
	Total decimal.D  `json:"total"`
	Notes []string   `json:"notes,omitempty"`
	Input Inputs     `json:"inputs"`
	// Hash of the canonical text, once it is final.
	Hash string `json:"hash,omitempty"`
}

// Accounts are those that stand on it: its payer's, and those of its lines.
func (d *Document) Accounts() []string {
	all := []string{d.Payer.Account}
	for i := range d.Lines {
		if l := &d.Lines[i]; l.Account != all[len(all)-1] { // within each section, accounts come one after the other
			all = append(all, l.Account)
		}
	}
	return all
}

// Party is a seller or a payer, as printed.
type Party struct {
	Account      string   `json:"account,omitempty"` // empty for the operator
	Name         string   `json:"name"`
	Lines        []string `json:"lines,omitempty"` // of the address, as printed, without name and country
	Street       string   `json:"street,omitempty"`
	Postcode     string   `json:"postcode,omitempty"`
	City         string   `json:"city,omitempty"`
	Country      string   `json:"country,omitempty"` // ISO 3166-1 alpha-2
	VAT          string   `json:"vat,omitempty"`
	Registration string   `json:"registration,omitempty"`
	TaxNumber    string   `json:"tax_number,omitempty"`
	Email        string   `json:"email,omitempty"`
	Phone        string   `json:"phone,omitempty"`
	Homepage     string   `json:"homepage,omitempty"`
	Endpoint     string   `json:"endpoint,omitempty"` // electronic address with its scheme, as 0204:991-1234512345-06
}

// Terms are the values of a payer's billing profile and accounting group that a document shows, or that decide how it
// is made, delivered and paid.
type Terms struct {
	AccountingGroup string    `json:"accounting_group"`
	CostCentre      string    `json:"cost_centre,omitempty"`
	Language        string    `json:"language"`
	Format          string    `json:"format,omitempty"`   // standard or reseller
	Delivery        string    `json:"delivery,omitempty"` // email, hardcopy, email_and_hardcopy, e_invoice
	Emails          []string  `json:"emails,omitempty"`
	EInvoiceFormat  string    `json:"e_invoice_format,omitempty"`
	Payment         string    `json:"payment,omitempty"` // slip, direct_debit, sepa
	Target          int       `json:"target"`            // days from issue until it is due
	IBAN            string    `json:"iban,omitempty"`    // of the payer, for SEPA
	BIC             string    `json:"bic,omitempty"`
	Mandate         string    `json:"mandate,omitempty"`
	MandateSigned   Date      `json:"mandate_signed,omitempty"`
	Storage         *Storage  `json:"storage,omitempty"`
	ZeroVAT         *ZeroVAT  `json:"zero_vat,omitempty"`
	Billable        bool      `json:"billable"`
	Sandbox         bool      `json:"sandbox,omitempty"`
	Threshold       decimal.D `json:"threshold,omitzero"`
	InAdvance       bool      `json:"in_advance,omitempty"`
}

// Storage is the payer's server to which documents are pushed. Secret refers to the secret and never contains it.
type Storage struct {
	SFTP    string `json:"sftp"`
	User    string `json:"user"`
	Path    string `json:"path"`
	HostKey string `json:"host_key"`
	Secret  string `json:"secret"`
}

// ZeroVAT is a payer's reason for documents without VAT: a category of EN 16931 and the words.
type ZeroVAT struct {
	Category string `json:"category"`
	Reason   string `json:"reason"`
}

// Inputs are everything from which a document was computed. Equal inputs give an equal document.
type Inputs struct {
	Closes    []Close `json:"closes"`           // closes whose items it has, oldest first
	Rules     int     `json:"rules"`            // version of the program's rules for documents
	Catalogue string  `json:"catalogue"`        // hash of the catalogue version of terms and taxes
	Credits   []Take  `json:"credits,omitzero"` // of a credit note
}

// Close is the end of one billing cycle of a payer, with the facts and the usage that count.
type Close struct {
	Cycle     Period            `json:"cycle"`
	Facts     registry.Revision `json:"facts"`     // the facts known
	Before    registry.Revision `json:"before"`    // those of the previous close, 0 for none
	Cut       Cut               `json:"cut"`       // the rated log up to here
	From      Cut               `json:"from"`      // and from here, the cut of the previous close
	Until     Date              `json:"until"`     // recurring items are billed for the dates before it: the end of the cycle, or of the next one
	Catalogue string            `json:"catalogue"` // hash of the catalogue version that prices the items that it is the first to bill
	At        udr.Instant       `json:"at"`        // when it was made
	Rules     int               `json:"rules"`     // version of the program's rules by which its items were made
	// OffCycle counts the closes between the close of the cycle and that of the next one, from 1. Such a close has no
	// usage. It has corrections of closed cycles, and the one-off charges of the running cycle.
	OffCycle int `json:"off_cycle,omitempty"`
	// Early means that the previous close was off-cycle, so it has the one-off charges of the cycle that ran then.
	Early bool `json:"early,omitempty"`
	// Arisen is the time up to which an off-cycle close also has transitions and activations of the running cycle; 0
	// if it has none. EarlyArisen is that of the previous close, EarlyCatalogue the version that priced them there.
	Arisen         udr.Instant `json:"arisen,omitempty"`
	EarlyArisen    udr.Instant `json:"early_arisen,omitempty"`
	EarlyCatalogue string      `json:"early_catalogue,omitempty"`
}

// Cut is a position in the rated log: its generation, and the offset of the first message of each partition that does not count.
type Cut struct {
	Log     int     `json:"log"`
	Offsets []int64 `json:"offsets"`
}
