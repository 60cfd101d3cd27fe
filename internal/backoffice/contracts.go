package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/contract"
	"ratemill/normalize"
	"ratemill/registry"
	"ratemill/udr"
)

// contractsOf computes contracts with the project's present catalogue.
func contractsOf(d *accountDraft) (*contract.Engine, *contract.Documents, error) {
	if d.catalogue == nil {
		return nil, nil, conflict("the project has no catalogue, so there are no contract documents")
	}
	docs, list := contract.DocumentsOf(d.catalogue)
	if err := list.Err(); err != nil {
		return nil, nil, err
	}
	return contract.New(contract.Facts{View: d.view, Statements: d.statements},
		func(string, contract.Date) (*contract.Documents, error) { return docs, nil }), docs, nil
}

// NewContract requests that a contract is signed, or that a draft is stored. At is the first day of the contract.
type NewContract struct {
	AccountOrder
	ID           string // DOCUMENT@ACCOUNT names both
	Account      string
	Document     string
	Term         contract.Cycles // 0 for the document's
	Draft        bool
	Products     []string
	SIMs         []string // as imsi:214070000000001
	Coterminates string   // id of the contract that sets its end
}

// AddContract signs a contract for an account. It signs an existing draft with the changes in the order.
func (o *Office) AddContract(ctx context.Context, r NewContract) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		engine, docs, err := contractsOf(d)
		if err != nil {
			return err
		}
		before, err := engine.Contract(r.ID, d.view.Revision())
		if err != nil {
			return &Problem{Conflict, err}
		}
		v, err := r.signed(before)
		if err != nil {
			return err
		}
		when, as, err := d.account(v.Account)
		if err != nil {
			return err
		}
		if err := d.provider(v.Account, as, when, "the contracts"); err != nil {
			return err
		}
		d.zoneOf, d.backdated = v.Account, false // rated usage keeps its charges
		zone := d.book.Account(v.Account, when).Zone
		if d.At.IsZero() && before != nil {
			v.Start = before.Start
		} else {
			v.Start = contract.Date(registry.LocalDate(zone, when))
		}
		if d.wrong = append(d.wrong, v.Complete(docs)...); len(d.wrong) > 0 {
			return nil
		}
		if before != nil { // a draft has a first day of its own
			d.changes.Statements = append(d.changes.Statements, registry.Statement{Kind: registry.KindContract, Subject: r.ID,
				From: before.Stated(), State: registry.Withdrawn})
		}
		return d.stateContract(r.ID, v, registry.Midnight(zone, int32(v.Start)))
	})
}

// signed returns the value to state, without the first day.
func (r *NewContract) signed(before *contract.Contract) (*contract.Signed, error) {
	v := contract.Signed{Account: r.Account, Document: r.Document}
	if before != nil {
		if before.Status != contract.Draft {
			return nil, conflict("contract %s already exists, from %s on; sign the new one under another id", r.ID, before.Start)
		}
		v = before.Signed
		if r.Account != "" {
			v.Account = r.Account
		}
		if r.Document != "" {
			v.Document, v.Entitlements = r.Document, nil
		}
	}
	if document, account, ok := strings.Cut(r.ID, "@"); ok && before == nil {
		if v.Document == "" {
			v.Document = document
		}
		if v.Account == "" {
			v.Account = account
		}
	}
	if v.Document == "" || v.Account == "" {
		return nil, fmt.Errorf("name the document and the account: ratemill contract add fleet-24@acme, or ratemill contract add %s "+
			"--document fleet-24 --account acme", r.ID)
	}
	if v.Status = contract.Active; r.Draft {
		v.Status = contract.Draft
	}
	if r.Term != 0 {
		v.Term = r.Term
	}
	if r.Products != nil {
		v.Products = r.Products
	}
	if r.SIMs != nil {
		v.SIMs = r.SIMs
	}
	if r.Coterminates != "" {
		v.Coterminates = r.Coterminates
	}
	return &v, nil
}

// stateContract states a contract, and refuses one that invoicing could not compute.
func (d *accountDraft) stateContract(id string, v *contract.Signed, from udr.Instant) error {
	d.state(registry.KindContract, id, "", from, v)
	d.changes.Statements = lastOfEach(d.changes.Statements)
	d.statements.Load(d.changes.Revision, d.changes.Statements)
	d.statements.Publish(d.changes.Revision)
	engine, _, err := contractsOf(d)
	if err != nil {
		return err
	}
	if _, err := engine.Contract(id, d.changes.Revision); err != nil {
		return &Problem{Conflict, err}
	}
	return nil
}

// lastOfEach keeps, for each subject, the last statement from a time on.
func lastOfEach(all []registry.Statement) (kept []registry.Statement) {
	for i, s := range all {
		if !slices.ContainsFunc(all[i+1:], func(o registry.Statement) bool {
			return o.Kind == s.Kind && o.Subject == s.Subject && o.Name == s.Name && o.From == s.From
		}) {
			kept = append(kept, s)
		}
	}
	return kept
}

// ContractEnd requests the end of a contract. At is the first day on which the contract is no longer in force.
type ContractEnd struct {
	AccountOrder
	Contract string
	Term     bool // end the contract at the end of the term to which the customer is bound, instead of At
	Agreed   bool // the seller agrees, so early termination is not charged
	Noticed  time.Time
}

// EndContract ends a contract, and returns the price of early termination. It replaces an end that was stated before.
func (o *Office) EndContract(ctx context.Context, r ContractEnd) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		c, engine, err := d.contract(r.Contract)
		if err != nil {
			return err
		}
		when, as, err := d.account(c.Account)
		if err != nil {
			return err
		}
		if err := d.provider(c.Account, as, when, "the contracts"); err != nil {
			return err
		}
		d.zoneOf, d.backdated = c.Account, false // rated usage keeps its charges
		zone := d.book.Account(c.Account, when).Zone
		if c.Status == contract.Draft {
			d.answer.Notes = append(d.answer.Notes, "contract "+c.ID+" was never signed, so its draft is withdrawn")
			d.changes.Statements = append(d.changes.Statements, registry.Statement{Kind: registry.KindContract, Subject: c.ID,
				From: c.Stated(), State: registry.Withdrawn})
			return nil
		}
		if r.At.IsZero() && !r.Term {
			return fmt.Errorf("give the first day on which contract %s is no longer in force with --at, or write --term for the end of its term",
				c.ID)
		}
		end := contract.Date(registry.LocalDate(zone, when))
		noticed := dateIn(r.Noticed, d.now, zone)
		if r.Term {
			end = c.EndOfTerm(noticed, noticed)
		}
		return d.endContract(&r, c, engine, end, min(noticed, end), zone)
	})
}

// dateIn returns the given day, or today if none is given.
func dateIn(given, now time.Time, zone *time.Location) contract.Date {
	if given.IsZero() {
		return contract.Date(registry.LocalDate(zone, udr.InstantOf(now)))
	}
	return contract.Date(registry.LocalDate(time.UTC, udr.InstantOf(given)))
}

func (d *accountDraft) endContract(r *ContractEnd, c *contract.Contract, engine *contract.Engine, end, noticed contract.Date,
	zone *time.Location) error {
	bound := c.EndOfTerm(noticed, end)
	switch {
	case end > bound:
		return conflict("contract %s ends by itself on %s, before %s", c.ID, bound, end)
	case end < c.Start:
		return conflict("contract %s begins on %s, so it cannot end on %s", c.ID, c.Start, end)
	case c.WithAccount() != 0 && end > c.WithAccount():
		return conflict("account %s is terminated on %s, and contract %s with it", c.Account, c.WithAccount(), c.ID)
	}
	v := c.Signed
	v.Status, v.Noticed = contract.Ended, noticed
	if end < bound && !r.Agreed {
		v.Status = contract.Terminated
		l, err := engine.WhatIf(c.ID, end, noticed, d.view.Revision())
		if err != nil {
			return &Problem{Conflict, err}
		}
		costs := leaving(c, l)
		d.answer.Notes = append(d.answer.Notes, "early termination "+costs.Currency+" "+costs.Due+": "+costs.Terms())
	}
	if before, how, from := c.Ending(); before != 0 && before != end {
		d.answer.Notes = append(d.answer.Notes, fmt.Sprintf("the former end of contract %s is withdrawn: %s from %s on", c.ID, how, before))
		d.changes.Statements = append(d.changes.Statements, registry.Statement{Kind: registry.KindContract, Subject: c.ID,
			From: from, State: registry.Withdrawn})
		// The withdrawn statement may have the same content at the new end, and state would then
		// find nothing to change.
		d.changes.Statements = append(d.changes.Statements, registry.Statement{Kind: registry.KindContract, Subject: c.ID,
			From: registry.Midnight(zone, int32(end)), Value: account.Canonical(&v)})
	}
	return d.stateContract(c.ID, &v, registry.Midnight(zone, int32(end)))
}

// contract returns an existing contract.
func (d *accountDraft) contract(id string) (*contract.Contract, *contract.Engine, error) {
	engine, _, err := contractsOf(d)
	if err != nil {
		return nil, nil, err
	}
	c, err := engine.Contract(id, d.view.Revision())
	if err != nil {
		return nil, nil, &Problem{Conflict, err}
	}
	if c == nil {
		names := slices.Collect(d.statements.Subjects(registry.KindContract))
		return nil, nil, missing("there is no contract %s%s", id, orAll(diag.Suggest(id, names), "contract", names))
	}
	return c, engine, nil
}

// ListedContract is a contract in a list.
type ListedContract struct {
	ID           string   `json:"contract"`
	Account      string   `json:"account"`
	Document     string   `json:"document"`
	Status       string   `json:"status"` // core status: draft, active, ended, terminated
	Called       string   `json:"called"` // the installation's name for the status
	Start        string   `json:"start"`
	Month        int      `json:"month"`       // month of the contract on the requested day; 0 outside the contract
	EndOfTerm    string   `json:"end_of_term"` // end of the term if notice is given on the requested day; "" if the contract is over
	Ends         string   `json:"ends"`        // "" if the contract renews until notice is given
	Commitments  []string `json:"commitments"`
	Coterminates string   `json:"coterminates,omitempty"`
}

// ListContracts returns the contracts of the accounts that the actor may see, or of one account and the accounts
// below it. wrong has the errors of contracts that cannot be read.
func (o *Office) ListContracts(ctx context.Context, q AccountQuestion, of string) (all []ListedContract, wrong []error, err error) {
	r, end, err := o.read(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	if of != "" && r.book.History(of) == nil {
		return nil, nil, r.unknown(of)
	}
	engine, _, err := contractsOf(r.accountDraft)
	if err != nil {
		return nil, nil, err
	}
	contracts, wrong := engine.Contracts(r.view.Revision())
	for _, c := range contracts {
		path := account.Path(r.book, c.Account, r.at)
		if r.as.Within(path) != nil || of != "" && !slices.Contains(path, of) {
			continue
		}
		all = append(all, r.contract(c))
	}
	if !r.as.Provider() && len(wrong) > 0 {
		wrong = nil // the errors may concern contracts that the actor must not see
	}
	return all, wrong, nil
}

func (r *reading) contract(c *contract.Contract) ListedContract {
	today := contract.Date(registry.LocalDate(time.UTC, r.at))
	if a := r.book.Account(c.Account, r.at); a != nil {
		today = contract.Date(registry.LocalDate(a.Zone, r.at))
	}
	l := ListedContract{ID: c.ID, Account: c.Account, Document: c.Document, Status: contract.Draft, Called: contract.Draft,
		Start: c.Start.String(), Commitments: []string{}, Coterminates: c.Joined()}
	if c.Doc == nil {
		return l
	}
	l.Status = c.StatusOn(today)
	l.Called = c.Doc.Status(l.Status)
	for i := range c.Doc.Commitments {
		l.Commitments = append(l.Commitments, c.Doc.Commitments[i].Name.Value)
	}
	if l.Status == contract.Draft {
		return l
	}
	until, ends := c.Ends()
	if ends {
		l.Ends = until.String()
	}
	if l.Status == contract.Active {
		if l.EndOfTerm = l.Ends; !ends {
			l.EndOfTerm = c.EndOfTerm(today, today).String()
		}
		if today >= c.Start {
			l.Month = c.Month(today)
		}
	}
	return l
}

// ContractQuestion asks for the price of ending a contract.
type ContractQuestion struct {
	AccountQuestion
	Contract string
	End      time.Time // first day on which the contract would no longer be in force
	Noticed  time.Time // zero for today
}

// ContractLeaving is the price of ending a contract.
type ContractLeaving struct {
	Contract  string          `json:"contract"`
	Account   string          `json:"account"`
	End       string          `json:"end"`
	Noticed   string          `json:"noticed"`
	EndOfTerm string          `json:"end_of_term"`
	Month     int             `json:"month"`
	Currency  string          `json:"currency"`
	Parts     []RemainingPart `json:"parts"`
	Remaining decimal.D       `json:"remaining"` // exact
	Tier      string          `json:"tier"`
	Exact     decimal.D       `json:"exact"`
	Rounded   decimal.D       `json:"due"` // rounded to the currency's minor unit

	Due   string `json:"-"` // for people
	scale int
}

// RemainingPart is a part of the remaining commitment: whole periods, or some days of one period.
type RemainingPart struct {
	Commitment string    `json:"commitment"`
	Worth      decimal.D `json:"worth"` // amount of a whole period
	Periods    int       `json:"periods,omitempty"`
	Days       int       `json:"days,omitempty"`
	Of         int       `json:"of,omitempty"`
}

// ContractWhatIf returns the price of ending a contract, by the same computation as the invoice.
func (o *Office) ContractWhatIf(ctx context.Context, q ContractQuestion) (*ContractLeaving, error) {
	r, end, err := o.read(ctx, q.AccountQuestion)
	if err != nil {
		return nil, err
	}
	defer end()
	engine, _, err := contractsOf(r.accountDraft)
	if err != nil {
		return nil, err
	}
	zone := time.UTC
	rev := r.view.Revision()
	contracts, wrong := engine.Contracts(rev)
	i := slices.IndexFunc(contracts, func(c *contract.Contract) bool { return c.ID == q.Contract })
	if i < 0 {
		for _, err := range wrong {
			if strings.HasPrefix(err.Error(), "contract "+q.Contract+" ") {
				return nil, &Problem{Conflict, err}
			}
		}
		var names []string
		for _, c := range contracts {
			if r.as.Within(account.Path(r.book, c.Account, r.at)) == nil {
				names = append(names, c.ID)
			}
		}
		return nil, missing("there is no contract %s%s", q.Contract, orAll(diag.Suggest(q.Contract, names), "contract", names))
	}
	c := contracts[i]
	if err := r.as.Within(account.Path(r.book, c.Account, r.at)); err != nil {
		return nil, err
	}
	if a := r.book.Account(c.Account, r.at); a != nil {
		zone = a.Zone
	}
	last := dateIn(q.End, r.now, zone)
	if until, goes := c.Ends(); goes && last > until {
		return nil, conflict("contract %s ends on %s, before %s", c.ID, until, last)
	}
	if last < c.Start {
		return nil, conflict("contract %s begins on %s, so it cannot end on %s", c.ID, c.Start, last)
	}
	l, err := engine.WhatIf(c.ID, last, dateIn(q.Noticed, r.at.Time(), zone), rev)
	if err != nil {
		return nil, &Problem{Conflict, err}
	}
	return leaving(c, l), nil
}

func leaving(c *contract.Contract, l *contract.Leaving) *ContractLeaving {
	a := &ContractLeaving{Contract: c.ID, Account: c.Account, End: l.End.String(), Noticed: l.Noticed.String(),
		EndOfTerm: l.EndOfTerm.String(), Month: l.Month, Currency: l.Currency, Remaining: l.Remaining, Tier: l.Rate(), Exact: l.Amount,
		Parts: []RemainingPart{}, scale: 2}
	if code, err := normalize.ParseCurrency([]byte(l.Currency)); err == nil && code.MinorUnits() >= 0 {
		a.scale = code.MinorUnits()
	}
	for _, p := range l.Parts {
		a.Parts = append(a.Parts, RemainingPart{p.Commitment, p.Worth, p.Count, p.Days, p.Of})
	}
	a.Rounded, _, _ = l.Amount.Round(decimal.Rounding{Scale: a.scale})
	a.Due = a.money(l.Amount)
	return a
}

// money returns an amount for display: rounded to the minor unit, with commas between thousands.
func (a *ContractLeaving) money(d decimal.D) string {
	rounded, _, err := d.Round(decimal.Rounding{Scale: a.scale})
	if err != nil {
		return d.String()
	}
	whole, rest, _ := strings.Cut(rounded.Fixed(a.scale), ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return whole
}

// Sum returns the calculation of the remaining commitment: 1,000.00 × 16/31 + 9 × 1,000.00 = 9,516.13.
func (a *ContractLeaving) Sum() string {
	var parts []string
	for _, p := range a.Parts {
		switch {
		case p.Periods == 0:
			parts = append(parts, fmt.Sprintf("%s × %d/%d", a.money(p.Worth), p.Days, p.Of))
		case p.Periods == 1:
			parts = append(parts, a.money(p.Worth))
		default:
			parts = append(parts, fmt.Sprintf("%d × %s", p.Periods, a.money(p.Worth)))
		}
	}
	total := a.money(a.Remaining)
	if len(parts) == 0 || len(parts) == 1 && parts[0] == total {
		return total
	}
	return strings.Join(parts, " + ") + " = " + total
}

// Terms describes the rate and its base.
func (a *ContractLeaving) Terms() string {
	return fmt.Sprintf("remaining %s, tier of month %d: %s", a.Sum(), a.Month, a.Tier)
}
