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

// inquiry is a request about records, with its inputs.
type inquiry struct {
	*Office
	warehouse *warehouse.Warehouse
	full      bool // show all identifiers of SIMs, unabbreviated
}

func (o *Office) inquire(ctx context.Context, full bool) (*inquiry, error) {
	w, err := o.Warehouse(ctx)
	return &inquiry{o, w, full}, err
}

// mostCorrections is the largest number of corrections of a record that an explanation lists, because a price of a
// tree may correct each of its accounts.
const mostCorrections = 20

func (q *inquiry) words(ctx context.Context, view *registry.View, rev registry.Revision, r *warehouse.Record) string {
	names := q.names(ctx, view, rev, r)
	var b strings.Builder
	if len(r.Charges) == 0 {
		if r.Usage.Class == rating.Registration {
			b.WriteString("a registration, which is free of charge\n")
		} else {
			b.WriteString("rated, but no account pays for it: neither the SIM nor an account above it has a plan\n")
		}
		q.origin(&b, view, rev, r)
		q.state(ctx, &b, view, rev, r)
		q.status(ctx, &b, view, rev, r)
	}
	corrections := 0
	for i := range r.Charges {
		if i > 0 {
			b.WriteByte('\n')
		}
		if r.Charges[i].Corrects() {
			if corrections++; corrections > mostCorrections {
				fmt.Fprintf(&b, "and %s more corrections: ratemill query \"SELECT * FROM charges WHERE id = '%s' AND correction\"\n",
					rating.Grouped(int64(len(r.Charges)-i)), udr.ID{File: r.File, Seq: r.Usage.Seq})
				break
			}
		}
		head, steps, _ := strings.Cut(rating.Explain(&r.Usage, &r.Charges[i], names), "\n")
		fmt.Fprintln(&b, head)
		if i == 0 {
			q.origin(&b, view, rev, r)
			q.state(ctx, &b, view, rev, r)
			q.status(ctx, &b, view, rev, r)
		}
		// The document comes before the last line, which verifies the amount.
		last := strings.LastIndex(strings.TrimSuffix(steps, "\n"), "\n") + 1
		b.WriteString(steps[:last])
		q.invoice(ctx, &b, view, r, &r.Charges[i])
		b.WriteString(steps[last:])
	}
	return b.String()
}

// origin describes the record's origin and the owner of its SIM.
func (q *inquiry) origin(b *strings.Builder, view *registry.View, rev registry.Revision, r *warehouse.Record) {
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
			line(b, "notes", a.Value+"; docs/rules.md, Notes, explains each")
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
	zone := time.UTC
	if a, ok := view.Account(own.Account, u.At, rev); ok {
		zone = a.Zone
	}
	since := sinceWords(own.Since, zone)
	line(b, "owner", fmt.Sprintf("%s, by %s %s, %s", account, strings.ToUpper(u.Identifier.Kind.String()), u.Identifier.Value, since))
	if q.full {
		var all []string
		for _, id := range view.Identifiers(u.SIM, u.At, rev, nil) {
			all = append(all, strings.ToUpper(id.Kind.String())+" "+id.Value)
		}
		line(b, "SIM", fmt.Sprintf("number %d: %s", u.SIM, strings.Join(all, ", ")))
	}
}

func line(b *strings.Builder, what, words string) { fmt.Fprintf(b, " %-8s %s\n", what, words) }

func (q *inquiry) names(ctx context.Context, view *registry.View, rev registry.Revision, r *warehouse.Record) rating.Names {
	return rating.Names{
		Catalogue: q.catalogue(ctx, r.Pin.Catalogue),
		Charges:   r.Charges,
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
			case q.full:
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

// catalogue returns a stored version, or nil: an explanation without it only lacks the zones that did not match.
func (o *Office) catalogue(ctx context.Context, version string) *rating.Catalogue {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, ok := o.catalogues[version]; ok {
		return c
	}
	bundle, err := o.Store.Document(ctx, "catalogue", version)
	if err == nil {
		o.catalogues[version], err = rating.OpenBundle(bundle, project.Kinds()...)
	}
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		o.catalogues[version] = nil
	}
	return o.catalogues[version]
}

// sinceWords returns the beginning of an ownership: a day in the account's zone, with the time of day unless it
// is midnight.
func sinceWords(at udr.Instant, zone *time.Location) string {
	if at <= 0 {
		return "always"
	}
	t := at.Time().In(zone)
	if t.Hour()+t.Minute()+t.Second() == 0 {
		return "since " + t.Format(time.DateOnly)
	}
	return "since " + t.Format(time.RFC3339)
}
