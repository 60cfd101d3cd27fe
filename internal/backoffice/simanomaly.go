package backoffice

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"ratemill/internal/warehouse"
	"ratemill/rating"
	"ratemill/simstate"
	"ratemill/udr"
)

// AnomalyFilter selects anomalies of SIMs.
type AnomalyFilter struct {
	Account  string    // this account and the accounts below it; "" for all
	Since    time.Time // zero for always
	Severity int       // this severity and worse, 1 to 4
	Limit    int
}

// SIMAnomaly is an event of an anomaly rule.
type SIMAnomaly struct {
	Severity   int    `json:"severity"` // 1 (the worst) to 4
	At         string `json:"at"`
	SIM        uint32 `json:"sim"`
	Identifier string `json:"identifier"` // identifier of the SIM at that time
	Account    string `json:"account"`
	Event      string `json:"event"`
	Name       string `json:"name"`      // of the rule
	Threshold  string `json:"threshold"` // 0 of a device
	Before     string `json:"before"`    // a count, or 14 digits of an IMEI
	After      string `json:"after"`
	Record     string `json:"record"` // record that ratemill explain accepts; empty for absences
}

// ForPeople returns the anomaly with shortened device digits and record id.
func (a SIMAnomaly) ForPeople() SIMAnomaly {
	if a.Event == rating.DeviceChanged.String() {
		a.Before, a.After = abbreviated(a.Before), abbreviated(a.After)
	}
	a.Record = Short(a.Record)
	return a
}

// SIMAnomalies holds anomalies of SIMs. More means that there are others.
type SIMAnomalies struct {
	Anomalies []SIMAnomaly `json:"anomalies"`
	More      bool         `json:"more"`
}

// SIMAnomalies lists the anomalies that the actor may see: those of its accounts, including SIMs that have left them
// since.
func (o *Office) SIMAnomalies(ctx context.Context, q SIMQuestion, f AnomalyFilter) (*SIMAnomalies, error) {
	if f.Limit < 1 {
		return nil, &Problem{Invalid, fmt.Errorf("the limit of a list of anomalies is %d; it must be 1 or more", f.Limit)}
	}
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	r, err := o.readSIMs(ctx, q, "")
	if err != nil {
		return nil, err
	}
	defer r.close()
	chosen := warehouse.AnomalyFilter{Since: f.Since, Severity: uint8(f.Severity), Limit: uint64(f.Limit) + 1}
	if cmp.Or(f.Account, r.as.Account) != "" {
		in, err := r.accounts(f.Account)
		if err != nil {
			return nil, err
		}
		chosen.Accounts = slices.Sorted(maps.Keys(in))
	}
	found, err := w.Anomalies(ctx, chosen)
	if err != nil {
		return nil, err
	}
	var all []datedAnomaly
	for _, a := range found {
		listed := SIMAnomaly{Severity: int(a.Severity), At: Moment(a.At), SIM: a.SIM, Account: a.Account, Event: a.Event, Name: a.Name,
			Threshold: a.Threshold, Before: a.Before, After: a.After}
		file, err := udr.ParseFileID(a.File)
		if err != nil {
			return nil, err
		}
		listed.Record = udr.ID{File: file, Seq: a.Seq}.String()
		if ids := r.view.Identifiers(a.SIM, udr.InstantOf(a.At), r.rev, nil); len(ids) > 0 {
			listed.Identifier = ids[0].Value
		}
		all = append(all, datedAnomaly{a.At, listed})
	}
	absent, err := o.absences(ctx, r, chosen)
	if err != nil {
		return nil, err
	}
	all = append(all, absent...)
	slices.SortStableFunc(all, func(a, b datedAnomaly) int { return cmp.Or(cmp.Compare(a.Severity, b.Severity), b.at.Compare(a.at)) })
	answer := &SIMAnomalies{Anomalies: []SIMAnomaly{}, More: len(all) > f.Limit}
	for _, a := range all[:min(len(all), f.Limit)] {
		answer.Anomalies = append(answer.Anomalies, a.SIMAnomaly)
	}
	return answer, nil
}

type datedAnomaly struct {
	at time.Time
	SIMAnomaly
}

// absences returns the anomalies of SIMs without expected records. No record causes them, so they are in the control store.
func (o *Office) absences(ctx context.Context, r *simReading, chosen warehouse.AnomalyFilter) (all []datedAnomaly, err error) {
	if err := simstate.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	f := simstate.AbsenceFilter{Accounts: chosen.Accounts, Severity: chosen.Severity, Limit: int(chosen.Limit)}
	if !chosen.Since.IsZero() {
		f.Since = udr.InstantOf(chosen.Since)
	}
	found, err := simstate.Table{}.AbsencesOf(ctx, o.Store.DB, f)
	for _, a := range found {
		at := a.At.Time()
		listed := SIMAnomaly{Severity: int(a.Severity), At: Moment(at), SIM: a.SIM, Event: a.Event, Name: a.Name,
			Threshold: strconv.FormatInt(a.Threshold, 10), After: strconv.FormatInt(a.Counted, 10)}
		listed.Account, _ = r.view.AccountID(a.Account)
		if ids := r.view.Identifiers(a.SIM, a.At, r.rev, nil); len(ids) > 0 {
			listed.Identifier = ids[0].Value
		}
		all = append(all, datedAnomaly{at, listed})
	}
	return all, err
}
