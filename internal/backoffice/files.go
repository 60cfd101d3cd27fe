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
	"ratemill/mediation"
	"ratemill/udr"
)

// FileState is the state of a file.
type FileState = control.FileState

// Arriving is the state of a listed file that is not in the ledger yet, because it is incomplete.
const Arriving FileState = "arriving"

// FileStates are the states of files, in the order of a file's life.
var FileStates = append([]FileState{Arriving}, control.FileStates...)

// FileFilter selects files of the ledger.
type FileFilter struct {
	Source string
	States []FileState
	Name   string // part of the path
	Limit  int    // limit for files in the ledger; 0 means 1000
}

// Files holds the files that a filter selects.
type Files struct {
	Files []File `json:"files"`
	Full  bool   `json:"full"`           // the limit was reached: there may be more
	Note  string `json:"note,omitempty"` // why counts are missing
}

// File is a file of the ledger. Fields are in the order of their JSON names.
type File struct {
	AfterWhy      string           `json:"after_why,omitempty"` // why the source's "after" action failed
	Attempts      int              `json:"attempts"`
	Bytes         int64            `json:"bytes"`
	ChangedSince  int64            `json:"changed_since,omitempty"`
	Compared      time.Time        `json:"compared,omitzero"`
	ContentSize   int64            `json:"content_size,omitempty"`
	Continues     int64            `json:"continues,omitempty"`
	ContinuesFrom *int64           `json:"continues_from,omitempty"`
	Dropped       *uint64          `json:"dropped,omitempty"`
	Duplicate     *uint64          `json:"duplicate,omitempty"` // like dropped, rated and retried, known only as far as the warehouse has it
	Expected      *int64           `json:"expected,omitempty"`  // number of records according to its trailer
	FetchedFrom   int64            `json:"fetched_from,omitempty"`
	Filtered      int64            `json:"filtered"`
	FirstSeen     time.Time        `json:"first_seen"`
	ID            string           `json:"id,omitempty"`
	Modified      time.Time        `json:"mtime,omitzero"`
	Next          string           `json:"next"` // the next step of ratemill or of the user
	Notes         map[string]int64 `json:"notes,omitempty"`
	Number        int64            `json:"number"` // 0 while the file is arriving
	Path          string           `json:"path"`
	Pinned        *FilePins        `json:"pinned,omitempty"`
	Rated         *uint64          `json:"rated,omitempty"`
	ReadFrom      string           `json:"read_from,omitempty"` // path from which the file is read, if it differs
	Records       int64            `json:"records"`
	Retried       *uint64          `json:"retried,omitempty"`
	Sent          int64            `json:"sent"`
	Size          int64            `json:"size"`
	Source        string           `json:"source"`
	State         FileState        `json:"state"`
	Suspended     int64            `json:"suspended"`
	Why           string           `json:"why"` // why the file is in this state
}

// FilePins are the versions with which a file is read.
type FilePins struct {
	Catalogue  string `json:"catalogue"`
	Partitions int    `json:"partitions"`
	Registry   uint64 `json:"registry"`
	Rules      string `json:"rules"`
}

// Files lists files of the ledger, arriving files first.
func (o *Office) Files(ctx context.Context, filter FileFilter) (*Files, error) {
	files, err := o.Store.Files(ctx, control.FileFilter{Source: filter.Source, States: filter.States, Path: filter.Name,
		Limit: filter.Limit})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		if err := o.sourceKnown(ctx, filter.Source); err != nil {
			return nil, err
		}
	}
	now, err := o.Store.Now(ctx)
	if err != nil {
		return nil, err
	}
	waiting, err := o.arriving(ctx, filter)
	if err != nil {
		return nil, err
	}
	in := &surroundings{now: now, sources: o.projectSources()}
	answer := &Files{Files: []File{}, Full: len(files) == filter.Limit}
	if in.outcomes, err = o.outcomes(ctx, files); err != nil {
		answer.Note = fmt.Sprintf("suspended counts only records suspended by mediation, and duplicate and rated are "+
			"omitted, because the warehouse does not answer: %v", err)
	}
	for _, f := range append(waiting, files...) {
		answer.Files = append(answer.Files, in.file(&f))
	}
	return answer, nil
}

// arriving returns the incomplete files as rows without a number, because they are not in the ledger yet.
func (o *Office) arriving(ctx context.Context, filter FileFilter) (rows []control.File, err error) {
	if len(filter.States) > 0 && !slices.Contains(filter.States, Arriving) {
		return nil, nil
	}
	all, err := o.Store.Arriving(ctx, filter.Source)
	for _, a := range all {
		if strings.Contains(a.Path, filter.Name) {
			rows = append(rows, control.File{Source: a.Source, Sighting: a.Sighting, Place: a.Sighting, State: Arriving, Open: true,
				FirstSeen: a.Since, Why: a.WaitsFor, Progress: control.Progress{Expected: -1}})
		}
	}
	return rows, err
}

// outcomesWithin is how long a list of files waits for the warehouse.
const outcomesWithin = 10 * time.Second

// outcomes returns the outcome of rating for files; the error is the reason if the warehouse does not answer.
func (o *Office) outcomes(ctx context.Context, files []control.File) (map[udr.FileID]warehouse.Outcome, error) {
	var ids []udr.FileID
	for i := range files {
		if p := &files[i].Progress; !files[i].FileID.IsZero() && p.Usages+p.Suspended.Records > 0 {
			ids = append(ids, files[i].FileID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, outcomesWithin)
	defer cancel()
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	return w.Outcomes(ctx, ids)
}

// surroundings is the context that gives a file's state its meaning.
type surroundings struct {
	now      time.Time
	sources  map[string]bool                  // sources of the project; nil if the project cannot be read
	outcomes map[udr.FileID]warehouse.Outcome // outcome of rating for the files; nil while the warehouse is unreachable
}

// outcome returns the outcome of rating for a file, as far as the warehouse has it. known is false while the
// warehouse is unreachable, and if the warehouse never had the file's records or no longer has them.
func (in *surroundings) outcome(f *control.File) (o warehouse.Outcome, known bool) {
	o, known = in.outcomes[f.FileID]
	return o, known && (o.Ended || f.State != control.Done) && f.State != control.Duplicate
}

func (in *surroundings) file(f *control.File) File {
	p, part := &f.Progress, &f.Pins.Part
	is := File{
		AfterWhy: f.AfterWhy, Attempts: f.Attempts, Bytes: p.Read.Bytes, ChangedSince: part.Changed, Compared: f.Compared,
		ContentSize: part.Size, Filtered: p.Filtered.Records, FirstSeen: f.FirstSeen, Modified: f.MTime, Notes: mediation.NotesOf(p),
		Number: f.Number, Path: f.Path, Records: p.Read.Records, Sent: p.Usages, Size: f.Size, Source: f.Source, State: f.State,
		Suspended: p.Suspended.Records,
	}
	is.Why, is.Next = in.situation(f)
	if !f.FileID.IsZero() {
		is.ID = f.FileID.String()
	}
	if o, known := in.outcome(f); known {
		is.Suspended = max(is.Suspended, int64(o.Suspended))
		is.Duplicate, is.Rated, is.Retried, is.Dropped = &o.Duplicate, &o.Rated, &o.Retried, &o.Dropped
	}
	if p.Expected >= 0 {
		is.Expected = &p.Expected
	}
	if f.Place.Path != f.Path {
		is.ReadFrom = f.Place.Path
	}
	if part.Continues > 0 {
		is.Continues, is.ContinuesFrom, is.FetchedFrom = part.Continues, &part.From, part.Fetched
	}
	if f.Pinned {
		is.Pinned = &FilePins{Rules: f.Pins.Rules, Registry: uint64(f.Pins.Registry), Catalogue: f.Pins.Catalogue,
			Partitions: f.Pins.Partitions}
	}
	return is
}

// FileOrder is a user's order for a file of the ledger.
type FileOrder struct {
	Number int64
	Who    string
	Why    string // of a drop
}

// RetryFile orders mediation to read a failed, vanished or dropped file again, or to read a waiting file as it is.
func (o *Office) RetryFile(ctx context.Context, order FileOrder) error {
	now, err := o.Store.Now(ctx)
	if err != nil {
		return err
	}
	err = o.Store.RetryFile(ctx, order.Number, now)
	switch ended := (*control.EndedError)(nil); {
	case errors.As(err, &ended):
		return &Problem{Conflict, ended}
	case errors.Is(err, control.ErrConflict):
		return o.whyNoRetry(ctx, order.Number, now)
	case err != nil:
		return fmt.Errorf("file %d: %w", order.Number, err)
	}
	return nil
}

// whyNoRetry returns the reason why a file cannot be retried.
func (o *Office) whyNoRetry(ctx context.Context, number int64, now time.Time) error {
	file, err := o.Store.File(ctx, number)
	switch {
	case errors.Is(err, control.ErrNotFound):
		return conflict("there is no file %d; `ratemill files` shows the numbers", number)
	case err != nil:
		return err
	case file.LeaseUntil.After(now):
		return conflict("file %d cannot be retried now, because a mediator is working on it", number)
	case file.Retry > 0 && (file.State == control.Failed || file.State == control.Vanished || file.State == control.Dropped):
		return conflict("file %d cannot be retried: it is the batch of retry %d, which was cancelled", number, file.Retry)
	}
	return conflict("file %d cannot be retried, because its state is %s; you can retry files that are failed, vanished or dropped, "+
		"and seen files with a why", number, file.State)
}

// FinishFile orders mediation to read the rest of a file whose source was removed, with the source's document
// with which reading began.
func (o *Office) FinishFile(ctx context.Context, order FileOrder) error {
	now, err := o.Store.Now(ctx)
	if err != nil {
		return err
	}
	file, err := o.Store.File(ctx, order.Number)
	if err == nil && o.projectSources()[file.Source] {
		return conflict("the project has source %s, so mediation reads file %d automatically; `ratemill files` shows what it waits for",
			file.Source, order.Number)
	}
	if err == nil {
		err = o.Store.FinishFile(ctx, order.Number, order.Who, now)
	}
	switch {
	case errors.Is(err, control.ErrNotFound):
		return missing("there is no file %d; ratemill files shows them", order.Number)
	case errors.Is(err, control.ErrConflict):
		return conflict("file %d was not begun, or is closed; `ratemill files` shows its state. If it was not begun, no record was "+
			"sent: ratemill files drop %d", order.Number, order.Number)
	case err != nil:
		return fmt.Errorf("file %d: %w", order.Number, err)
	}
	return nil
}

// DropFile gives up a file that nobody has begun to read.
func (o *Office) DropFile(ctx context.Context, order FileOrder) error {
	if err := given(order.Why); err != nil {
		return err
	}
	now, err := o.Store.Now(ctx)
	if err != nil {
		return err
	}
	err = o.Store.DropFile(ctx, order.Number, order.Who, order.Why, now)
	switch begun := (*control.BegunError)(nil); {
	case errors.As(err, &begun):
		return &Problem{Conflict, begun}
	case errors.Is(err, control.ErrNotFound):
		return missing("there is no file %d; `ratemill files` shows the numbers", order.Number)
	case errors.Is(err, control.ErrConflict):
		return conflict("file %d cannot be dropped: it is being fetched, done, a duplicate, or already dropped; `ratemill files` shows "+
			"its state", order.Number)
	case err != nil:
		return fmt.Errorf("file %d: %w", order.Number, err)
	}
	return nil
}
