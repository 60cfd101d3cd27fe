package backoffice

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"ratemill/account"
	"ratemill/internal/project"
	"ratemill/registry"
	"ratemill/udr"
)

// AccountQuestion is a query about accounts at a time.
type AccountQuestion struct {
	As string    // account that requests it; "" for the provider
	At time.Time // zero for now
}

// ListedAccount is an account in the tree.
type ListedAccount struct {
	ID       string `json:"account"`
	Level    int    `json:"level"` // depth below the root; the root is 0
	Parent   string `json:"parent"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	Since    string `json:"since"` // of the status
	Kind     string `json:"kind"`
	Tier     string `json:"tier"`
	Payer    string `json:"payer"`
	Company  string `json:"company"`
	Currency string `json:"currency"`
}

// FullAccount has all known values of an account at a time.
type FullAccount struct {
	ListedAccount
	Zone      string            `json:"zone"`
	CycleDay  int               `json:"cycle_day"`
	Plan      string            `json:"plan,omitempty"`
	Project   string            `json:"project,omitempty"`
	Seller    string            `json:"seller"`            // "" is the operator
	Cascade   string            `json:"cascade,omitempty"` // cascade that changed its status
	Next      []string          `json:"next"`              // statuses to which the account can change
	Missing   []string          `json:"missing,omitempty"` // mandatory fields that a draft lacks
	Unmet     []UnmetGate       `json:"unmet,omitempty"`   // gates that the account must pass to become active
	Profile   json.RawMessage   `json:"profile,omitempty"`
	Inherited bool              `json:"profile_inherited,omitempty"` // the profile is the payer's
	Details   json.RawMessage   `json:"details,omitempty"`
	CompanyIs json.RawMessage   `json:"company_is,omitempty"`
	Settings  json.RawMessage   `json:"settings,omitempty"`
	Contacts  map[string]any    `json:"contacts,omitempty"`
	Addresses map[string]any    `json:"addresses,omitempty"`
	Resources []AccountResource `json:"resources"`
	Groups    []AccountGroup    `json:"groups"`
	Addons    []AccountAddon    `json:"addons"`
	Credit    *AccountCredit    `json:"credit,omitempty"`
	Alerts    []AccountAlert    `json:"alerts,omitempty"`
}

// UnmetGate is a gate of its onboarding that an account does not meet.
type UnmetGate struct {
	Gate string `json:"gate"`
	Why  string `json:"why"`
}

// AccountResource is a resource that an account has.
type AccountResource struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	From    string `json:"from"` // account to which the resource is assigned
	Default bool   `json:"default"`
	Active  bool   `json:"active"`
	Open    bool   `json:"open"` // users of the account may choose it
}

// AccountGroup is a group of SIMs that an enterprise created.
type AccountGroup struct {
	ID   string `json:"group"`
	Name string `json:"name"`
}

// AccountAddon is an add-on of an account.
type AccountAddon struct {
	Name     string `json:"addon"` // name/instance
	Quantity int    `json:"quantity"`
	Price    string `json:"price,omitempty"`
	Notes    string `json:"notes,omitempty"`
}

// AccountCredit is the exposure of a payer.
type AccountCredit struct {
	Payer     string `json:"payer"`
	Currency  string `json:"currency"`
	Limit     string `json:"limit,omitempty"` // "" for none
	Unbilled  string `json:"unbilled"`
	Documents string `json:"documents"`
	Exposure  string `json:"exposure"`
	Passed    []int  `json:"passed"` // thresholds in percent that the exposure has reached
}

// AccountAlert is a threshold of a credit limit that was reached.
type AccountAlert struct {
	Event    string   `json:"event"`
	Percent  int      `json:"percent"`
	Exposure string   `json:"exposure"`
	Limit    string   `json:"limit"`
	Currency string   `json:"currency"`
	Record   string   `json:"record,omitempty"` // record whose charge reached the threshold
	Used     string   `json:"used,omitempty"`
	Actions  []string `json:"actions"`
}

// reading is a query about accounts, with the known facts about them.
type reading struct {
	*accountDraft
	at udr.Instant
	as account.Actor
}

// read opens the registry and its statements for a query; end closes them.
func (o *Office) read(ctx context.Context, q AccountQuestion) (r *reading, end func(), err error) {
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, nil, err
	}
	in := o.Installation
	project.Complete(&in, catalogue)
	d := &accountDraft{AccountOrder: &AccountOrder{As: q.As}, registry: registry.New(), statements: registry.NewStatements(), in: &in,
		catalogue: catalogue, now: o.Now()}
	if _, err := o.Store.LoadAccounts(ctx, d.registry, d.statements); err != nil {
		return nil, nil, err
	}
	d.open()
	r = &reading{accountDraft: d, at: udr.InstantOf(d.now)}
	if !q.At.IsZero() {
		r.at = udr.InstantOf(q.At)
	}
	if r.as, err = d.actor(); err != nil {
		d.view.Close()
		return nil, nil, err
	}
	return r, d.view.Close, nil
}

// ListAccounts returns the accounts that the actor may see, each below its parent.
func (o *Office) ListAccounts(ctx context.Context, q AccountQuestion, status string) ([]ListedAccount, error) {
	r, end, err := o.read(ctx, q)
	if err != nil {
		return nil, err
	}
	defer end()
	below := map[string][]string{}
	for n := uint32(1); n <= r.view.Accounts(); n++ {
		if a, ok := r.view.Account(n, r.at, r.book.Revision); ok {
			parent, _ := r.view.AccountID(a.Parent)
			below[parent] = append(below[parent], a.ID)
		}
	}
	all := []ListedAccount{}
	var add func(parent string, visible bool)
	add = func(parent string, visible bool) {
		slices.Sort(below[parent])
		for _, id := range below[parent] {
			sees := visible || r.as.Account == id
			l := r.listed(id)
			if sees && r.shows(&l, status) {
				all = append(all, l)
			}
			add(id, sees)
		}
	}
	add("", r.as.Provider())
	return all, r.book.Err()
}

// shows reports whether a list contains an account. A draft is visible only to the tier that created it and the
// tiers above.
func (r *reading) shows(l *ListedAccount, status string) bool {
	if l.Status == "" || status != "" && l.Status != status {
		return false
	}
	return l.Status != account.Draft.String() || r.as.Provides(account.Path(r.book, l.ID, r.at))
}

func (r *reading) listed(id string) ListedAccount {
	a := r.book.Account(id, r.at)
	l := ListedAccount{ID: id, Level: a.Level, Status: r.book.Status(id, r.at).Status.String(), Kind: a.Kind.String(),
		Tier: r.book.Tier(id, r.at), Payer: r.book.Payer(id, r.at), Currency: a.Currency}
	l.Parent, _ = r.view.AccountID(a.Parent)
	if d := account.Value[account.Details](r.book, registry.KindDetails, id, "", r.at); d != nil {
		l.Name = d.Name
	}
	l.Company = r.book.CompanyID(id, r.at)
	l.Since = day(r.book.History(id).From, a.Zone)
	for _, s := range r.book.History(id).Statuses {
		if s.From <= r.at {
			l.Since = day(s.From, a.Zone)
		}
	}
	return l
}

// ShowAccount returns all known values of an account.
func (o *Office) ShowAccount(ctx context.Context, id string, q AccountQuestion) (*FullAccount, error) {
	r, end, err := o.read(ctx, q)
	if err != nil {
		return nil, err
	}
	defer end()
	a := r.book.Account(id, r.at)
	if a == nil {
		return nil, r.unknown(id)
	}
	path := account.Path(r.book, id, r.at)
	if err := r.as.Within(path); err != nil {
		return nil, err
	}
	f := &FullAccount{ListedAccount: r.listed(id), Zone: a.Zone.String(), CycleDay: a.CycleDay, Plan: a.Plan, Project: a.Project,
		Seller: r.book.Seller(id, r.at), Resources: []AccountResource{}, Groups: []AccountGroup{}, Addons: []AccountAddon{}, Next: []string{}}
	r.statusOf(f, path)
	r.values(f, a)
	r.parts(f)
	if err := o.credit(ctx, r, f); err != nil {
		return nil, err
	}
	return f, r.book.Err()
}

// statusOf fills in the possible next statuses of an account, and the unmet conditions.
func (r *reading) statusOf(f *FullAccount, path []string) {
	s := r.book.Status(f.ID, r.at)
	f.Cascade = s.Cascade
	for _, to := range account.StepsFrom(s.Status) {
		name := to.String()
		if to == account.NoStatus {
			name = "deleted"
		}
		if len(path) < 2 || to == account.NoStatus || slices.Contains(account.AllowedBelow(r.book.Status(path[1], r.at).Status), to) {
			f.Next = append(f.Next, name)
		}
	}
	switch s.Status {
	case account.Draft:
		f.Missing = r.book.Missing(f.ID, r.at)
	case account.New, account.Lead:
		for _, u := range r.book.Unmet(f.ID, r.at) {
			f.Unmet = append(f.Unmet, UnmetGate{u.Gate, u.Why})
		}
	}
}

// values fills in the values of an account, of its payer and of its company.
func (r *reading) values(f *FullAccount, a *registry.Account) {
	text := func(kind registry.Kind, subject string) json.RawMessage {
		s, _ := r.statements.At(kind, subject, "", r.at, r.book.Revision)
		return s.Value
	}
	f.Profile, f.Inherited = text(registry.KindProfile, f.Payer), f.Payer != f.ID
	switch {
	case f.Profile == nil:
		f.Inherited = false
	case r.as.Within(account.Path(r.book, f.Payer, r.at)) != nil:
		f.Profile = withoutSecrets(f.Profile)
	}
	f.Details, f.Settings = text(registry.KindDetails, f.ID), text(registry.KindSettings, f.ID)
	if f.Company != "" {
		f.CompanyIs = text(registry.KindCompany, f.Company)
	}
	f.Contacts, f.Addresses = map[string]any{}, map[string]any{}
	for prefix, subject := range map[string]string{"": f.ID, "company/": registry.CompanySubject(f.Company)} {
		for name, value := range r.named(registry.KindContact, subject) {
			f.Contacts[prefix+name] = value
		}
		for name, value := range r.named(registry.KindAddress, subject) {
			f.Addresses[prefix+name] = value
		}
	}
}

// withoutSecrets returns a payer's profile as an account below the payer may see it: without bank account and
// servers.
func withoutSecrets(profile json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(profile, &fields) != nil {
		return nil
	}
	delete(fields, "remote_storage")
	var payment map[string]json.RawMessage
	if json.Unmarshal(fields["payment"], &payment) == nil {
		delete(payment, "sepa")
		delete(payment, "direct_debit")
		fields["payment"] = account.Canonical(payment)
	}
	return account.Canonical(fields)
}

func (r *reading) named(kind registry.Kind, subject string) map[string]any {
	all := map[string]any{}
	for _, s := range r.statements.Of(kind, subject, r.at, r.book.Revision) {
		all[s.Name] = json.RawMessage(s.Value)
	}
	return all
}

// parts fills in resources, groups and add-ons.
func (r *reading) parts(f *FullAccount) {
	given := r.book.Given(f.ID, r.at)
	for _, kind := range account.ResourceKinds {
		names := map[string]bool{}
		for _, l := range given {
			for name := range l.Resources {
				if name.Kind == kind && given.Of(name).Assigned {
					names[name.Name] = true
				}
			}
		}
		defaults := given.Defaults(kind)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			has := given.Of(account.ResourceName{Kind: kind, Name: name})
			if !has.Open && !r.as.Provides(account.Path(r.book, f.ID, r.at)) {
				continue // users of the account see the resources that they may choose
			}
			f.Resources = append(f.Resources, AccountResource{Kind: kind, Name: name, From: given.From(kind),
				Default: slices.Contains(defaults, name),
				Active:  has.Active, Open: has.Open})
		}
	}
	for id := range r.statements.Subjects(registry.KindGroup) {
		if g := account.Value[account.Group](r.book, registry.KindGroup, id, "", r.at); g != nil && g.Account == f.ID {
			f.Groups = append(f.Groups, AccountGroup{id, g.Name})
		}
	}
	addons := account.Values[account.Addon](r.book, registry.KindAddon, f.ID, r.at)
	for _, name := range slices.Sorted(maps.Keys(addons)) {
		a := AccountAddon{Name: name, Quantity: addons[name].Quantity, Notes: addons[name].Notes}
		if p := addons[name].Price; p != nil {
			a.Price = p.String()
		}
		f.Addons = append(f.Addons, a)
	}
}

// credit fills in the debt of an account's payer.
func (o *Office) credit(ctx context.Context, r *reading, f *FullAccount) error {
	if err := account.Migrate(ctx, o.Store.DB); err != nil {
		return err
	}
	payer, ok := r.view.AccountNumber(f.Payer)
	if !ok {
		return nil
	}
	rows, err := account.CreditOf(ctx, o.Store.DB, &payer)
	if err != nil {
		return err
	}
	limit := r.book.Limit(f.Payer, r.at)
	for i := range rows {
		c := &rows[i]
		if c.Currency != f.Currency || !c.Kept && limit == nil {
			continue
		}
		unbilled, err1 := c.Unbilled()
		exposure, err2 := c.Exposure()
		if err1 != nil || err2 != nil {
			return fmt.Errorf("the debt of account %s is too large to be added up", f.Payer)
		}
		f.Credit = &AccountCredit{Payer: f.Payer, Currency: c.Currency, Unbilled: unbilled.String(), Documents: c.Documents.String(),
			Exposure: exposure.String(), Passed: []int{}}
		for _, p := range c.Passed {
			f.Credit.Passed = append(f.Credit.Passed, int(p))
		}
	}
	if limit != nil {
		if f.Credit == nil {
			f.Credit = &AccountCredit{Payer: f.Payer, Currency: limit.Currency, Unbilled: "0", Documents: "0", Exposure: "0", Passed: []int{}}
		}
		f.Credit.Limit = limit.Amount.String()
	}
	alerts, err := account.Alerts(ctx, o.Store.DB, &payer, 10)
	for _, a := range alerts {
		shown := AccountAlert{Event: a.Event(), Percent: int(a.Threshold.At), Exposure: a.Exposure.String(), Limit: a.Limit.String(),
			Currency: a.Currency, Actions: a.Threshold.Do}
		if !a.File.IsZero() {
			shown.Record, shown.Used = fmt.Sprintf("%s:%d", a.File.Short(), a.Seq), Moment(a.At.Time())
		}
		f.Alerts = append(f.Alerts, shown)
	}
	return err
}
