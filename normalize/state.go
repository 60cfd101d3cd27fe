package normalize

import (
	"bytes"
	"errors"
)

// State is what calls know besides their arguments: when the file was changed, and what they remember of records before.
// The zero value remembers nothing yet. It belongs to one goroutine.
type State struct {
	Modified int64 // when the file of the records was last changed, in nanoseconds since 1970; 0 when it is not known

	phones  *Phones
	zones   map[string]zoneRead // by the names that records gave
	layouts map[layoutIn]*Layout
}

type zoneRead struct {
	zone *Zone
	err  error
}

type layoutIn struct {
	layout *Layout
	zone   *Zone
}

// mostZones is how many names are remembered; there are some 600 zones. A column that holds more is no column of zones.
const mostZones = 1024

// Phones remembers the numbers that are slow to read. Most programs have none, so it is made when the first comes.
func (s *State) Phones() *Phones {
	if s.phones == nil {
		s.phones = NewPhones(1 << 12)
	}
	return s.phones
}

// zone finds a zone by its name. A zone takes a millisecond to lay out, so names are remembered, wrong ones too.
func (s *State) zone(name []byte) (*Zone, error) {
	name = bytes.TrimSpace(name)
	if known, ok := s.zones[string(name)]; ok {
		return known.zone, known.err
	}
	if len(s.zones) >= mostZones || s.zones == nil {
		s.zones, s.layouts = map[string]zoneRead{}, map[layoutIn]*Layout{}
	}
	z, err := LoadZone(string(name))
	s.zones[string(name)] = zoneRead{z, err}
	return z, err
}

// layoutIn is a layout for the times of a zone that a record names.
func (s *State) layoutIn(layout *Layout, name []byte) (*Layout, error) {
	z, err := s.zone(name)
	if err != nil {
		return nil, err
	}
	key := layoutIn{layout, z}
	l := s.layouts[key]
	if l == nil {
		l = layout.In(z)
		s.layouts[key] = l
	}
	return l, nil
}

// moment reads a time; one without a year is near the time at which its file was changed.
func (s *State) moment(l *Layout, text []byte) (Moment, error) {
	if !l.yearless {
		return l.Parse(text)
	}
	if s.Modified == 0 {
		return Moment{}, errors.New("the layout " + l.text + " names no year, and it is not known when the file was made")
	}
	return l.ParseNear(text, s.Modified)
}
