package backoffice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
)

// ListedDelivery is a delivery in a list.
type ListedDelivery struct {
	Document  string `json:"document"` // number
	Payer     string `json:"payer"`
	Channel   string `json:"channel"`
	Recipient string `json:"recipient"`
	State     string `json:"state"` // pending, sending, sent, confirmed, failed
	Attempts  int    `json:"attempts"`
	Unclear   int    `json:"unclear,omitempty"` // interrupted attempts after which the receiver may already have had the document
	Sent      string `json:"sent,omitempty"`
	Next      string `json:"next,omitempty"`
	Who       string `json:"who,omitempty"`
	Why       string `json:"why,omitempty"`
}

// DeliveryQuestion selects deliveries.
type DeliveryQuestion struct {
	Document string // number or id
	Payer    string
	State    string
	As       string // account that requests the list; "" for the provider
}

// ListDeliveries lists deliveries, beginning with those that need an operator.
func (o *Office) ListDeliveries(ctx context.Context, q DeliveryQuestion) ([]ListedDelivery, error) {
	view, err := o.accounts(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	if err := delivery.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	number, err := payerNumber(view, q.Payer)
	if err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, q.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	jobs, err := delivery.Table{DB: o.Store.DB}.List(ctx, delivery.Question{Number: q.Document, Payer: number,
		State: delivery.State(q.State)})
	all := []ListedDelivery{}
	for i := range jobs {
		if who.sees(jobs[i].Payer) == nil {
			all = append(all, listedDelivery(&jobs[i]))
		}
	}
	return all, err
}

func listedDelivery(j *delivery.Job) ListedDelivery {
	l := ListedDelivery{Document: j.Number, Payer: j.Payer, Channel: string(j.Channel), Recipient: j.Recipient, State: string(j.State),
		Attempts: j.Attempts, Unclear: j.Unclear, Who: j.Who, Why: j.Why}
	if j.Broken != nil {
		l.Why = j.Broken.Error()
	}
	for _, at := range []struct {
		time.Time
		into *string
	}{{j.Sent, &l.Sent}, {j.NextAt, &l.Next}} {
		if !at.IsZero() {
			*at.into = Moment(at.Time)
		}
	}
	return l
}

// DeliveryOrder is an operator's decision about deliveries of a document.
type DeliveryOrder struct {
	Document string // number or id
	Channel  string // may be "" if the document has one delivery
	Do       string // again, confirm, fail
	To       []string
	Who, Why string
	As       string // account that decides; "" for the provider
	DryRun   bool
}

// DecideDelivery carries out a decision.
func (o *Office) DecideDelivery(ctx context.Context, r DeliveryOrder) (*ListedDelivery, error) {
	if err := given(r.Why); err != nil && !r.DryRun {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	if err := delivery.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	table := delivery.Table{DB: o.Store.DB}
	jobs, err := table.List(ctx, delivery.Question{Number: r.Document})
	if err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		return nil, missing("document %s has no deliveries; ratemill delivery list shows all", r.Document)
	}
	var names []string
	var id string
	for i := range jobs {
		if err := who.changes(jobs[i].Payer); err != nil {
			return nil, err
		}
		names = append(names, string(jobs[i].Channel))
		if r.Channel == "" && len(jobs) == 1 || string(jobs[i].Channel) == r.Channel {
			if id != "" {
				return nil, conflict("several documents have the number %s; use the id of one", r.Document)
			}
			id = jobs[i].ID
		}
	}
	if id == "" && r.Channel == "" {
		return nil, fmt.Errorf("document %s has deliveries by %s; choose one with --channel", r.Document, strings.Join(names, " and "))
	}
	if id == "" {
		return nil, missing("document %s has no delivery by %s%s", r.Document, r.Channel, orAll(diag.Suggest(r.Channel, names), "channel",
			names))
	}
	return o.decide(ctx, id, &r)
}

// decide carries out a decision about one delivery.
func (o *Office) decide(ctx context.Context, id string, r *DeliveryOrder) (*ListedDelivery, error) {
	table := delivery.Table{DB: o.Store.DB}
	do := map[string]func(context.Context, string, delivery.Decide, time.Time) (*delivery.Job, error){
		"again": table.Again, "confirm": table.Confirm, "fail": table.Fail}[r.Do]
	for {
		j, err := do(ctx, id, delivery.Decide{Who: r.Who, Why: r.Why, To: r.To, Dry: r.DryRun}, o.Now())
		refused := (*delivery.RefusedError)(nil)
		switch {
		case errors.Is(err, control.ErrConflict):
			continue // the role has tried the delivery in the meantime
		case errors.As(err, &refused):
			return nil, &Problem{Conflict, err}
		case err != nil:
			return nil, err
		}
		l := listedDelivery(j)
		return &l, nil
	}
}

// deliver enqueues a document that becomes final, in the same transaction.
func (o *Office) deliver(ctx context.Context, tx *store.Tx, s *invoicing.Stored) error {
	_, err := delivery.Enqueue(ctx, tx, s.PayerNumber, &s.Document, o.Now())
	return err
}
