package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// StatementKinds are the kinds of statements that this package reads.
var StatementKinds = []registry.Kind{registry.KindStatus, registry.KindProfile, registry.KindDetails, registry.KindResource,
	registry.KindContact, registry.KindAddress, registry.KindAddon, registry.KindGroup, registry.KindCompany, registry.KindProject,
	registry.KindContract, registry.KindSettings}

// Book holds accounts as known at a revision: the tree of the registry, and the statements about its accounts. It
// implements Histories and Guards.
type Book struct {
	View       *registry.View
	Statements *registry.Statements
	Revision   registry.Revision
	In         *Installation

	histories map[string]*History
	profiles  map[string][]Since[*Profile]
	wrong     []error // stored values that cannot be read
}

// NewBook returns a book of the accounts as known at the view's revision.
func NewBook(view *registry.View, statements *registry.Statements, in *Installation) *Book {
	return &Book{View: view, Statements: statements, Revision: view.Revision(), In: in, histories: map[string]*History{},
		profiles: map[string][]Since[*Profile]{}}
}

// Err returns the first error about a stored value that could not be read so far, nil if there is none. Check it
// before you trust a result.
func (b *Book) Err() error {
	if len(b.wrong) == 0 {
		return nil
	}
	return b.wrong[0]
}

// Account returns the registry's account at a time, nil if it does not exist then.
func (b *Book) Account(id string, when udr.Instant) *registry.Account {
	number, ok := b.View.AccountNumber(id)
	if !ok {
		return nil
	}
	a, _ := b.View.Account(number, when, b.Revision)
	return a
}

// History implements Histories.
func (b *Book) History(id string) *History {
	if h, ok := b.histories[id]; ok {
		return h
	}
	h := b.history(id)
	b.histories[id] = h
	return h
}

func (b *Book) history(id string) *History {
	number, ok := b.View.AccountNumber(id)
	if !ok {
		return nil
	}
	h := &History{ID: id}
	for when, more, there := registry.Always, true, false; more; when, more = b.View.AccountUntil(number, when, b.Revision) {
		a, ok := b.View.Account(number, when, b.Revision)
		if !ok {
			continue
		}
		if !there {
			h.From, there = when, true
		}
		parent := ""
		if a.Parent != 0 {
			parent, _ = b.View.AccountID(a.Parent)
		}
		if n := len(h.Parents); n == 0 || h.Parents[n-1].Value != parent {
			h.Parents = append(h.Parents, Since[string]{when, parent})
		}
	}
	if h.Parents == nil {
		return nil
	}
	h.Statuses = sequence(b, registry.KindStatus, id, "", func(v *StatusValue) StatusValue {
		if v == nil {
			return StatusValue{}
		}
		return *v
	})
	return h
}

// sequence returns the values of a subject's statements with a name, oldest first. It calls make with nil for the
// time when no statement is valid.
func sequence[V, T any](b *Book, kind registry.Kind, subject, name string, make func(*V) T) (all []Since[T]) {
	told := b.Statements.Told(kind, subject)
	told = slices.DeleteFunc(told, func(k registry.KnownStatement) bool { return k.Name != name })
	for _, s := range registry.HeldStatements(told, b.Revision) {
		if s.State == registry.Ended {
			all = append(all, Since[T]{s.From, make(nil)})
			continue
		}
		if v, ok := valueOf[V](b, s.Statement); ok {
			all = append(all, Since[T]{s.From, make(v)})
		}
	}
	return all
}

func valueOf[V any](b *Book, s registry.Statement) (*V, bool) {
	v, err := ReadStored[V](fmt.Sprintf("the %s of %s", s.Kind, strings.TrimSuffix(s.Subject+" "+s.Name, " ")), s.Value)
	if err != nil {
		b.wrong = append(b.wrong, err)
		return nil, false
	}
	return &v, true
}

// Value returns the valid statement about a subject at a time, nil if there is none.
func Value[V any](b *Book, kind registry.Kind, subject, name string, when udr.Instant) *V {
	s, ok := b.Statements.At(kind, subject, name, when, b.Revision)
	if !ok {
		return nil
	}
	v, _ := valueOf[V](b, s.Statement)
	return v
}

// Values returns the valid statements about a subject at a time, by name.
func Values[V any](b *Book, kind registry.Kind, subject string, when udr.Instant) map[string]V {
	all := map[string]V{}
	for _, s := range b.Statements.Of(kind, subject, when, b.Revision) {
		if v, ok := valueOf[V](b, s.Statement); ok {
			all[s.Name] = *v
		}
	}
	return all
}

// Children implements Histories.
func (b *Book) Children(id string) (children []string) {
	number, ok := b.View.AccountNumber(id)
	if !ok {
		return nil
	}
	for _, child := range b.View.EverBelow(number) {
		if id, ok := b.View.AccountID(child); ok {
			children = append(children, id)
		}
	}
	slices.Sort(children)
	return children
}

// Status returns the status of an account at a time.
func (b *Book) Status(id string, when udr.Instant) StatusValue {
	if h := b.History(id); h != nil {
		return h.Status(when)
	}
	return StatusValue{}
}

// Profile returns an account's own billing profile at a time, nil if it has none.
func (b *Book) Profile(id string, when udr.Instant) *Profile {
	all, ok := b.profiles[id]
	if !ok {
		all = sequence(b, registry.KindProfile, id, "", func(v *Profile) *Profile { return v })
		b.profiles[id] = all
	}
	p, _ := at(all, when)
	return p
}

// Payer returns the account that pays for an account at a time: the nearest account, itself or above, that has a
// billing profile. If no account has a profile, each account pays for itself, because accounts existed before
// profiles did. It is "" if the account does not exist then.
func (b *Book) Payer(id string, when udr.Instant) string {
	number, ok := b.View.AccountNumber(id)
	if !ok {
		return ""
	}
	payer, _ := b.View.AccountID(registry.Payer(b.View, b.Statements, number, when, b.Revision))
	return payer
}

// Seller returns the account that sells to an account at a time, "" for the operator.
func (b *Book) Seller(id string, when udr.Instant) string {
	number, ok := b.View.AccountNumber(id)
	if !ok {
		return ""
	}
	seller, _ := b.View.AccountID(registry.Seller(b.View, number, when, b.Revision))
	return seller
}

// Tier is the role of an account in the trade: a reseller sells to a customer, which is an account below it that pays
// for itself. ratemill derives it for display, and nothing depends on it. The kind of an account, not its tier,
// decides what it may do.
func (b *Book) Tier(id string, when udr.Instant) string {
	a := b.Account(id, when)
	if a == nil || a.Kind != registry.ResellerAccount {
		return "retailer"
	}
	var sells func(above string) bool
	sells = func(above string) bool {
		for _, child := range childrenAt(b, above, when) {
			if b.Profile(child, when) != nil || sells(child) {
				return true
			}
		}
		return false
	}
	if sells(id) {
		return "reseller"
	}
	return "retailer"
}

// TakesSIMs refuses to assign SIMs to an account that is not active or is blacklisted at a time. Commands and
// batches that assign or move SIMs call it.
func (b *Book) TakesSIMs(id string, when udr.Instant) error {
	if s := b.Status(id, when).Status; s != Active {
		name := s.String()
		if s == NoStatus {
			name = "not there"
		}
		return fmt.Errorf("account %s will be %s at that time, and only an active account gets SIMs", id, name)
	}
	if d := Value[Details](b, registry.KindDetails, id, "", when); d != nil && d.Blacklisted {
		return fmt.Errorf("account %s is blacklisted, so it gets no more SIMs; to allow them again: ratemill account set %s "+
			"details blacklisted=false", id, id)
	}
	return nil
}

// Given returns the resources of an account and of those above it at a time.
func (b *Book) Given(id string, when udr.Instant) (given Given) {
	for _, account := range Path(b, id, when) {
		l := Level{account, map[ResourceName]Resource{}}
		for name, r := range Values[Resource](b, registry.KindResource, account, when) {
			if n, ok := ParseResourceName(name); ok {
				l.Resources[n] = r
			}
		}
		given = append(given, l)
	}
	return given
}

// CompanyID returns the id of the company of an account at a time: its own or that of its project, or else that of
// the nearest account above it that has one.
func (b *Book) CompanyID(id string, when udr.Instant) string {
	for _, account := range Path(b, id, when) {
		a := b.Account(account, when)
		if a == nil {
			continue
		}
		if a.Company != "" {
			return a.Company
		}
		if p := Value[Project](b, registry.KindProject, a.Project, "", when); a.Project != "" && p != nil && p.Company != "" {
			return p.Company
		}
	}
	return ""
}

// Company returns the company of an account at a time with the statements about it, nil if there is none.
func (b *Book) Company(id string, when udr.Instant) *Company {
	return Value[Company](b, registry.KindCompany, b.CompanyID(id, when), "", when)
}

// Missing implements Guards: it returns the missing mandatory fields of an account and of its company.
func (b *Book) Missing(id string, when udr.Instant) (fields []string) {
	d := Value[Details](b, registry.KindDetails, id, "", when)
	if d == nil || d.Name == "" {
		fields = append(fields, "details.name")
	}
	switch company := b.CompanyID(id, when); {
	case company == "":
		fields = append(fields, "company")
	case Value[Company](b, registry.KindCompany, company, "", when) == nil:
		fields = append(fields, "the fields of company "+company+b.laterCompany(company, when))
	}
	payer := b.Payer(id, when)
	switch p := b.Profile(payer, when); {
	case p == nil:
		fields = append(fields, "profile")
	case payer == id:
		for _, f := range p.Missing() {
			fields = append(fields, "profile."+f)
		}
		if b.BillingAddress(id, p, when) == nil {
			fields = append(fields, "the billing address "+p.BillingAddress)
		}
	}
	if b.settings(id, when) == "" {
		fields = append(fields, "settings (the lifecycle of its SIMs)")
	}
	return fields
}

// laterCompany returns when the fields of a company begin, if that is after a time. A day of a company begins in UTC,
// so it may be hours after the same day of an account.
func (b *Book) laterCompany(company string, when udr.Instant) string {
	for _, s := range registry.HeldStatements(b.Statements.Told(registry.KindCompany, company), b.Revision) {
		if len(s.Value) > 0 && s.From > when {
			return fmt.Sprintf(" (they begin at %s)", s.From)
		}
	}
	return ""
}

// settings returns the nearest account, itself or above, that has rules for its SIMs, "" if there is none.
func (b *Book) settings(id string, when udr.Instant) string {
	for _, account := range Path(b, id, when) {
		if _, ok := b.Statements.At(registry.KindSettings, account, "", when, b.Revision); ok {
			return account
		}
	}
	return ""
}

// BillingAddress returns the address to which a profile refers, nil if there is none.
func (b *Book) BillingAddress(id string, p *Profile, when udr.Instant) *Shipping {
	name := p.BillingAddress
	if name == "" {
		return &Shipping{} // the missing field is already reported
	}
	c := b.Company(id, when)
	if name == "company" && c != nil {
		return &Shipping{Country: c.Address.Country, City: c.Address.City, Street: c.Address.Street, Number: c.Address.Number,
			Postcode: c.Address.Postcode}
	}
	subject := id
	if of, rest, named := strings.Cut(name, "/"); named && of == "company" {
		a := b.Account(id, when)
		subject, name = registry.CompanySubject(b.CompanyID(a.ID, when)), rest
	}
	return Value[Shipping](b, registry.KindAddress, subject, name, when)
}

// Unconfirmed implements Guards.
func (b *Book) Unconfirmed(id string, when udr.Instant) string {
	if c := b.Company(id, when); b.In.Lookup && c != nil && !c.Confirmed() {
		return fmt.Sprintf("company %s comes from a look-up (%s), and nobody has confirmed it", c.Name, c.Source.Service)
	}
	return ""
}

// Standing returns the values of an account that its gates check.
func (b *Book) Standing(id string, when udr.Instant) *Standing {
	s := &Standing{Account: id, Given: b.Given(id, when), Company: b.Company(id, when),
		Details: Value[Details](b, registry.KindDetails, id, "", when)}
	payer := b.Payer(id, when)
	s.Profile, s.Sub = b.Profile(payer, when), payer != id
	if a := b.Account(id, when); a != nil {
		s.Kind = a.Kind
	}
	s.Contacts = slices.Sorted(maps.Keys(Values[Contact](b, registry.KindContact, id, when)))
	s.Addresses = slices.Sorted(maps.Keys(Values[Shipping](b, registry.KindAddress, id, when)))
	s.Contract = b.contract(id, when)
	return s
}

// contractValue holds the fields of a contract's statement that this package reads. Package invoicing owns the
// statement.
type contractValue struct {
	Account      string `json:"account"`
	Status       string `json:"status"`
	Until        Date   `json:"until"` // the contract's last day, if it does not renew
	Entitlements struct {
		Network []string `json:"network"`
		Product []string `json:"product"`
	} `json:"entitlements"`
}

// contract returns the contract in force for an account at a time, its own or one of an account above it.
func (b *Book) contract(id string, when udr.Instant) *Contract {
	path := Path(b, id, when)
	for subject := range b.Statements.Subjects(registry.KindContract) {
		for _, s := range b.Statements.Of(registry.KindContract, subject, when, b.Revision) {
			v, ok := readPart[contractValue](b, s.Statement)
			over := v.Until != 0 && Date(registry.LocalDate(time.UTC, when)) >= v.Until
			if ok && v.Status == "active" && !over && slices.Contains(path, v.Account) {
				return &Contract{v.Entitlements.Network, v.Entitlements.Product}
			}
		}
	}
	return nil
}

// Unmet implements Guards.
func (b *Book) Unmet(id string, when udr.Instant) []Unmet {
	documents := b.In.Documents
	if documents == nil {
		documents, _ = DocumentsOf(nil)
	}
	date := Date(registry.LocalDate(time.UTC, when))
	return documents.Onboarding("", date).Unmet(b.Standing(id, when), b.In)
}

// Defaults implements Guards.
func (b *Book) Defaults(id string, when udr.Instant) map[string]string {
	given, defaults := b.Given(id, when), map[string]string{}
	for _, kind := range ResourceKinds {
		if names := given.Defaults(kind); len(names) == 1 {
			defaults[kind] = names[0]
		}
	}
	if len(defaults) == 0 {
		return nil
	}
	return defaults
}

// SuspendsSIMs implements Guards. The nearest account with this setting decides: the account itself
// or one above it.
func (b *Book) SuspendsSIMs(id string, when udr.Instant) bool {
	for _, account := range Path(b, id, when) {
		if d := Value[Details](b, registry.KindDetails, account, "", when); d != nil && d.SuspendSIMs != nil {
			return *d.SuspendSIMs
		}
	}
	return true
}
