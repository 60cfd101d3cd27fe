package product

import (
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
)

// Date is a local date in the payer's time zone.
type Date = registry.Date

// Part is the catalogue document that defines one charge.
type Part struct {
	Name      diag.Text `yaml:"part,required" doc:"Name of the part; products refer to it, and lines of invoices show it." example:"tracker"`
	From      Date      `yaml:"from" doc:"Local date (of the payer) from which this version is in force. If omitted, it has always been in force. A version that begins within a cycle splits its days." example:"2026-01-01"`
	Charge    string    `yaml:"charge" default:"recurring" enum:"recurring|one_time|usage|commitment|penalty" doc:"recurring: due in each period. one_time: due once, whole, when a SIM or an account begins to have it. usage, commitment, penalty: the part has no price of its own; it gives the tax class of a plan's usage, or of a contract's commitments or penalties."`
	Of        Of        `yaml:"of,required" doc:"The part is owed for each SIM or account that has this."`
	Every     Every     `yaml:"every" default:"1 cycle" doc:"Length of a period: 1, 3, 6 or 12 billing cycles. The price is for a whole period." example:"1 cycle"`
	Currency  diag.Text `yaml:"currency" doc:"ISO 4217 code of its prices." example:"EUR"`
	Prices    []Price   `yaml:"prices" doc:"Its prices, by state of the SIM."`
	Proration string    `yaml:"proration" default:"days" enum:"days|full" doc:"days: a part of a period costs its share of days. full: any day of a period costs the whole price, that of the most expensive state, and the payer of the first such day owes it."`
	Day       string    `yaml:"day" default:"end" enum:"end|any" doc:"State that counts for a day. end: the state at its end. any: the most expensive of the states that the SIM had on it."`
	Sold      string    `yaml:"sold" default:"alone" enum:"alone|in_products" doc:"alone: due from every SIM or account that has the object in of, unless a product sets its charges. in_products: due only as a part of a product."`
	Tax       diag.Text `yaml:"tax,required" doc:"Tax class; tax tables use it to find the rate." example:"telecom"`
}

// Of defines what a part is due for.
type Of struct {
	Plan      diag.Text `yaml:"plan" doc:"A price plan: due for each SIM from the account that pays for it by this plan, at any tier." example:"tracker"`
	Addon     diag.Text `yaml:"addon" doc:"An add-on of a SIM or an account." example:"vpn"`
	SharePlan diag.Text `yaml:"share_plan" doc:"A share plan of an account." example:"fleet-1g"`
	Contract  diag.Text `yaml:"contract" doc:"A contract; with charge: commitment or penalty." example:"fleet-24"`
	Charge    diag.Text `yaml:"charge" doc:"A charge of that name that a lifecycle or a user creates: the product of a transition, activation, or a one-off charge. The part gives its tax class; with charge: one_time." example:"retirement"`
}

// Price is the price of a part in some states.
type Price struct {
	States []diag.Text `yaml:"states" doc:"States in which the price applies. If omitted: all states that no other price lists and that are not of core cancelled, and SIMs without a state. Accounts have no states." example:"[in_billing]"`
	Price  Amount      `yaml:"price,required" doc:"Amount for a whole period." example:"3.00"`
}

// The charges of parts.
const (
	recurring  = "recurring"
	oneTime    = "one_time"
	usageOf    = "usage"
	commitment = "commitment"
	penalty    = "penalty"
)

// Amount is an amount of 0 or more, in the currency of its document.
type Amount struct {
	Value decimal.D
	Pos   diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (a *Amount) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	a.Pos = n.Pos
	if d.Want(n, diag.Scalar, "an amount") {
		a.Value = literal.Amount(n.Text, n.Pos, &d.List)
	}
}

// JSONSchema describes a single value.
func (Amount) JSONSchema() map[string]any { return literal.Single() }

// Every is a number of cycles.
type Every int

// UnmarshalNode implements diag.Unmarshaler.
func (e *Every) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	number, unit, _ := strings.Cut(n.Text, " ")
	v, err := strconv.Atoi(number)
	if err != nil || !slices.Contains([]int{1, 3, 6, 12}, v) || unit != "cycle" && unit != "cycles" {
		d.Errorf(n.Pos, "%q is not a period; write 1 cycle, 3 cycles, 6 cycles or 12 cycles", n.Text)
		v = 1
	}
	*e = Every(v)
}

// JSONSchema describes a text such as 3 cycles.
func (Every) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^(1 cycle|(3|6|12) cycles)$`}
}

// DocumentName implements rating.Version.
func (v *Part) DocumentName() diag.Text { return v.Name }

// InForce implements rating.Version.
func (v *Part) InForce() Date { return v.From }

// ofKind is a kind for which parts can be due, such as plan or add-on.
type ofKind uint8

const (
	ofPlan ofKind = iota
	ofAddon
	ofShare
	ofContract
	ofCharge
)

var ofWords = [...]string{"plan", "addon", "share_plan", "contract", "charge"}

// thing is the plan, add-on, share plan or event for which a part is due.
type thing struct {
	kind ofKind
	name string
}

func (t thing) String() string { return ofWords[t.kind] + " " + t.name }

// named returns everything that the document's fields refer to: exactly one in a valid document.
func (o *Of) named() (kinds []ofKind, names []diag.Text) {
	for kind, name := range []diag.Text{o.Plan, o.Addon, o.SharePlan, o.Contract, o.Charge} {
		if name.Value != "" {
			kinds, names = append(kinds, ofKind(kind)), append(names, name)
		}
	}
	return kinds, names
}

func (o *Of) thing() thing {
	if kinds, names := o.named(); len(kinds) > 0 {
		return thing{kinds[0], names[0].Value}
	}
	return thing{}
}

// mayBeOf lists the kinds for which parts with a charge can be due.
var mayBeOf = map[string][]ofKind{
	recurring: {ofPlan, ofAddon, ofShare}, oneTime: {ofPlan, ofAddon, ofShare, ofCharge}, usageOf: {ofPlan}, commitment: {ofContract},
	penalty: {ofContract},
}

// Check implements the checks of diag.Decode.
func (v *Part) Check(n *diag.Node, c *diag.Decoder) {
	kinds, names := v.Of.named()
	at := v.Name.Pos
	if of := n.Member("of"); of != nil {
		at = of.Pos
	}
	allowed := mayBeOf[v.Charge]
	var words []string
	for _, kind := range allowed {
		words = append(words, ofWords[kind])
	}
	switch {
	case len(allowed) == 0: // the decoder has already reported that there is no such charge
	case len(kinds) == 0 && n.Member("of") != nil:
		c.Errorf(at, "of is empty; write one of %s, such as { %s: NAME }", strings.Join(words, ", "), words[0])
	case len(kinds) > 1:
		c.Errorf(names[1].Pos, "of has both %s and %s; a part is for one of them: write two parts", ofWords[kinds[0]], ofWords[kinds[1]])
	case len(kinds) == 1 && !slices.Contains(allowed, kinds[0]):
		c.Errorf(names[0].Pos, "a part with charge: %s is for %s, not for %s", v.Charge, strings.Join(words, " or "), ofWords[kinds[0]])
	}
	v.checkPriced(n, c)
	if v.Tax.Value == "" && n.Member("tax") != nil {
		c.Errorf(v.Tax.Pos, "tax is empty; name the tax class, such as telecom")
	}
	v.checkPrices(c)
}

// checkPriced checks that a part with a price has all fields of a price, and that a part without one has none.
func (v *Part) checkPriced(n *diag.Node, c *diag.Decoder) {
	priced := v.priced()
	for _, key := range []string{"every", "currency", "prices", "proration", "day", "sold"} {
		m := n.Member(key)
		switch has := m != nil; {
		case !priced && has:
			why := "charge: " + v.Charge
			if v.Charge == oneTime {
				why = "of: charge"
			}
			c.Errorf(m.Pos, "a part with %s has no price of its own, so %s does not apply; leave it out", why, key)
		case has && v.Charge == oneTime && slices.Contains([]string{"every", "proration", "day"}, key):
			c.Errorf(m.Pos, "a one_time part is due once and whole, so %s does not apply; leave it out", key)
		case priced && !has && key == "prices":
			c.Errorf(v.Name.Pos, "prices is missing here; write prices: [{ price: 3.00 }]")
		case priced && !has && key == "currency":
			c.Errorf(v.Name.Pos, "currency is missing here; write the ISO 4217 code of the prices, such as EUR")
		}
	}
	if code := v.Currency; code.Value != "" && !literal.KnownCurrency(code.Value) {
		c.Errorf(code.Pos, "currency %s is unknown: write a code of ISO 4217 such as EUR", code.Value)
	}
}

// priced reports whether the part itself has prices.
func (v *Part) priced() bool {
	return (v.Charge == recurring || v.Charge == oneTime) && v.Of.thing().kind != ofCharge
}

func (v *Part) checkPrices(c *diag.Decoder) {
	if p := v.Prices; p != nil && len(p) == 0 {
		c.Errorf(v.Name.Pos, "part %s has no prices", v.Name.Value)
	}
	seen := map[string]bool{}
	plain := 0
	for _, p := range v.Prices {
		if len(p.States) == 0 {
			if plain++; plain == 2 {
				c.Errorf(p.Price.Pos, "two prices have no states; only one price can hold for all other states")
			}
		}
		for _, s := range p.States {
			if kind := v.Of.thing().kind; kind == ofShare {
				c.Errorf(s.Pos, "a share plan belongs to an account, and accounts have no states; leave states out")
			}
			if seen[s.Value] {
				c.Errorf(s.Pos, "state %s has two prices", s.Value)
			}
			seen[s.Value] = true
		}
	}
}

// Item returns the name by which items refer to the states of a price.
func (p *Price) name() string {
	names := make([]string, len(p.States))
	for i, s := range p.States {
		names[i] = s.Value
	}
	return strings.Join(names, ", ")
}

// String returns what the part is due for, such as plan tracker.
func (o Of) String() string { return o.thing().String() }
