package form

import "encoding/xml"

// Namespaces of UBL 2.1.
const (
	ublInvoice    = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
	ublCreditNote = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
	ublAggregate  = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
	ublBasic      = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
)

// ublDocument is an Invoice or a CreditNote. Elements that both types have are in the same order in both schemas.
// Fields are in the order of the schema. Empty elements are left out, because receivers refuse them (Peppol R008).
type ublDocument struct {
	XMLName   xml.Name
	Namespace string `xml:"xmlns,attr"`
	Aggregate string `xml:"xmlns:cac,attr"`
	Basic     string `xml:"xmlns:cbc,attr"`

	Customization  string        `xml:"cbc:CustomizationID"`           // BT-24
	Profile        string        `xml:"cbc:ProfileID,omitempty"`       // BT-23
	ID             string        `xml:"cbc:ID"`                        // BT-1
	Issued         string        `xml:"cbc:IssueDate"`                 // BT-2
	Due            string        `xml:"cbc:DueDate,omitempty"`         // BT-9, of invoices
	InvoiceType    string        `xml:"cbc:InvoiceTypeCode,omitempty"` // BT-3
	CreditNoteType string        `xml:"cbc:CreditNoteTypeCode,omitempty"`
	Note           string        `xml:"cbc:Note,omitempty"`           // BT-22
	Currency       string        `xml:"cbc:DocumentCurrencyCode"`     // BT-5
	Cost           string        `xml:"cbc:AccountingCost,omitempty"` // BT-19
	Buyer          string        `xml:"cbc:BuyerReference,omitempty"` // BT-10
	Period         *ublPeriod    `xml:"cac:InvoicePeriod"`            // BG-14
	Corrects       *ublReference `xml:"cac:BillingReference>cac:InvoiceDocumentReference"`
	Supplier       ublParty      `xml:"cac:AccountingSupplierParty>cac:Party"` // BG-4
	Customer       ublParty      `xml:"cac:AccountingCustomerParty>cac:Party"` // BG-7
	Delivery       *ublCountry   `xml:"cac:Delivery>cac:DeliveryLocation>cac:Address>cac:Country"`
	Means          *ublMeans     `xml:"cac:PaymentMeans"` // BG-16
	Taxes          ublTaxTotal   `xml:"cac:TaxTotal"`
	Totals         ublTotals     `xml:"cac:LegalMonetaryTotal"`
	InvoiceLines   []ublLine     `xml:"cac:InvoiceLine"`
	CreditLines    []ublLine     `xml:"cac:CreditNoteLine"`
}

// ublReference refers to the document that a credit note corrects.
type ublReference struct {
	ID     string `xml:"cbc:ID"`                  // BT-25
	Issued string `xml:"cbc:IssueDate,omitempty"` // BT-26
}

// ublPeriod is a period whose dates are both inclusive.
type ublPeriod struct {
	From string `xml:"cbc:StartDate"`
	To   string `xml:"cbc:EndDate"`
}

// ublID is an identifier with its scheme.
type ublID struct {
	Scheme string `xml:"schemeID,attr,omitempty"`
	Value  string `xml:",chardata"`
}

type ublParty struct {
	Endpoint *ublID        `xml:"cbc:EndpointID"`
	IDs      []ublPartyID  `xml:"cac:PartyIdentification"`
	Trade    *ublName      `xml:"cac:PartyName"` // BT-28
	Address  ublAddress    `xml:"cac:PostalAddress"`
	Taxes    []ublPartyTax `xml:"cac:PartyTaxScheme"`
	Name     string        `xml:"cac:PartyLegalEntity>cbc:RegistrationName"`
	Register string        `xml:"cac:PartyLegalEntity>cbc:CompanyID,omitempty"`
	Contact  *ublContact   `xml:"cac:Contact"`
}

// ublPlainID is an element that has an identifier and nothing else.
type ublPlainID struct {
	ID string `xml:"cbc:ID"`
}

// plainID returns nil if there is no identifier, because encoding/xml would write an empty element.
func plainID(id string) *ublPlainID {
	if id == "" {
		return nil
	}
	return &ublPlainID{id}
}

type ublName struct {
	Name string `xml:"cbc:Name"`
}

type ublAddressLine struct {
	Line string `xml:"cbc:Line"`
}

type ublPartyID struct {
	ID ublID `xml:"cbc:ID"`
}

type ublAddress struct {
	Street     string          `xml:"cbc:StreetName,omitempty"`
	Additional string          `xml:"cbc:AdditionalStreetName,omitempty"`
	City       string          `xml:"cbc:CityName,omitempty"`
	Postcode   string          `xml:"cbc:PostalZone,omitempty"`
	Line       *ublAddressLine `xml:"cac:AddressLine"`
	Country    ublCountry      `xml:"cac:Country"`
}

type ublCountry struct {
	Code string `xml:"cbc:IdentificationCode"`
}

type ublPartyTax struct {
	Number string `xml:"cbc:CompanyID"`
	Scheme string `xml:"cac:TaxScheme>cbc:ID"`
}

type ublContact struct {
	Phone string `xml:"cbc:Telephone,omitempty"`
	Email string `xml:"cbc:ElectronicMail,omitempty"`
}

type ublMeans struct {
	Code    string      `xml:"cbc:PaymentMeansCode"`    // BT-81
	ID      string      `xml:"cbc:PaymentID,omitempty"` // BT-83
	Account *ublAccount `xml:"cac:PayeeFinancialAccount"`
	Mandate *ublMandate `xml:"cac:PaymentMandate"`
}

// ublAccount is the account to which the buyer pays.
type ublAccount struct {
	IBAN string      `xml:"cbc:ID"`                         // BT-84
	Name string      `xml:"cbc:Name,omitempty"`             // BT-85
	BIC  *ublPlainID `xml:"cac:FinancialInstitutionBranch"` // BT-86
}

type ublMandate struct {
	ID   string     `xml:"cbc:ID"`                    // BT-89
	IBAN ublPlainID `xml:"cac:PayerFinancialAccount"` // BT-91
}

// ublAmount is an amount of money or a price.
type ublAmount struct {
	Currency string `xml:"currencyID,attr"`
	Value    string `xml:",chardata"`
}

type ublTaxTotal struct {
	Amount ublAmount     `xml:"cbc:TaxAmount"` // BT-110
	Groups []ublSubtotal `xml:"cac:TaxSubtotal"`
}

type ublSubtotal struct {
	Basis    ublAmount   `xml:"cbc:TaxableAmount"` // BT-116
	Tax      ublAmount   `xml:"cbc:TaxAmount"`     // BT-117
	Category ublCategory `xml:"cac:TaxCategory"`
}

type ublCategory struct {
	ID     string `xml:"cbc:ID"`
	Rate   string `xml:"cbc:Percent,omitempty"`
	Code   string `xml:"cbc:TaxExemptionReasonCode,omitempty"` // BT-121
	Reason string `xml:"cbc:TaxExemptionReason,omitempty"`     // BT-120
	Scheme string `xml:"cac:TaxScheme>cbc:ID"`
}

type ublTotals struct {
	Lines   ublAmount `xml:"cbc:LineExtensionAmount"` // BT-106
	Net     ublAmount `xml:"cbc:TaxExclusiveAmount"`  // BT-109
	Total   ublAmount `xml:"cbc:TaxInclusiveAmount"`  // BT-112
	Payable ublAmount `xml:"cbc:PayableAmount"`       // BT-115
}

type ublLine struct {
	ID       string       `xml:"cbc:ID"`               // BT-126
	Invoiced *ublQuantity `xml:"cbc:InvoicedQuantity"` // BT-129
	Credited *ublQuantity `xml:"cbc:CreditedQuantity"`
	Net      ublAmount    `xml:"cbc:LineExtensionAmount"` // BT-131
	Period   *ublPeriod   `xml:"cac:InvoicePeriod"`       // BG-26
	Item     ublItem      `xml:"cac:Item"`
	Price    ublPrice     `xml:"cac:Price"`
}

type ublQuantity struct {
	Unit  string `xml:"unitCode,attr"`
	Value string `xml:",chardata"`
}

type ublItem struct {
	Description string        `xml:"cbc:Description,omitempty"`     // BT-154
	Name        string        `xml:"cbc:Name"`                      // BT-153
	Product     *ublPlainID   `xml:"cac:SellersItemIdentification"` // BT-155
	Category    ublCategory   `xml:"cac:ClassifiedTaxCategory"`     // BG-30
	Properties  []ublProperty `xml:"cac:AdditionalItemProperty"`
}

// ublProperty is BG-32.
type ublProperty struct {
	Name  string `xml:"cbc:Name"`
	Value string `xml:"cbc:Value"`
}

type ublPrice struct {
	Amount ublAmount    `xml:"cbc:PriceAmount"`  // BT-146
	Per    *ublQuantity `xml:"cbc:BaseQuantity"` // BT-149
}
