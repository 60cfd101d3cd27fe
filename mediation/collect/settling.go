package collect

import (
	"cmp"
	"slices"
	"time"
)

// Settling remembers how long each file has been unchanged. The zero value has seen no listing.
type Settling struct {
	since map[string]observation
	aside map[string]observation
}

// When a file has had a private name for this long, no process is still comparing it, because After tries at
// least once an hour.
const longestAside = 2 * time.Hour

type observation struct {
	Entry
	since time.Time
}

// Verdict is the interpretation of a listing, given the listings before it.
type Verdict struct {
	Ready    []Entry  // complete
	Growing  []Entry  // not yet
	Vanished []string // files in the last listing that this one lacks
	Refused  []Refusal
	More     int         // refused as well
	Unread   []string    // directories that could not be listed
	Since    []time.Time // time since which each growing file has been unchanged
	Aside    []Entry     // files that a process left under a private name, because it did not finish moving or deleting them
}

// Next interprets a listing made at now. It depends only on the listings so far. It compares times of the server only
// with each other, because its clock may be wrong.
func (s Settling) Next(l Listing, o *Options, now time.Time) (Settling, Verdict) {
	next := Settling{since: make(map[string]observation, len(l.Entries))}
	v := Verdict{Refused: l.Refused, More: l.More, Unread: l.Unread}
	for _, e := range l.Entries {
		seen, known := s.since[e.Path]
		if !known || !seen.Same(e) {
			seen = observation{e, now}
		}
		next.since[e.Path] = seen
		complete := now.Sub(seen.since) >= o.Settled
		if o.Marker != "" {
			complete = l.Marked[e.Path]
		}
		if complete {
			v.Ready = append(v.Ready, e)
		} else {
			v.Growing = append(v.Growing, e)
		}
	}
	next.aside = make(map[string]observation, len(l.Aside))
	for _, e := range l.Aside {
		seen, known := s.aside[e.Path]
		if !known || !seen.Same(e) {
			seen = observation{e, now}
		}
		next.aside[e.Path] = seen
		if now.Sub(seen.since) >= longestAside {
			v.Aside = append(v.Aside, e)
		}
	}
	for path := range s.since {
		if _, there := next.since[path]; !there {
			v.Vanished = append(v.Vanished, path)
		}
	}
	slices.Sort(v.Vanished)
	order := func(a, b Entry) int {
		if o.Order == "time" {
			if c := a.MTime.Compare(b.MTime); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.Path, b.Path)
	}
	slices.SortFunc(v.Ready, order)
	slices.SortFunc(v.Growing, order)
	for _, e := range v.Growing {
		v.Since = append(v.Since, next.since[e.Path].since)
	}
	return next, v
}
