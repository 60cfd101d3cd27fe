package rating

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"ratemill/diag"
)

// The name of a counter determines what it counts: in every version of a plan and of the catalogue, the same name is
// the same counter. A price is identified by its name, or else by its places in any order; a bucket and a limit by
// their names. `formerly` keeps the counter that has another name.

// priceIdentity is the name of a counted price in its counter, together with the features that identify the price in
// another version.
type priceIdentity struct {
	key    string   // after PLAN/CLASS/
	own    string   // the key as it would be without formerly
	former string   // formerly, with its words in the same order as in key
	words  []string // words of its zones or places; none if the price holds everywhere
	said   bool     // the price itself identifies its counter, by name or formerly
	at     diag.Pos
	before []uint64 // ids in former versions, from words in the order written; rating reads them but never adds to them
}

// identify assigns a counter to a price.
func (c *compiler) identify(d *priceDoc, prefix string, zones []string, ownZones bool, at diag.Pos) (p priceIdentity, id uint64) {
	p = priceIdentity{at: at, said: d.Name.Value != "" || d.Formerly.Value != ""}
	var written string // its former name
	if ownZones {
		p.words, p.key, written = d.Where.parts(), d.Where.short(), ownZone(&d.Where)
	} else {
		p.words = zones
		p.key = sortedList(zones)
		if len(zones) == 0 {
			p.key, written = "all", "all"
		} else {
			written = strings.Join(zones, ",")
		}
	}
	if d.Slice.Value != "" {
		p.key += "@" + d.Slice.Value
		written += "@" + d.Slice.Value
	}
	p.own = cmp.Or(d.Name.Value, p.key)
	switch {
	case d.Formerly.Value != "":
		p.key = inOrder(d.Formerly.Value)
		p.former = p.key
		if p.key != d.Formerly.Value {
			p.before = []uint64{hashName(prefix + d.Formerly.Value)}
		}
	case d.Name.Value != "":
		p.key = d.Name.Value
	case written != p.key:
		p.before = []uint64{hashName(prefix + written)}
	}
	return p, c.id(at, prefix+p.key)
}

// inOrder returns the description of an unnamed price that explanations show, with its words in the order that
// identifies its counter.
func inOrder(shown string) string {
	if strings.Contains(shown, " to ") || strings.Contains(shown, "…") {
		return shown
	}
	words, slice, sliced := strings.Cut(shown, "@")
	words = sortedList(strings.Split(words, ","))
	if sliced {
		words += "@" + slice
	}
	return words
}

func sortedList(words []string) string {
	words = slices.Clone(words)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ",")
}

// short abbreviates the output of holds. If there are more than three words, it returns the first two, the number of
// words and a hash of all.
func (w *whereDoc) short() string {
	holds := w.holds()
	if words := strings.FieldsFunc(holds, func(r rune) bool { return r == ',' || r == ' ' }); len(w.parts()) > 3 {
		return fmt.Sprintf("%s,%s…%d#%016x", words[0], words[1], len(w.parts()), xxhash.Sum64String(holds))
	}
	return holds
}

// shareBefore gives all prices of one counter, in all versions of a plan, all former ids of this counter. It leaves
// out former ids that belong to another price.
func (c *compiler) shareBefore(f *family[plan]) {
	own, before := map[uint64]bool{}, map[uint64][]uint64{}
	each := func(do func(*price)) {
		for _, p := range f.versions {
			for _, pc := range p.classes {
				for i := 0; pc != nil && i < len(pc.prices); i++ {
					do(&pc.prices[i])
				}
			}
		}
	}
	each(func(p *price) {
		own[p.id] = true
		before[p.id] = append(before[p.id], p.before...)
	})
	each(func(p *price) {
		p.before = slices.DeleteFunc(slices.Clone(before[p.id]), func(id uint64) bool { return own[id] })
		slices.Sort(p.before)
		p.before = slices.Compact(p.before)
	})
}
