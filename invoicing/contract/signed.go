package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// The statuses of contracts.
const (
	Draft      = "draft"
	Active     = "active"
	Ended      = "ended"      // at the end of a term, or by agreement, without a charge
	Terminated = "terminated" // before the end of a term
)

// Signed is the value of a statement about a contract: the signed terms, and the status. A statement with status
// ended or terminated begins on the first day on which the contract is no longer in force.
type Signed struct {
	Account      string   `yaml:"account,required" json:"account" names:"account" doc:"The account that signed it." example:"acme"`
	Document     string   `yaml:"document,required" json:"document" doc:"Name of the contract document in the catalogue." example:"fleet-24"`
	Start        Date     `yaml:"start,required" json:"start" doc:"First day of the contract." example:"2026-01-01"`
	Term         Cycles   `yaml:"term" json:"term,omitempty" doc:"Length of the first term; it replaces the document's." example:"36 cycles"`
	Status       string   `yaml:"status" json:"status" default:"active" enum:"draft|active|ended|terminated" doc:"draft: not signed yet. active: signed. ended: ended with a term or by agreement from since on. terminated: ended early from since on, so early termination is due."`
	Noticed      Date     `yaml:"noticed" json:"noticed,omitempty" doc:"Day on which notice was given; with ended and terminated. If omitted, it is the day of the end." example:"2027-01-31"`
	Coterminates string   `yaml:"coterminates" json:"coterminates,omitempty" names:"contract" doc:"Id of the contract with which this contract ends. If omitted, it ends with the account's contract of the document in coterminates." example:"acme-master"`
	Products     []string `yaml:"products" json:"products,omitempty" doc:"Plans, parts and add-ons to which a contract of level line applies." example:"[tracker]"`
	SIMs         []string `yaml:"sims" json:"sims,omitempty" names:"sim" doc:"SIMs to which a contract of level line applies, each as KIND:IDENTIFIER. The commitments of such a contract are of connections." example:"[\"imsi:214070000000001\"]"`
	// Signing copies the entitlements from the document, because onboarding gates read them here.
	Entitlements *Entitled `yaml:"entitlements" json:"entitlements,omitempty"`
	// Over defines what happens when a contract that does not renew ends. Signing copies it from
	// the document, because onboarding gates read it here.
	Over Date `yaml:"-" json:"until,omitempty"`
}

// Entitled holds the entitlements of a signed contract.
type Entitled struct {
	Network []string `yaml:"network" json:"network,omitempty" doc:"Network entitlements. By default, those of the document." example:"[apn-m2m]"`
	Product []string `yaml:"product" json:"product,omitempty" doc:"Product entitlements. By default, those of the document." example:"[tracker]"`
}

// Check implements the checks of diag.Decode.
func (v *Signed) Check(n *diag.Node, d *diag.Decoder) {
	at := func(key string) diag.Pos {
		if m := n.Member(key); m != nil {
			return m.Pos
		}
		return n.Pos
	}
	if over := v.Status == Ended || v.Status == Terminated; v.Noticed != 0 && !over {
		d.Errorf(at("noticed"), "noticed is for contracts with status ended or terminated; this one is %s", v.Status)
	}
	for _, text := range v.SIMs {
		if _, err := identifier(text); err != nil {
			d.Errorf(at("sims"), "%v", err)
		}
	}
	if len(v.SIMs) > 0 && len(v.Products) > 0 {
		d.Errorf(at("sims"), "a contract is for products or for SIMs; leave one of the two out")
	}
}

// identifier is an identifier of a SIM, such as imsi:214070000000001.
func identifier(text string) (id udr.Identifier, err error) {
	kind, value, _ := strings.Cut(text, ":")
	if id.Kind, _ = udr.ParseIDKind(kind); id.Kind == udr.NoID || value == "" {
		return id, fmt.Errorf("%q does not identify a SIM; write a kind and an identifier, as in imsi:214070000000001", text)
	}
	id.Value = value
	return id, nil
}

// Complete checks a signed contract against its document, and copies the document's entitlements. It reports all
// mistakes at once.
func (v *Signed) Complete(d *Documents) (wrong []error) {
	if d == nil {
		return nil
	}
	doc := d.Contracts.At(v.Document, v.Start)
	if doc == nil {
		if first := d.Contracts[v.Document]; first != nil {
			return []error{fmt.Errorf("contract document %s is in force from %s on, but the contract begins on %s", v.Document,
				first[0].From,
				v.Start)}
		}
		return []error{fmt.Errorf("there is no contract document %s%s", v.Document, instead(v.Document, d.Contracts.Names()))}
	}
	line := len(v.Products)+len(v.SIMs) > 0
	switch {
	case doc.Level == "line" && !line:
		wrong = append(wrong, fmt.Errorf("contract document %s is for lines, so name the products or the SIMs", v.Document))
	case doc.Level != "line" && line:
		wrong = append(wrong, fmt.Errorf("contract document %s is for whole accounts, so it takes neither products nor SIMs; write "+
			"level: line in it", v.Document))
	}
	if err := v.single(doc); err != nil {
		wrong = append(wrong, err)
	}
	known := d.chargeable()
	for _, name := range v.Products {
		if !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Errorf("there is no plan, part or add-on %s%s", name, instead(name, known)))
		}
	}
	if mode := doc.Renewal.Mode; mode != auto && mode != monthToMonth && doc.Coterminates.Value == "" && v.Coterminates == "" {
		v.Over = (&Contract{Signed: *v, Doc: doc, anchor: v.Start.UTC().Day()}).Until()
	}
	if v.Entitlements == nil && len(doc.Entitlements.Network)+len(doc.Entitlements.Product) > 0 {
		v.Entitlements = &Entitled{texts(doc.Entitlements.Network), texts(doc.Entitlements.Product)}
	}
	return wrong
}

// single refuses commitments that cannot be counted for single SIMs, because lines sum the charges of all SIMs of an
// account.
func (v *Signed) single(doc *Document) error {
	for i := range doc.Commitments {
		if m := &doc.Commitments[i]; len(v.SIMs) > 0 && m.Of != connections {
			return fmt.Errorf("contract document %s has a commitment of %s (%s), which is counted by products; a contract that names SIMs can have "+
				"commitments of connections only", doc.Name.Value, m.Of, m.Name.Value)
		}
	}
	return nil
}

func texts(list []diag.Text) (all []string) {
	for _, t := range list {
		all = append(all, t.Value)
	}
	return all
}

// Form describes how contracts are written in import files. If there are no documents, it accepts any document name.
func Form(docs *Documents) registry.Form {
	return registry.Form{Kind: registry.KindContract, Fields: registry.FieldsOf(Signed{}), Read: func(n *diag.Node) ([]byte, diag.List) {
		var v Signed
		d := &diag.Decoder{}
		d.Decode(n, &v)
		if !d.HasErrors() {
			for _, wrong := range v.Complete(docs) {
				d.Errorf(n.Pos, "%v", wrong)
			}
		}
		if d.HasErrors() {
			return nil, d.List
		}
		text, err := v.Value()
		if err != nil {
			d.Errorf(n.Pos, "%v", err)
		}
		return text, d.List
	}}
}

// Value converts the signed contract to the value of a statement.
func (v *Signed) Value() ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return registry.CanonicalJSON(text)
}

// Contract is a contract as known at a revision.
type Contract struct {
	ID string
	Signed
	Doc *Document // nil for a draft whose document does not exist yet

	account uint32 // number of Account
	anchor  int    // day of the month on which its months begin, 1 to 31
	end     Date   // stated first day on which the contract is no longer in force; 0 if no end is stated
	how     string // Ended or Terminated, if the contract ends
	noticed Date
	from    udr.Instant // beginning of the statement that created the contract
	stated  struct {    // the stated end; a termination of the account may end the contract earlier
		end  Date
		how  string
		from udr.Instant
	}
	master *Contract // the contract with which this one ends; nil if it has its own end
	sims   map[uint32]bool
}

// read returns a contract as known at a revision; nil if it does not exist. docs must contain the
// contract's document.
func (e *Engine) read(id string, rev registry.Revision, docs *Documents) (*Contract, error) {
	var c *Contract
	signed := false
	for _, s := range registry.HeldStatements(e.facts.Statements.Told(registry.KindContract, id), rev) {
		if s.State == registry.Ended {
			return nil, fmt.Errorf("contract %s has a row with an until, which does not show whether early termination is due; "+
				"state its end by a row with status ended or terminated", id)
		}
		var v Signed
		if err := decode(s.Value, &v); err != nil {
			return nil, fmt.Errorf("the stored contract %s cannot be read: %w", id, err)
		}
		number, ok := e.facts.View.AccountNumber(v.Account)
		if !ok {
			return nil, fmt.Errorf("contract %s is of account %s, which does not exist", id, v.Account)
		}
		switch {
		case c != nil && c.end != 0 && (v.Status == Active || v.Status == Draft):
			return nil, fmt.Errorf("contract %s is %s again after its end on %s; withdraw one of the two statements, or sign a new contract", id,
				v.Status, c.end)
		case v.Status == Ended || v.Status == Terminated:
			if c == nil {
				c = &Contract{ID: id, Signed: v, account: number, from: s.From}
			}
			if !signed || c.end == 0 {
				c.end, c.how, c.noticed = e.dateOf(number, s.From, rev), v.Status, v.Noticed
				c.stated.end, c.stated.how, c.stated.from = c.end, c.how, s.From
			}
			signed = true
		case signed && !c.same(&v):
			return nil, fmt.Errorf("contract %s was signed twice with different terms; withdraw one of the two statements: what was signed does "+
				"not change, so end it and sign another", id)
		case !signed:
			c = &Contract{ID: id, Signed: v, account: number, from: s.From}
			signed = v.Status == Active
		}
	}
	if c == nil {
		return nil, nil
	}
	return c, e.complete(c, rev, docs)
}

// Stated returns the beginning of the statement that created the contract.
func (c *Contract) Stated() udr.Instant { return c.from }

// Ending returns three values: the stated first day on which the contract is no longer in force (0 if no end is
// stated), the kind of end, and the beginning of the statement about it.
func (c *Contract) Ending() (end Date, how string, from udr.Instant) {
	return c.stated.end, c.stated.how, c.stated.from
}

// WithAccount returns the day on which the contract ends because its account is terminated, 0 if it does not.
func (c *Contract) WithAccount() Date {
	if c.end == c.stated.end {
		return 0
	}
	return c.end
}

func (c *Contract) same(v *Signed) bool {
	a, b := c.Signed, *v
	a.Status, b.Status, a.Noticed, b.Noticed, a.Over, b.Over = "", "", 0, 0, 0, 0
	one, _ := a.Value()
	two, _ := b.Value()
	return string(one) == string(two)
}

// dateOf returns the date of an instant in an account's time zone.
func (e *Engine) dateOf(account uint32, at udr.Instant, rev registry.Revision) Date {
	zone := time.UTC
	if a, ok := e.accountAt(account, at, rev); ok {
		zone = a.Zone
	}
	return Date(registry.LocalDate(zone, at))
}

// accountAt returns the state of an account at a time. Before the account begins, it returns the account's
// first state.
func (e *Engine) accountAt(account uint32, at udr.Instant, rev registry.Revision) (*registry.Account, bool) {
	if a, ok := e.facts.View.Account(account, at, rev); ok {
		return a, true
	}
	for at, more := registry.Always, true; more; at, more = e.facts.View.AccountUntil(account, at, rev) {
		if a, ok := e.facts.View.Account(account, at, rev); ok {
			return a, true
		}
	}
	return nil, false
}

// complete looks up the document of a contract and the other objects that the contract refers to.
func (e *Engine) complete(c *Contract, rev registry.Revision, docs *Documents) error {
	c.Doc = docs.Contracts.At(c.Document, c.Start)
	if c.Doc == nil {
		if c.Status == Draft {
			return nil
		}
		return fmt.Errorf("contract %s is of document %s, but the catalogue has no version of it in force on %s%s", c.ID, c.Document,
			c.Start, diag.Suggest(c.Document, docs.Contracts.Names()))
	}
	noon := udr.InstantOf(c.Start.UTC().Add(12 * time.Hour))
	a, ok := e.accountAt(c.account, noon, rev)
	if !ok {
		return fmt.Errorf("contract %s is of account %s, which does not exist as of registry revision %d", c.ID, c.Account, rev)
	}
	c.anchor = c.Start.UTC().Day()
	if first, _ := a.CycleOf(int32(c.Start)); Date(first) == c.Start {
		c.anchor = a.CycleDay
	}
	if c.Doc.Currency.Value != "" && a.Currency != c.Doc.Currency.Value {
		return fmt.Errorf("contract %s is in %s, but account %s pays in %s", c.ID, c.Doc.Currency.Value, c.Account, a.Currency)
	}
	if end := e.terminated(c.Account, c.account, rev); end != 0 && (c.end == 0 || end < c.end) {
		c.end, c.how, c.noticed = end, Terminated, 0
	}
	return e.join(c, rev, docs)
}

// resolve finds the SIMs that a contract lists, on the contract's first day.
func (e *Engine) resolve(c *Contract, rev registry.Revision) error {
	c.sims = map[uint32]bool{}
	if c.Doc != nil {
		if err := c.single(c.Doc); err != nil {
			return errorOf(c, err)
		}
	}
	for _, text := range c.SIMs {
		id, err := identifier(text)
		if err != nil {
			return errorOf(c, err)
		}
		sim, ok := e.facts.View.SIM(id, e.instant(c.account, c.Start, rev), rev)
		if !ok {
			return fmt.Errorf("contract %s refers to %s, which is not a SIM of the registry on %s", c.ID, text, c.Start)
		}
		c.sims[sim] = true
	}
	return nil
}

// terminated returns the date on which an account is terminated, and with it its contracts; 0 if it
// is not terminated.
func (e *Engine) terminated(account string, number uint32, rev registry.Revision) Date {
	for _, s := range registry.HeldStatements(e.facts.Statements.Told(registry.KindStatus, account), rev) {
		var v struct {
			Status string `json:"status"`
		}
		if decode(s.Value, &v) == nil && v.Status == Terminated {
			return e.dateOf(number, s.From, rev)
		}
	}
	return 0
}

// join finds the contract that another contract ends with.
func (e *Engine) join(c *Contract, rev registry.Revision, docs *Documents) error {
	id := c.Coterminates
	if id == "" && c.Doc.Coterminates.Value == "" {
		return nil
	}
	if e.joining == maxJoined {
		return fmt.Errorf("contract %s ends with %s, and the other way round; withdraw coterminates of one of them", c.ID, id)
	}
	e.joining++
	defer func() { e.joining-- }()
	if id != "" {
		master, err := e.read(id, rev, docs)
		if err != nil {
			return err
		}
		if master == nil || master.Doc == nil {
			return fmt.Errorf("contract %s ends with contract %s, which does not exist", c.ID, id)
		}
		c.master = master
		return nil
	}
	// This is the contract that has that document and belongs to the account or to an account above it.
	path := e.facts.View.Path(c.account, udr.InstantOf(c.Start.UTC().Add(12*time.Hour)), rev, nil)
	for _, account := range path {
		for _, other := range e.signed[account] {
			if other == c.ID || c.master != nil || !e.by(other, account, c.Doc.Coterminates.Value, rev) {
				continue
			}
			master, err := e.read(other, rev, docs)
			if err != nil {
				return err
			}
			if master != nil && master.Doc != nil && master.Status != Draft && master.Start <= c.Start && c.Start < master.Until() {
				c.master = master
			}
		}
	}
	if c.master == nil && c.Status != Draft {
		return fmt.Errorf("contract %s ends with the contract of document %s, and account %s has none in force on %s; sign that one first, or "+
			"name another with coterminates", c.ID, c.Doc.Coterminates.Value, c.Account, c.Start)
	}
	return nil
}

const maxJoined = 8

// by reports whether a contract with a document was ever stated for an account.
func (e *Engine) by(id string, account uint32, document string, rev registry.Revision) bool {
	return slices.ContainsFunc(e.facts.Statements.Told(registry.KindContract, id), func(s registry.KnownStatement) bool {
		var v Signed
		number, there := uint32(0), s.Known <= rev && decode(s.Value, &v) == nil
		if there {
			number, _ = e.facts.View.AccountNumber(v.Account)
		}
		return there && number == account && v.Document == document
	})
}

// decode reads the fields of a stored value that v declares.
func decode(value []byte, v any) error { return json.Unmarshal(value, v) }
