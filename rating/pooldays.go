package rating

import (
	"slices"

	"ratemill/registry"
)

// ByParticipation returns the names of the share plans that an account has while one of its SIMs participates, by
// their newest versions.
func (c *Catalogue) ByParticipation() (names []string) {
	for _, f := range c.shares.list {
		if n := len(f.versions); n > 0 && f.versions[n-1].participation {
			names = append(names, f.name)
		}
	}
	return names
}

// SharesAbove reports whether buckets of some share plan belong to an account above the one that has it.
func (c *Catalogue) SharesAbove() bool { return c.above }

// PoolReader finds the days on which accounts have the pools that participation activates. Only one goroutine may use
// it.
type PoolReader struct{ pools }

// NewPoolReader reads pools by a catalogue.
func NewPoolReader(c *Catalogue) *PoolReader { return &PoolReader{pools{Engine: NewEngine(c)}} }

// Days returns the local dates on which an account has the buckets of a share plan, as known at a revision. It looks
// from one date up to, but not including, another. The result is a list of ranges, each with its first date and the
// date after its last.
func (r *PoolReader) Days(v *registry.View, rev registry.Revision, name string, owner *registry.Account, from, to int32) (runs [][2]int32) {
	i, ok := r.catalogue.shares.find(name)
	if !ok || len(r.catalogue.shares.list[i].versions) == 0 {
		return nil
	}
	versions := r.catalogue.shares.list[i].versions
	p := newPool(versions[len(versions)-1], owner.Number, newZoneClock(owner.Zone, r.catalogue.dates), from, to)
	r.upTo(p, v, rev)
	has := make([]int64, len(p.ends))
	for _, c := range p.changes {
		if c.group != 0 || c.known > rev {
			continue
		}
		for day := int(c.day); day < len(has); day++ {
			has[day] += c.units
		}
	}
	for day, n := range has {
		on := from + int32(day)
		switch last := len(runs) - 1; {
		case n <= 0:
		case last >= 0 && runs[last][1] == on:
			runs[last][1]++
		default:
			runs = append(runs, [2]int32{on, on + 1})
		}
	}
	return slices.Clip(runs)
}
