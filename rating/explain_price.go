package rating

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// model returns the zone model in which the record's zone was found, nil if unknown.
func (x *explanation) model() *zoneModel {
	if x.names.Catalogue == nil || x.c.ZoneModel == "" {
		return nil
	}
	i, ok := x.names.Catalogue.models.find(x.c.ZoneModel)
	if !ok {
		return nil
	}
	f := x.names.Catalogue.models.list[i]
	m, _, _ := f.at(newZoneClock(x.zone, x.names.Catalogue.dates), x.u.At)
	if m == nil || int(x.c.ZoneIndex) >= len(m.zones) || m.zones[x.c.ZoneIndex].name != x.c.Zone {
		return nil
	}
	return m
}

// plan returns the plan version that rated the record, nil if the catalogue is unknown.
func (x *explanation) plan() *plan {
	cat := x.names.Catalogue
	if cat == nil {
		return nil
	}
	family, ok := cat.plans.find(x.c.Plan)
	if !ok {
		return nil
	}
	versions := cat.plans.list[family].versions
	if n := int(x.c.PlanVersion) - 1; n >= 0 && n < len(versions) {
		return versions[n]
	}
	return nil
}

// planClass returns the prices of that plan version for the record's class.
func (x *explanation) planClass() *planClass {
	p := x.plan()
	if p == nil {
		return nil
	}
	if class, ok := x.names.Catalogue.classes[x.u.Class]; ok && int(class) < len(p.classes) {
		return p.classes[class]
	}
	return nil
}

// included returns the number of units that a plan includes in a bucket if it prorates them, 0 otherwise.
func (x *explanation) included(d *Draw) int64 {
	p := x.plan()
	for i := 0; p != nil && p.prorate && d.Share == "" && i < len(p.included); i++ {
		if p.included[i].name == d.Bucket {
			return p.included[i].size
		}
	}
	return 0
}

// price returns the price at the beginning of the record.
func (x *explanation) price() *price {
	if pc := x.planClass(); pc != nil {
		for i := range pc.prices {
			if pc.prices[i].name == x.c.Price {
				return &pc.prices[i]
			}
		}
	}
	return nil
}

// sliceWords names the time slices of the record. The first is the one in which it begins, because that slice's fee
// applies.
func (x *explanation) sliceWords() string {
	var all []string
	add := func(slice string) {
		if slice == "" {
			slice = "any time"
		}
		if len(all) == 0 || all[len(all)-1] != slice {
			all = append(all, slice)
		}
	}
	if pr := x.price(); pr != nil {
		add(pr.slice)
	}
	for i := range x.c.Lines {
		if l := &x.c.Lines[i]; l.Kind == LineUsage {
			add(l.Slice)
		}
	}
	if len(all) == 0 || len(all) == 1 && all[0] == "any time" {
		return "no time slice" + x.sliceClockWords()
	}
	return "time slice " + strings.Join(all, " then ") + x.sliceClockWords()
}

// sliceClockWords tells whose clock the slices follow, if it is not the account's, and on which holiday the record
// falls.
func (x *explanation) sliceClockWords() (words string) {
	zone := x.zone
	if x.c.SliceZone != "" {
		visited, err := time.LoadLocation(x.c.SliceZone)
		if err != nil {
			return " by the clock of " + x.c.SliceZone
		}
		zone = visited
		words = fmt.Sprintf(" by the clock of %s (%s)", x.c.SliceZone, localTime(x.u.At, zone, "Mon 15:04:05"))
	}
	p := x.plan()
	if p == nil || p.week == nil {
		return words
	}
	if h, day := p.week.holiday(newZoneClock(zone, nil).local(x.u.At)); h != nil {
		words += fmt.Sprintf(" (%s is a holiday of %s)", date(day), h.calendar.name)
	}
	return words
}

// anywhereWords describes a price of a network price plan that names neither place nor other party: it holds
// everywhere, or wherever no other price of the class holds.
func (x *explanation) anywhereWords() string {
	pc, u := x.planClass(), x.u
	others := false
	for i := 0; pc != nil && i < len(pc.own); i++ {
		for j := range pc.own[i].zones {
			others = others || len(pc.own[i].zones[j].where.parts()) > 0
		}
	}
	if !others {
		return "none: the price holds everywhere"
	}
	var lacks []string
	if u.Network != "" {
		lacks = append(lacks, "network "+x.names.network(u.Network))
	}
	if u.Country != "" {
		lacks = append(lacks, "country "+x.names.country(u.Country))
	}
	if u.Peer != "" {
		lacks = append(lacks, "other party "+u.Peer)
	}
	if len(lacks) == 0 {
		lacks = append(lacks, "usage whose place is unknown")
	}
	return fmt.Sprintf("%s, because no other price of the class covers %s at that time", x.c.Zone, strings.Join(lacks, ", "))
}

// reduced returns a fraction in lowest terms.
func reduced(num, den int64) string {
	if den == 0 {
		return fmt.Sprintf("%d/%d", num, den)
	}
	return big.NewRat(num, den).String()
}
