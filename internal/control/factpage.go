package control

import (
	"context"
	"database/sql"
	"strings"

	"ratemill/registry"
	"ratemill/udr"
)

// FactTable is a table whose facts all have one form.
type FactTable string

// The tables of facts.
const (
	CompanyFacts    FactTable = "company_facts"
	AccountFacts    FactTable = "account_facts"
	SIMFacts        FactTable = "sim_facts"
	IdentifierFacts FactTable = "identifier_facts"
	StateFacts      FactTable = "sim_state_facts"
	StatementFacts  FactTable = "facts"
)

// FactPlace is the position of a fact in its table: the revision with which it became known, and its index in that
// change set.
type FactPlace struct {
	Known registry.Revision
	N     int64
}

// StoredFact is a fact in its stored form. Only the field for its table is filled in.
type StoredFact struct {
	FactPlace
	Cause string // empty for none

	Company    registry.Company
	Account    registry.AccountFact
	SIM        registry.OwnershipFact
	Identifier registry.IdentifierFact
	State      registry.StateFact
	Statement  registry.Statement
}

// FactPage reads facts of a table after a place. It returns facts known up to a revision, in the order of their
// places, at most a given number. The next page begins after the last of these facts. Facts never change, so
// reading a page again gives the same facts. each must copy values that it keeps.
func (s *Store) FactPage(ctx context.Context, table FactTable, after FactPlace, to registry.Revision, most int,
	each func(*StoredFact) error) error {
	var f StoredFact
	var known int64 // scanned without a conversion, like the columns of SIMs
	columns, into, done := f.scanned(table)
	into = append([]any{&known, &f.N, &f.Cause}, into...)
	return s.query(ctx, "reading facts", `SELECT f.known, f.n, COALESCE(c.cause, ''), f.`+strings.ReplaceAll(columns, ", ", ", f.")+` FROM `+string(table)+` f
		LEFT JOIN fact_causes c ON c.known = f.known AND c.n = f.cause AND f.cause > 0
		WHERE (f.known, f.n) > (?, ?) AND f.known <= ? ORDER BY f.known, f.n LIMIT ?`,
		[]any{int64(after.Known), after.N, int64(to), most}, func(rows *sql.Rows) error {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			f.Known = registry.Revision(known)
			done()
			return each(&f)
		})
}

// scanned holds the columns of a table, the targets of the scan, and the function that builds the fact.
func (f *StoredFact) scanned(table FactTable) (columns string, into []any, done func()) {
	switch table {
	case CompanyFacts:
		var kind string
		return "id, name, kind", []any{&f.Company.ID, &f.Company.Name, &kind}, func() {
			f.Company.Kind, _ = registry.ParseCompanyKind(kind)
		}
	case AccountFacts:
		a := &f.Account
		var shares, limits, kind string
		return "number, id, valid_from, state, company, project, kind, parent, currency, zone, cycle_day, plan, share_plans, limits, " +
				"partition_number",
			[]any{&a.Number, &a.ID, &a.From, &a.State, &a.Company, &a.Project, &kind, &a.Parent, &a.Currency, &a.Zone, &a.CycleDay, &a.Plan,
				&shares, &limits, &a.Partition},
			func() {
				a.SharePlans, a.Limits = lines(shares), lines(limits)
				a.Kind, _ = registry.ParseAccountKind(kind)
			}
	case SIMFacts:
		var sim, since, state, account int64
		return "sim, valid_from, state, account, plan", []any{&sim, &since, &state, &account, &f.SIM.Plan}, func() {
			f.SIM.SIM, f.SIM.From, f.SIM.State, f.SIM.Account = uint32(sim), udr.Instant(since), registry.State(state), uint32(account)
		}
	case IdentifierFacts:
		var kind, since, state, sim int64
		id := &f.Identifier
		return "kind, value, valid_from, state, sim", []any{&kind, &id.Identifier.Value, &since, &state, &sim}, func() {
			id.Identifier.Kind, id.From, id.State, id.SIM = udr.IDKind(kind), udr.Instant(since), registry.State(state), uint32(sim)
		}
	case StateFacts:
		var r stateRow
		return stateColumns, []any{&r.sim, &r.since, &r.state, &r.name, &r.core, &r.lifecycle, &r.brought}, func() { f.State = r.fact() }
	}
	var value string
	return statementColumns, statementFields(&f.Statement, &value), func() { f.Statement.Value = []byte(value) }
}

// RegistryChanges returns the revisions after a given one, in order, at most a given number.
func (s *Store) RegistryChanges(ctx context.Context, after registry.Revision, most int) (all []RegistryChange, err error) {
	err = s.query(ctx, "reading revisions of the registry",
		`SELECT `+changeColumns+` FROM registry_revisions WHERE revision > ? ORDER BY revision LIMIT ?`,
		[]any{int64(after), most}, func(rows *sql.Rows) error {
			c, err := scanChange(rows)
			all = append(all, c)
			return err
		})
	return all, err
}

// Facts returns the number of facts that became known with the revision.
func (c *RegistryChange) Facts() int64 {
	return c.Companies + c.Accounts + c.SIMs + c.Identifiers + c.States + c.Statements
}
