package document

import (
	"ratemill/decimal"
	"ratemill/registry"
)

// Date is a local date in the payer's time zone.
type Date = registry.Date

// Period is a range of local dates that includes From but not To.
type Period struct {
	From Date `json:"from"`
	To   Date `json:"to"`
}

// Days returns the number of dates in the period.
func (p Period) Days() int { return int(p.To - p.From) }

// Kind is the kind of charge of an item.
type Kind string

// The kinds of items. They are in the order of the sections of a document.
const (
	Recurring  Kind = "recurring"  // a SIM or an account has a product
	Addon      Kind = "addon"      // an add-on of a SIM or an account
	PoolFee    Kind = "pool_fee"   // the fee of a share plan
	Usage      Kind = "usage"      // rated usage
	Transition Kind = "transition" // a SIM entered a state that has a charge
	Activation Kind = "activation" // a SIM was activated
	OneOff     Kind = "one_off"    // an operator added it
	Commitment Kind = "commitment" // the shortfall below a contract's minimum
	Penalty    Kind = "penalty"    // a contract ended early
	Adjustment Kind = "adjustment" // an operator corrected a line
)

// Kinds lists the kinds in the order of a document's sections.
var Kinds = []Kind{Recurring, Addon, PoolFee, Usage, Transition, Activation, OneOff, Commitment, Penalty, Adjustment}

// Item is the smallest part of a document: the exact amount that one SIM or account owes for one charge in one
// period.
type Item struct {
	Kind    Kind   `json:"kind"`
	Account string `json:"account"` // account of the SIM, or account that has the product; it determines the section of the document
	// SIM is the number of the SIM, 0 for charges of a whole account. Usage items have no SIM, because the
	// charged records identify it.
	SIM     uint32 `json:"sim,omitempty"`
	Product string `json:"product"` // name in the catalogue of the charged part, plan or contract
	Version Date   `json:"version"` // first date on which that version is in force, 0 for always
	State   string `json:"state,omitempty"`
	Class   string `json:"class,omitempty"`  // usage class
	Zone    string `json:"zone,omitempty"`   // of usage
	Tariff  string `json:"tariff,omitempty"` // for usage: name of the price in the plan
	// Cycle is the first date of the billing cycle to which the item belongs. Period is the time that the
	// charge covers, within one or several cycles.
	Cycle  Date   `json:"cycle"`
	Period Period `json:"period"`
	// Quantity is the quantity in the line's text: SIM-days, units, records. Unit is the unit of
	// Quantity: days, B, 1.
	Quantity decimal.D `json:"quantity"`
	Unit     string    `json:"unit,omitempty"`
	Records  int64     `json:"records,omitempty"`
	// Price is the price of Per units, or of a whole period of a recurring product. If a line of usage
	// combines several prices, it has no price.
	Price decimal.D `json:"price"`
	Per   int64     `json:"per,omitempty"`
	// If the item was prorated, Days is the number of billed days and Of the number of days of the
	// whole period: Price × Days / Of.
	Days int `json:"days,omitempty"`
	Of   int `json:"of,omitempty"`
	// Exact is the amount, rounded half up at the twelfth decimal. Below is the remainder of this rounding.
	Exact decimal.D        `json:"exact"`
	Below decimal.Fraction `json:"below,omitzero"`
	Tax   string           `json:"tax"` // tax class
	// Cause identifies the single fact that caused the item, if there is one: the cause key of a transition,
	// the id of a one-off.
	Cause string `json:"cause,omitempty"`
	Text  string `json:"text,omitempty"` // the text entered for a one-off
}
