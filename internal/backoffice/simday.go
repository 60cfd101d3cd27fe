package backoffice

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ratemill/internal/warehouse"
	"ratemill/registry"
	"ratemill/udr"
)

// SIMDayRequest asks about a SIM on the day of a time, in the zone of its account.
type SIMDayRequest struct {
	Identifier string // any identifier of the SIM
	At         time.Time
	OnDay      bool // the request has a day, not a time
}

// SIMDay is the state of a SIM on a day: its owner, the plans that rate its usage at each tier, and the records of that
// day.
type SIMDay struct {
	SIM     uint32      `json:"sim"`
	Words   string      `json:"words"`
	Records []SIMRecord `json:"records"`
}

// SIMRecord is a rated record of a SIM; money is text.
type SIMRecord struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Class    string    `json:"class"`
	Quantity int64     `json:"quantity"`
	Unit     string    `json:"unit"`
	Network  string    `json:"network"`
	Country  string    `json:"country"`
	Account  string    `json:"account"`
	Plan     string    `json:"plan"`
	Amount   string    `json:"amount"` // charge of the SIM's account
	Currency string    `json:"currency"`
}

// SIMDay lists the rated records of a SIM on a day, and the plans that would rate further usage at that time by the
// current registry.
func (o *Office) SIMDay(ctx context.Context, r SIMDayRequest) (*SIMDay, error) {
	q, err := o.inquire(ctx, false)
	if err != nil {
		return nil, err
	}
	identifier, at, onDay := r.Identifier, r.At, r.OnDay
	view, err := q.view(ctx)
	if err != nil {
		return nil, err
	}
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
	day := &SIMDay{SIM: sim, Records: []SIMRecord{}}
	var b strings.Builder
	fmt.Fprintf(&b, "SIM %d · %s %s\n", sim, from.Format(time.DateOnly), zone)
	var names []string
	for _, id := range view.Identifiers(sim, instant, rev, nil) {
		names = append(names, strings.ToUpper(id.Kind.String())+" "+id.Value)
	}
	if len(names) > 0 {
		line(&b, "named", strings.Join(names, ", "))
	}
	if !owned {
		line(&b, "owner", "none at that time, so its usage is suspended (sim_unknown); `ratemill registry show "+identifier+"` "+
			"shows its owners")
	} else {
		q.tiers(&b, view, rev, sim, own, instant, zone)
	}
	rated, err := q.warehouse.RecordsOfSIM(ctx, sim, udr.InstantOf(from), udr.InstantOf(until))
	if err != nil {
		return nil, err
	}
	for _, r := range rated {
		day.Records = append(day.Records, SIMRecord{r.ID.String(), r.At.UTC(), r.Class, r.Quantity, r.Unit.String(), r.Network, r.Country,
			r.Account, r.Plan, r.Amount.String(), r.Currency})
	}
	waiting, err := q.warehouse.Suspense(ctx, warehouse.SuspenseFilter{SIM: identifiers(view, identifier)})
	if err != nil {
		return nil, err
	}
	if n := len(waiting); n > 0 {
		line(&b, "suspense", fmt.Sprintf("%s of the SIM, from any day; `ratemill suspense list --records --sim %s` shows them",
			waits(uint64(n)), identifier))
	}
	day.Words = b.String()
	return day, nil
}

func waits(n uint64) string {
	if n == 1 {
		return "1 record waits"
	}
	return fmt.Sprintf("%d records wait", n)
}

// holder returns the SIM that an identifier identified at a time, or else the only SIM that it ever identified.
func (q *inquiry) holder(view *registry.View, text string, at time.Time) (uint32, error) {
	for _, id := range meant(text) {
		if sim, ok := view.SIM(id, udr.InstantOf(at), view.Revision()); ok {
			return sim, nil
		}
	}
	return oneSIM(view, text)
}

// tiers lists the payers of a SIM's usage at a time, with their plans.
func (q *inquiry) tiers(b *strings.Builder, view *registry.View, rev registry.Revision, sim uint32, own registry.Ownership, at udr.Instant,
	zone *time.Location) {
	since := sinceWords(own.Since, zone)
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
			words = a.ID + " has no plan for it, and pays nothing"
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
