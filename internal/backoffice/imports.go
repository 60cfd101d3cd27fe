package backoffice

import (
	"context"
	"fmt"
	"time"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/registry"
)

// ImportRequest brings the registry up to date with files.
type ImportRequest struct {
	Files    []registry.Input
	Who      string
	Progress func(written, of int) // is told how many facts are written; may be nil
}

// Imported is what became known.
type Imported struct {
	Revision    uint64 `json:"revision"` // of the registry; 0 if nothing was new
	Companies   int    `json:"companies"`
	Accounts    int    `json:"accounts"`
	SIMs        int    `json:"sims"` // ownerships
	Identifiers int    `json:"identifiers"`
}

// Import brings the registry up to date with files. The list has their mistakes, with which nothing is imported, and
// warnings of names that the project's catalogue does not have.
func (o *Office) Import(ctx context.Context, r ImportRequest) (*Imported, diag.List, error) {
	changes, list, err := o.Store.Import(ctx, r.Files, control.ImportOptions{Who: r.Who, Now: time.Now(), Partitions: o.Partitions,
		Catalogue: project.CatalogueNames(o.Project), Progress: r.Progress})
	switch {
	case err != nil:
		return nil, list, err
	case list.HasErrors():
		return nil, list, &Problem{Invalid, fmt.Errorf("nothing was imported: %s", counted(list.Errors(), "error"))}
	case changes.Empty():
		return &Imported{}, list, nil
	}
	return &Imported{uint64(changes.Revision), len(changes.Companies), len(changes.Accounts), len(changes.SIMs), len(changes.Identifiers)},
		list, nil
}
