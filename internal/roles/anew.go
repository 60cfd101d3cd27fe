package roles

import (
	"context"
	"errors"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/rating"
)

// StoredCatalogue returns a stored catalogue of the installation. The name is "used" for the catalogue that was
// stored last, or the beginning of a version. It returns control.ErrNotFound if there is none.
func StoredCatalogue(ctx context.Context, store *control.Store, version string) (*rating.Catalogue, error) {
	var bundle []byte
	err := error(control.ErrNotFound)
	switch {
	case version == "used":
		bundle, err = store.LatestDocument(ctx, catalogueDocument)
	case len(version) >= 4:
		bundle, err = store.DocumentBeginning(ctx, catalogueDocument, version)
	}
	if err != nil {
		return nil, err
	}
	return rating.OpenBundle(bundle, project.Kinds()...)
}

// CountersAnew warns about counters that start at zero in the running cycle if c replaces the catalogue that
// the installation used last. It reports nothing for a catalogue that was in use before.
func CountersAnew(ctx context.Context, store *control.Store, c *rating.Catalogue) (diag.List, error) {
	switch _, err := store.Document(ctx, catalogueDocument, c.Version()); {
	case err == nil:
		return nil, nil
	case !errors.Is(err, control.ErrNotFound):
		return nil, err
	}
	bundle, err := store.LatestDocument(ctx, catalogueDocument)
	if errors.Is(err, control.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	used, err := rating.OpenBundle(bundle, project.Kinds()...)
	if err != nil {
		var list diag.List
		list.Warnf(diag.Pos{}, "cannot tell whether counters start anew, because the catalogue in use cannot be opened: %v", err)
		return list, nil
	}
	return c.StartsAnew(used), nil
}
