package rating

import "fmt"

// Counters of add-ons follow the version in force, like those of plans. A package keeps the version of its purchase,
// so only an edit of an existing version can start counters of bought packages at zero.

// addonVersions compares each version of an add-on with the version before it.
func (s *succession) addonVersions(c *compiler) {
	for _, f := range c.addons.list {
		for i := 1; i < len(f.versions); i++ {
			s.former = fmt.Sprintf("version %d", i)
			s.buckets(f.versions[i-1].buckets, f.versions[i].buckets)
		}
	}
}

// bought compares the add-ons and packages with those of the catalogue in use.
func (s *succession) bought() {
	s.packs(&s.before.addons, &s.after.addons)
	s.running = "in packages bought before"
	s.packs(&s.before.packages, &s.after.packages)
	s.running = inCycle
}

func (s *succession) packs(before, after *families[pack]) {
	for _, f := range after.list {
		i, ok := before.find(f.name)
		if !ok {
			continue
		}
		for n, v := range f.versions {
			if old := like(before.list[i], f.since[n]); old != nil {
				s.buckets(old.buckets, v.buckets)
			}
		}
	}
}

// inCycle describes when a count in a cycle continues.
const inCycle = "in the current cycle"
