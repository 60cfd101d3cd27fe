package backoffice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ratemill/internal/offline"
	"ratemill/internal/warehouse"
	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/udr"
)

// Told is the explanation of a record for programs.
type Told struct {
	ID             string       `json:"id"`
	File           string       `json:"file,omitempty"`
	Line           uint64       `json:"line"`
	Source         string       `json:"source"`
	Rules          string       `json:"rules"`
	Catalogue      string       `json:"catalogue"`
	Registry       uint64       `json:"registry"`
	At             string       `json:"at"`
	Class          string       `json:"class"`
	Quantity       int64        `json:"quantity"`
	Unit           string       `json:"unit"`
	SIM            uint32       `json:"sim"`
	IdentifierKind string       `json:"identifier_kind"`
	Identifier     string       `json:"identifier"`
	Identifiers    []string     `json:"identifiers,omitempty"` // kind:value, of the SIM at that time
	Account        string       `json:"account"`
	Root           string       `json:"root"`
	Charges        []ToldCharge `json:"charges"`
	Words          string       `json:"words"`
	Raw            string       `json:"raw,omitempty"`
	Steps          []rules.Step `json:"steps,omitempty"`
}

// ToldCharge is the charge of one account; money is text, because most readers convert JSON's numbers to floats.
type ToldCharge struct {
	Tier        uint8  `json:"tier"`
	Account     string `json:"account"`
	Plan        string `json:"plan"`
	PlanVersion uint32 `json:"plan_version"`
	Price       string `json:"price,omitempty"`
	Zone        string `json:"zone,omitempty"`
	Cycle       string `json:"cycle"`
	Rounded     int64  `json:"rounded"`
	Covered     int64  `json:"covered"` // by included units and share plans
	Fee         string `json:"fee"`
	Amount      string `json:"amount"`
	Currency    string `json:"currency"`
}

// Explained is a record with its explanation.
type Explained struct {
	Told
	record *warehouse.Record
}

// Find explains a record: Words is the output of Explain.
func (q *Inquiry) Find(ctx context.Context, id string) (*Explained, error) {
	r, err := q.warehouse.Record(ctx, id)
	if errors.Is(err, warehouse.ErrNotFound) {
		return nil, q.elsewhere(ctx, id, err)
	}
	if err != nil {
		return nil, err
	}
	view := q.registry.View()
	defer view.Close()
	rev := registry.Revision(r.Pin.Registry)
	u := &r.Usage
	e := &Explained{record: r, Told: Told{
		ID: udr.ID{File: r.File, Seq: u.Seq}.String(), File: strings.TrimPrefix(r.Name, "/"), Line: u.Line, Source: r.Pin.Source, Rules: r.Pin.Rules,
		Catalogue: r.Pin.Catalogue, Registry: r.Pin.Registry, At: u.At.Time().UTC().Format(time.RFC3339Nano), Class: u.Class, Quantity: u.Quantity,
		Unit: u.Unit.String(), SIM: u.SIM, IdentifierKind: u.Identifier.Kind.String(), Identifier: u.Identifier.Value, Account: r.Account, Root: r.Root,
		Charges: []ToldCharge{}, Words: q.words(ctx, view, rev, r),
	}}
	for _, id := range view.Identifiers(u.SIM, u.At, rev, nil) {
		e.Identifiers = append(e.Identifiers, id.Kind.String()+":"+id.Value)
	}
	for i := range r.Charges {
		c := &r.Charges[i]
		account, _ := view.AccountID(c.Account)
		covered := int64(0)
		for _, d := range c.Draws {
			covered += d.Drawn
		}
		e.Charges = append(e.Charges, ToldCharge{
			Tier: c.Tier, Account: account, Plan: c.Plan, PlanVersion: c.PlanVersion, Price: c.Price, Zone: c.Zone,
			Cycle: time.Unix(int64(c.Cycle)*86400, 0).UTC().Format(time.DateOnly), Rounded: c.Rounded, Covered: covered,
			Fee: c.Fee().String(), Amount: c.Total.String(), Currency: c.Currency,
		})
	}
	return e, nil
}

// Read finds the record's line in a copy of its file, and shows what the version of the rules that ran reads of it. The
// decision passed to each is valid only during the call.
func (q *Inquiry) Read(ctx context.Context, e *Explained, f offline.File, each func(*offline.Decision)) error {
	bundle, err := q.store.Document(ctx, "source", e.Rules)
	if err != nil {
		return fmt.Errorf("the rules %s@%.4s, by which the record was read, are not in the control store: %w", e.Source, e.Rules, err)
	}
	if f.Source, err = source.OpenBundle(bundle, e.Rules); err != nil {
		return err
	}
	found := errors.New("found")
	try := offline.Try{Trace: true}
	same := false
	_, err = try.File(ctx, &f, func(d *offline.Decision) error {
		if d.Record.Line != e.Line {
			return nil
		}
		for i := range d.Usages {
			u, was := d.Usages[i].Usage, &e.record.Usage
			same = same || u.Class == was.Class && u.At == was.At && u.Quantity == was.Quantity && u.Identifier == was.Identifier
		}
		if same {
			e.Raw, e.Steps = d.Raw(), d.Steps
			each(d)
		}
		return found
	})
	switch {
	case errors.Is(err, found) && same:
		return nil
	case err != nil && !errors.Is(err, found):
		return err
	}
	return fmt.Errorf("line %d of %s is not the record %s: give a copy of %s as it was when it was read", e.Line, f.Path, Short(e.ID), e.File)
}

// Day is the state of a SIM on a day: its owner, the plans that rate its usage at each tier, and the records of that
// day.
type Day struct {
	SIM     uint32
	Words   string
	Records []warehouse.SIMRecord
}

// SIMDay lists the rated records of a SIM on the day of a time, in the zone of its account, and the plans that would
// rate further usage of that time by the current registry. onDay says that the user named a day, not a time.
func (q *Inquiry) SIMDay(ctx context.Context, identifier string, at time.Time, onDay bool) (*Day, error) {
	view := q.registry.View()
	defer view.Close()
	rev := view.Revision()
	sim, err := q.holder(view, identifier, at)
	if err != nil {
		return nil, err
	}
	instant := udr.InstantOf(at)
	zone := time.UTC
	own, owned := view.Owner(sim, instant, rev)
	if a, ok := view.Account(own.Account, instant, rev); owned && ok {
		zone = a.Zone
	}
	date := at.UTC()
	if !onDay {
		date = at.In(zone)
	}
	from := time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, zone)
	until := from.AddDate(0, 0, 1)
	if onDay {
		instant = udr.InstantOf(from)
		own, owned = view.Owner(sim, instant, rev)
	}
	day := &Day{SIM: sim}
	var b strings.Builder
	fmt.Fprintf(&b, "SIM %d · %s %s\n", sim, from.Format(time.DateOnly), zone)
	var names []string
	for _, id := range view.Identifiers(sim, instant, rev, nil) {
		names = append(names, strings.ToUpper(id.Kind.String())+" "+id.Value)
	}
	line(&b, "named", strings.Join(names, ", "))
	if !owned {
		line(&b, "owner", "none at that time, so usage of it is suspended (sim_unknown); `ratemill registry show "+identifier+"` shows its owners")
	} else {
		q.tiers(&b, view, rev, sim, own, instant)
	}
	if day.Records, err = q.warehouse.RecordsOfSIM(ctx, sim, udr.InstantOf(from), udr.InstantOf(until)); err != nil {
		return nil, err
	}
	waiting, err := q.warehouse.Suspense(ctx, warehouse.SuspenseFilter{SIM: Identifiers(view, identifier)})
	if err != nil {
		return nil, err
	}
	if n := len(waiting); n > 0 {
		line(&b, "suspense", fmt.Sprintf("%s of it, of any day; `ratemill suspense list --records --sim %s` shows them", waits(n), identifier))
	}
	day.Words = b.String()
	return day, nil
}

func waits(n int) string {
	if n == 1 {
		return "1 record waits"
	}
	return fmt.Sprintf("%d records wait", n)
}

// holder is the SIM that an identifier named at a time, or else the one that it ever named.
func (q *Inquiry) holder(view *registry.View, text string, at time.Time) (uint32, error) {
	for _, id := range meant(text) {
		if sim, ok := view.SIM(id, udr.InstantOf(at), view.Revision()); ok {
			return sim, nil
		}
	}
	return OneSIM(view, text)
}

// tiers lists the payers of a SIM's usage at a time, with their plans.
func (q *Inquiry) tiers(b *strings.Builder, view *registry.View, rev registry.Revision, sim uint32, own registry.Ownership, at udr.Instant) {
	since := "always"
	if own.Since > 0 {
		since = "since " + own.Since.Time().UTC().Format(time.RFC3339)
	}
	for tier, number := range view.Path(own.Account, at, rev, nil) {
		a, ok := view.Account(number, at, rev)
		if !ok {
			return
		}
		plan := a.Plan
		if tier == 0 {
			plan = view.PlanName(own.Plan)
			line(b, "owner", a.ID+", "+since)
		}
		words := fmt.Sprintf("%s pays by plan %s, in %s", a.ID, plan, a.Currency)
		if plan == "" {
			words = a.ID + " is on no plan, and pays nothing for it"
		}
		if len(a.SharePlans) > 0 {
			words += "; pools " + strings.Join(a.SharePlans, ", ")
		}
		if len(a.Limits) > 0 {
			words += "; limits " + strings.Join(a.Limits, ", ")
		}
		line(b, fmt.Sprintf("tier %d", tier), words)
	}
}
