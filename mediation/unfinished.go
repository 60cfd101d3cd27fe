package mediation

import (
	"context"
	"fmt"

	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/udr"
)

// A file keeps the revision of the registry with which it was begun. Suppose that a SIM is corrected to another billing
// root while such a file is being read, and that the file still contains a record of that SIM: the record will be
// charged to the former root. Meanwhile, a retry that brings back a copy of the record finds nothing in the warehouse,
// and would charge the corrected root. A retry therefore waits for such files.

// pinRetry pins a retry batch. waits means that the batch was released because it waits for a file.
func (t *taken) pinRetry(ctx context.Context, content Content, l *looked, records []RetryRecord) (waits bool, err error) {
	if !t.file.Pinned {
		current, err := t.current(ctx)
		if err != nil {
			return false, err
		}
		t.pins = current
		// A pinned batch cannot be cancelled, so the batch waits before it is pinned if possible.
		if waits, err := t.waitsFor(ctx, current.Registry, content.Again, records); err != nil || waits {
			return waits, err
		}
	}
	if why, pause, err := t.pin(ctx, content, l); err != nil || why != "" {
		if err == nil {
			err = t.postponed(ctx, why, pause)
		}
		return why != "", err
	}
	// A file may have been pinned meanwhile, but from now on no file is pinned to an older revision than this batch.
	return t.waitsFor(ctx, t.pins.Registry, content.Again, records)
}

// waitsFor releases a batch if one of its records may also be in a file that was begun before a correction of the
// record's billing root. When the copies were recorded, there was no such file.
func (t *taken) waitsFor(ctx context.Context, revision registry.Revision, again *Again, records []RetryRecord) (waits bool, err error) {
	if !t.asksForCopies(again) || len(t.file.Progress.State) > 0 || !safeguard.On(safeguard.BegunFirst) {
		return false, nil
	}
	begun, found, err := t.m.Files.Unfinished(ctx, t.file.Source, t.file.Number, revision)
	if err != nil || !found {
		return false, err
	}
	reg, err := t.m.Reference.Registry(ctx, revision)
	if err != nil {
		return false, err
	}
	view := reg.View() // closed before the batch is released, because an open view would delay loading
	t.lookAt(view, revision, records, func(u *udr.Usage) {
		if !waits && u.Duplicate != (udr.DuplicateKey{}) {
			_, _, waits = view.FormerRoot(u.Identifier, u.At, begun.Pins.Registry, revision)
		}
	})
	view.Close()
	if !waits {
		return false, nil
	}
	name := fmt.Sprintf("file %d (%s)", begun.Number, begun.Path)
	return true, t.postponed(ctx, fmt.Sprintf("a SIM of this retry was corrected to another billing root in the registry after %s was "+
		"begun. %s goes on with the registry as it was, is not read to its end, and may charge the former root for the same records. "+
		"The retry waits for it; `ratemill files` shows why that file is not read. If it will never be read, `ratemill "+
		"suspense cancel %d`, and retry with --anyway those records that the file did not charge", name, name, t.file.Retry), pauseOfPart)
}
