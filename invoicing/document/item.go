package document

import (
	"ratemill/decimal"
	"ratemill/registry"
)

// Date is a local date of the payer's zone.
type Date = registry.Date

// Period is a range of local dates, including From but not To.
type Period struct {
	From Date `json:"from"`
	To   Date `json:"to"`
}

// Days is the number of its dates.
func (p Period) Days() int { return int(p.To - p.From) }

// Kind is the kind of charge of an item.
type Kind string

// The kinds of items. Their order is that of the sections of a document.
const (
	Recurring  Kind = "recurring"  // a SIM or an account has a product
	Addon      Kind = "addon"      // an add-on of a SIM or an account
	PoolFee    Kind = "pool_fee"   // the fee of a share plan
	Usage      Kind = "usage"      // rated usage
	Transition Kind = "transition" // a SIM entered a state that costs
	Activation Kind = "activation" // a SIM was activated
	OneOff     Kind = "one_off"    // a person added it
	Commitment Kind = "commitment" // the shortfall below a contract's minimum
	Penalty    Kind = "penalty"    // a contract ended early
	Adjustment Kind = "adjustment" // a person corrected a line
)

// Kinds are the kinds in the order of a document.
var Kinds = []Kind{Recurring, Addon, PoolFee, Usage, Transition, Activation, OneOff, Commitment, Penalty, Adjustment}

// Item is the smallest part of a document: the exact amount that one SIM or account owes for one thing in one period.
type Item struct {
	Kind    Kind   `json:"kind"`
	Account string `json:"account"` // account of the SIM, or account that has the product; the section of the document
	// SIM is the number of the SIM, 0 for charges of a whole account. Lines of usage have no SIM, because their
	// records do.
	SIM     uint32 `json:"sim,omitempty"`
	Product string `json:"product"` // name in the catalogue of the charged part, plan or contract
	Version Date   `json:"version"` // date from which that version of it is in force, 0 for always
	State   string `json:"state,omitempty"`
	Class   string `json:"class,omitempty"`  // usage class
	Zone    string `json:"zone,omitempty"`   // of usage
	Tariff  string `json:"tariff,omitempty"` // of usage: name of the price in the plan
	// Cycle is the first date of the billing cycle to which it belongs. Period is the time for which it pays, within
	// one cycle or several.
	Cycle  Date   `json:"cycle"`
	Period Period `json:"period"`
	// Quantity is that of the line's text: SIM-days, units, records. Unit names it: days, B, 1.
	Quantity decimal.D `json:"quantity"`
	Unit     string    `json:"unit,omitempty"`
	Records  int64     `json:"records,omitempty"`
	// Price for Per units, or for a whole period of a recurring product. Usage with several prices in one line has none.
	Price decimal.D `json:"price"`
	Per   int64     `json:"per,omitempty"`
	// Days of the period, and of the whole of it, if it was prorated: Price × Days / Of.
	Days int `json:"days,omitempty"`
	Of   int `json:"of,omitempty"`
	// Exact is the amount, rounded half up at the twelfth decimal. Below is the part that this rounding removed.
	Exact decimal.D        `json:"exact"`
	Below decimal.Fraction `json:"below,omitzero"`
	Tax   string           `json:"tax"` // tax class
	// Cause is the single fact that caused it, if there is one: the cause key of a transition, the id of a one-off.
	Cause string `json:"cause,omitempty"`
	Text  string `json:"text,omitempty"` // a person's words for a one-off
}
