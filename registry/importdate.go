package registry

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"ratemill/udr"
)

// A date in a file is midnight in the zone that the account has at that date. If the zone changes later, the date
// keeps its instant: if the registry knows the date as midnight in another zone, the row is the one that began at
// that instant.

// instant reads a day, which begins at midnight in the account's zone at that date, or an RFC 3339 time. An empty
// cell means Always.
func (im *importer) instant(r *row, c column, rules []cycles) (at udr.Instant, ok bool) {
	text := r.cells[c].text
	if text == "" {
		return Always, true
	}
	t, err := dateIn(text, rules)
	if err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		im.errorf(r.at(c), "%s must be a day such as 2026-01-14 or a time such as 2026-01-14T08:00:00+01:00, not %s", columnNames[c],
			cmp.Or(shortened(text), "empty"))
		return 0, false
	}
	if !InYears(t) || t.Year() == 1970 { // Always is in 1970
		im.errorf(r.at(c), "%s is outside the years 1971 to 2199; leave it empty if the row has always been valid", columnNames[c])
		return 0, false
	}
	return udr.InstantOf(t), true
}

// dateIn returns the beginning of a date in the last zone that is in force by then. Before the first zone is in
// force it uses that zone, and if there is no zone, UTC.
func dateIn(text string, rules []cycles) (t time.Time, err error) {
	if len(rules) == 0 {
		return time.ParseInLocation(time.DateOnly, text, time.UTC)
	}
	for i := len(rules) - 1; i >= 0; i-- {
		if t, err = time.ParseInLocation(time.DateOnly, text, rules[i].Zone); err != nil || udr.InstantOf(t) >= rules[i].from {
			break
		}
	}
	return t, err
}

// rulesOf returns the rules of an account's cycles over time. Dates of the account are in the zones of these rules.
func (im *importer) rulesOf(account uint32) []cycles {
	rules, ok := im.rules[account]
	if !ok {
		rules, _ = im.r.accounts.cyclesOf(account, im.changes.Revision) // finishAccounts reports the error
		rules = slices.DeleteFunc(rules, func(c cycles) bool { return c.Zone == nil })
		im.rules[account] = rules
	}
	return rules
}

// sameDay returns another time at which the date in a cell begins, in a zone of any account: the first one for
// which known reports true. If there is no such time, it returns at.
func (im *importer) sameDay(r *row, c column, at udr.Instant, known func(udr.Instant) bool) udr.Instant {
	text := r.cells[c].text
	if _, err := time.Parse(time.DateOnly, text); err != nil || known(at) {
		return at
	}
	zones := im.r.accounts.zones
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		if t, err := time.ParseInLocation(time.DateOnly, text, zones[name]); err == nil && known(udr.InstantOf(t)) {
			return udr.InstantOf(t)
		}
	}
	return at
}

// begin reads the since of a row about an account. A date is midnight in the row's own zone or, if it has none, in
// the zone of the account above. A row that corrects its zone also moves its date, so begin withdraws the row with
// the previous beginning.
func (im *importer) begin(a *accountRow, zone *time.Location) (ok bool) {
	f := &a.fact
	var rules []cycles
	switch {
	case zone != nil:
		rules = []cycles{{Cycles: Cycles{Zone: zone}}}
	case f.Parent != 0:
		rules, _ = im.r.accounts.cyclesOf(f.Parent, im.changes.Revision)
	case a.withdrawn:
		rules, _ = im.r.accounts.cyclesOf(f.Number, im.changes.Revision)
	}
	if f.From, ok = im.instant(a.row, colSince, rules); !ok || f.Number == 0 {
		return ok
	}
	known := im.sameDay(a.row, colSince, f.From, func(at udr.Instant) bool {
		said := im.said(f.Number, at)
		return said != nil && said.State != Withdrawn && said.known <= im.was
	})
	if known == f.From || slices.ContainsFunc(im.accountRows[f.Number], func(other accountRow) bool {
		return other.row != a.row && other.fact.From == known && known != 0
	}) {
		return ok
	}
	if zone != nil && !a.withdrawn && !a.wrong {
		former := im.said(f.Number, known).AccountFact
		former.State = Withdrawn
		im.accountFact(former)
		return ok
	}
	f.From = known
	return ok
}
