package normalize

import (
	"bytes"
	"errors"
)

// State is the context of calls other than their arguments: the file's modification time, and caches. The zero value
// has empty caches. Only one goroutine may use it.
type State struct {
	Modified int64 // modification time of the records' file, in nanoseconds since 1970; 0 if unknown

	phones  *Phones
	zones   map[string]zoneRead // by the names in records
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

// mostZones limits the number of cached names; there are about 600 zones. A column with more values does not
// contain zones.
const mostZones = 1024

// Phones caches the numbers that are slow to parse. Most programs have none, so it is created on first use.
func (s *State) Phones() *Phones {
	if s.phones == nil {
		s.phones = NewPhones(1 << 12)
	}
	return s.phones
}

// zone finds a zone by its name. Loading a zone takes a millisecond, so names are cached, including invalid ones.
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

// layoutIn returns a layout for times in a zone that a record contains.
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

// moment reads a time; a time without a year gets the year that brings it nearest to the file's
// modification time.
func (s *State) moment(l *Layout, text []byte) (Moment, error) {
	if !l.yearless {
		return l.Parse(text)
	}
	if s.Modified == 0 {
		return Moment{}, errors.New("the layout " + l.text + " has no year, and it is not known when the file was created")
	}
	return l.ParseNear(text, s.Modified)
}
