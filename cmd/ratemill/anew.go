package main

import (
	"context"
	"errors"
	"strings"

	"ratemill/diag"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/roles"
)

// startsAnew warns about counters that start at zero with the project's catalogue, compared with the catalogue that the
// installation uses. check contacts no server, so it skips a control store on a server; run warns at its start instead.
func (f *flags) startsAnew(ctx context.Context, args []string, p *project.Project) (list diag.List) {
	path := "ratemill.yaml"
	switch {
	case len(args) > 0:
		path = configurationIn(args[0])
	case f.config != "" || !isProject("."):
		path = f.configuration()
	}
	c, _, err := config.Load(path)
	if err != nil || c == nil || p.Catalogue == nil || !strings.HasPrefix(c.Control, "sqlite:") {
		return nil
	}
	store, err := control.OpenExisting(ctx, c.Control)
	if err == nil {
		defer store.Close()
		list, err = roles.CountersAnew(ctx, store, p.Catalogue)
	}
	if missing := (*control.MissingError)(nil); err != nil && !errors.As(err, &missing) {
		list.Warnf(diag.Pos{}, "cannot check whether counters start at zero: %v", err)
	}
	return list
}
