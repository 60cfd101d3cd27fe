package backoffice

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/udr"
)

// Fact is a present or former fact of the registry about a SIM, an account, a company or another subject: its value
// from a time on, and its origin.
type Fact struct {
	SIM        uint32 `json:"sim,omitempty"`
	Subject    string `json:"subject"` // sim, account, company, or the id of another subject
	What       string `json:"what"`    // owner, state, the kind of an identifier, or the kind of another fact
	Name       string `json:"name,omitempty"`
	Value      string `json:"value"`
	Plan       string `json:"plan,omitempty"`
	Since      string `json:"since"`
	Until      string `json:"until,omitempty"`
	Known      uint64 `json:"known"`                 // revision from which the fact is known
	UntilKnown uint64 `json:"until_known,omitempty"` // revision from which the end of the fact is known
	Corrected  uint64 `json:"corrected,omitempty"`   // revision that withdrew or replaced the fact
	Told       string `json:"told"`                  // time at which the revision was published
	Who        string `json:"who"`
	Why        string `json:"why,omitempty"`
	Cause      string `json:"cause,omitempty"`

	key   control.FactKey
	until udr.Instant // where ends
	ends  bool
}

// Facts returns all facts ever stated about subjects: SIMs by present or former identifiers, accounts, companies,
// and other subjects by id. The prefixes account: and company: determine the kind of an id.
func (o *Office) Facts(ctx context.Context, subjects []string) ([]Fact, error) {
	k, err := o.registryAt(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	defer k.view.Close()
	all, seen := []Fact{}, map[string]bool{}
	for _, text := range subjects {
		found, err := o.factsOf(ctx, k, text, seen)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (o *Office) factsOf(ctx context.Context, k registryAt, text string, seen map[string]bool) (all []Fact, err error) {
	account, isAccount := strings.CutPrefix(text, "account:")
	company, isCompany := strings.CutPrefix(text, "company:")
	var sims []uint32
	if !isAccount && !isCompany {
		sims, err = simsOf(k.view, text)
	}
	for _, sim := range sims {
		subject := registry.SubjectOf(sim)
		if seen[subject] {
			continue
		}
		seen[subject] = true
		statements, err := o.Store.StatementsOf(ctx, []string{subject}, k.rev)
		if err != nil {
			return nil, err
		}
		facts := k.simFacts(sim, statements)
		if err := o.reasons(ctx, sim, subject, facts); err != nil {
			return nil, err
		}
		all = append(all, facts...)
	}
	if len(sims) > 0 {
		return all, nil
	}
	other, problem := o.otherFacts(ctx, k, account, company, isAccount, isCompany)
	switch {
	case problem != nil:
		return nil, problem
	case len(other) > 0:
		return other, nil
	case err != nil && strings.Contains(text, ":"):
		return nil, &Problem{Missing, err}
	}
	return nil, &Problem{Missing, fmt.Errorf("the registry knows no SIM, account or company %s; `ratemill registry list` lists the accounts",
		text)}
}

// otherFacts returns the facts about an account, a company, or another subject with an id.
func (o *Office) otherFacts(ctx context.Context, k registryAt, account, company string, isAccount, isCompany bool) (all []Fact, err error) {
	type of struct {
		subject string
		facts   []Fact
		has     func(kind registry.Kind) bool // an account and a company may have the same id
	}
	isOfCompany := func(kind registry.Kind) bool { return kind == registry.KindCompany }
	isOther := func(kind registry.Kind) bool { return kind != registry.KindCompany }
	every := func(registry.Kind) bool { return true }
	var subjects []of
	if number, ok := k.view.AccountNumber(account); ok && !isCompany {
		subjects = append(subjects, of{account, k.accountFacts(number, account), isOther})
	} else if !isCompany && !isAccount {
		subjects = append(subjects, of{subject: account, has: isOther})
	}
	if told := k.view.CompanyHistory(company); len(told) > 0 && !isAccount {
		facts := []Fact{}
		for _, c := range told {
			facts = append(facts, Fact{Subject: company, What: string(registry.KindCompany), Value: fmt.Sprintf("%s, %s", c.Name, c.Kind),
				Since: "always",
				Known: uint64(c.Known), Corrected: uint64(c.Corrected), key: control.FactKey{Kind: registry.KindCompany, Known: c.Known}})
		}
		subjects = append(subjects, of{registry.CompanySubject(company), facts, every}, of{subject: company, has: isOfCompany})
	}
	for _, s := range subjects {
		statements, err := o.Store.StatementsOf(ctx, []string{s.subject}, k.rev)
		if err != nil {
			return nil, err
		}
		zone := time.UTC
		if number, ok := k.view.AccountNumber(s.subject); ok {
			zone = k.zone(number, k.at)
		}
		history := slices.DeleteFunc(statements.History(s.subject), func(p registry.StatementPeriod) bool { return !s.has(p.Kind) })
		facts := append(s.facts, statementFacts(strings.TrimPrefix(s.subject, "company:"), history,
			func(udr.Instant) *time.Location { return zone })...)
		if err := o.reasons(ctx, 0, s.subject, facts); err != nil {
			return nil, err
		}
		all = append(all, facts...)
	}
	return all, nil
}

// reasons fills in the origin of facts: user, time, reason and cause.
func (o *Office) reasons(ctx context.Context, sim uint32, subject string, facts []Fact) error {
	var revisions []registry.Revision
	for _, f := range facts {
		revisions = append(revisions, f.key.Known)
	}
	slices.Sort(revisions)
	reasons, err := o.Store.ReasonsOf(ctx, sim, subject, slices.Compact(revisions))
	if err != nil {
		return err
	}
	for i := range facts {
		reason := reasons.Of(facts[i].key)
		facts[i].Told = reason.At.UTC().Format(time.RFC3339)
		facts[i].Who, facts[i].Why, facts[i].Cause = reason.Who, reason.Why, reason.Cause
	}
	return nil
}

// period is a fact and the times at which it is valid.
func period(p registry.Period, kind registry.Kind, name string, zone func(udr.Instant) *time.Location) Fact {
	f := Fact{Since: day(p.Since, zone(p.Since)), Known: uint64(p.Known), Corrected: uint64(p.Corrected),
		key: control.FactKey{Kind: kind, Name: name, From: p.Since, Known: p.Known}}
	if p.Ends {
		f.Until, f.UntilKnown = day(p.Until, zone(p.Until-1)), uint64(p.EndKnown)
		f.until, f.ends = p.Until, true
	}
	return f
}

func statementFacts(subject string, periods []registry.StatementPeriod, zone func(udr.Instant) *time.Location) (facts []Fact) {
	for _, p := range periods {
		f := period(p.Period, p.Kind, p.Name, zone)
		f.Subject, f.What, f.Name, f.Value = subject, string(p.Kind), p.Name, string(p.Value)
		facts = append(facts, f)
	}
	return facts
}

// simFacts returns all facts ever stated about a SIM: its owners, identifiers, states and other statements.
func (k registryAt) simFacts(sim uint32, statements *registry.Statements) (facts []Fact) {
	periods := k.view.History(sim)
	zoneAt := func(at udr.Instant) *time.Location {
		zone := time.UTC
		for _, p := range periods {
			if p.Identifier.Kind == udr.NoID && (p.Since <= at || zone == time.UTC) {
				zone = k.zone(p.Account, max(p.Since, at))
			}
		}
		return zone
	}
	for _, p := range periods {
		f := period(p, registry.KindIdentifier, p.Identifier.Kind.String()+":"+p.Identifier.Value, zoneAt)
		f.What, f.Value = p.Identifier.Kind.String(), p.Identifier.Value
		if p.Identifier.Kind == udr.NoID {
			f = period(p, registry.KindOwnership, "", zoneAt)
			f.What, f.Plan = "owner", k.view.PlanName(p.Plan)
			f.Value, _ = k.view.AccountID(p.Account)
		}
		facts = append(facts, f)
	}
	for _, p := range k.view.StateHistory(sim) {
		f := period(p.Period, registry.KindState, "", zoneAt)
		f.What, f.Name, f.Value = string(registry.KindState), p.Value.Lifecycle, p.Value.Name
		if p.Value.Brought {
			f.Value += ", brought"
		}
		facts = append(facts, f)
	}
	facts = append(facts, statementFacts("", statements.History(registry.SubjectOf(sim)), zoneAt)...)
	for i := range facts {
		facts[i].SIM, facts[i].Subject = sim, registry.SubjectOf(sim)
	}
	return facts
}

// accountFacts returns all facts ever stated about an account itself.
func (k registryAt) accountFacts(number uint32, id string) (facts []Fact) {
	for _, p := range k.view.AccountHistory(number) {
		f := period(p.Period, registry.KindAccount, "", func(at udr.Instant) *time.Location { return k.zone(number, max(at, k.at)) })
		f.Subject, f.What, f.Plan, f.Value = id, string(registry.KindAccount), p.Fact.Plan, k.accountText(&p.Fact)
		facts = append(facts, f)
	}
	return facts
}

// accountText returns the stated content of an account, with the names used in import files.
func (k registryAt) accountText(f *registry.AccountFact) string {
	parent := ""
	if f.Parent != 0 {
		parent, _ = k.view.AccountID(f.Parent)
	}
	kind, cycleDay := "", ""
	if f.Kind != registry.StandardAccount {
		kind = f.Kind.String()
	}
	if f.CycleDay != 0 {
		cycleDay = fmt.Sprint(f.CycleDay)
	}
	var all []string
	for _, field := range [...][2]string{{"parent", parent}, {"company", f.Company}, {"project", f.Project}, {"kind", kind}, {"currency",
		f.Currency},
		{"zone", f.Zone}, {"cycle_day", cycleDay}, {"pool", strings.Join(f.SharePlans, " ")}, {"limits", strings.Join(f.Limits, " ")}} {
		if field[1] != "" {
			all = append(all, field[0]+"="+field[1])
		}
	}
	return cmp.Or(strings.Join(all, " "), "-")
}
