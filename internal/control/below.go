package control

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"ratemill/registry"
)

// LoadBelow reads the part of the newest registry and its statements that is needed for the invoices of some
// accounts. It reads these accounts, all accounts that were ever above or below them, the SIMs that any of them ever
// had, and the statements about all of these. Both targets must be empty. So a query about one payer does not need
// memory for the other payers and does not wait for them to load.
func (s *Store) LoadBelow(ctx context.Context, into *registry.Registry, statements *registry.Statements, accounts []string) (
	registry.Revision, error) {
	to, err := s.RegistryRevision(ctx)
	if err != nil || to == 0 {
		return to, err
	}
	f, err := s.family(ctx, accounts)
	if err != nil {
		return 0, err
	}
	if len(f.numbers) > mostOfFamily {
		if _, err := s.LoadRegistry(ctx, into); err != nil {
			return 0, err
		}
		return s.LoadStatements(ctx, statements)
	}
	if err := s.loadCompanies(ctx, into, 0, to, listed("id", f.companies)); err != nil {
		return 0, err
	}
	if err := s.loadAccounts(ctx, into, 0, to, listed("number", f.numbers)); err != nil {
		return 0, err
	}
	if err := s.loadProfiles(ctx, into, 0, to, listed("subject", f.ids)); err != nil {
		return 0, err
	}
	owned := listed("account", f.numbers)
	sims := condition{` AND sim IN (SELECT sim FROM sim_facts WHERE 1 = 1` + owned.and + `)`, owned.args}
	identifiers := condition{` AND value IN (SELECT value FROM identifier_facts WHERE 1 = 1` + sims.and + `)`, sims.args}
	if err := s.loadSIMs(ctx, into, 0, to, sims); err != nil {
		return 0, err
	}
	if err := s.loadIdentifiers(ctx, into, 0, to, identifiers); err != nil {
		return 0, err
	}
	if err := s.loadStates(ctx, into, 0, to, sims); err != nil {
		return 0, err
	}
	theirs := condition{`subject IN (SELECT 'sim:' || sim FROM sim_facts WHERE 1 = 1` + owned.and + `)`, owned.args}
	if err := s.loadMembers(ctx, into, 0, to, condition{` AND ` + theirs.and, theirs.args}); err != nil {
		return 0, err
	}
	of := listed("subject", f.subjects())
	of.and = ` AND (` + strings.TrimPrefix(of.and, ` AND `) + ` OR kind IN (` + marks(len(othersKinds)) + `) OR ` + theirs.and + `)`
	of.args = slices.Concat(of.args, othersKinds, theirs.args)
	if err := s.loadStatements(ctx, statements, 0, to, of); err != nil {
		return 0, err
	}
	into.Publish(to)
	statements.Publish(to)
	return to, nil
}

// othersKinds are the kinds of statements whose subject is not an account, a company or a SIM. Such statements
// contain their account in their value.
var othersKinds = []any{string(registry.KindProject), string(registry.KindGroup), string(registry.KindContract),
	string(registry.KindOneOff),
	string(registry.KindPayment)}

// AccountsAround returns the numbers, sorted, of some accounts and of all that were ever above or below them. It returns
// nil if they are more than a query may list.
func (s *Store) AccountsAround(ctx context.Context, accounts []string) ([]uint32, error) {
	f, err := s.family(ctx, accounts)
	if err != nil || len(f.numbers) > mostOfFamily {
		return nil, err
	}
	numbers := make([]uint32, 0, len(f.numbers))
	for _, n := range f.numbers {
		numbers = append(numbers, uint32(n.(int64)))
	}
	slices.Sort(numbers)
	return numbers, nil
}

// mostOfFamily is the largest number of accounts that a query may list. For more, LoadBelow reads everything.
const mostOfFamily = 5000

// family is some accounts together with all accounts that were ever above or below them.
type family struct {
	numbers, ids, companies []any
	known                   map[any]bool // of all three
}

// add adds the accounts of some rows, and returns the new ones.
func (f *family) add(rows []relative) (fresh []any) {
	put := func(list *[]any, v any, key any) bool {
		if f.known[key] {
			return false
		}
		f.known[key] = true
		*list = append(*list, v)
		return true
	}
	for _, r := range rows {
		if put(&f.numbers, r.number, r.number) {
			fresh = append(fresh, r.number)
		}
		put(&f.ids, r.id, r.id)
		if r.company != "" {
			put(&f.companies, r.company, registry.CompanySubject(r.company))
		}
	}
	return fresh
}

func (f *family) large() bool { return len(f.numbers) > mostOfFamily }

// subjects returns the subjects of statements about the accounts and their companies.
func (f *family) subjects() []any {
	all := slices.Concat(f.ids, f.companies)
	for _, id := range f.companies {
		all = append(all, registry.CompanySubject(id.(string)))
	}
	return all
}

// family finds accounts through all facts ever stated about them.
func (s *Store) family(ctx context.Context, accounts []string) (*family, error) {
	f := &family{known: map[any]bool{}}
	var ids []any
	for _, id := range accounts {
		ids = append(ids, id)
	}
	rows, err := s.relatives(ctx, listed("id", ids))
	for fresh := f.add(rows); err == nil && len(fresh) > 0 && !f.large(); fresh = f.add(rows) {
		rows, err = s.relatives(ctx, listed("parent", fresh))
	}
	for look := f.numbers; err == nil && len(look) > 0 && !f.large(); {
		if rows, err = s.relatives(ctx, listed("number", look)); err != nil {
			break
		}
		f.add(rows)
		look = nil
		for _, r := range rows {
			if r.parent != 0 && !f.known[r.parent] && !slices.Contains(look, any(r.parent)) {
				look = append(look, r.parent)
			}
		}
	}
	return f, err
}

// relative is a row about an account.
type relative struct {
	number, parent int64
	id, company    string
}

func (s *Store) relatives(ctx context.Context, of condition) (all []relative, err error) {
	err = s.query(ctx, "looking for accounts above and below others", `SELECT DISTINCT number, parent, id, company FROM account_facts WHERE `+
		strings.TrimPrefix(of.and, " AND "), of.args, func(rows *sql.Rows) error {
		var r relative
		err := rows.Scan(&r.number, &r.parent, &r.id, &r.company)
		all = append(all, r)
		return err
	})
	return all, err
}

// listed returns the SQL condition that a column has one of some values.
func listed(column string, values []any) condition {
	return condition{" AND " + column + " IN (" + marks(len(values)) + ")", values}
}
