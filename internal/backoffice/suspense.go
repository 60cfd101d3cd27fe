package backoffice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/printable"
	"ratemill/udr"
)

// SuspenseFilter selects waiting records.
type SuspenseFilter struct {
	Source string
	Code   string
	Rule   string
	SIM    string // any identifier of a SIM
}

// Chooses reports whether the filter leaves out any records.
func (f *SuspenseFilter) Chooses() bool { return *f != SuspenseFilter{} }

// suspenseFilter returns a filter for the warehouse. Records often wait because their SIM is unknown, so the filter
// also accepts an identifier that the registry never had.
func (o *Office) suspenseFilter(ctx context.Context, f *SuspenseFilter) (filter warehouse.SuspenseFilter, err error) {
	filter = warehouse.SuspenseFilter{Source: f.Source, Code: f.Code, Rule: f.Rule}
	if f.SIM == "" {
		return filter, nil
	}
	view, err := o.view(ctx)
	if err != nil {
		return filter, err
	}
	defer view.Close()
	filter.SIM = identifiers(view, f.SIM)
	return filter, nil
}

// Suspense holds the waiting records, by reason.
type Suspense struct {
	Reasons []SuspenseReason `json:"reasons"`
	Records uint64           `json:"records"`
	Note    string           `json:"note,omitempty"` // if nothing waits
	Retries []Retry          `json:"retries"`        // in progress; their records still wait
}

// SuspenseReason is a reason that several waiting records share.
type SuspenseReason struct {
	Records  uint64    `json:"records"`
	Source   string    `json:"source"`
	Code     string    `json:"code"`
	Since    time.Time `json:"since"`
	Example  string    `json:"example"` // id of the oldest record
	Rule     string    `json:"rule"`
	Position string    `json:"position"`
	Reason   string    `json:"reason"`
}

// Suspense counts the waiting records by reason.
func (o *Office) Suspense(ctx context.Context, f SuspenseFilter) (*Suspense, error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := o.suspenseFilter(ctx, &f)
	if err != nil {
		return nil, err
	}
	reasons, err := w.SuspenseReasons(ctx, filter)
	if err != nil {
		return nil, err
	}
	answer := &Suspense{Reasons: []SuspenseReason{}, Retries: []Retry{}}
	if len(reasons) == 0 {
		if answer.Note, err = o.nothingWaits(ctx, w, &filter); err != nil {
			return nil, err
		}
	}
	for _, r := range reasons {
		answer.Records += r.Records
		answer.Reasons = append(answer.Reasons, SuspenseReason{r.Records, r.Source, r.Code, r.Since.UTC(), r.Example.String(), r.Rule,
			r.Position, r.Reason})
	}
	open, err := o.Store.Retries(ctx, control.RetryOpen)
	for _, r := range open {
		answer.Retries = append(answer.Retries, retry(&r))
	}
	return answer, err
}

// SuspendedRecords holds waiting records.
type SuspendedRecords struct {
	Records []SuspendedRecord `json:"records"`
	Full    bool              `json:"full"`           // the limit was reached: there may be more
	Note    string            `json:"note,omitempty"` // if nothing waits
}

// SuspendedRecord is a record in suspense.
type SuspendedRecord struct {
	ID     string    `json:"id"`
	Source string    `json:"source"`
	File   string    `json:"file"` // name of the file, if the warehouse knows it
	Line   uint64    `json:"line"`
	Code   string    `json:"code"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	Values string    `json:"values"`
	Raw    string    `json:"raw"` // as text, or octets in hexadecimal
}

func suspendedRecord(s *warehouse.Suspended) SuspendedRecord {
	return SuspendedRecord{s.ID.String(), s.Pin.Source, strings.TrimPrefix(s.File, "/"), s.Line, s.Why.Code, s.Stored.UTC(), s.Why.Reason,
		s.Why.Values, printable.Raw(s.Raw)}
}

// SuspendedRecords lists waiting records, at most limit.
func (o *Office) SuspendedRecords(ctx context.Context, f SuspenseFilter, limit int) (*SuspendedRecords, error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := o.suspenseFilter(ctx, &f)
	if err != nil {
		return nil, err
	}
	filter.Limit = limit
	all, err := w.Suspense(ctx, filter)
	if err != nil {
		return nil, err
	}
	answer := &SuspendedRecords{Records: []SuspendedRecord{}, Full: len(all) == limit}
	if len(all) == 0 {
		if answer.Note, err = o.nothingWaits(ctx, w, &filter); err != nil {
			return nil, err
		}
	}
	for i := range all {
		answer.Records = append(answer.Records, suspendedRecord(&all[i]))
	}
	return answer, nil
}

// unambiguous refuses a short id that matches records of several files. For an irreversible action, it refuses any
// short id, because an id that is unique now need not be the record that the user meant.
func unambiguous(id string, fits []warehouse.SuspendedKey, destroys bool) error {
	if id == "" || len(fits) == 0 {
		return nil
	}
	first := fits[0].ID
	for _, k := range fits[1:] {
		if k.ID.File != first.File {
			return conflict("%s matches records of several files, such as %s and %s; give more of the id", id, first, k.ID)
		}
	}
	file, seq, one := strings.Cut(id, ":")
	if whole := first.File.String(); destroys && file != whole {
		if one {
			whole += ":" + seq
		}
		return conflict("dropping is final, so give the whole id: %s is %s", id, whole)
	}
	return nil
}

// chosen returns the waiting records that ids and a filter select, sorted by source. It leaves out records that are
// already in a retry or a drop; claimed is their number.
func (o *Office) chosen(ctx context.Context, w *warehouse.Warehouse, ids []string, f *SuspenseFilter, destroys bool) (
	keys []warehouse.SuspendedKey, claimed int, err error) {
	filter, err := o.suspenseFilter(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	if len(ids) == 0 {
		ids = []string{""}
	}
	for _, id := range ids {
		filter.ID = id
		some, err := w.SuspenseKeys(ctx, filter)
		if err != nil {
			return nil, 0, err
		}
		if len(some) == 0 {
			if err := o.noneChosen(ctx, w, &filter); err != nil {
				return nil, 0, err
			}
		}
		if err := unambiguous(id, some, destroys); err != nil {
			return nil, 0, err
		}
		keys = append(keys, some...)
	}
	slices.SortFunc(keys, func(a, b warehouse.SuspendedKey) int {
		if n := strings.Compare(a.Source, b.Source); n != 0 {
			return n
		}
		if n := slices.Compare(a.ID.File[:], b.ID.File[:]); n != 0 {
			return n
		}
		return int(a.ID.Seq) - int(b.ID.Seq)
	})
	keys = slices.CompactFunc(keys, func(a, b warehouse.SuspendedKey) bool { return a.ID == b.ID })
	taken, err := o.Store.Claimed(ctx, idsOf(keys))
	if err != nil {
		return nil, 0, err
	}
	return slices.DeleteFunc(keys, func(k warehouse.SuspendedKey) bool { _, ok := taken[k.ID]; return ok }), len(taken), nil
}

// noneChosen refuses a filter that cannot match any record, and the id of a record that is not waiting.
func (o *Office) noneChosen(ctx context.Context, w *warehouse.Warehouse, filter *warehouse.SuspenseFilter) error {
	id := filter.ID
	if _, err := o.nothingWaits(ctx, w, filter); err != nil || id == "" {
		return err
	}
	left, err := w.Suspense(ctx, warehouse.SuspenseFilter{ID: id, Closed: true, Limit: 1})
	switch {
	case err != nil:
		return err
	case len(left) > 0 && strings.Contains(id, ":"):
		return conflict("%s no longer waits; ratemill suspense show %s shows its outcome", id, id)
	}
	return missing("%s is not waiting in suspense; `ratemill suspense list --records` shows the waiting records", id)
}

func idsOf(keys []warehouse.SuspendedKey) []udr.ID {
	ids := make([]udr.ID, len(keys))
	for i := range keys {
		ids[i] = keys[i].ID
	}
	return ids
}

// DropRequest requests that records are removed from suspense permanently.
type DropRequest struct {
	IDs    []string // complete ids of records, or of files for all their waiting records
	Filter SuspenseFilter
	Who    string
	Why    string
}

// Dropped is the outcome of a DropRequest.
type Dropped struct {
	Number  int64 `json:"number"` // among the retries
	Records int   `json:"records"`
	Claimed int   `json:"claimed"` // left out: already in a retry or a drop
}

// Drop permanently removes records from suspense. If there is an error, the answer also lists the records
// that were left out.
func (o *Office) Drop(ctx context.Context, r DropRequest) (answer Dropped, err error) {
	if err := given(r.Why); err != nil {
		return answer, err
	}
	w, err := o.Warehouse(ctx)
	if err != nil {
		return answer, err
	}
	if err := FinishDrops(ctx, o.Store, w); err != nil {
		return answer, err
	}
	keys, claimed, err := o.chosen(ctx, w, r.IDs, &r.Filter, true)
	if err != nil {
		return answer, err
	}
	answer.Claimed = claimed
	if len(keys) == 0 {
		return answer, missing("there is nothing to drop")
	}
	now, err := o.Store.Now(ctx)
	if err != nil {
		return answer, err
	}
	answer.Number, err = o.Store.CreateDrop(ctx, r.Who, r.Why, idsOf(keys), now)
	if already := (*control.AlreadyRetriedError)(nil); errors.As(err, &already) {
		return answer, &Problem{Conflict, already}
	}
	if err != nil {
		return answer, err
	}
	answer.Records = len(keys)
	if err := FinishDrops(ctx, o.Store, w); err != nil {
		return answer, fmt.Errorf("drop %d is recorded, but the warehouse does not have it yet; the next `ratemill suspense drop` writes "+
			"it there: %w", answer.Number, err)
	}
	return answer, nil
}

// FinishDrops writes drops that the warehouse may lack: new drops, and drops that a crash left unfinished.
func FinishDrops(ctx context.Context, store *control.Store, w *warehouse.Warehouse) error {
	drops, err := store.Retries(ctx, control.RetryDropping)
	if err != nil {
		return err
	}
	for _, d := range drops {
		ids, err := store.RetryRecords(ctx, d.Number)
		if err != nil {
			return err
		}
		if err := w.DropSuspended(ctx, ids, d.Who, d.Why, d.Created, fmt.Sprintf("drop/%d", d.Number)); err != nil {
			return err
		}
		if err := store.FinishDrop(ctx, d.Number, time.Now()); err != nil && !errors.Is(err, control.ErrConflict) {
			return err
		}
	}
	return nil
}
