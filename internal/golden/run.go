package golden

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"ratemill/diag"
	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// Outcome is the result of a case.
type Outcome struct {
	Sections []Section // in the order of a draft
}

// Section is the actual and the expected text of one section.
type Section struct {
	Name      string
	Want, Got string
	Said      bool // the case has the section
}

// Differs reports whether the case fails in this section.
func (s *Section) Differs() bool {
	if !s.Said {
		return slices.Contains(always, s.Name) && s.Got != ""
	}
	return normal(s.Want) != normal(s.Got)
}

// Passed reports whether everything is as the case expects. A case without expectations proves nothing.
func (o *Outcome) Passed() bool {
	return !o.Draft() && !slices.ContainsFunc(o.Sections, func(s Section) bool { return s.Differs() })
}

// Draft reports whether the case has no expectations yet.
func (o *Outcome) Draft() bool {
	return !slices.ContainsFunc(o.Sections, func(s Section) bool { return s.Said })
}

func (o *Outcome) section(name string) *Section {
	for i := range o.Sections {
		if o.Sections[i].Name == name {
			return &o.Sections[i]
		}
	}
	return &Section{Name: name}
}

// Run runs the case with a project's documents. An error means that the case cannot be run. cover may be nil.
func (c *Case) Run(ctx context.Context, p *project.Project, cover *Coverage) (*Outcome, error) {
	if p.Catalogue == nil {
		return nil, fmt.Errorf("the project has no catalogue, so there are no prices to rate records with")
	}
	s, err := c.steps()
	if err != nil {
		return nil, err
	}
	files, err := c.files(p.Sources, s)
	if err != nil {
		return nil, err
	}
	if s != nil {
		return c.live(ctx, p, s, files, cover)
	}
	reg, err := c.registry(p.Catalogue)
	if err != nil {
		return nil, err
	}
	taken, err := c.taken()
	if err != nil {
		return nil, err
	}
	w := newWriter(reg, files)
	pipe := offline.Pipeline{
		Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg, Now: taken.Taken.Time, LateUntil: int(taken.LateUntil),
		Batch: func(_ *offline.File, _ int, b *ratedlog.Batch, _ []byte) error { return w.batch(b, cover) },
	}
	if err := c.rate(ctx, &pipe, w, files, cover); err != nil {
		return nil, err
	}
	return c.outcome(w.tables())
}

// live runs a case with steps.
func (c *Case) live(ctx context.Context, p *project.Project, s *steps, files []offline.File, cover *Coverage) (*Outcome, error) {
	if len(c.parts(isTaken)) > 0 {
		return nil, errors.New("a case with steps.yaml has no taken.yaml: its steps say when its files are taken")
	}
	i, err := c.install(ctx, p, s)
	if err != nil {
		return nil, err
	}
	defer i.close()
	w := newWriter(i.registry, files)
	pipe := offline.Pipeline{
		Sources: p.Sources, Catalogue: p.Catalogue, Registry: i.registry, Now: i.now, LateUntil: lateUntil,
		Batch: func(_ *offline.File, _ int, b *ratedlog.Batch, value []byte) error {
			i.rated = append(i.rated, value)
			return w.batch(b, cover)
		},
	}
	i.runs(ctx, &pipe)
	if err := c.rate(ctx, &pipe, w, files, cover); err != nil {
		return nil, err
	}
	if i.failed != nil {
		return nil, i.failed
	}
	if _, err := i.begin(ctx); err != nil { // the steps after the last file
		return nil, err
	}
	tables := w.tables()
	more, err := i.tables(ctx, w, cover)
	if err != nil {
		return nil, err
	}
	maps.Copy(tables, more)
	return c.outcome(tables)
}

// rate rates the files of the case.
func (c *Case) rate(ctx context.Context, pipe *offline.Pipeline, w *writer, files []offline.File, cover *Coverage) error {
	first, err := c.walk(ctx, files, cover)
	if err != nil {
		return err
	}
	before, err := c.before(pipe.Catalogue, pipe.Registry, first)
	if err != nil {
		return err
	}
	pipe.Before = func(_ int, counters *rating.Counters) error {
		for _, d := range before {
			counters.Restore(d.Key, d.Value, -1)
		}
		return nil
	}
	balances, err := pipe.Run(ctx, files)
	if err != nil {
		return err
	}
	w.balances(balances)
	return nil
}

// walk reads the raw records for coverage, and for the time of the first usage.
func (c *Case) walk(ctx context.Context, files []offline.File, cover *Coverage) (first udr.Instant, err error) {
	try := offline.Try{}
	for i := range files {
		runner, err := try.File(ctx, &files[i], func(d *offline.Decision) error {
			for _, u := range d.Usages {
				if first == 0 || u.At < first {
					first = u.At
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		if cover != nil {
			cover.branches(files[i].Source, runner)
		}
	}
	return first, nil
}

func (c *Case) outcome(got map[string]string) (*Outcome, error) {
	o := &Outcome{}
	for _, name := range sections {
		s := Section{Name: name, Got: got[name]}
		s.Want, s.Said = c.expectation(name)
		o.Sections = append(o.Sections, s)
	}
	return o, nil
}

// before reads the counters that before.yaml sets:
//
//	pool fleet-3g: { used: 2_999_990_000 B }     # of the one account that has the pool, in the first record's cycle
//	plan roamer/data: { sim: imsi 214…, used: 10 MB }
//	limit spend: { account: acme, used: 99.50, at: 2026-03-17T00:00:00Z }
func (c *Case) before(catalogue *rating.Catalogue, reg *registry.Registry, first udr.Instant) ([]rating.Delta, error) {
	var deltas []rating.Delta
	for _, part := range c.parts(isBefore) {
		doc, list := diag.Parse(c.Name+": before.yaml", part.Data)
		if doc != nil && doc.Kind == diag.Mapping {
			for _, m := range doc.Members {
				var b counterBefore
				d := diag.Decoder{}
				d.Decode(m.Value, &b)
				list = append(list, d.List...)
				if d.List.HasErrors() {
					continue
				}
				delta, err := b.delta(m.Key.Text, catalogue, reg, first)
				if err != nil {
					list.Errorf(m.Key.Pos, "%v", err)
					continue
				}
				deltas = append(deltas, delta)
			}
		}
		if err := list.Err(); err != nil {
			return nil, err
		}
	}
	return deltas, nil
}
