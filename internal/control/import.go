package control

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// Imported is the result of an import.
type Imported struct {
	Revision registry.Revision // the last revision; 0 if nothing was new

	Companies, Accounts, SIMs, Identifiers, States, Statements int // facts

	Lines []registry.Line // results of the lines, if requested
}

func (i *Imported) add(c *registry.Changes) {
	if c.Empty() {
		return
	}
	i.Revision = c.Revision
	i.Companies += len(c.Companies)
	i.Accounts += len(c.Accounts)
	i.SIMs += len(c.SIMs)
	i.Identifiers += len(c.Identifiers)
	i.States += len(c.States)
	i.Statements += len(c.Statements)
}

// Import changes the registry to the state in the files. If the files have errors, nothing changes, unless the lines
// with errors are to be left out. Warnings do not prevent the import. Of two concurrent imports, the second builds on
// the first.
func (s *Store) Import(ctx context.Context, files []registry.Input, o ImportOptions) (done *Imported, list diag.List, err error) {
	im := &importing{s: s, o: o, files: files, done: &Imported{}, leaveOut: map[registry.Place]bool{}}
	for first := 0; ; first += o.Portion {
		sims, err := im.portion(ctx, first)
		if err != nil || im.list.HasErrors() && !o.LeaveOut || o.Portion == 0 || first+o.Portion >= sims {
			im.done.Lines = im.lines()
			return im.done, im.list, err
		}
	}
}

type importing struct {
	s     *Store
	o     ImportOptions
	files []registry.Input

	registry   *registry.Registry // nil if it must be loaded
	statements *registry.Statements

	leaveOut map[registry.Place]bool
	done     *Imported
	list     diag.List
	all      []registry.Line
}

func (im *importing) load(ctx context.Context) error {
	if im.registry != nil {
		return nil
	}
	r, statements := registry.New(), registry.NewStatements()
	for {
		rev, err := im.s.LoadRegistry(ctx, r)
		if err != nil {
			return err
		}
		same, err := im.s.LoadStatements(ctx, statements)
		if err != nil {
			return err
		}
		if rev == same {
			im.registry, im.statements = r, statements
			return nil
		}
	}
}

// portion imports lines about SIMs from line first on; the first portion also imports all other lines. It returns the
// number of all lines about SIMs.
func (im *importing) portion(ctx context.Context, first int) (sims int, err error) {
	for {
		if err := im.load(ctx); err != nil {
			return 0, err
		}
		o := im.o.Files
		o.Now, o.Statements, o.SIMLines = udr.InstantOf(im.o.Now), im.statements, &sims
		if im.o.Portion != 0 {
			o.Portion = registry.Portion{First: first, Last: first + im.o.Portion}
		}
		if o.Lines = o.Lines || im.o.LeaveOut; im.o.LeaveOut {
			o.LeaveOut = im.leaveOut
		}
		changes, lines, problems := registry.ImportWith(im.registry, im.files, o)
		if problems.HasErrors() {
			im.registry = nil // it has facts of lines that were refused
			wrong, all := registry.Wrong(problems)
			before := len(im.leaveOut)
			maps.Copy(im.leaveOut, wrong)
			if im.o.LeaveOut && all && len(im.leaveOut) > before {
				im.list = append(im.list, slices.DeleteFunc(problems, func(d diag.Diagnostic) bool { return d.Severity != diag.Error })...)
				im.refuse(lines)
				continue
			}
			im.list = append(im.list, problems...)
			im.take(lines)
			return sims, nil
		}
		if !im.o.DryRun {
			if err := im.s.ImportRegistry(ctx, changes, im.o); errors.Is(err, ErrConflict) {
				im.registry = nil
				continue
			} else if err != nil {
				return 0, err
			}
		}
		im.take(lines)
		im.list = append(im.list, problems...)
		im.done.add(changes)
		if !changes.Empty() {
			im.registry.Publish(changes.Revision)
			im.statements.Publish(changes.Revision)
		}
		return sims, nil
	}
}

// refuse keeps the results of the lines that are refused.
func (im *importing) refuse(lines []registry.Line) {
	for _, line := range lines {
		if line.Result == registry.Refused {
			im.all = append(im.all, line)
		}
	}
}

// take stores the results of a portion, except those of lines that were refused earlier.
func (im *importing) take(lines []registry.Line) {
	for _, line := range lines {
		if line.Result != registry.LeftOut {
			im.all = append(im.all, line)
		}
	}
}

// lines returns the results of all lines, each once.
func (im *importing) lines() []registry.Line {
	if !im.o.Files.Lines {
		return nil
	}
	last := map[registry.Place]int{}
	for i, line := range im.all {
		if at, ok := last[line.Place]; !ok || im.all[at].Result < line.Result {
			last[line.Place] = i
		}
	}
	var all []registry.Line
	for i, line := range im.all {
		if last[line.Place] == i {
			all = append(all, line)
		}
	}
	slices.SortStableFunc(all, func(a, b registry.Line) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return all
}
