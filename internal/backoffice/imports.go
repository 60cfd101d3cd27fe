package backoffice

import (
	"context"
	"fmt"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/registry"
)

// ImportRequest requests that the registry is updated from files.
type ImportRequest struct {
	Files    []registry.Input
	Who, Why string
	DryRun   bool // report the new facts, and change nothing
	LeaveOut bool // import the lines without mistakes even if others have some
	Portion  int  // lines about SIMs to import at a time, each portion as one revision; 0 for all at once
	Lines    bool // return the result of each line

	Progress func(written, of int) // called with the number of facts written so far; may be nil
}

// Imported holds the numbers of new facts; for a dry run, of facts that would be new.
type Imported struct {
	Revision    uint64 `json:"revision"` // revision of the registry; 0 if nothing was new
	Companies   int    `json:"companies"`
	Accounts    int    `json:"accounts"`
	SIMs        int    `json:"sims"` // ownerships
	Identifiers int    `json:"identifiers"`
	States      int    `json:"states"`     // of SIMs
	Statements  int    `json:"statements"` // facts of other kinds

	Lines []ImportedLine `json:"lines,omitempty"`
	Notes []string       `json:"notes,omitempty"` // the first file to which the import applies, if files wait or are being read
}

// ImportedLine is the result of a line of a file.
type ImportedLine struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Result string `json:"result"` // changed, unchanged or refused
	Why    string `json:"why,omitempty"`
}

// Import updates the registry from files. The list contains mistakes and warnings. Mistakes prevent the
// import unless their lines are left out; warnings report names that the project's catalogue lacks.
func (o *Office) Import(ctx context.Context, r ImportRequest) (*Imported, diag.List, error) {
	catalogue := o.Catalogue
	if catalogue == nil {
		catalogue = project.Catalogue(o.Project)
	}
	files := project.ImportOptions(catalogue)
	files.Lines = r.Lines
	files.Documents = func(rows []registry.DocumentRow) ([]registry.DocumentDoubt, error) {
		return o.documentDoubts(ctx, rows)
	}
	done, list, err := o.Store.Import(ctx, r.Files, control.ImportOptions{Who: r.Who, Why: r.Why, Now: o.Now(), Partitions: o.Partitions,
		Files: files, DryRun: r.DryRun, LeaveOut: r.LeaveOut, Portion: r.Portion, Progress: r.Progress})
	imported := &Imported{Revision: uint64(done.Revision), Companies: done.Companies, Accounts: done.Accounts, SIMs: done.SIMs,
		Identifiers: done.Identifiers, States: done.States, Statements: done.Statements}
	if done.Revision != 0 {
		imported.Notes = o.countsFrom(ctx, done.Revision)
	}
	for _, line := range done.Lines {
		imported.Lines = append(imported.Lines, ImportedLine{line.File, line.Line, line.Result.String(), line.Why})
	}
	switch {
	case err != nil:
		return imported, list, err
	case list.HasErrors() && !r.LeaveOut && done.Revision != 0:
		return imported, list, &Problem{Invalid, fmt.Errorf("the portions up to revision %d are imported, the others are not: %s", done.Revision,
			counted(list.Errors(), "error"))}
	case list.HasErrors() && !r.LeaveOut:
		return imported, list, &Problem{Invalid, fmt.Errorf("nothing was imported: %s", counted(list.Errors(), "error"))}
	}
	return imported, list, nil
}
