package backoffice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// AccountOrder has the fields that are common to all changes of accounts.
type AccountOrder struct {
	Who, Why string
	As       string    // account that requests the change; "" for the provider
	At       time.Time // time of effect; zero for now
	Day      bool      // At is a day, and means the beginning of that day in the account's zone
	Backdate bool      // allows At to be before the running billing cycle
	DryRun   bool      // show the change set, and change nothing
	Key      string    // idempotency key of the request: a repeated key changes nothing. Empty for none
}

// AccountChange is the result of a change of accounts, or of its dry run.
type AccountChange struct {
	Revision uint64            `json:"revision,omitempty"` // 0: nothing was changed
	DryRun   bool              `json:"dry_run,omitempty"`
	Facts    []AccountFact     `json:"facts"`
	SIMs     []AccountSIMCount `json:"sims,omitempty"`
	Notes    []string          `json:"notes,omitempty"` // remarks about it
}

// AccountFact is a fact that a change states.
type AccountFact struct {
	Kind    string          `json:"kind"`
	Subject string          `json:"subject"`
	Name    string          `json:"name,omitempty"`
	From    string          `json:"from"`
	State   string          `json:"state"` // holds, ended, withdrawn
	Value   json.RawMessage `json:"value,omitempty"`
}

// AccountSIMCount is the number of an account's SIMs that change their state.
type AccountSIMCount struct {
	Account string `json:"account"`
	SIMs    int    `json:"sims"`
}

// accountDraft is a change set of accounts that is being built.
type accountDraft struct {
	*AccountOrder
	registry   *registry.Registry
	statements *registry.Statements
	in         *account.Installation
	catalogue  *rating.Catalogue
	view       *registry.View
	book       *account.Book
	now        time.Time
	changes    *registry.Changes
	answer     AccountChange
	wrong      []error
	backdated  bool
	zoneOf     string // account in whose zone the times of other subjects are shown, "" for UTC
}

// catalogueNow returns the catalogue in Options, or else the project's; nil if there is none.
func (o *Office) catalogueNow() (*rating.Catalogue, error) {
	if o.Catalogue != nil || o.Project == "" {
		return o.Catalogue, nil
	}
	p, list := project.LoadDir(o.Project)
	if p == nil {
		return nil, &BrokenProjectError{o.Project, list}
	}
	return p.Catalogue, nil
}

// changeAccounts builds a change set of accounts with make, checks it, and commits it. If another process commits
// in the meantime, it reads the registry again and rebuilds the change set.
func (o *Office) changeAccounts(ctx context.Context, order *AccountOrder, make func(*accountDraft) error) (*AccountChange, error) {
	if err := given(order.Why); err != nil && !order.DryRun {
		return nil, err
	}
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, err
	}
	in := o.Installation
	project.Complete(&in, catalogue)
	for {
		d := &accountDraft{AccountOrder: order, registry: registry.New(), statements: registry.NewStatements(), in: &in,
			catalogue: catalogue, now: o.Now()}
		answer, err := o.tryAccounts(ctx, d, make)
		if !errors.Is(err, control.ErrConflict) {
			return answer, err
		}
	}
}

func (o *Office) tryAccounts(ctx context.Context, d *accountDraft, make func(*accountDraft) error) (*AccountChange, error) {
	revision, err := o.Store.LoadRegistry(ctx, d.registry)
	if err != nil {
		return nil, err
	}
	if _, err := o.Store.LoadStatements(ctx, d.statements); err != nil {
		return nil, err
	}
	if made, err := o.made(ctx, d.Key); err != nil || made {
		d.answer = AccountChange{Facts: []AccountFact{}, Notes: []string{madeBefore}, DryRun: d.DryRun}
		return &d.answer, err
	}
	d.changes = &registry.Changes{Revision: revision + 1}
	d.open()
	err = make(d)
	d.view.Close()
	if err == nil {
		err = d.book.Err()
	}
	if err == nil && len(d.wrong) > 0 {
		err = &Problem{Conflict, errors.Join(d.wrong...)}
	}
	if err != nil {
		return nil, err
	}
	d.answer.DryRun = d.DryRun
	d.show()
	if d.changes.Empty() {
		return &d.answer, nil
	}
	d.because()
	if err := d.check(); err != nil {
		return nil, err
	}
	if d.DryRun {
		d.answer.Notes = append(d.answer.Notes, o.backdatedNotes(ctx, d.backdated, d.changes.Revision)...)
		return &d.answer, nil
	}
	err = o.Store.ImportRegistry(ctx, d.changes, control.ImportOptions{Who: d.Who, Why: d.Why, Now: d.now, Partitions: max(o.Partitions, 1)})
	if err != nil {
		return nil, err
	}
	if d.changes.Empty() {
		d.answer.Facts = []AccountFact{}
		d.answer.Notes = append(d.answer.Notes, madeBefore)
		return &d.answer, nil
	}
	d.answer.Revision = uint64(d.changes.Revision)
	d.answer.Notes = append(d.answer.Notes, o.backdatedNotes(ctx, d.backdated, d.changes.Revision)...)
	return &d.answer, nil
}

// madeBefore answers a request whose key was used before.
const madeBefore = "a request with this key was already carried out; nothing was changed"

// made reports whether a request with a key was carried out before. What the request changed may have changed again since
// then, so this is checked before the request itself. It is checked after the registry was read: if the same request is
// carried out in between, writing conflicts, and the next attempt finds it. simDraft.evaluate does the same for SIMs.
func (o *Office) made(ctx context.Context, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	return o.Store.KnowsCause(ctx, "request:"+key)
}

// open opens the view of the known facts, and reopens it after the draft has loaded its own facts.
func (d *accountDraft) open() {
	if d.view != nil {
		d.view.Close()
	}
	d.view = d.registry.View()
	d.book = account.NewBook(d.view, d.statements, d.in)
}

// actor returns the party that requests the change.
func (d *accountDraft) actor() (account.Actor, error) {
	if d.As == "" {
		return account.Actor{}, nil
	}
	a := d.book.Account(d.As, udr.InstantOf(d.now))
	if a == nil {
		return account.Actor{}, fmt.Errorf("--as: %w", d.unknown(d.As))
	}
	return account.Actor{Account: d.As, Reseller: a.Kind == registry.ResellerAccount}, nil
}

// unknown returns the error for an account that does not exist.
func (d *accountDraft) unknown(id string) error {
	_, err := registryAt{d.view, d.view.Revision(), 0}.account(id)
	if err == nil {
		err = fmt.Errorf("account %s does not exist at that time", id)
	}
	return err
}

// account begins a change of an account. It checks that the account exists and that the actor may see it.
func (d *accountDraft) account(id string) (when udr.Instant, as account.Actor, err error) {
	h := d.book.History(id)
	if h == nil {
		return 0, as, d.unknown(id)
	}
	if as, err = d.actor(); err != nil {
		return 0, as, err
	}
	if when, err = d.moment(id, h); err != nil {
		return 0, as, err
	}
	return when, as, as.Within(account.Path(d.book, id, when))
}

// provider refuses changes that only the provider of an account may make.
func (d *accountDraft) provider(id string, as account.Actor, when udr.Instant, what string) error {
	if as.Provides(account.Path(d.book, id, when)) {
		return nil
	}
	return &Problem{Conflict, fmt.Errorf("%s may not change %s of account %s; the provider and a reseller above it may", as, what, id)}
}

// moment returns the time of effect. A day begins in the account's zone. It refuses a time before the running
// billing cycle, unless the order allows it.
func (d *accountDraft) moment(id string, h *account.History) (udr.Instant, error) {
	if d.At.IsZero() {
		return max(udr.InstantOf(d.now), h.From), nil
	}
	when := udr.InstantOf(d.At)
	a := d.book.Account(id, max(when, h.From))
	if a == nil {
		return 0, d.unknown(id)
	}
	if d.Day {
		when = registry.Midnight(a.Zone, registry.LocalDate(time.UTC, when))
	}
	if when >= udr.InstantOf(d.now) {
		return when, nil
	}
	first, _ := a.CycleOf(registry.LocalDate(a.Zone, udr.InstantOf(d.now)))
	if begins := registry.Midnight(a.Zone, first); when < begins && !d.Backdate {
		return 0, &Problem{Conflict, fmt.Errorf("%s is before the running billing cycle of account %s, which began on %s; "+
			"give --backdate if that is intended", day(when, a.Zone), id, day(begins, a.Zone))}
	}
	d.backdated = true
	return when, nil
}

// state adds a statement, unless it is already valid.
func (d *accountDraft) state(kind registry.Kind, subject, name string, from udr.Instant, value any) {
	text := account.Canonical(value)
	if s, ok := d.statements.At(kind, subject, name, from, d.book.Revision); ok && string(s.Value) == string(text) {
		return
	}
	d.changes.Statements = append(d.changes.Statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: from, Value: text})
}

// end ends the valid statement about a subject at a time. It refuses to do so if there is none.
func (d *accountDraft) end(kind registry.Kind, subject, name string, from udr.Instant) error {
	if _, ok := d.statements.At(kind, subject, name, from, d.book.Revision); !ok {
		what := strings.TrimSuffix(fmt.Sprintf("%s %s", kind, name), " ")
		return missing("%s has no %s at that time%s", subject, what, d.named(kind, subject, from))
	}
	d.changes.Statements = append(d.changes.Statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: from,
		State: registry.Ended})
	return nil
}

// named lists the existing names of a kind.
func (d *accountDraft) named(kind registry.Kind, subject string, at udr.Instant) string {
	var names []string
	for _, s := range d.statements.Of(kind, subject, at, d.book.Revision) {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; it has " + strings.Join(names, ", ")
}

// because sets the cause of the facts to the request. Facts of a cascade have the cause of the cascade; the request is
// then a cause without facts, so that its key is known.
func (d *accountDraft) because() {
	if d.Key == "" {
		return
	}
	f := d.answer.Facts[0]
	cascade := len(d.changes.Causes) > 0
	place := d.changes.Because(registry.Cause{Cause: "request:" + d.Key, Kind: registry.Kind(f.Kind), Subject: f.Subject})
	if cascade {
		return
	}
	for i := range d.changes.Companies {
		d.changes.Companies[i].Cause = place
	}
	for i := range d.changes.Accounts {
		d.changes.Accounts[i].Cause = place
	}
	for i := range d.changes.Statements {
		d.changes.Statements[i].Cause = place
	}
	for i := range d.changes.States {
		d.changes.States[i].Cause = place
	}
}

// check checks the bounds of billing (registry.CheckBounds).
func (d *accountDraft) check() error {
	if err := d.registry.Load(d.changes); err != nil {
		return err
	}
	d.statements.Load(d.changes.Revision, d.changes.Statements)
	if broken := registry.CheckBounds(d.registry, d.statements, d.changes, udr.InstantOf(d.now)); len(broken) > 0 {
		return &Problem{Conflict, broken}
	}
	return nil
}

var factStates = map[registry.State]string{registry.Holds: "holds", registry.AfterEnd: "holds", registry.Ended: "ended",
	registry.Withdrawn: "withdrawn"}

// show fills in the facts of the answer.
func (d *accountDraft) show() {
	d.answer.Facts = []AccountFact{}
	add := func(kind registry.Kind, subject, name string, from udr.Instant, state registry.State, value json.RawMessage) {
		d.answer.Facts = append(d.answer.Facts, AccountFact{string(kind), subject, name, d.day(subject, from), factStates[state], value})
	}
	for _, c := range d.changes.Companies {
		value, _ := json.Marshal(map[string]string{"kind": c.Kind.String(), "name": c.Name})
		add(registry.KindCompany, c.ID, "", registry.Always, registry.Holds, value)
	}
	for _, a := range d.changes.Accounts {
		parent, _ := d.view.AccountID(a.Parent)
		fields := map[string]string{"company": a.Company, "currency": a.Currency, "parent": parent, "plan": a.Plan, "zone": a.Zone,
			"kind": a.Kind.String(), "project": a.Project, "pool": strings.Join(a.SharePlans, " "),
			"limits": strings.Join(a.Limits, " ")}
		if a.CycleDay != 0 {
			fields["cycle_day"] = fmt.Sprint(a.CycleDay)
		}
		maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
		value, _ := json.Marshal(fields)
		add(registry.KindAccount, a.ID, "", a.From, a.State, value)
	}
	for _, s := range d.changes.Statements {
		add(s.Kind, s.Subject, s.Name, s.From, s.State, s.Value)
	}
}

// day returns a time in the zone of an account.
func (d *accountDraft) day(subject string, at udr.Instant) string {
	for _, id := range []string{subject, d.zoneOf} {
		if a := d.book.Account(id, at); a != nil {
			return day(at, a.Zone)
		}
	}
	return day(at, time.UTC)
}

// WrongValueError means that a value in the request has mistakes, so nothing was changed.
type WrongValueError struct{ List diag.List }

// Error lists all of them in the form of compiler errors.
func (e *WrongValueError) Error() string { return e.List.Err().Error() }

// refused reports the mistakes in a value as one refusal.
func refused(list diag.List) error {
	if !list.HasErrors() {
		return nil
	}
	return &WrongValueError{list}
}
