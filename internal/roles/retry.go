package roles

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
	"ratemill/udr"
)

// retryContents builds the contents of retry batches from the warehouse. It connects for the first batch, because
// mediation needs the warehouse for nothing else.
type retryContents struct {
	n         *Node
	mu        sync.Mutex
	warehouse *warehouse.Warehouse
	ours      bool
}

func (r *retryContents) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ours {
		_ = r.warehouse.Close()
	}
}

func (r *retryContents) open(ctx context.Context) (*warehouse.Warehouse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.warehouse == nil && r.n.Warehouse != nil {
		r.warehouse = r.n.Warehouse
	}
	if r.warehouse == nil {
		access, err := r.n.WarehouseAccess()
		if err != nil {
			return nil, err
		}
		w, err := access.Open(ctx)
		if err != nil {
			return nil, err
		}
		r.warehouse, r.ours = w, true
	}
	return r.warehouse, nil
}

// fetch builds the content of a retry batch.
func (r *retryContents) fetch(ctx context.Context, file *control.File, renew func(context.Context) error) (mediation.Content, error) {
	w, err := r.open(ctx)
	if err != nil {
		return mediation.Content{}, retryable(err)
	}
	content, err := RetryContent(ctx, r.n.Store, w, file, renew)
	if err != nil {
		return content, retryable(err)
	}
	rated := content.Again.Rated
	content.Again.Rated = func(ctx context.Context, source string, keys []udr.RecordKey) (map[udr.RecordKey]udr.ID, error) {
		for partition := range r.n.Partitions { // a copy may be in any partition, and on its way into the warehouse
			if err := r.n.comesOut(ctx, partition, "a copy of one of its records was rated"); err != nil {
				return nil, retryable(err)
			}
		}
		return rated(ctx, source, keys)
	}
	return content, nil
}

// arrived waits until all earlier messages of the usage topic are in the warehouse, and reports whether the end of a
// file is there.
func (r *retryContents) arrived(ctx context.Context, file udr.FileID, home int) (bool, error) {
	w, err := r.open(ctx)
	if err != nil {
		return false, retryable(err)
	}
	if err := r.n.comesOut(ctx, home, "the end of the file is stored"); err != nil {
		return false, retryable(err)
	}
	outcomes, err := w.Outcomes(ctx, []udr.FileID{file})
	return outcomes[file].Arrived, retryable(err)
}

// retryable reports whether an error means that an engine is unreachable, which is not the batch's fault.
func retryable(err error) error {
	if backoff.Unavailable(err) {
		return &mediation.AwayError{Err: err}
	}
	return err
}

// RetryContent builds the content of a retry batch from the rows of its records in the warehouse.
func RetryContent(ctx context.Context, store *control.Store, w *warehouse.Warehouse, file *control.File,
	renew func(context.Context) error) (mediation.Content, error) {
	origins, err := store.RetryRecords(ctx, file.Retry)
	if err != nil {
		return mediation.Content{}, err
	}
	rows, err := w.SuspendedRecords(ctx, file.Source, origins)
	if err != nil {
		return mediation.Content{}, err
	}
	if len(rows) != len(origins) {
		return mediation.Content{}, fmt.Errorf("retry %d brings back %d records of %s, but the warehouse has only %d of them; were rows "+
			"deleted from the table suspense?",
			file.Retry, len(origins), file.Source, len(rows))
	}
	if err := renew(ctx); err != nil {
		return mediation.Content{}, err
	}
	records := make([]mediation.RetryRecord, len(rows))
	for i := range rows {
		records[i] = mediation.RetryRecord{Origin: rows[i].ID, Suspended: rows[i].Suspended}
	}
	if err := carrierFiles(ctx, store, w, file.Source, rows, records); err != nil {
		return mediation.Content{}, err
	}
	ordered, err := store.RetryOrder(ctx, file.Retry)
	if err != nil {
		return mediation.Content{}, err
	}
	content := mediation.RetryContent(file.Source, file.Path, file.Retry, records)
	content.Again = &mediation.Again{Ordered: ordered,
		Rated: func(ctx context.Context, source string, keys []udr.RecordKey) (map[udr.RecordKey]udr.ID, error) {
			found, err := w.Copies(ctx, source, keys)
			return found, retryable(err)
		}}
	return content, nil
}

// carrierFiles finds the carrier's file in which each record first arrived, through all retry batches.
func carrierFiles(ctx context.Context, store *control.Store, w *warehouse.Warehouse, source string, rows []warehouse.Suspended,
	records []mediation.RetryRecord) error {
	files, batches := map[udr.FileID]control.File{}, map[int64][]udr.ID{}
	at := rows
	var of []int // the record for each element of at
	for i := range rows {
		of = append(of, i)
	}
	for len(at) > 0 {
		var before []udr.ID
		stands := map[udr.ID][]int{}
		for i, row := range at {
			f, ok := files[row.ID.File]
			if !ok {
				var err error
				if f, err = store.FileByID(ctx, row.ID.File); err != nil && !errors.Is(err, control.ErrNotFound) {
					return err
				}
				files[row.ID.File] = f
			}
			if f.Retry == 0 {
				r := &records[of[i]]
				if r.File = f.Path; f.Number > 0 {
					r.Modified = f.Time()
				}
				continue
			}
			origins, ok := batches[f.Retry]
			if !ok {
				var err error
				if origins, err = store.RetryRecords(ctx, f.Retry); err != nil {
					return err
				}
				batches[f.Retry] = origins
			}
			if row.Line < 1 || row.Line > uint64(len(origins)) {
				continue
			}
			origin := origins[row.Line-1]
			if stands[origin] == nil {
				before = append(before, origin)
			}
			stands[origin] = append(stands[origin], of[i])
		}
		found, err := w.SuspendedRecords(ctx, source, before)
		if err != nil {
			return err
		}
		at, of = nil, nil
		for _, row := range found {
			for _, i := range stands[row.ID] {
				at, of = append(at, row), append(of, i)
			}
		}
	}
	return nil
}
