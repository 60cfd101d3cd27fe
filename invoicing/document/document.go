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
	OffCycle        Form = "off_cycle"        // contains what became due between two cycle closes
	CreditNote      Form = "credit_note"      // credits lines of a final document
	FinalSettlement Form = "final_settlement" // the last document of a terminated account
)

// Document is an invoice or a credit note.
type Document struct {
	ID     string `json:"id"`
	Number string `json:"number,omitempty"` // its number, once it is final
	Form   Form   `json:"form"`
	// Negative means that the document pays money back: it is a credit note, or a regular document with a
	// negative sum. Such a document uses the number range and the form of credit notes, and is printed with all
	// signs reversed. A credit note with a positive total asks for money, so it uses the number range and the
	// form of invoices.
	Negative bool   `json:"negative,omitempty"`
	Corrects string `json:"corrects,omitempty"` // number of the document that a credit note corrects

	Payer   Party    `json:"payer"`
	Seller  Party    `json:"seller"`
	Terms   Terms    `json:"terms"`
	Cycle   Period   `json:"cycle"`   // the last billing cycle that the document closes
	Periods []Period `json:"periods"` // all cycles that the document closes, oldest first
	Issued  Date     `json:"issued,omitempty"`
	Due     Date     `json:"due,omitempty"`

	Currency string `json:"currency"`
	Scale    int    `json:"scale"` // decimals of the currency's minor unit
	// Gross means that prices contain the tax. The Net of a line is then its share of its tax group's net amount.
	Gross bool       `json:"gross,omitempty"`
	Lines []Line     `json:"lines"`
	Taxes []TaxGroup `json:"taxes"`
	Net   decimal.D  `json:"net"`
	Tax   decimal.D  `json:"tax"`
	Total decimal.D  `json:"total"`
	Notes []string   `json:"notes,omitempty"`
	Input Inputs     `json:"inputs"`
	// Hash is the hash of the canonical text, set once the document is final.
	Hash string `json:"hash,omitempty"`
}

// Accounts returns the accounts that appear on the document: the payer's account, and the accounts of the lines.
func (d *Document) Accounts() []string {
	all := []string{d.Payer.Account}
	for i := range d.Lines {
		if l := &d.Lines[i]; l.Account != all[len(all)-1] { // within each section, the lines of an account are together
			all = append(all, l.Account)
		}
	}
	return all
}

// Party is a seller or a payer, as printed.
type Party struct {
	Account      string   `json:"account,omitempty"` // empty for the operator
	Name         string   `json:"name"`
	Lines        []string `json:"lines,omitempty"` // address lines as printed, without name and country
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
	Endpoint     string   `json:"endpoint,omitempty"` // electronic address with its scheme, such as 0204:991-1234512345-06
}

// Terms holds the values of a payer's billing profile and accounting group that a document shows, or that control how
// it is created, delivered and paid.
type Terms struct {
	AccountingGroup string    `json:"accounting_group"`
	CostCentre      string    `json:"cost_centre,omitempty"`
	Language        string    `json:"language"`
	Format          string    `json:"format,omitempty"`   // standard or reseller
	Delivery        string    `json:"delivery,omitempty"` // email, hardcopy, email_and_hardcopy, e_invoice
	Emails          []string  `json:"emails,omitempty"`
	EInvoiceFormat  string    `json:"e_invoice_format,omitempty"`
	Payment         string    `json:"payment,omitempty"` // slip, direct_debit, sepa
	Target          int       `json:"target"`            // days from issue to the due date
	IBAN            string    `json:"iban,omitempty"`    // the payer's IBAN, for SEPA
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

// Storage is the payer's server to which documents are uploaded. Secret is a reference to the secret and never
// contains it.
type Storage struct {
	SFTP    string `json:"sftp"`
	User    string `json:"user"`
	Path    string `json:"path"`
	HostKey string `json:"host_key"`
	Secret  string `json:"secret"`
}

// ZeroVAT is the reason why a payer's documents have no VAT: a category of EN 16931 and an explanation.
type ZeroVAT struct {
	Category string `json:"category"`
	Reason   string `json:"reason"`
}

// Inputs holds everything from which a document was computed. Equal inputs give an equal document.
type Inputs struct {
	Closes    []Close `json:"closes"`           // closes whose items the document contains, oldest first
	Rules     int     `json:"rules"`            // version of the program's rules for documents
	Catalogue string  `json:"catalogue"`        // hash of the catalogue version with its terms and taxes
	Credits   []Take  `json:"credits,omitzero"` // for a credit note: the credited amounts
}

// Close is the end of one billing cycle of a payer, with the facts and the usage that it covers.
type Close struct {
	Cycle     Period            `json:"cycle"`
	Facts     registry.Revision `json:"facts"`     // the facts known
	Before    registry.Revision `json:"before"`    // revision of the previous close, 0 for none
	Cut       Cut               `json:"cut"`       // end of the part of the rated log that the close covers
	From      Cut               `json:"from"`      // start of the part of the rated log that the close covers: the cut of the previous close
	Until     Date              `json:"until"`     // recurring items are billed up to this date: the end of the cycle, or of the next one
	Catalogue string            `json:"catalogue"` // hash of the version that prices items which this close bills first
	At        udr.Instant       `json:"at"`        // time of the close
	Rules     int               `json:"rules"`     // version of the program's rules that computed the close's items
	// OffCycle numbers the off-cycle closes between the close of the cycle and the close of the next one, from 1.
	// An off-cycle close has no usage. It has corrections of closed cycles, and the one-off charges of the running
	// cycle.
	OffCycle int `json:"off_cycle,omitempty"`
	// Early means that the previous close was off-cycle and already contains the one-off charges of the
	// cycle that was running then.
	Early bool `json:"early,omitempty"`
	// Arisen is the time up to which an off-cycle close also bills transitions and activations of the running
	// cycle; 0 if it bills none. EarlyArisen is the Arisen of the previous close, EarlyCatalogue the
	// catalogue version that the previous close used for these prices.
	Arisen         udr.Instant `json:"arisen,omitempty"`
	EarlyArisen    udr.Instant `json:"early_arisen,omitempty"`
	EarlyCatalogue string      `json:"early_catalogue,omitempty"`
}

// Cut is a position in the rated log: its generation, and for each partition the offset of the first message after the
// cut.
type Cut struct {
	Log     int     `json:"log"`
	Offsets []int64 `json:"offsets"`
}
