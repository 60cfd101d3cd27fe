package mediation

import (
	"context"
	"encoding/json"
	"fmt"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/udr"
)

// While a record waited, the carrier may have sent it a second time, and that copy may have been rated. Its
// duplicate key may have been forgotten since then, or only another partition may have it. So before sending a retry
// batch, mediation asks the warehouse for rated records with the same keys. It first records the answer in the
// ledger, so that a mediator that continues the batch after a crash uses the same answer.

// CopyRated is the code of records that wait because the warehouse has a rated copy.
const CopyRated = "copy_rated"

// Again contains the inputs of a retry batch other than its content.
type Again struct {
	// Ordered is the user's reason for rating its records in spite of rated copies, or empty.
	Ordered string
	// Rated finds rated records of a source by their keys. Nil: there is no warehouse to search.
	Rated func(ctx context.Context, source string, keys []udr.RecordKey) (map[udr.RecordKey]udr.ID, error)
}

func (t *taken) asksForCopies(again *Again) bool {
	return again != nil && again.Rated != nil && again.Ordered == "" && t.src.DuplicateWithin > 0
}

// copies finds the rated copies of a retry batch's records, or reads from the ledger the copies found when the
// batch was begun.
func (t *taken) copies(ctx context.Context, reg *registry.Registry, again *Again, records []RetryRecord) (map[string]string, error) {
	if !t.asksForCopies(again) || !safeguard.On(safeguard.CopiesAsked) {
		return nil, nil
	}
	found := map[string]string{}
	if state := t.file.Progress.State; len(state) > 0 && safeguard.On(safeguard.CopiesKept) {
		if err := json.Unmarshal(state, &found); err != nil {
			return nil, fmt.Errorf("the recorded progress of retry %d cannot be read: %w", t.file.Retry, err)
		}
		return found, nil
	}
	keys := t.keysOf(reg, records)
	if len(keys) == 0 {
		return nil, nil
	}
	rated, err := again.Rated(ctx, t.file.Source, keys)
	if err != nil {
		return nil, err
	}
	for key, id := range rated {
		found[key.String()] = id.String()
	}
	state, err := json.Marshal(found)
	if err != nil {
		return nil, err
	}
	t.lease, err = t.m.Files.RecordProgress(ctx, t.lease, control.Progress{Expected: -1, State: state}, t.m.now(), t.m.Lease)
	t.file.Progress.State = state
	return found, err
}

// keysOf returns the keys that the records of a batch get from its rules.
func (t *taken) keysOf(reg *registry.Registry, records []RetryRecord) (keys []udr.RecordKey) {
	view := reg.View()
	defer view.Close()
	t.lookAt(view, t.pins.Registry, records, func(u *udr.Usage) {
		if u.Duplicate != (udr.DuplicateKey{}) {
			keys = append(keys, udr.RecordKey{Duplicate: u.Duplicate, At: u.At})
		}
	})
	return keys
}

// lookAt passes on the usage that results from the records of a batch, and discards it.
func (t *taken) lookAt(view *registry.View, revision registry.Revision, records []RetryRecord, seen func(*udr.Usage)) {
	r := &reader{t: t, revision: revision, units: map[string]int64{}, seen: seen, out: newOutgoing(t, udr.FileID{}, nil)}
	for i := range records {
		r.nextOf(records, i)
		r.again(view)
		for p := range r.out.parts {
			r.out.parts[p] = part{}
		}
		r.out.bytes = 0
	}
}

// copyOf returns the rated copy of the current record.
func (r *reader) copyOf(u *udr.Usage) *udr.SuspendError {
	id, ok := r.copies[udr.RecordKey{Duplicate: u.Duplicate, At: u.At}.String()]
	if !ok || u.Duplicate == (udr.DuplicateKey{}) {
		return nil
	}
	return &udr.SuspendError{Code: CopyRated, Values: "rated as " + id,
		Reason: fmt.Sprintf("the source's record with the same duplicate key and time of use was rated as %s while this one waited; `ratemill "+
			"explain %s` shows it. Drop this one, or, if both are to be paid, `ratemill suspense retry --anyway \"why\"`", id, id)}
}
