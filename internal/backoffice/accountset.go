package backoffice

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/registry"
	"ratemill/udr"
)

// NewAccount requests a new account.
type NewAccount struct {
	AccountOrder
	Account  string
	Parent   string // "" for a billing root
	Company  string // "" for the company of the parent
	Kind     string // standard, reseller
	Project  string
	Currency string // accounts below a parent use the parent's currency, unless they pay for themselves
	Zone     string
	CycleDay int
	Plan     string            // plan by which the account pays its parent
	Details  map[string]string // such as name
}

// CreateAccount creates an account. It is a draft if it has no parent or its parent is a draft, and
// otherwise new.
func (o *Office) CreateAccount(ctx context.Context, r NewAccount) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		if d.book.History(r.Account) != nil {
			return conflict("account %s already exists", r.Account)
		}
		as, err := d.actor()
		if err != nil {
			return err
		}
		kind, ok := registry.ParseAccountKind(cmp.Or(r.Kind, "standard"))
		if !ok {
			return fmt.Errorf("%s is not a kind of account; the kinds are standard and reseller", r.Kind)
		}
		if kind == registry.ResellerAccount && !d.in.Resellers {
			return conflict("resellers are not enabled in this installation; write resellers: true under accounts in ratemill.yaml")
		}
		if r.Project != "" {
			if err := d.project(r.Project); err != nil {
				return err
			}
		}
		when, err := d.beginning(r.Parent, r.Zone)
		if err != nil {
			return err
		}
		// The status is determined before the account exists, so its parents are the present ones.
		hidden := &withoutAccount{d.book, r.Account}
		fields := map[string]string{"company": r.Company, "parent": r.Parent, "currency": r.Currency, "zone": r.Zone,
			"cycle_day": number(r.CycleDay), "plan": r.Plan}
		maps.DeleteFunc(fields, func(_, text string) bool { return text == "" })
		if err := d.row(r.Account, when, fields); err != nil {
			return err
		}
		for i := range d.changes.Accounts {
			d.changes.Accounts[i].Kind, d.changes.Accounts[i].Project = kind, r.Project
		}
		if err := d.details(r.Account, when, r.Details); err != nil {
			return err
		}
		hidden.Book = d.book
		to := account.New
		if r.Parent == "" || d.book.Status(r.Parent, when).Status == account.Draft {
			to = account.Draft
		}
		return o.status(ctx, d, hidden, account.StatusRequest{Account: r.Account, To: to, Parent: r.Parent, At: when, Why: r.Why, As: as})
	})
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// withoutAccount is a book in which an account does not exist yet.
type withoutAccount struct {
	*account.Book
	id string
}

func (w *withoutAccount) History(id string) *account.History {
	if id == w.id {
		return nil
	}
	return w.Book.History(id)
}

// beginning returns the time from which a new account exists: now, or for a root the beginning of the present day in
// its zone.
func (d *accountDraft) beginning(parent, zone string) (udr.Instant, error) {
	if parent != "" && d.book.History(parent) == nil {
		return 0, fmt.Errorf("--parent: %w", d.unknown(parent))
	}
	when := udr.InstantOf(d.now)
	if !d.At.IsZero() {
		when = udr.InstantOf(d.At)
	}
	if !d.Day && (!d.At.IsZero() || parent != "") {
		return when, nil // the parent's status may have begun today
	}
	at := time.UTC
	if a := d.book.Account(parent, when); a != nil {
		at = a.Zone
	}
	if zone != "" {
		var err error
		if at, err = time.LoadLocation(zone); err != nil {
			return 0, fmt.Errorf("time zone %q is unknown: write an IANA name such as Europe/Madrid", zone)
		}
	}
	if d.At.IsZero() {
		return registry.Midnight(at, registry.LocalDate(at, when)), nil
	}
	return registry.Midnight(at, registry.LocalDate(time.UTC, when)), nil
}

// project checks that a project exists.
func (d *accountDraft) project(id string) error {
	if !d.in.Projects {
		return conflict("projects are not enabled in this installation; write projects: true under accounts in ratemill.yaml")
	}
	if account.Value[account.Project](d.book, registry.KindProject, id, "", udr.InstantOf(d.now)) == nil {
		names := slices.Collect(d.statements.Subjects(registry.KindProject))
		return fmt.Errorf("no project is called %s%s", id, orAll(diag.Suggest(id, names), "project", names))
	}
	return nil
}

// accountFields are the fields of an account that can be changed.
var accountFields = []string{"company", "project", "parent", "currency", "zone", "cycle_day", "plan", "pool", "limits"}

// row states an account's row in the same way and with the same checks as ratemill import. Missing fields
// stay as they are.
func (d *accountDraft) row(id string, when udr.Instant, fields map[string]string) error {
	header, cells := []string{"id", "since"}, []string{id, when.Time().UTC().Format(time.RFC3339Nano)}
	for _, name := range accountFields {
		if text, ok := fields[name]; ok {
			header, cells = append(header, name), append(cells, text)
		}
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll([][]string{header, cells}); err != nil {
		return err
	}
	d.view.Close()
	d.view = nil
	input := registry.Input{Name: "accounts.csv", Open: func() (io.ReadCloser,
		error) {
		return io.NopCloser(bytes.NewReader(text.Bytes())), nil
	}}
	o := project.ImportOptions(d.catalogue)
	o.Now, o.Statements, o.BoundsLater = udr.InstantOf(d.now), d.statements, true // a new account has no status yet
	changes, _, list := registry.ImportWith(d.registry, []registry.Input{input}, o)
	d.registry.Publish(d.changes.Revision)
	d.open()
	for _, l := range list {
		if l.Severity == diag.Warning {
			d.answer.Notes = append(d.answer.Notes, l.Message)
		}
	}
	if list.HasErrors() {
		for _, l := range list {
			if l.Severity == diag.Error {
				d.wrong = append(d.wrong, fmt.Errorf("%s", l.Message))
			}
		}
		return nil
	}
	d.changes.Accounts = append(d.changes.Accounts, changes.Accounts...)
	return nil
}

// details adds fields to the stated details of an account.
func (d *accountDraft) details(id string, when udr.Instant, fields map[string]string) error {
	if len(fields) == 0 {
		return nil
	}
	before := len(d.changes.Statements)
	if err := setFields[account.Details](d, registry.KindDetails, id, "", when, "", fields); err != nil {
		return err
	}
	d.statements.Load(d.changes.Revision, d.changes.Statements[before:])
	d.statements.Publish(d.changes.Revision)
	d.book = account.NewBook(d.view, d.statements, d.in)
	return nil
}

// status adds the facts of a change of status, including those of SIMs.
func (o *Office) status(ctx context.Context, d *accountDraft, histories account.Histories, r account.StatusRequest) error {
	r.Revision = d.changes.Revision
	c, err := account.ChangeStatus(histories, d.book, r)
	if err != nil {
		return &Problem{Conflict, err}
	}
	follow, err := o.followers(ctx, d, c, r.At)
	if err != nil {
		return err
	}
	place := uint32(0)
	if len(c.Accounts) > 1 || len(follow.facts) > 0 {
		place = d.changes.Because(registry.Cause{Cause: c.Cause, Kind: registry.KindStatus, Subject: r.Account})
	}
	for _, s := range c.Statements {
		s.Cause = place
		d.changes.Statements = append(d.changes.Statements, s)
	}
	follow.state(d.changes, place)
	for _, a := range c.Accounts {
		if n := follow.sims[a.Account]; n > 0 {
			d.answer.SIMs = append(d.answer.SIMs, AccountSIMCount{a.Account, n})
		}
	}
	if follow.later > 0 {
		d.answer.Notes = append(d.answer.Notes, counted(follow.later, "SIM")+" already have later states, which stay")
	}
	return nil
}

// StatusOrder requests a change of status.
type StatusOrder struct {
	AccountOrder
	Account string
	To      string // a status; for a draft, also deleted
}

// SetStatus changes the status of an account, and of the accounts and SIMs that depend on it.
func (o *Office) SetStatus(ctx context.Context, r StatusOrder) (*AccountChange, error) {
	to, ok := account.ParseStatus(r.To)
	if !ok && r.To != "deleted" {
		var names []string
		for _, s := range account.Statuses {
			names = append(names, s.String())
		}
		return nil, fmt.Errorf("%s is not a status of an account%s", r.To, orAll(diag.Suggest(r.To, names), "status", append(names, "deleted")))
	}
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if to == account.Active {
			if err := o.blocked(ctx, d, r.Account, when); err != nil {
				return err
			}
		}
		return o.status(ctx, d, d.book, account.StatusRequest{Account: r.Account, To: to, At: when, Why: r.Why, As: as})
	})
}

// blocked refuses to activate an account while a credit policy blocks it.
func (o *Office) blocked(ctx context.Context, d *accountDraft, id string, when udr.Instant) error {
	number, ok := d.view.AccountNumber(d.book.Payer(id, when))
	if !ok {
		return nil
	}
	if err := account.Migrate(ctx, o.Store.DB); err != nil {
		return err
	}
	rows, err := account.CreditOf(ctx, o.Store.DB, &number)
	if err != nil {
		return err
	}
	if why := d.blocking(rows, id, when); why != "" {
		return conflict("account %s cannot become active: %s", id, why)
	}
	return nil
}

// blocking returns the reason why the credit policy of an account's payer blocks activations, "" if it does not. rows
// holds the debts of payers.
func (d *accountDraft) blocking(rows []account.CreditRow, id string, when udr.Instant) string {
	payer := d.book.Payer(id, when)
	limit := d.book.Limit(payer, when)
	number, ok := d.view.AccountNumber(payer)
	if limit == nil || !ok {
		return ""
	}
	for i := range rows {
		r := &rows[i]
		if at, blocks := r.Blocked(limit); blocks && r.Payer == number && r.Currency == limit.Currency {
			exposure, _ := r.Exposure()
			return fmt.Sprintf("%s owes %s %s, which is at least %d %% of its credit limit of %s, and its credit policy then blocks activations",
				payer, exposure, limit.Currency, at, limit.Amount)
		}
	}
	return ""
}

// SetOrder requests that a value of an account or a company is stated.
type SetOrder struct {
	AccountOrder
	Account string            // the account, or the company if Kind is company
	Kind    string            // one of SettableKinds
	Name    string            // name of a contact or an address; company/NAME for one of the account's company
	Text    string            // the whole value as YAML; alternative to Fields
	Fields  map[string]string // fields to change; other fields stay, and an empty text removes a field
	End     bool              // the value ends
}

// SettableKinds are the kinds of values that Set can state.
var SettableKinds = []string{"profile", "details", "company", "contact", "address", "project", "settings", "account"}

// Set states a value of an account.
func (o *Office) Set(ctx context.Context, r SetOrder) (*AccountChange, error) {
	if !slices.Contains(SettableKinds, r.Kind) {
		return nil, fmt.Errorf("%s cannot be set%s", r.Kind, orAll(diag.Suggest(r.Kind, SettableKinds), "kind", SettableKinds))
	}
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		if r.Kind == "company" || r.Kind == "project" || strings.HasPrefix(r.Account, registry.CompanySubject("")) {
			return d.setShared(&r)
		}
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if r.Kind != "contact" && r.Kind != "address" {
			if err := d.provider(r.Account, as, when, "the "+r.Kind); err != nil {
				return err
			}
		}
		return d.set(&r, when)
	})
}

func (d *accountDraft) set(r *SetOrder, when udr.Instant) error {
	kind := registry.Kind(r.Kind)
	if r.End {
		if r.Kind == "account" {
			return fmt.Errorf("an account does not end; terminate it: ratemill account status %s terminated", r.Account)
		}
		return d.end(kind, r.Account, r.Name, when)
	}
	switch r.Kind {
	case "profile":
		return d.setProfile(r, when)
	case "details":
		return setFields[account.Details](d, kind, r.Account, "", when, r.Text, r.Fields)
	case "contact", "address":
		if err := d.setNamed(r, when); err != nil {
			return err
		}
		return d.sameAs(r.Account, when)
	case "settings":
		return d.setSettings(r, when)
	}
	for name := range r.Fields {
		if !slices.Contains(accountFields, name) {
			return fmt.Errorf("%s is not a field of an account%s", name, orAll("", "field", accountFields))
		}
	}
	return d.row(r.Account, when, r.Fields)
}

// setProfile states a billing profile.
func (d *accountDraft) setProfile(r *SetOrder, when udr.Instant) error {
	a := d.book.Account(r.Account, when)
	if a == nil {
		return d.unknown(r.Account)
	}
	text, err := d.text(registry.KindProfile, r.Account, "", when, r.Text, r.Fields)
	if err != nil {
		return err
	}
	p, list := account.ProfileOf("profile of "+r.Account, text, d.in, d.book.Company(r.Account, when))
	if err := refused(list); err != nil {
		return err
	}
	when = d.withCycle(r.Account, a, when, account.Canonical(p))
	if p.CycleDay != 0 && p.CycleDay != a.CycleDay {
		if err := d.row(r.Account, when, map[string]string{"cycle_day": fmt.Sprint(p.CycleDay)}); err != nil {
			return err
		}
	}
	d.state(registry.KindProfile, r.Account, "", when, p)
	return nil
}

// withCycle returns the time from which a profile is valid. Terms of a profile change at the end of the running
// billing cycle. The first profile of an account that has paid for itself without one is valid at once.
func (d *accountDraft) withCycle(id string, a *registry.Account, when udr.Instant, profile []byte) udr.Instant {
	now, has := d.statements.At(registry.KindProfile, id, "", when, d.book.Revision)
	payer := d.book.Payer(id, when)
	switch {
	case !has && payer == id, has && registry.ProfileTerms(now.Value) == registry.ProfileTerms(profile):
		return when
	}
	begins, ok := d.view.Boundary(a.Number, when, d.book.Revision)
	if !ok || begins == when {
		return when
	}
	why := "the terms of a profile change with a billing cycle"
	if !has {
		why = payer + " pays for account " + id + " until the running billing cycle ends"
	}
	d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("%s, so this begins on %s", why, day(begins, a.Zone)))
	return begins
}

// setSettings sets the lifecycle of an account's SIMs.
func (d *accountDraft) setSettings(r *SetOrder, when udr.Instant) error {
	if d.catalogue == nil {
		return conflict("the project has no catalogue, so it has no lifecycles")
	}
	a := d.book.Account(r.Account, when)
	text, err := d.text(registry.KindSettings, r.Account, "", when, r.Text, r.Fields)
	if err != nil {
		return err
	}
	s, list := d.catalogue.Life().CheckSettings("settings of "+r.Account, text, when, a.Zone)
	if err := refused(list); err != nil {
		return err
	}
	d.state(registry.KindSettings, r.Account, "", when, json.RawMessage(s.Value()))
	return nil
}

// setShared states a value of a company or a project.
func (d *accountDraft) setShared(r *SetOrder) error {
	as, err := d.actor()
	if err != nil {
		return err
	}
	if !as.Provider() && !as.Reseller {
		return &Problem{Conflict, fmt.Errorf("%s may not change a %s; the provider and resellers may", as, r.Kind)}
	}
	when := registry.Always
	if !d.At.IsZero() {
		when = udr.InstantOf(d.At)
	} else if _, ok := d.statements.At(registry.Kind(r.Kind), r.Account, "", udr.InstantOf(d.now), d.book.Revision); ok {
		when = udr.InstantOf(d.now)
	}
	if strings.HasPrefix(r.Account, registry.CompanySubject("")) {
		return d.setOfCompany(r, when)
	}
	if r.End {
		return d.end(registry.Kind(r.Kind), r.Account, "", when)
	}
	if r.Kind == "project" {
		if err := setFields[account.Project](d, registry.KindProject, r.Account, "", when, r.Text, r.Fields); err != nil {
			return err
		}
		return d.companyOfProject(r.Account)
	}
	text, err := d.text(registry.KindCompany, r.Account, "", when, r.Text, r.Fields)
	if err != nil {
		return err
	}
	v, list := account.Read[account.Company]("company "+r.Account, text, d.in)
	if err := refused(list); err != nil {
		return err
	}
	kind, _ := registry.ParseCompanyKind(v.Kind)
	if c, ok := d.view.Company(r.Account, d.book.Revision); !ok || c.Name != v.Name || c.Kind != kind {
		d.changes.Companies = append(d.changes.Companies, registry.Company{ID: r.Account, Name: v.Name, Kind: kind})
	}
	d.state(registry.KindCompany, r.Account, "", when, v)
	return nil
}

// companyOfProject checks that the company to which a project is moved exists.
func (d *accountDraft) companyOfProject(project string) error {
	for _, s := range d.changes.Statements {
		var v account.Project
		if s.Kind != registry.KindProject || s.Subject != project || json.Unmarshal(s.Value, &v) != nil {
			continue
		}
		if _, ok := d.view.Company(v.Company, d.book.Revision); !ok {
			return missing("there is no company %s; state it first: ratemill account set %s company …", v.Company, v.Company)
		}
	}
	return nil
}

// setNamed states a contact or an address.
func (d *accountDraft) setNamed(r *SetOrder, when udr.Instant) error {
	if r.Kind == "contact" {
		return setFields[account.Contact](d, registry.KindContact, r.Account, r.Name, when, r.Text, r.Fields)
	}
	return setFields[account.Shipping](d, registry.KindAddress, r.Account, r.Name, when, r.Text, r.Fields)
}

// setOfCompany states a contact or an address of a company; the company's accounts can use it.
func (d *accountDraft) setOfCompany(r *SetOrder, when udr.Instant) error {
	id := strings.TrimPrefix(r.Account, registry.CompanySubject(""))
	if r.Kind != "contact" && r.Kind != "address" {
		return fmt.Errorf("a company has contacts and addresses under company:%s; for its fields write account set %s company", id, id)
	}
	if _, ok := d.view.Company(id, d.book.Revision); !ok {
		return missing("there is no company %s", id)
	}
	if r.End {
		return d.end(registry.Kind(r.Kind), r.Account, r.Name, when)
	}
	return d.setNamed(r, when)
}

// sameAs checks that the company's contact or address that an account uses exists.
func (d *accountDraft) sameAs(id string, when udr.Instant) error {
	for _, s := range d.changes.Statements {
		var v struct {
			Same string `json:"same_as"`
		}
		if json.Unmarshal(s.Value, &v) != nil || v.Same == "" {
			continue
		}
		company := d.book.CompanyID(id, when)
		name := strings.TrimPrefix(v.Same, "company/")
		if _, ok := d.statements.At(s.Kind, registry.CompanySubject(company), name, when, d.book.Revision); !ok {
			return missing("company %s has no %s %s%s; state it first: ratemill account set company:%s %s --name %s …", company, s.Kind, name,
				d.named(s.Kind, registry.CompanySubject(company), when), company, s.Kind, name)
		}
	}
	return nil
}

// setFields states a whole value, or changes some of its fields.
func setFields[T any](d *accountDraft, kind registry.Kind, subject, name string, when udr.Instant, text string,
	fields map[string]string) error {
	whole, err := d.text(kind, subject, name, when, text, fields)
	if err != nil {
		return err
	}
	v, list := account.Read[T](strings.Join(strings.Fields(fmt.Sprintf("%s %s of %s", kind, name, subject)), " "), whole, d.in)
	if err := refused(list); err != nil {
		return err
	}
	d.state(kind, subject, name, when, v)
	return nil
}

// text returns the value to be stated.
func (d *accountDraft) text(kind registry.Kind, subject, name string, when udr.Instant, text string,
	fields map[string]string) ([]byte, error) {
	if text != "" {
		return []byte(text), nil
	}
	var now []byte
	if s, ok := d.statements.At(kind, subject, name, when, d.book.Revision); ok {
		now = s.Value
	}
	return account.WithFields(now, fields)
}
