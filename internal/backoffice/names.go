package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/internal/warehouse"
)

// A mistyped filter matches nothing, which looks as if there were no problems. So the office checks the filter's
// values if it matches nothing.

// sourceKnown refuses names of sources that neither the project nor the ledger has.
func (o *Office) sourceKnown(ctx context.Context, name string, more ...string) error {
	known, err := o.Store.Sources(ctx)
	if err != nil || name == "" {
		return err
	}
	p, _ := project.LoadDir(o.Project)
	if p != nil {
		known = append(known, p.Sources.Names()...)
	}
	known = append(known, more...)
	slices.Sort(known)
	known = slices.Compact(known)
	if slices.Contains(known, name) {
		return nil
	}
	if p != nil {
		if s, ok := p.Sources.Source(name); ok {
			return fmt.Errorf("source %s keeps the name %s, which it had before; say --source %s", name, s.Name, s.Name)
		}
	}
	return fmt.Errorf("there is no source %s%s", name, orAll(diag.Suggest(name, known), "source", known))
}

// orAll returns a suggestion, or all names if no name is similar and there are only a few.
func orAll(suggestion, what string, all []string) string {
	switch {
	case suggestion != "" || len(all) == 0 || len(all) > 20:
		return suggestion
	case len(all) == 1:
		return "; the only " + what + " is " + all[0]
	}
	return "; the " + what + "s are " + strings.Join(all, ", ")
}

// projectSources returns the names of the project's sources; nil if the project cannot be read.
func (o *Office) projectSources() map[string]bool {
	p, _ := project.LoadDir(o.Project)
	if p == nil {
		return nil
	}
	names := map[string]bool{}
	for _, name := range p.Sources.Names() {
		names[name] = true
	}
	return names
}

// nothingWaits reports that a filter matched nothing, or refuses the filter if no record could ever match its
// values.
func (o *Office) nothingWaits(ctx context.Context, w *warehouse.Warehouse, filter *warehouse.SuspenseFilter) (words string, err error) {
	all, err := w.SuspenseWords(ctx)
	if err != nil {
		return "", err
	}
	var sources, waiting []string
	codes := slices.Clone(Codes)
	for _, w := range all {
		sources, codes = append(sources, w.Source), append(codes, w.Code)
		if w.Waiting > 0 {
			waiting = append(waiting, w.Code)
		}
	}
	if err := o.sourceKnown(ctx, filter.Source, sources...); err != nil {
		return "", err
	}
	slices.Sort(waiting)
	waiting = slices.Compact(waiting)
	switch {
	case filter.Code == "" || slices.Contains(waiting, filter.Code):
		return "nothing waits", nil
	case !slices.Contains(codes, filter.Code):
		return "", fmt.Errorf("%s is not a suspense code%s", filter.Code, orAll(diag.Suggest(filter.Code, codes), "waiting code", waiting))
	}
	return "no record waits with code " + filter.Code + orAll("", "waiting code", waiting), nil
}
