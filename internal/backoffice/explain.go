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
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/udr"
)

// ExplainRequest asks for a record's charges at every tier, with reasons.
type ExplainRequest struct {
	ID   string // file:seq; the file may be abbreviated
	Full bool   // show all identifiers of SIMs, unabbreviated

	Raw      bool                    // fetch the record's file from its source, to show the line and how the rules read it
	Copy     *offline.File           // find the line in this copy of the file instead
	Decision func(*offline.Decision) // with Raw or Copy: called with the decision of the rules, which is valid only during the call
}

// Explanation has the charges of a record, with reasons.
type Explanation struct {
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
	Charges        []Charge     `json:"charges"`
	Words          string       `json:"words"`
	Raw            string       `json:"raw,omitempty"`
	Steps          []rules.Step `json:"steps,omitempty"`
	Unread         string       `json:"unread,omitempty"` // why the file was not fetched

	record *warehouse.Record
	full   bool
}

// Charge is the charge of one account; money is text, because most readers convert JSON numbers to floats.
type Charge struct {
	Tier        uint8  `json:"tier"`
	Account     string `json:"account"`
	Plan        string `json:"plan"`
	PlanVersion uint32 `json:"plan_version"`
	Price       string `json:"price,omitempty"`
	Zone        string `json:"zone,omitempty"`
	Cycle       string `json:"cycle"`
	Rounded     int64  `json:"rounded"`
	Covered     int64  `json:"covered"` // quantity covered by included units and share plans
	Fee         string `json:"fee"`
	Amount      string `json:"amount"`
	Currency    string `json:"currency"`
	Margin      string `json:"margin,omitempty"`   // charge of the payer below, minus Amount; empty at tier 0, and if there is no rate
	Corrects    string `json:"corrects,omitempty"` // class of the units used before the corrected record
}

// Explain returns the charges of a record at every tier, with reasons. For a record that was not rated, the problem
// says where it is.
func (o *Office) Explain(ctx context.Context, r ExplainRequest) (*Explanation, error) {
	q, err := o.inquire(ctx, r.Full)
	if err != nil {
		return nil, err
	}
	e, err := q.explain(ctx, r.ID)
	if errors.Is(err, warehouse.ErrNotFound) {
		return nil, &Problem{Missing, err}
	}
	if err != nil || !r.Raw && r.Copy == nil {
		return e, err
	}
	file := r.Copy
	if file == nil {
		fetched, done, err := q.fetch(ctx, e)
		if unfetched := (*unfetchedError)(nil); errors.As(err, &unfetched) {
			e.Unread = err.Error()
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		defer done()
		file = &fetched
	}
	if err := q.read(ctx, e, *file, r.Decision); err != nil {
		return nil, err
	}
	return e, nil
}

func (q *inquiry) explain(ctx context.Context, id string) (*Explanation, error) {
	r, err := q.warehouse.Record(ctx, id)
	if errors.Is(err, warehouse.ErrNotFound) {
		return nil, q.elsewhere(ctx, id, err)
	}
	if err != nil {
		return nil, err
	}
	view, err := q.view(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	rev := registry.Revision(r.Pin.Registry)
	u := &r.Usage
	e := &Explanation{
		record: r, full: q.full,
		ID: udr.ID{File: r.File, Seq: u.Seq}.String(), File: strings.TrimPrefix(r.Name, "/"), Line: u.Line, Source: r.Pin.Source,
		Rules: r.Pin.Rules, Catalogue: r.Pin.Catalogue, Registry: r.Pin.Registry, At: u.At.Time().UTC().Format(time.RFC3339Nano),
		Class: u.Class, Quantity: u.Quantity, Unit: u.Unit.String(), SIM: u.SIM, IdentifierKind: u.Identifier.Kind.String(),
		Identifier: u.Identifier.Value, Account: r.Account, Root: r.Root,
		Charges: []Charge{}, Words: q.words(ctx, view, rev, r),
	}
	for _, id := range view.Identifiers(u.SIM, u.At, rev, nil) {
		e.Identifiers = append(e.Identifiers, id.Kind.String()+":"+id.Value)
	}
	names := q.names(ctx, view, rev, r)
	for i := range r.Charges {
		c := &r.Charges[i]
		margin := ""
		if m, ok := rating.MarginOf(u, c, names); ok && !m.Unknown {
			margin = m.Amount.String()
		}
		account, _ := view.AccountID(c.Account)
		covered := int64(0)
		for _, d := range c.Draws {
			covered += d.Drawn
		}
		e.Charges = append(e.Charges, Charge{
			Tier: c.Tier, Account: account, Plan: c.Plan, PlanVersion: c.PlanVersion, Price: c.Price, Zone: c.Zone,
			Cycle: time.Unix(int64(c.Cycle)*86400, 0).UTC().Format(time.DateOnly), Rounded: c.Rounded, Covered: covered,
			Fee: c.Fee().String(), Amount: c.Total.String(), Currency: c.Currency, Margin: margin, Corrects: c.Class,
		})
	}
	return e, nil
}

// read finds the record's line in a copy of its file, and shows how the version of the rules that ran reads it.
func (q *inquiry) read(ctx context.Context, e *Explanation, f offline.File, show func(*offline.Decision)) error {
	bundle, err := q.Store.Document(ctx, "source", e.Rules)
	if err != nil {
		return fmt.Errorf("the rules %s@%.4s, which read the record, are not in the control store: %w", e.Source, e.Rules, err)
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
			if show != nil {
				show(d)
			}
		}
		return found
	})
	switch {
	case errors.Is(err, found) && same:
		return nil
	case err != nil && !errors.Is(err, found):
		return err
	}
	return fmt.Errorf("line %d of %s is not the record %s: give a copy of %s in the state in which it was read", e.Line, f.Path, Short(e.ID),
		e.File)
}
