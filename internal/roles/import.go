package roles

import (
	"context"
	"errors"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/diag"
	"ratemill/registry"
)

// Import brings registry files into the control store and answers the change set, empty when all was known. When
// somebody else imports at the same time, it starts over with what that one changed.
func Import(ctx context.Context, store *control.Store, partitions int, who string, inputs []registry.Input) (*registry.Changes, diag.List, error) {
	for {
		reg := registry.New()
		if _, err := store.LoadRegistry(ctx, reg); err != nil {
			return nil, nil, err
		}
		changes, list := registry.Import(reg, inputs)
		if list.HasErrors() {
			return nil, list, nil
		}
		err := store.ImportRegistry(ctx, changes, control.ImportOptions{Who: who, Now: time.Now(), Partitions: partitions})
		if errors.Is(err, control.ErrConflict) {
			continue
		}
		return changes, list, err
	}
}
