package registry

import (
	"math"
	"time"

	"ratemill/udr"
)

const daySeconds = 24 * 60 * 60

// CycleOf returns the billing cycle that contains a local date, as the dates on which this cycle and the next one
// begin, in days since 1970-01-01. A cycle begins on the account's cycle day, or on the month's last day in shorter
// months; the first cycle after a change of cycle day or zone begins on CyclesFrom.
func (a *Account) CycleOf(date int32) (first, next int32) {
	return Cycles{a.Zone, a.CycleDay, a.CyclesFrom}.Of(date)
}

// Cycles contains the rules of an account's billing cycles.
type Cycles struct {
	Zone *time.Location
	Day  int   // day of the month, 1 to 31
	From int32 // local date on which the first cycle under these rules begins, 0 for always
}

// Of returns the cycle that contains a local date; see CycleOf.
func (c Cycles) Of(date int32) (first, next int32) {
	first, next = cycleOf(date, c.Day)
	return max(first, min(c.From, date)), next
}

// Between returns the number of cycles that begin after one local date and not after another, 0 if the second is
// earlier.
func (c Cycles) Between(from, to int32) int {
	return max(0, monthOf(to, c.Day)-monthOf(from, c.Day))
}

// monthOf returns the number of the month in which the cycle of a local date begins; one cycle
// begins in each month.
func monthOf(date int32, cycleDay int) int {
	year, month, _ := time.Unix(int64(date)*daySeconds, 0).UTC().Date()
	n := 12*year + int(month)
	if date < cycleStart(year, month, cycleDay) {
		n--
	}
	return n
}

func cycleOf(date int32, cycleDay int) (first, next int32) {
	year, month, _ := time.Unix(int64(date)*daySeconds, 0).UTC().Date()
	if first = cycleStart(year, month, cycleDay); date < first {
		return cycleStart(year, month-1, cycleDay), first
	}
	return first, cycleStart(year, month+1, cycleDay)
}

func cycleStart(year int, month time.Month, cycleDay int) int32 {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	day := min(max(cycleDay, 1), last.Day())
	return int32(last.Unix()/daySeconds) - int32(last.Day()-day)
}

// Midnight returns the first instant of a local date, in days since 1970-01-01. If clocks go forward at midnight, the
// date begins later than 00:00; if they go back across midnight, the first midnight counts.
func Midnight(zone *time.Location, date int32) udr.Instant {
	wanted := int64(date) * daySeconds
	// No zone is more than 15 hours from UTC, so these two offsets are the ones before and after a clock change
	// near midnight.
	best := int64(math.MaxInt64)
	for _, probe := range [...]int64{wanted - 16*3600, wanted + 16*3600} {
		_, offset := time.Unix(probe, 0).In(zone).Zone()
		t := time.Unix(wanted-int64(offset), 0).In(zone)
		if _, actual := t.Zone(); actual == offset {
			best = min(best, t.Unix())
		}
	}
	if best == math.MaxInt64 {
		// 00:00 does not exist: the date begins at the time to which the clocks jumped.
		start, _ := time.Unix(wanted+16*3600, 0).In(zone).ZoneBounds()
		best = start.Unix()
	}
	return udr.Instant(best * int64(time.Second))
}

// LocalDate returns the date at an instant, in days since 1970-01-01.
func LocalDate(zone *time.Location, at udr.Instant) int32 {
	y, m, d := at.Time().In(zone).Date()
	return int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / daySeconds)
}

// cycles contains the rules of billing cycles from a time on.
type cycles struct {
	Cycles
	from udr.Instant
}

// after returns the rules that follow from a change requested from a time on. A cycle that has begun runs to
// its end, so that cycles never overlap and usage counts in exactly one. A change on the first date of a cycle
// takes effect there.
func (c cycles) after(asked udr.Instant, zone *time.Location, day int) cycles {
	date := LocalDate(zone, asked)
	if first, _ := c.Of(date); first == date && Midnight(zone, date) == asked {
		return cycles{Cycles{zone, day, date}, asked}
	}
	_, next := c.Of(LocalDate(c.Zone, asked))
	return cycles{Cycles{zone, day, next}, Midnight(zone, next)}
}

// SIMCycles returns the rules for the billing cycles of a SIM's own usage at a time, if they differ from the
// rules of its account. They differ because a SIM that moves within one billing root stays in the current
// cycle. owner is the SIM's owner at that time.
func (v *View) SIMCycles(sim uint32, owner Ownership, at udr.Instant, rev Revision) (Cycles, bool) {
	run, moved := v.simCycles(sim, owner, at, rev, 0)
	return run.Cycles, moved
}

// MoveMatters is the longest time for which a SIM's move can affect its cycles: the current cycle, and a short
// cycle after it.
const MoveMatters = udr.Instant(66 * 24 * time.Hour)

// mostMoves is the largest number of moves of a SIM, each within two months of the next, that SIMCycles traces back.
const mostMoves = 100

func (v *View) simCycles(sim uint32, owner Ownership, at udr.Instant, rev Revision, moves int) (cycles, bool) {
	a, ok := v.Account(owner.Account, at, rev)
	if !ok {
		return cycles{}, false
	}
	own := cycles{Cycles{a.Zone, a.CycleDay, a.CyclesFrom}, 0}
	before, ok := v.Owner(sim, owner.Since-1, rev)
	if !ok || moves == mostMoves || at-owner.Since > MoveMatters {
		return own, false
	}
	above, _, _ := v.Root(before.Account, owner.Since-1, rev)
	if root, _, _ := v.Root(owner.Account, owner.Since, rev); root != above {
		return own, false
	}
	ran, moved := v.simCycles(sim, before, owner.Since, rev, moves+1)
	if ran.Zone == nil || ran.Zone == own.Zone && ran.Day == own.Day {
		return ran, moved
	}
	next := ran.after(owner.Since, own.Zone, own.Day)
	switch {
	case at < next.from:
		return ran, true
	case own.From > next.From:
		return own, false // the account has changed its cycles in the meantime
	}
	return next, true
}

// said lists the facts about an account as known at a revision, one for each beginning.
func (a *accounts) said(number uint32, rev Revision) []*accountKnown {
	var said []*accountKnown
	facts := a.facts[number]
	for i := range facts {
		f := &facts[i]
		if f.known > rev {
			continue
		}
		if n := len(said); n > 0 && said[n-1].From == f.From {
			said = said[:n-1] // if facts have the same beginning, the last one counts
		}
		said = append(said, f)
	}
	held := said[:0]
	for _, f := range said {
		if f.State != Withdrawn {
			held = append(held, f)
		}
	}
	return held
}
