package rating

import (
	"fmt"

	"ratemill/registry"
	"ratemill/udr"
)

// Late is the code of suspended records whose billing cycle is too long ago.
const Late = "late"

// DaysKept is the number of days after the beginning of a cycle for which rating keeps its counters, so that usage up
// to this many cycles late finds them. It covers these cycles, the cycle of the use, and three months for waiting
// files and retries. It is at least 500, the value of versions without late usage.
func DaysKept(lateUntil int) int32 { return max(500, 31*int32(lateUntil+1)+93) }

// late returns the number of the billing root's cycles between the cycle of a record's use and the cycle in which its
// file was taken. It suspends a record that is later than its source allows. It also suspends a record whose counters
// are forgotten, whatever its file says, because the record would get its bundle a second time.
func (e *Engine) late(c *Counters, u *udr.Usage) (cycles int, err error) {
	first := e.cycleOfSIM
	for _, p := range e.path {
		first = min(first, p.cycle)
	}
	if first < c.forgotten {
		return 0, suspend(Late, "the counters of its billing cycle, which began on %s, are forgotten: cycles are counted that began "+
			"on %s or later. "+
			"Rated now, it would be given its included units, pools and first price steps once more; charge it by hand if it is to be "+
			"paid, and drop it",
			date(first), date(c.forgotten))
	}
	root := e.path[len(e.path)-1]
	if u.Taken < root.end {
		return 0, nil
	}
	k := registry.Cycles{Zone: root.facts.Zone, Day: root.facts.CycleDay}
	cycles = k.Between(root.cycle, registry.LocalDate(k.Zone, u.Taken))
	if u.LateUntil > 0 && cycles > int(u.LateUntil) {
		return 0, suspend(Late, "it came %d billing cycles after the one of its use: account %s began that one on %s, the file or "+
			"retry was taken at %s, and late_until is %d cycles. "+
			"If it is to be paid, raise late_until in ratemill.yaml where files are taken, restart, and retry; a retry counts from "+
			"when it is ordered. Otherwise drop it",
			cycles, root.facts.ID, date(root.cycle), u.Taken, u.LateUntil)
	}
	return cycles, nil
}

// LateWords says that a rated record was late, and by how much.
func LateWords(cycles int) string {
	if cycles == 1 {
		return "taken in the billing cycle after the one of its use"
	}
	return fmt.Sprintf("taken %d billing cycles after the one of its use", cycles)
}
