package control

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Reason is the origin of a fact: the user, the time, the reason and the cause.
type Reason struct {
	At              time.Time
	Who, Why, Cause string
}

// FactKey identifies a fact. Name is the name of a statement, or an identifier with its kind, such
// as imsi:214070000000001.
type FactKey struct {
	Kind  registry.Kind
	Name  string
	From  udr.Instant
	Known registry.Revision
}

// Reasons holds the reasons for the facts about a subject. All facts of a revision have the same user and
// reason.
type Reasons struct {
	revisions map[registry.Revision]Reason
	causes    map[FactKey]string
}

// Of returns the reason for a fact.
func (r *Reasons) Of(key FactKey) Reason {
	reason := r.revisions[key.Known]
	reason.Cause = r.causes[key]
	return reason
}

// Revision holds the user, the time and the reason of a revision.
func (r *Reasons) Revision(known registry.Revision) Reason { return r.revisions[known] }

// ReasonsOf returns the reasons for the facts that became known with some revisions. The facts are about a SIM if sim
// is not 0, and otherwise about an account or another subject.
func (s *Store) ReasonsOf(ctx context.Context, sim uint32, subject string, revisions []registry.Revision) (*Reasons, error) {
	r := &Reasons{revisions: map[registry.Revision]Reason{}, causes: map[FactKey]string{}}
	for first := 0; first < len(revisions); first += rowsPerStatement {
		var some []any
		for _, rev := range revisions[first:min(len(revisions), first+rowsPerStatement)] {
			some = append(some, int64(rev))
		}
		err := s.query(ctx, "reading who changed the registry",
			`SELECT revision, at, who, why FROM registry_revisions WHERE revision IN (`+marks(len(some))+`)`,
			some, func(rows *sql.Rows) error {
				var rev registry.Revision
				var at int64
				var reason Reason
				err := rows.Scan(&rev, &at, &reason.Who, &reason.Why)
				reason.At = instant(at)
				r.revisions[rev] = reason
				return err
			})
		if err != nil {
			return nil, err
		}
		if err := s.causes(ctx, r, sim, subject, some); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// causes reads the causes of the facts about a subject, table by table.
func (s *Store) causes(ctx context.Context, r *Reasons, sim uint32, subject string, revisions []any) error {
	type from struct {
		table, kind, name string // SQL expressions for the kind and the name
		where             string
		of                any
	}
	tables := []from{{"facts", "f.kind", "f.name", "f.subject = ?", subject}}
	if sim != 0 {
		tables = append(tables, from{"sim_facts", "'" + string(registry.KindOwnership) + "'", "''", "f.sim = ?", int64(sim)},
			from{"identifier_facts", "'" + string(registry.KindIdentifier) + "'", "CAST(f.kind AS TEXT) || ':' || f.value", "f.sim = ?", int64(sim)},
			from{"sim_state_facts", "'" + string(registry.KindState) + "'", "''", "f.sim = ?", int64(sim)})
	} else {
		tables = append(tables, from{"account_facts", "'" + string(registry.KindAccount) + "'", "''", "f.id = ?", subject})
	}
	for _, t := range tables {
		err := s.query(ctx, "reading causes of facts", `SELECT `+t.kind+`, `+t.name+`, f.valid_from, f.known, c.cause FROM `+t.table+` f
			JOIN fact_causes c ON c.known = f.known AND c.n = f.cause WHERE f.cause > 0 AND f.known IN (`+marks(len(revisions))+`) AND `+t.where,
			append(append([]any(nil), revisions...), t.of), func(rows *sql.Rows) error {
				var kind, name, cause string
				var valid, known int64
				if err := rows.Scan(&kind, &name, &valid, &known, &cause); err != nil {
					return err
				}
				if registry.Kind(kind) == registry.KindIdentifier {
					name = identifierName(name)
				}
				r.causes[FactKey{registry.Kind(kind), name, udr.Instant(valid), registry.Revision(known)}] = cause
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// identifierName returns an identifier with the word for its kind; the table has only the kind's number.
func identifierName(text string) string {
	for i := range text {
		if text[i] == ':' {
			kind, _ := strconv.Atoi(text[:i])
			return udr.IDKind(kind).String() + text[i:]
		}
	}
	return text
}
