package registry

import (
	"slices"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// tellCycles warns of each change of cycle day or zone that is requested during a cycle, because the current cycle
// continues to its end.
func (im *importer) tellCycles() {
	for i := range im.changes.Accounts {
		f := &im.changes.Accounts[i]
		now, next, changes, err := im.r.accounts.cycles(f.Number, f.From, im.changes.Revision)
		if err != nil || !changes || f.State == Withdrawn || f.Zone == "" && f.CycleDay == 0 {
			continue
		}
		if a := im.rowOf(f); a != nil {
			im.warnf(cyclesCell(a, now.Day != next.Day), "cycle_day %d and zone %s of account %s take effect on %s: the billing "+
				"cycle that runs at the row's since ends then",
				next.Day, next.Zone, f.ID, next.from.Time().In(next.Zone).Format(time.DateOnly))
		}
	}
}

// rowOf returns the row of a fact, nil if there is none.
func (im *importer) rowOf(f *AccountFact) *accountRow {
	for i := range im.accountRows[f.Number] {
		if a := &im.accountRows[f.Number][i]; a.fact.From == f.From {
			return a
		}
	}
	return nil
}

// cyclesCell returns the position of the cycle day or the zone in a row.
func cyclesCell(a *accountRow, day bool) diag.Pos {
	switch {
	case day && a.row.cells[colCycleDay].text != "":
		return a.row.at(colCycleDay)
	case a.row.cells[colZone].text != "":
		return a.row.at(colZone)
	}
	return a.row.at(colID)
}

// keepCycles refuses rows that change cycles that have begun. Usage in them may have been rated; in other cycles
// it would get its included units a second time. It refuses every correction, withdrawal or backdated row about
// a cycle day or zone of the account or of one above it, unless it takes effect at the end of the current cycle
// or later.
func (im *importer) keepCycles() {
	if im.now == 0 {
		return
	}
	changed := map[uint32]bool{}
	for i := range im.changes.Accounts {
		changed[im.changes.Accounts[i].Number] = true
	}
	refused := map[uint32]bool{}
	for _, number := range im.r.accounts.withDescendants(changed) {
		was := im.formerRules(number)
		running := rulesAt(was, im.now)
		if running.Zone == nil {
			continue // no cycle has begun
		}
		_, next := running.Of(LocalDate(running.Zone, im.now))
		are, err := im.r.accounts.cyclesOf(number, im.changes.Revision)
		if err != nil || len(are) == 0 || sameRules(begun(was, was[0].from, next), begun(are, was[0].from, next), was[0].from) {
			continue
		}
		row, above := im.cause(number)
		if refused[number] = true; above != number && refused[above] || row == nil {
			continue
		}
		im.errorf(cyclesCell(row, true), "account %s has cycle_day %d and zone %s: the row would change cycles that have begun, and "+
			"usage could get its bundles twice. "+
			"Keep %d and %s in the account's existing rows, and add a row with the new values and since: %s, when the running cycle ends",
			im.accountID(number), running.Day, running.Zone, running.Day, running.Zone,
			time.Unix(int64(next)*daySeconds, 0).UTC().Format(time.DateOnly))
	}
}

// formerRules returns the rules of an account's cycles as last known before the import. If all rows of the account
// were withdrawn, it returns the rules before the withdrawal.
func (im *importer) formerRules(number uint32) []cycles {
	known := []Revision{im.was}
	for _, f := range im.r.accounts.facts[number] {
		if f.known < im.was {
			known = append(known, f.known)
		}
	}
	slices.Sort(known)
	for _, rev := range slices.Backward(slices.Compact(known)) {
		if rules, err := im.r.accounts.cyclesOf(number, rev); err == nil && len(rules) > 0 {
			return rules
		}
	}
	return nil
}

// begun returns the rules in force from a time on, for cycles that begin before a date.
func begun(rules []cycles, since udr.Instant, before int32) (all []cycles) {
	for i, c := range rules {
		switch {
		case i > 0 && c.From >= before:
			return all
		case i+1 < len(rules) && rules[i+1].from <= since && rules[i+1].From < before:
		default:
			all = append(all, c)
		}
	}
	return all
}

// sameRules reports whether two sets of rules give the same cycles from a time on.
func sameRules(a, b []cycles, since udr.Instant) bool {
	return slices.EqualFunc(a, b, func(x, y cycles) bool {
		if x.Zone != y.Zone || x.Day != y.Day {
			return false
		}
		date := LocalDate(x.Zone, max(since, x.from))
		first, _ := x.Of(date)
		other, _ := y.Of(date)
		return first == other && (x.from <= since && y.from <= since || x.from == y.from)
	})
}

// cause returns a row in the files that changes an account or one above it.
func (im *importer) cause(number uint32) (*accountRow, uint32) {
	above := []uint32{number}
	for i := 0; i < len(above); i++ {
		for j := range im.changes.Accounts {
			if f := &im.changes.Accounts[j]; f.Number == above[i] {
				if a := im.rowOf(f); a != nil {
					return a, above[i]
				}
			}
		}
		for _, f := range im.r.accounts.facts[above[i]] {
			if f.Parent != 0 && !slices.Contains(above, f.Parent) {
				above = append(above, f.Parent)
			}
		}
	}
	return nil, 0
}
