// Package backoffice explains single records: it combines the data of the warehouse, the control store, the registry and
// the catalogue, and puts the explanation into words for support.
//
// It owns the structure of the answer. It does not own the words of a charge (rating.Explain) or the tables
// (warehouse).
package backoffice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
	"ratemill/normalize"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/udr"
)

// Inquiry queries the stores.
type Inquiry struct {
	store      *control.Store
	warehouse  *warehouse.Warehouse
	registry   *registry.Registry
	catalogues map[string]*rating.Catalogue

	Full bool // show identifiers of SIMs in full, and all of them
}

// Open loads the registry and prepares queries.
func Open(ctx context.Context, store *control.Store, w *warehouse.Warehouse) (*Inquiry, error) {
	q := &Inquiry{store: store, warehouse: w, registry: registry.New(), catalogues: map[string]*rating.Catalogue{}}
	_, err := store.LoadRegistry(ctx, q.registry)
	return q, err
}

// Explain says in words what a record costs every tier and why. id is file:seq, where the file may be abbreviated. For
// an unrated record, the error, a warehouse.ErrNotFound, says where it is.
func (q *Inquiry) Explain(ctx context.Context, id string) (string, error) {
	e, err := q.Find(ctx, id)
	if err != nil {
		return "", err
	}
	return e.Words, nil
}

func (q *Inquiry) words(ctx context.Context, view *registry.View, rev registry.Revision, r *warehouse.Record) string {
	names := q.names(ctx, view, rev, r)
	var b strings.Builder
	if len(r.Charges) == 0 {
		b.WriteString("rated, but nobody pays for it: neither the SIM nor an account above it has a plan\n")
		q.origin(&b, view, rev, r)
	}
	for i := range r.Charges {
		if i > 0 {
			b.WriteByte('\n')
		}
		head, steps, _ := strings.Cut(rating.Explain(&r.Usage, &r.Charges[i], names), "\n")
		fmt.Fprintln(&b, head)
		if i == 0 {
			q.origin(&b, view, rev, r)
		}
		b.WriteString(steps)
	}
	return b.String()
}

// origin describes the record's origin and the owner of its SIM.
func (q *Inquiry) origin(b *strings.Builder, view *registry.View, rev registry.Revision, r *warehouse.Record) {
	name, taken := "file "+r.File.String(), ""
	if r.Name != "" {
		name, taken = strings.TrimPrefix(r.Name, "/"), ", taken "+r.Taken.Time().Format(time.DateTime)+"Z"
	}
	line(b, "file", fmt.Sprintf("%s from %s, line %d%s; rules %s@%.4s", name, r.Pin.Source, r.Usage.Line, taken, r.Pin.Source, r.Pin.Rules))
	if r.Late > 0 {
		line(b, "late", rating.LateWords(int(r.Late)))
	}
	for _, a := range r.Usage.Attributes {
		if a.Name == mediation.RetryAttribute {
			line(b, "before", "in suspense as "+Short(a.Value)+", and retried; ratemill suspense show "+Short(a.Value))
		}
	}
	u := &r.Usage
	for _, a := range u.Attributes {
		if a.Name == rules.NotesAttribute {
			line(b, "notes", a.Value+"; docs/rules.md, Notes, says what each means")
		}
	}
	if u.SIM == 0 {
		return
	}
	own, ok := view.Owner(u.SIM, u.At, rev)
	if !ok {
		return
	}
	account, _ := view.AccountID(own.Account)
	since := "always"
	if own.Since > 0 {
		zone := time.UTC
		if a, ok := view.Account(own.Account, u.At, rev); ok {
			zone = a.Zone
		}
		since = "since " + own.Since.Time().In(zone).Format(time.DateOnly)
	}
	line(b, "owner", fmt.Sprintf("%s, by %s %s, %s", account, strings.ToUpper(u.Identifier.Kind.String()), u.Identifier.Value, since))
	if q.Full {
		var all []string
		for _, id := range view.Identifiers(u.SIM, u.At, rev, nil) {
			all = append(all, strings.ToUpper(id.Kind.String())+" "+id.Value)
		}
		line(b, "SIM", fmt.Sprintf("number %d: %s", u.SIM, strings.Join(all, ", ")))
	}
}

func line(b *strings.Builder, what, words string) { fmt.Fprintf(b, " %-8s %s\n", what, words) }

func (q *Inquiry) names(ctx context.Context, view *registry.View, rev registry.Revision, r *warehouse.Record) rating.Names {
	return rating.Names{
		Catalogue: q.catalogue(ctx, r.Pin.Catalogue),
		Account: func(number uint32) string {
			if id, ok := view.AccountID(number); ok {
				return id
			}
			return fmt.Sprintf("account %d", number)
		},
		Zone: func(number uint32, at udr.Instant) *time.Location {
			if a, ok := view.Account(number, at, rev); ok {
				return a.Zone
			}
			return nil
		},
		SIM: func(number uint32) string {
			ids := view.Identifiers(number, r.Usage.At, rev, nil)
			switch {
			case len(ids) == 0:
				return fmt.Sprint(number)
			case q.Full:
				return ids[0].Value
			}
			return abbreviated(ids[0].Value)
		},
		Country: func(code string) string {
			c, err := normalize.ParseCountry([]byte(code))
			if err != nil {
				return code
			}
			return c.Name()
		},
		Network: func(code string) string {
			n, err := normalize.ParseNetwork([]byte(code))
			if err != nil || n.Name() == "" {
				return code
			}
			return code + " " + n.Name()
		},
	}
}

// abbreviated keeps the ends of a long identifier.
func abbreviated(value string) string {
	if len(value) <= 10 {
		return value
	}
	return value[:4] + "…" + value[len(value)-2:]
}

// catalogue is a stored version, or nil: an explanation without it only lacks the zones that did not match.
func (q *Inquiry) catalogue(ctx context.Context, version string) *rating.Catalogue {
	if c, ok := q.catalogues[version]; ok {
		return c
	}
	bundle, err := q.store.Document(ctx, "catalogue", version)
	if err == nil {
		q.catalogues[version], err = rating.OpenBundle(bundle, project.Kinds()...)
	}
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		q.catalogues[version] = nil
	}
	return q.catalogues[version]
}
