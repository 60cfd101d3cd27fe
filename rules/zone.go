package rules

import (
	"errors"
	"strings"

	"ratemill/normalize"
)

// zones are the time zones that records named, each as it came of its name. They belong to a Runner.
type zones struct {
	named   map[string]zoneRead
	layouts map[layoutIn]*normalize.Layout
}

type zoneRead struct {
	zone *normalize.Zone
	err  error
}

type layoutIn struct {
	layout *normalize.Layout
	zone   *normalize.Zone
}

// mostZones is how many names are remembered; there are some 600 zones. A column that holds more is no column of zones.
const mostZones = 1024

// zoneColumn reports whether the zone that an argument gives is only known with each record.
func (b *binding) zoneColumn(i int) bool { return b.has(i) && !b.args[i].constant() }

// zone finds a zone by its name. A zone takes a millisecond to lay out, so names are remembered, wrong ones too.
func (r *Runner) zone(name string) (*normalize.Zone, error) {
	name = strings.TrimSpace(name)
	if known, ok := r.zones.named[name]; ok {
		return known.zone, known.err
	}
	if len(r.zones.named) >= mostZones || r.zones.named == nil {
		r.zones = zones{named: map[string]zoneRead{}, layouts: map[layoutIn]*normalize.Layout{}}
	}
	z, err := normalize.LoadZone(name)
	r.zones.named[strings.Clone(name)] = zoneRead{z, err}
	return z, err
}

// layoutIn is a layout for the times of a zone that a record names.
func (r *Runner) layoutIn(layout *normalize.Layout, name string) (*normalize.Layout, error) {
	z, err := r.zone(name)
	if err != nil {
		return nil, err
	}
	key := layoutIn{layout, z}
	l := r.zones.layouts[key]
	if l == nil {
		l = layout.In(z)
		r.zones.layouts[key] = l
	}
	return l, nil
}

func (r *Runner) noYear(layout *normalize.Layout) error {
	return errors.New("the layout " + layout.String() + " names no year, and it is not known when the file was made")
}
