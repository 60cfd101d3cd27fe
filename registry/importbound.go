package registry

import (
	"slices"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// An account's parent and currency can change only at the beginning of a billing cycle. A row that changes them
// during a cycle takes effect at the end of the cycle, and import reports this. Changes of cycle days and zones
// always take effect at the end of a cycle: see inForce.

// wait splits a row that changes the parent or the currency of an account during a cycle. These two change at the end
// of the cycle, while the other values change at the row's since. wait reports whether it split the row.
func (im *importer) wait(a *accountRow) bool {
	f := a.fact
	before := im.r.accounts.fact(f.Number, f.From-1, im.changes.Revision)
	if before == nil {
		return false
	}
	if until := im.waits[f.Number]; f.From < until {
		im.errorf(a.row.at(colSince), "an earlier row of account %s takes effect on %s, when its billing cycle ends: begin "+
			"this row then, or later",
			f.ID, im.dayOf(f.Number, until))
		return true
	}
	parent, currency := before.Parent != f.Parent, im.currencyOf(&before.AccountFact, f.From-1) != im.currencyOf(&f, f.From)
	if !parent && !currency {
		return false
	}
	first, ok := im.cycleEnd(&f)
	if said := im.said(f.Number, f.From); !ok || first == f.From || said != nil && sameFact(&said.AccountFact, &f) {
		return false
	}
	if im.waits == nil {
		im.waits = map[uint32]udr.Instant{}
	}
	im.waits[f.Number] = first
	later := f
	later.From = first
	f.Parent, f.Currency, f.Partition = before.Parent, before.Currency, before.Partition
	said := im.said(f.Number, f.From)
	if said == nil {
		said = before
	}
	if !sameFact(&said.AccountFact, &f) {
		im.accountFact(f)
	}
	if said := im.said(f.Number, first); said != nil && sameFact(&said.AccountFact, &later) {
		return true
	}
	im.accountFact(later)
	what := "parent"
	if currency && parent {
		what = "parent and currency"
	} else if currency {
		what = "currency"
	}
	im.warnf(a.row.at(colSince), "the %s of account %s changes on %s: the billing cycle that runs at the row's since ends then",
		what, f.ID, im.dayOf(f.Number, first))
	return true
}

// cycleEnd returns the end of the billing cycle in which a fact begins, in the zone that the fact gives the account.
// If a cycle begins exactly then, it returns the fact's beginning.
func (im *importer) cycleEnd(f *AccountFact) (udr.Instant, bool) {
	rules, _ := im.r.accounts.cyclesOf(f.Number, im.changes.Revision)
	end, ok := im.r.accounts.boundary(f.Number, f.From, im.changes.Revision)
	running := rulesAt(rules, f.From-1)
	if !ok || end == f.From || running.Zone == nil {
		return end, ok
	}
	zone, err := im.r.accounts.stated(f.Zone)
	if above := im.rulesOf(f.Parent); f.Parent != 0 && f.Zone == "" && len(above) > 0 {
		zone = rulesAt(above, max(end, above[0].from)).Zone
	}
	if err != nil || zone == nil || zone == running.Zone {
		return end, true
	}
	if c := running.after(f.From, zone, running.Day); c.from == f.From {
		return f.From, true
	}
	_, next := running.Of(LocalDate(running.Zone, f.From))
	return Midnight(zone, next), true
}

// currencyOf returns the currency that an account has according to a fact: its own, or that of an account above.
func (im *importer) currencyOf(f *AccountFact, at udr.Instant) string {
	for range maxLevels + 1 { // the account itself and all accounts above it
		if f.Currency != "" || f.Parent == 0 {
			return f.Currency
		}
		above := im.r.accounts.fact(f.Parent, at, im.changes.Revision)
		if above == nil {
			break
		}
		f = &above.AccountFact
	}
	return ""
}

// keepBounds reports the rules that rows would break. It does nothing offline, where no usage has been rated.
func (im *importer) keepBounds() {
	if im.list.HasErrors() || im.partial || im.now == 0 {
		return
	}
	b := &bounds{r: im.r, s: im.statements, a: &im.r.accounts, changes: im.changes, rev: im.changes.Revision, now: im.now}
	for _, one := range b.check() {
		im.errorf(im.placeOf(&one), "%s", one.Reason)
	}
}

// placeOf returns the position of the row that breaks a rule, if it is known: a row about the account, or
// about an account above it.
func (im *importer) placeOf(b *Breach) diag.Pos {
	number, _ := im.accountNumber(b.Subject)
	for number := range im.upward(number, b.From) {
		if pos, ok := im.statedAt[im.accountID(number)]; ok && b.Kind == KindStatus {
			return pos
		}
		rows := im.accountRows[number]
		for i := range slices.Backward(rows) {
			if a := &rows[i]; a.fact.From <= b.From {
				return a.row.at(colSince)
			}
		}
		if pos, ok := im.statedAt[im.accountID(number)]; ok {
			return pos
		}
	}
	return diag.Pos{}
}

// dayOf formats a time as a day in the account's zone, or as an instant if it is not midnight there.
func (im *importer) dayOf(account uint32, at udr.Instant) string {
	zone := rulesAt(im.rulesOf(account), at).Zone
	if zone == nil {
		return at.String()
	}
	local := at.Time().In(zone)
	if Midnight(zone, LocalDate(zone, at)) == at {
		return local.Format(time.DateOnly)
	}
	return local.Format(time.RFC3339)
}
