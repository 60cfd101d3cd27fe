package control

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"ratemill/registry"
	"ratemill/udr"
)

// condition is an additional condition on the rows of a query; it begins with AND.
type condition struct {
	and  string
	args []any
}

var anySIM condition

// LoadSIMs reads the part of the newest registry and its statements that is needed for SIMs that have or had one of
// some identifiers: all companies and accounts, but only these SIMs. Both targets must be empty. So a query about
// one SIM does not need memory for millions of SIMs and does not wait for them to load.
func (s *Store) LoadSIMs(ctx context.Context, into *registry.Registry, statements *registry.Statements, of []udr.Identifier) (
	registry.Revision, error) {
	to, err := s.RegistryRevision(ctx)
	if err != nil || to == 0 {
		return to, err
	}
	if err := s.loadCompanies(ctx, into, 0, to, condition{}); err != nil {
		return 0, err
	}
	if err := s.loadAccounts(ctx, into, 0, to, condition{}); err != nil {
		return 0, err
	}
	if err := s.loadProfiles(ctx, into, 0, to, condition{}); err != nil {
		return 0, err
	}
	sims, subjects := condition{and: ` AND 1 = 0`}, condition{and: ` AND subject NOT LIKE 'sim:%'`}
	numbers, err := s.named(ctx, of, to)
	if err != nil {
		return 0, err
	}
	identifiers := sims
	if len(numbers) > 0 {
		sims = condition{and: ` AND sim IN (` + marks(len(numbers)) + `)`}
		subjects.and = ` AND (subject NOT LIKE 'sim:%' OR subject IN (` + marks(len(numbers)) + `))`
		for _, sim := range numbers {
			sims.args = append(sims.args, sim)
			subjects.args = append(subjects.args, registry.SubjectOf(uint32(sim)))
		}
		if identifiers, err = s.identifiersOf(ctx, sims); err != nil {
			return 0, err
		}
	}
	if err := s.loadBought(ctx, into, 0, to, subjects); err != nil {
		return 0, err
	}
	if err := s.loadSIMs(ctx, into, 0, to, sims); err != nil {
		return 0, err
	}
	if err := s.loadIdentifiers(ctx, into, 0, to, identifiers); err != nil {
		return 0, err
	}
	if err := s.loadStates(ctx, into, 0, to, sims); err != nil {
		return 0, err
	}
	if err := s.loadMembers(ctx, into, 0, to, subjects); err != nil {
		return 0, err
	}
	if err := s.loadStatements(ctx, statements, 0, to, subjects); err != nil {
		return 0, err
	}
	into.Publish(to)
	statements.Publish(to)
	return to, nil
}

// identifiersOf selects all facts about the identifiers of SIMs: other SIMs may have had them before, or have them now.
func (s *Store) identifiersOf(ctx context.Context, sims condition) (of condition, err error) {
	err = s.query(ctx, "looking up the identifiers of a SIM", `SELECT DISTINCT value FROM identifier_facts WHERE `+
		strings.TrimPrefix(sims.and, " AND "), sims.args, func(rows *sql.Rows) error {
		var value string
		err := rows.Scan(&value)
		of.args = append(of.args, value)
		return err
	})
	of.and = ` AND value IN (` + marks(len(of.args)) + `)`
	return of, err
}

// named returns the numbers of the SIMs that have or had one of some identifiers.
func (s *Store) named(ctx context.Context, of []udr.Identifier, to registry.Revision) (sims []int64, err error) {
	if len(of) == 0 {
		return nil, nil
	}
	var args []any
	for _, id := range of {
		args = append(args, id.Value)
	}
	err = s.query(ctx, "looking up an identifier", `SELECT DISTINCT known, kind, value, sim FROM identifier_facts WHERE value IN (`+
		marks(len(of))+`)`, args, func(rows *sql.Rows) error {
		var known, kind, sim int64
		var value string
		err := rows.Scan(&known, &kind, &value, &sim)
		asked := slices.Contains(of, udr.Identifier{Kind: udr.IDKind(kind), Value: value})
		if asked && registry.Revision(known) <= to && sim != 0 && !slices.Contains(sims, sim) {
			sims = append(sims, sim)
		}
		return err
	})
	return sims, err
}
