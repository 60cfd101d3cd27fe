package rating

import (
	"cmp"
	"fmt"

	"ratemill/registry"
	"ratemill/udr"
)

// Late is the code of records that are suspended because their billing cycle is too long ago.
const Late = "late"

// DaysKept returns the number of days for which rating keeps counters after the beginning of their cycle, so that
// usage up to this many cycles late still finds them. The number covers these cycles, the cycle of the use, and
// three months for files and retries that wait. It is at least 500, the number of days in versions without late
// usage.
func DaysKept(lateUntil int) int32 { return max(500, 31*int32(lateUntil+1)+93) }

// late returns the number of the billing root's cycles between the cycle of a record's use and the cycle in which its
// file was accepted. It suspends a record that is later than its source allows. It also suspends a record whose
// counters are forgotten, whatever its file allows, because the record would get its included units a second time.
func (e *Engine) late(c *Counters, u *udr.Usage) (cycles int, err error) {
	first := e.cycleOfSIM
	for _, p := range e.path {
		first = min(first, p.cycle)
	}
	if first < c.forgotten {
		return 0, suspend(Late, "the counters of its billing cycle, which began on %s, are forgotten: only cycles that "+
			"began on %s or later are counted."+
			" "+
			"Rated now, it would be given its included units, pools and first price steps once more; charge it by hand if it is to be "+
			"paid, and drop it",
			date(first), date(c.forgotten))
	}
	if e.catalogue.lateBounds != nil && u.Taken != 0 {
		if err := e.lateForPayers(u); err != nil {
			return 0, err
		}
	}
	root := e.path[len(e.path)-1]
	if u.Taken < root.end {
		return 0, nil
	}
	k := registry.Cycles{Zone: root.facts.Zone, Day: root.facts.CycleDay}
	cycles = k.Between(root.cycle, registry.LocalDate(k.Zone, u.Taken))
	if u.LateUntil > 0 && cycles > int(u.LateUntil) {
		return 0, suspend(Late, "it came %d billing cycles after the cycle of its use: that cycle of account %s began on "+
			"%s, the file or retry was taken at %s, and late_until is %d cycles."+
			" "+
			"If it is to be paid, raise late_until in ratemill.yaml where files are taken, restart, and retry; a retry counts from "+
			"when it is ordered. Otherwise drop it",
			cycles, root.facts.ID, date(root.cycle), u.Taken, u.LateUntil)
	}
	return cycles, nil
}

// LateBound is a document of another package, such as an accounting group, that may limit how late the usage of its
// payers may be.
type LateBound interface {
	LateUntil() int // billing cycles; 0: no bound
}

// lateBounds is the documents of a kind that limit late usage.
type lateBounds interface {
	bounded() bool
	lateUntil(name string, on registry.Date) int
}

func (v Versions[T]) bounded() bool {
	for _, all := range v {
		for _, d := range all {
			if b, ok := any(d).(LateBound); ok && b.LateUntil() > 0 {
				return true
			}
		}
	}
	return false
}

func (v Versions[T]) lateUntil(name string, on registry.Date) int {
	if d := v.At(name, on); d != nil {
		if b, ok := any(d).(LateBound); ok {
			return b.LateUntil()
		}
	}
	return 0
}

// findLateBounds keeps the kinds of documents that limit late usage. The result is nil if there are none, so that
// a record costs nothing extra.
func (c *compiler) findLateBounds() {
	for i := range c.kinds {
		if b, ok := c.foreign[c.kinds[i].Name].compiled.(lateBounds); ok && b.bounded() {
			c.lateBounds = append(c.lateBounds, b)
		}
	}
}

// latest returns the number of billing cycles by which usage of the payers of a group may be late: the smallest number
// in any document with the group's name, 0 if there is none.
func (c *Catalogue) latest(group string, on registry.Date) (until int) {
	for _, b := range c.lateBounds {
		if n := b.lateUntil(group, on); n > 0 && (until == 0 || n < until) {
			until = n
		}
	}
	return until
}

// lateForPayers suspends a record that is later than the accounting group of one of its payers accepts. It uses the
// group, and the version of the group, in force when the file or retry is accepted, because that is when the record
// would get onto a document. It counts in the payer's own cycles.
func (e *Engine) lateForPayers(u *udr.Usage) error {
	for level := range e.path {
		if level > 0 && !e.isCharged(e.path[level]) {
			continue
		}
		paying := level
		for paying < len(e.path) && !e.view.Profiled(e.path[paying].number, u.At, e.rev) {
			paying++
		}
		if paying == len(e.path) {
			return nil
		}
		p := e.path[paying]
		if u.Taken < p.end {
			continue
		}
		group := cmp.Or(e.view.AccountingGroup(p.number, u.Taken, e.rev), e.view.AccountingGroup(p.number, u.At, e.rev))
		k := registry.Cycles{Zone: p.facts.Zone, Day: p.facts.CycleDay}
		taken := registry.LocalDate(k.Zone, u.Taken)
		until := e.catalogue.latest(group, registry.Date(taken))
		if cycles := k.Between(p.cycle, taken); until > 0 && cycles > until {
			return suspend(Late, "it came %d billing cycles after the cycle of its use: that cycle of account %s, which pays "+
				"for it, began on %s, the file or retry was taken at %s, and late_until of accounting group %s is %s."+
				" If it is to be paid, raise late_until of that group "+
				"in the catalogue, restart, and retry; a retry counts from when it is ordered. Otherwise drop it",
				cycles, p.facts.ID, date(p.cycle), u.Taken, group, cyclesWord(until))
		}
	}
	return nil
}

// isCharged reports whether an account is charged for the record, for itself or for those below it.
func (e *Engine) isCharged(p *payer) bool {
	for i := range e.tiers {
		if e.tiers[i].payer == p {
			return true
		}
	}
	return false
}

func cyclesWord(n int) string {
	if n == 1 {
		return "1 cycle"
	}
	return fmt.Sprintf("%d cycles", n)
}

// LateWords describes by how much a rated record was late.
func LateWords(cycles int) string {
	if cycles == 1 {
		return "taken in the billing cycle after the one of its use"
	}
	return fmt.Sprintf("taken %d billing cycles after the one of its use", cycles)
}
