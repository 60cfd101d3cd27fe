package golden

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ratemill/internal/output"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/registry/life"
	"ratemill/rules"
)

// Coverage is the part of a project that its cases reach. The zero Coverage is ready to use.
type Coverage struct {
	sources map[string][]rules.Branch
	places  map[rating.Place]int
	steps   map[life.Step]bool
}

func (c *Coverage) branches(s *source.Source, r *rules.Runner) {
	if c.sources == nil {
		c.sources = map[string][]rules.Branch{}
	}
	now := r.Coverage()
	before := c.sources[s.Name]
	for i := range now {
		if i < len(before) {
			now[i].Count += before[i].Count
		}
	}
	c.sources[s.Name] = now
}

func (c *Coverage) reach(p rating.Place) {
	if c.places == nil {
		c.places = map[rating.Place]int{}
	}
	c.places[p]++
}

// lived counts the steps of a SIM through its states.
func (c *Coverage) lived(stays []life.Stay) {
	if c.steps == nil {
		c.steps = map[life.Step]bool{}
	}
	for i := range stays {
		if s := &stays[i]; s.Rules.Lifecycle != nil {
			c.steps[life.Step{Model: s.Rules.Lifecycle.Model.Name, From: s.Before, To: s.State}] = true
		}
	}
}

// Reached is the part of one kind of element that the cases reach.
type Reached struct {
	Kind    string // branches of SOURCE, zones, steps, buckets, limits, transitions of MODEL
	All     int
	Missing []string
}

// Missing returns the branches of a source's rules that no case took.
func (c *Coverage) Missing(s *source.Source) []rules.Branch {
	var missing []rules.Branch
	all := c.sources[s.Name]
	if all == nil {
		all = s.Program.NewRunner().Coverage()
	}
	for _, b := range all {
		if b.Count == 0 {
			missing = append(missing, b)
		}
	}
	return missing
}

// Report returns the coverage of all kinds of elements.
func (c *Coverage) Report(book *source.Book, catalogue *rating.Catalogue) []Reached {
	var report []Reached
	for _, s := range book.Sources {
		r := Reached{Kind: "branches of " + s.Name, All: len(s.Program.NewRunner().Coverage())}
		for _, b := range c.Missing(s) {
			r.Missing = append(r.Missing, fmt.Sprintf("%s: %s", b.Pos, b))
		}
		report = append(report, r)
	}
	kinds := map[string]*Reached{}
	for _, p := range catalogue.Places() {
		r := kinds[p.Kind]
		if r == nil {
			r = &Reached{Kind: p.Kind + "s"}
			kinds[p.Kind] = r
		}
		r.All++
		if c.places[p] == 0 {
			r.Missing = append(r.Missing, p.Name)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		report = append(report, *kinds[kind])
	}
	for _, s := range catalogue.Life().Steps() {
		kind := "transitions of " + s.Model
		if n := len(report); n == 0 || report[n-1].Kind != kind {
			report = append(report, Reached{Kind: kind})
		}
		r := &report[len(report)-1]
		if r.All++; !c.steps[s] {
			r.Missing = append(r.Missing, s.From+" to "+s.To)
		}
	}
	return report
}

// Print writes a line for each kind; details adds the missing elements.
func Print(w io.Writer, report []Reached, details bool) {
	t := output.New("reached by cases", " ", "").Amounts(" ")
	for _, r := range report {
		note := ""
		if n := len(r.Missing); n > 0 && !details {
			note = "not: " + strings.Join(r.Missing[:min(n, 2)], "; ")
			if n > 2 {
				note += fmt.Sprintf("; and %d more", n-2)
			}
		}
		t.Add(r.Kind, fmt.Sprintf("%d of %d", r.All-len(r.Missing), r.All), note)
	}
	if t.Len() > 0 {
		_ = t.Print(w, output.Table)
	}
	if !details {
		return
	}
	for _, r := range report {
		for _, m := range r.Missing {
			_ = output.Words(w, fmt.Sprintf("not reached: %s: %s\n", strings.TrimSuffix(r.Kind, "s"), m), 4)
		}
	}
}
