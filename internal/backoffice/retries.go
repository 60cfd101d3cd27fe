package backoffice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/warehouse"
)

// RetryRequest requests that waiting records are processed again.
type RetryRequest struct {
	IDs    []string // ids of records, or the beginning of a file's id for all waiting records of the file
	Filter SuspenseFilter
	Who    string
	Anyway string // reason to rate records even if copies of them were rated; empty: do not rate them
}

// Ordered holds the retries that a RetryRequest created.
type Ordered struct {
	Retries []RetryBatch `json:"retries"`
	Claimed int          `json:"claimed"` // left out: already in a retry or a drop
	Unkept  int          `json:"unkept"`  // left out: the record represents the rest of a file, whose content was not kept
}

// RetryBatch is a number of records that are retried as one file.
type RetryBatch struct {
	Number  int64  `json:"number"`
	Source  string `json:"source"`
	Records int    `json:"records"`
}

// Retry processes waiting records again, as if their sources delivered them now. If there is an error, the answer
// has the retries that were ordered before it.
func (o *Office) Retry(ctx context.Context, r RetryRequest) (answer Ordered, err error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return answer, err
	}
	keys, claimed, err := o.chosen(ctx, w, r.IDs, &r.Filter, false)
	if err != nil {
		return answer, err
	}
	answer.Claimed = claimed
	chosen := len(keys)
	keys = slices.DeleteFunc(keys, func(k warehouse.SuspendedKey) bool { return k.Code == "file" })
	answer.Unkept = chosen - len(keys)
	if len(keys) == 0 {
		return answer, missing("there is nothing to retry")
	}
	now, err := o.Store.Now(ctx)
	if err != nil {
		return answer, err
	}
	for _, batch := range batches(keys) {
		number, err := o.Store.OrderRetry(ctx, batch[0].Source, r.Who, strings.TrimSpace(r.Anyway), idsOf(batch), now)
		if already := (*control.AlreadyRetriedError)(nil); errors.As(err, &already) {
			return answer, &Problem{Conflict, already}
		}
		if err != nil {
			return answer, err
		}
		answer.Retries = append(answer.Retries, RetryBatch{number, batch[0].Source, len(batch)})
	}
	return answer, nil
}

// The size of a retry batch is limited, because the batch is held in memory and sent again as a
// whole after a crash.
const (
	batchRecords = 10_000
	batchBytes   = 64 << 20
)

// batches splits records, sorted by source, into batches.
func batches(keys []warehouse.SuspendedKey) (all [][]warehouse.SuspendedKey) {
	from, bytes := 0, uint64(0)
	for i, k := range keys {
		if i > from && (k.Source != keys[from].Source || i-from == batchRecords || bytes+k.Weight > batchBytes) {
			all, from, bytes = append(all, keys[from:i]), i, 0
		}
		bytes += k.Weight
	}
	return append(all, keys[from:])
}

// untakenAfter: if no mediator has taken a retry by then, ask the user whether one is running.
const untakenAfter = 10 * time.Second

// RetryCounts are the outcomes of the records of a retry.
type RetryCounts struct {
	Filtered  uint64 `json:"filtered"`
	Duplicate uint64 `json:"duplicate"`
	Suspended uint64 `json:"suspended"` // again
	Rated     uint64 `json:"rated"`
}

func retryCounts(b *warehouse.FileBalance) *RetryCounts {
	return &RetryCounts{b.Filtered, b.Duplicate, b.Suspended + b.Retried + b.Dropped, b.Rated}
}

// Retried is the outcome of a retry.
type Retried struct {
	Number  int64  `json:"number"`
	Source  string `json:"source"`
	Records uint64 `json:"records"`
	*RetryCounts
	Waiting uint64 `json:"waiting"`          // of the records suspended again, those that still wait
	Failed  string `json:"failed,omitempty"` // why the retry failed, and what to do; there are then no counts
}

// Await waits until a retry is done and its records are in the warehouse. It calls untaken if no mediator takes the retry
// for a while.
func (o *Office) Await(ctx context.Context, number int64, untaken func()) (*Retried, error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := o.await(ctx, w, number, untaken)
	if err != nil && ctx.Err() != nil {
		return nil, &backoff.StoppedError{What: fmt.Sprintf("see retry %d done; it continues, and `ratemill suspense "+
			"retries` shows the outcome", number), Err: context.Canceled}
	}
	return answer, err
}

func (o *Office) await(ctx context.Context, w *warehouse.Warehouse, number int64, untaken func()) (*Retried, error) {
	file, err := waitForRetry(ctx, o.Store, number, untakenAfter, untaken)
	if err != nil {
		return nil, err
	}
	if file.State != control.Done {
		return &Retried{Number: number, Source: file.Source, Failed: fmt.Sprintf("retry %d failed: %s; then: ratemill files retry %d, or "+
			"ratemill suspense cancel %d", number, file.Why, file.Number, number)}, nil
	}
	for {
		b, err := w.BalanceOf(ctx, file.FileID)
		if err != nil {
			return nil, err
		}
		if b != nil && b.Difference == 0 && b.DifferenceBytes == 0 {
			return &Retried{number, file.Source, b.BroughtBack, retryCounts(b), b.Suspended, ""}, nil
		}
		if err := (realTime{}).Sleep(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// waitForRetry waits until a retry is done or has become impossible, and returns its file. It calls untaken once if no
// mediator takes the retry for a while.
func waitForRetry(ctx context.Context, store *control.Store, number int64, after time.Duration, untaken func()) (*control.File, error) {
	late, told := time.Now().Add(after), false
	for {
		files, err := store.Files(ctx, control.FileFilter{Retry: number})
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("retry %d: %w", number, control.ErrNotFound)
		}
		if f := &files[0]; !f.Open {
			return f, nil
		} else if !told && f.State == control.Seen && f.Owner == "" && f.Attempts == 0 && time.Now().After(late) {
			told = true
			untaken()
		}
		if err := (realTime{}).Sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// Retry is a retry or a drop, with its progress.
type Retry struct {
	Number  int64     `json:"number"`
	What    string    `json:"what"`
	Source  string    `json:"source"`
	Records int64     `json:"records"`
	Created time.Time `json:"created"`
	Who     string    `json:"who"`
	File    string    `json:"file"` // id of the file, once the retry is done
	*RetryCounts
	Why string `json:"why"` // time of the order, or of the failure
}

func retry(r *control.Retry) Retry {
	what := map[control.RetryState]string{control.RetryOpen: "retry, open", control.RetryDone: "retry, done",
		control.RetryDropped: "retry, cancelled", control.RetryDropping: "drop, unfinished", control.RetryDiscarded: "drop"}[r.State]
	return Retry{Number: r.Number, What: what, Source: r.Source, Records: r.Records, Created: r.Created, Who: r.Who, Why: r.Why}
}

// Retries lists all retries and drops with their outcome.
func (o *Office) Retries(ctx context.Context) ([]Retry, error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	all, err := o.Store.Retries(ctx, "")
	if err != nil {
		return nil, err
	}
	answer := make([]Retry, len(all))
	for i := range all {
		if answer[i], err = o.progress(ctx, w, &all[i]); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// progress returns the progress of a retry.
func (o *Office) progress(ctx context.Context, w *warehouse.Warehouse, r *control.Retry) (Retry, error) {
	is := retry(r)
	switch r.State {
	case control.RetryOpen:
		files, err := o.Store.Files(ctx, control.FileFilter{Retry: r.Number})
		if err != nil || len(files) == 0 {
			return is, err
		}
		is.What, is.Why = "retry, "+string(files[0].State), files[0].Why
	case control.RetryDone:
		is.File = r.FileID.String()
		b, err := w.BalanceOf(ctx, r.FileID)
		if err != nil {
			return is, err
		}
		if b == nil || b.Difference != 0 {
			is.Why = "is being rated and stored"
			return is, nil
		}
		is.RetryCounts = retryCounts(b)
	}
	return is, nil
}

// CancelRetry cancels a retry that no mediator has begun to send, so that its records can be retried again.
func (o *Office) CancelRetry(ctx context.Context, number int64, who string) error {
	now, err := o.Store.Now(ctx)
	if err != nil {
		return err
	}
	err = o.Store.CancelRetry(ctx, number, who, now)
	if errors.Is(err, control.ErrConflict) {
		return conflict("retry %d cannot be cancelled: it is being sent, done or already cancelled, or does not exist; `ratemill suspense "+
			"retries` shows its state", number)
	}
	return err
}
