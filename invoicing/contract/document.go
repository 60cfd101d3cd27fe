package contract

import (
	"slices"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
)

// Date is a local date in the payer's time zone.
type Date = registry.Date

// Document is the catalogue document that defines the commitments of a contract and the price of leaving it
// early. A contract keeps the version in force on its first day; later versions do not change it.
type Document struct {
	Name             diag.Text    `yaml:"contract,required" doc:"Name of the document; contracts refer to it when they are signed." example:"fleet-24"`
	From             Date         `yaml:"from" doc:"Local date from which contracts are signed by this version. If omitted, this version has always applied. Contracts that began before keep their version." example:"2026-01-01"`
	Level            string       `yaml:"level" default:"account" enum:"account|line" doc:"account: charges of the account and of the accounts below it count. line: only charges of the products or SIMs that the contract lists when it is signed."`
	Currency         diag.Text    `yaml:"currency" doc:"ISO 4217 code of its amounts. If omitted, amounts are in the currency of the account that signs the contract." example:"EUR"`
	Term             Cycles       `yaml:"term,required" doc:"Length of the first term, in months from its first day." example:"24 cycles"`
	Renewal          Renewal      `yaml:"renewal" doc:"Effect of the end of a term."`
	Coterminates     diag.Text    `yaml:"coterminates" doc:"A contract document: this contract ends and renews together with the account's contract of that document." example:"master"`
	Commitments      []Commitment `yaml:"commitments" doc:"Commitments of the customer."`
	EarlyTermination []Tier       `yaml:"early_termination" doc:"Price of ending the contract before the end of a term, depending on the month in which it ends. A month that no tier covers costs nothing."`
	Entitlements     Entitlements `yaml:"entitlements" doc:"Entitlements of the contract; onboarding gates can require them."`
	Statuses         StatusNames  `yaml:"statuses" doc:"Your own names for the statuses of a contract."`
}

// Renewal defines what happens at the end of a term.
type Renewal struct {
	Mode   string `yaml:"mode" default:"none" enum:"none|auto|month_to_month" doc:"none: the contract ends with its term. auto: a new term begins unless notice is given in time. month_to_month: after the first term, the contract continues by single months."`
	Term   Cycles `yaml:"term" doc:"Length of each further term; with mode: auto. By default, the length of the first term." example:"12 cycles"`
	Notice Cycles `yaml:"notice" doc:"How long before the end of a term notice must be given; if omitted, it can be given until the last day." example:"3 cycles"`
}

// Commitment is a minimum per cycle or per contract year. The shortfall is due when the period ends (rule R18).
type Commitment struct {
	Name      diag.Text   `yaml:"name,required" doc:"Name of the commitment, shown on its line of the invoice." example:"spend"`
	Of        string      `yaml:"of,required" enum:"spend|connections|usage|volume" doc:"The quantity that counts. spend: net charges. connections: SIMs in certain states, where each day of a SIM counts as its share of the period. usage: the quantity of usage. volume: the number of usage records."`
	Counts    []string    `yaml:"counts" enum:"usage|recurring|addon|pool_fee|transition|activation|one_off|adjustment" doc:"Kinds of charges that count toward the spend. If omitted, usage and recurring." example:"[usage, recurring]"`
	Products  []diag.Text `yaml:"products" doc:"Plans, parts and add-ons to which the commitment is limited. Without it, all." example:"[tracker]"`
	Classes   []diag.Text `yaml:"classes" doc:"Usage classes; required for usage and volume." example:"[data]"`
	States    []diag.Text `yaml:"states" doc:"States in which SIMs count as connections; required for connections." example:"[in_billing]"`
	Per       string      `yaml:"per" default:"cycle" enum:"cycle|year" doc:"cycle: each billing cycle. year: each year of the contract, from its first day."`
	Min       Literal     `yaml:"min" doc:"The minimum: an amount for spend, a number of SIMs for connections, a quantity for usage, a number of records for volume. Write either min or ramp." example:"1000"`
	Ramp      []Step      `yaml:"ramp" doc:"Minimums that change with time." example:"[{ from: 1, min: 500 }, { from: 4, min: 1000 }]"`
	Penalty   *Percent    `yaml:"penalty" doc:"For spend: percentage of the missing spend that is due. Without it, 100 %." example:"100 %"`
	Shortfall Literal     `yaml:"shortfall" doc:"Price of the shortfall; required for connections (of a SIM for a period), usage and volume." example:"1.50 / 1 GB"`

	steps []step // the minimums, each with the month or year of the contract from which it holds
	price price  // of the shortfall
}

// Step is a minimum that holds from a cycle or year of the contract on.
type Step struct {
	From Count   `yaml:"from,required" doc:"Number of the contract's cycle or, with per: year, of its year; 1 is the first." example:"4"`
	Min  Literal `yaml:"min,required" doc:"The minimum from that cycle or year on." example:"1000"`
}

// Tier is the price of leaving during certain months of a contract (rule R19). It never exceeds the
// remaining commitment.
type Tier struct {
	Months      Months   `yaml:"months,required" doc:"Months of the contract in which it ends; 1 is the first. 25- has no upper end." example:"1-12"`
	OfRemaining *Percent `yaml:"of_remaining" doc:"Percentage of the remaining commitment. Write either of_remaining or flat." example:"100 %"`
	Flat        Literal  `yaml:"flat" doc:"An amount, at most the remaining commitment." example:"500.00"`

	flat price
}

// Entitlements holds the resources to which a contract entitles its account.
type Entitlements struct {
	Network []diag.Text `yaml:"network" doc:"Resources of the network: APN groups, service and roaming profiles." example:"[apn-m2m, roaming-eu]"`
	Product []diag.Text `yaml:"product" doc:"Products and plans." example:"[tracker, fleet]"`
}

// StatusNames holds an installation's names for the statuses of contracts.
type StatusNames struct {
	Draft      string `yaml:"draft" default:"draft" doc:"Not signed yet." example:"offered"`
	Active     string `yaml:"active" default:"active" doc:"The contract is signed, even if its first day is still to come." example:"in_force"`
	Ended      string `yaml:"ended" default:"ended" doc:"The contract ended with a term, or by agreement." example:"expired"`
	Terminated string `yaml:"terminated" default:"terminated" doc:"The contract ended before the end of a term." example:"cancelled"`
}

// The kinds of commitments.
const (
	spend       = "spend"
	connections = "connections"
	usage       = "usage"
	volume      = "volume"
)

const perYear = "year"

// The modes of renewal.
const (
	auto         = "auto"
	monthToMonth = "month_to_month"
)

// DocumentName implements rating.Version.
func (v *Document) DocumentName() diag.Text { return v.Name }

// InForce implements rating.Version.
func (v *Document) InForce() Date { return v.From }

// Check implements the checks of diag.Decode.
func (v *Document) Check(n *diag.Node, c *diag.Decoder) {
	if code := v.Currency; code.Value != "" && !literal.KnownCurrency(code.Value) {
		c.Errorf(code.Pos, "currency %s is unknown: write a code of ISO 4217 such as EUR", code.Value)
	}
	v.checkRenewal(n, c)
	names := map[string]bool{}
	for i := range v.Commitments {
		name := v.Commitments[i].Name
		if name.Value != "" && names[name.Value] {
			c.Errorf(name.Pos, "commitment %s is listed twice; give one of them another name", name.Value)
		}
		names[name.Value] = true
	}
	v.checkTiers(c)
	if len(v.Commitments) == 0 && len(v.EarlyTermination) > 0 {
		c.Errorf(v.EarlyTermination[0].Months.Pos, "early termination is a part of the remaining commitment, at most all of it, and this "+
			"contract has no commitments")
	}
	seen := map[string]string{}
	for _, s := range [...][2]string{{"draft", v.Statuses.Draft}, {"active", v.Statuses.Active}, {"ended", v.Statuses.Ended},
		{"terminated", v.Statuses.Terminated}} {
		if other, taken := seen[s[1]]; taken && s[1] != "" {
			c.Errorf(v.Name.Pos, "statuses %s and %s have the same name, %s; give each its own", other, s[0], s[1])
		}
		seen[s[1]] = s[0]
	}
	for _, list := range [][]diag.Text{v.Entitlements.Network, v.Entitlements.Product} {
		twice(list, c)
	}
}

func (v *Document) checkRenewal(n *diag.Node, c *diag.Decoder) {
	r := n.Member("renewal")
	if v.Coterminates.Value != "" && r != nil {
		c.Errorf(r.Pos, "a contract that coterminates renews with contract %s; leave renewal out", v.Coterminates.Value)
	}
	if v.Coterminates.Value != "" && v.Coterminates.Value == v.Name.Value {
		c.Errorf(v.Coterminates.Pos, "contract %s cannot have its own end; name another document, or leave coterminates out", v.Name.Value)
	}
	if r == nil || r.Kind != diag.Mapping {
		return
	}
	if term := r.Member("term"); term != nil && v.Renewal.Mode != auto {
		c.Errorf(term.Pos, "renewal with mode: %s has no term of its own; leave it out, or write mode: auto", orNone(v.Renewal.Mode))
	}
	if notice := r.Member("notice"); notice != nil && v.Renewal.Mode != auto && v.Renewal.Mode != monthToMonth {
		c.Errorf(notice.Pos, "without renewal, the contract ends by itself, so no notice is needed; leave notice out, or write mode: auto")
	}
	if v.Renewal.Mode == auto && v.Renewal.Notice > v.renewed() {
		c.Errorf(r.Member("notice").Pos, "notice of %s is longer than the further terms of %s, so nobody could give it in time",
			v.Renewal.Notice, v.renewed())
	}
}

// renewed returns the length in months of a renewed term.
func (v *Document) renewed() Cycles {
	switch {
	case v.Renewal.Mode == monthToMonth:
		return 1
	case v.Renewal.Term > 0:
		return v.Renewal.Term
	}
	return v.Term
}

func (v *Document) checkTiers(c *diag.Decoder) {
	for i := range v.EarlyTermination {
		t := &v.EarlyTermination[i]
		switch {
		case t.OfRemaining == nil && t.Flat.IsZero():
			c.Errorf(t.Months.Pos, "months %s have neither of_remaining nor flat; write one of them, such as of_remaining: 50 %%",
				t.Months.Text)
		case t.OfRemaining != nil && !t.Flat.IsZero():
			c.Errorf(t.Flat.Pos, "months %s have both of_remaining and flat; write one of them", t.Months.Text)
		case !t.Flat.IsZero():
			t.flat = price{amount: literal.Amount(t.Flat.Text, t.Flat.Pos, &c.List), per: 1}
		}
		for _, o := range v.EarlyTermination[:i] {
			if t.Months.First > 0 && o.Months.First > 0 && t.Months.First <= o.Months.end() && o.Months.First <= t.Months.end() {
				c.Errorf(t.Months.Pos, "months %s and %s overlap, so a month would have two rates", o.Months.Text, t.Months.Text)
			}
		}
	}
}

// tier returns the tier for a month of the contract, nil if there is none.
func (v *Document) tier(month int) *Tier {
	for i := range v.EarlyTermination {
		if m := v.EarlyTermination[i].Months; m.First <= month && month <= m.end() {
			return &v.EarlyTermination[i]
		}
	}
	return nil
}

// Status returns the installation's name for a status.
func (v *Document) Status(core string) string {
	name := map[string]string{Draft: v.Statuses.Draft, Active: v.Statuses.Active, Ended: v.Statuses.Ended,
		Terminated: v.Statuses.Terminated}[core]
	if name == "" {
		return core
	}
	return name
}

func twice(list []diag.Text, c *diag.Decoder) {
	for i, name := range list {
		if slices.ContainsFunc(list[:i], func(t diag.Text) bool { return t.Value == name.Value }) {
			c.Errorf(name.Pos, "%s stands there twice", name.Value)
		}
	}
}

func orNone(word string) string {
	if word == "" {
		return "none"
	}
	return word
}
