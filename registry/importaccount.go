package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ratemill/internal/diag"
	"ratemill/normalize"
	"ratemill/udr"
)

// accountRow is a row that becomes a fact once the accounts above are known.
type accountRow struct {
	row       *row
	fact      AccountFact
	withdrawn bool
	wrong     bool // it becomes no fact, but is checked for further errors
}

// account processes a row. finishAccounts makes its fact, because the parent may be in a later row.
func (im *importer) account(r *row) {
	kept := *r
	im.mentionAccount(r)
	id, ok := im.word(r, colID, true)
	company, companyOK := im.word(r, colCompany, false)
	_, parentOK := im.word(r, colParent, false)
	plan, planOK := im.word(r, colPlan, false)
	pools, poolsOK := im.words(r, colPool)
	limits, limitsOK := im.words(r, colLimits)
	withdrawn, withdrawnOK := im.withdrawn(r)
	if company != "" {
		_, here := im.companies[company]
		if known := im.r.companies[company]; !here && len(known) == 0 {
			im.errorf(r.at(colCompany), "company %s is unknown%s", company, diag.Suggest(company, im.companyIDs()))
		}
	}
	a := accountRow{row: &kept, withdrawn: withdrawn || !withdrawnOK, fact: AccountFact{
		ID: id, Company: company, Plan: plan, SharePlans: pools, Limits: limits, Partition: NoPartition,
	}}
	a.wrong = !ok || !companyOK || !parentOK || !planOK || !poolsOK || !limitsOK || !withdrawnOK
	if !ok {
		im.nameless = append(im.nameless, a)
		return
	}
	number, known := im.accountNumber(id)
	if !known {
		number = uint32(len(im.r.accounts.facts) + len(im.numbers))
		im.numbers[id] = number
	}
	if im.accountRows[number] == nil {
		im.accountOrder = append(im.accountOrder, number)
	}
	a.fact.Number = number
	im.accountRows[number] = append(im.accountRows[number], a)
}

func (im *importer) companyIDs() []string {
	var ids []string
	for id := range im.companies {
		ids = append(ids, id)
	}
	for id := range im.r.companies {
		ids = append(ids, id)
	}
	return ids
}

// finishAccounts makes the facts of each account after those of its parent, which provides currency, zone and cycle day
// if a row omits them.
func (im *importer) finishAccounts() {
	for _, number := range im.accountOrder {
		im.finishAccount(number)
	}
	for i := range im.nameless {
		im.fill(&im.nameless[i])
	}
	im.refuseCycles()
	// Accounts with wrong rows never got a number.
	if im.list.HasErrors() {
		return
	}
	if err := im.r.accounts.load(im.changes.Accounts, im.changes.Revision); err != nil {
		im.errorf(diag.Pos{}, "%v", err)
		return
	}
	im.tellCycles()
}

// tellCycles warns of each cycle day and zone that is requested within a cycle: the running cycle continues to its end.
func (im *importer) tellCycles() {
	for i := range im.changes.Accounts {
		f := &im.changes.Accounts[i]
		now, next, changes, err := im.r.accounts.cycles(f.Number, f.From, im.changes.Revision)
		if err != nil || !changes {
			continue
		}
		for _, a := range im.accountRows[f.Number] {
			if a.fact.From != f.From {
				continue
			}
			c := colCycleDay
			if now.Day == f.CycleDay {
				c = colZone
			}
			im.list.Warnf(a.row.at(c), "cycle_day %d and zone %s of account %s take effect on %s: the billing cycle that runs at the row's since ends then",
				f.CycleDay, f.Zone, f.ID, next.from.Time().In(next.Zone).Format(time.DateOnly))
		}
	}
}

func (im *importer) finishAccount(number uint32) {
	if im.accountState[number] != 0 {
		return // done, or in progress: a cycle, which refuseCycles reports
	}
	im.accountState[number] = 1
	defer func() { im.accountState[number] = 2 }()
	for i := range im.accountRows[number] {
		a := &im.accountRows[number][i]
		if im.fill(a) {
			im.say(a)
		}
	}
}

// fill completes a row's fact.
func (im *importer) fill(a *accountRow) bool {
	r, f := a.row, &a.fact
	good := true
	var parent *AccountFact
	isRoot := true
	if id := r.cells[colParent].text; id != "" {
		isRoot = false
		switch number, ok := im.accountNumber(id); {
		case ok:
			im.finishAccount(number)
			f.Parent = number
			parent = im.newestAccount(number)
		case badWord(id) != "":
			good = false // already reported
		default:
			im.errorf(r.at(colParent), "account %s, the parent, is unknown%s", id, im.similarAccount(id))
			good = false
		}
	}
	if text := r.cells[colCurrency].text; text != "" {
		currency, err := normalize.ParseCurrency([]byte(text))
		if err != nil {
			im.errorf(r.at(colCurrency), "currency %s is unknown: write a code of ISO 4217 such as EUR", shortened(text))
			good = false
		}
		f.Currency = currency.String()
	} else if parent != nil {
		f.Currency = parent.Currency
	}
	var zone *time.Location
	if text := r.cells[colZone].text; text != "" {
		var err error
		if zone, err = im.r.accounts.zone(text); err != nil {
			im.errorf(r.at(colZone), "%v%s", err, diag.Suggest(text, zoneNames()))
			good = false
		}
		f.Zone = text
	} else if parent != nil {
		f.Zone = parent.Zone
		zone, _ = im.r.accounts.zone(f.Zone)
	}
	if text := r.cells[colCycleDay].text; text != "" {
		day, err := strconv.Atoi(text)
		if err != nil || day < 1 || day > 31 || len(text) > 2 {
			im.errorf(r.at(colCycleDay), "cycle_day is the day of the month on which a cycle begins, 1 to 31, not %s", shortened(text))
			good = false
		}
		f.CycleDay = day
	} else if parent != nil {
		f.CycleDay = parent.CycleDay
	} else {
		f.CycleDay = 1
	}
	if !a.withdrawn && isRoot {
		who := "the account"
		if f.ID != "" {
			who = "account " + f.ID
		}
		if f.Currency == "" && r.cells[colCurrency].text == "" {
			im.errorf(r.at(colCurrency), "%s has no currency; only an account with a parent may leave it out", who)
			good = false
		}
		if f.Zone == "" {
			im.errorf(r.at(colZone), "%s has no zone; only an account with a parent may leave it out", who)
			good = false
		}
		f.Partition = 0
	}
	if zone == nil {
		zone = time.UTC
	}
	var ok bool
	f.From, ok = im.instant(r, colSince, zone)
	if a.withdrawn {
		f.State = Withdrawn
		if r.cells[colSince].text == "" && ok {
			f.From = Always
		}
	}
	return good && ok
}

// newestAccount is the latest fact about an account, from the files or earlier.
func (im *importer) newestAccount(number uint32) *AccountFact {
	if rows := im.accountRows[number]; len(rows) > 0 {
		return &rows[len(rows)-1].fact
	}
	if f := im.r.accounts.fact(number, newest, im.changes.Revision); f != nil {
		return &f.AccountFact
	}
	return nil
}

// newest is later than all beginnings.
const newest udr.Instant = 1<<63 - 1

// say adds a row's fact to the change set unless it is known, or the row is wrong.
func (im *importer) say(a *accountRow) {
	for _, other := range im.accountRows[a.fact.Number] {
		if other.row == a.row {
			break
		}
		if other.fact.From == a.fact.From {
			im.errorf(a.row.at(colID), "account %s appears twice with the same since; first on line %d", a.fact.ID, other.row.at(colID).Line)
			return
		}
	}
	if a.wrong {
		return
	}
	var said *accountKnown
	if int(a.fact.Number) < len(im.r.accounts.facts) {
		facts := im.r.accounts.facts[a.fact.Number]
		for i := range facts {
			if facts[i].From == a.fact.From {
				said = &facts[i] // of one beginning, the last known is last
			}
		}
	}
	switch {
	case a.withdrawn && (said == nil || said.State == Withdrawn):
	case !a.withdrawn && said != nil && sameFact(&said.AccountFact, &a.fact):
	default:
		im.changes.Accounts = append(im.changes.Accounts, a.fact)
	}
}

// sameFact compares what people state, without the partition.
func sameFact(a, b *AccountFact) bool {
	return a.State == b.State && a.Company == b.Company && a.Parent == b.Parent && a.Currency == b.Currency && a.Zone == b.Zone &&
		a.CycleDay == b.CycleDay && a.Plan == b.Plan && slices.Equal(a.SharePlans, b.SharePlans) && slices.Equal(a.Limits, b.Limits)
}

// refuseCycles reports accounts that would be their own ancestors at any time.
func (im *importer) refuseCycles() {
	said := map[uint32][]AccountFact{}
	for _, f := range im.changes.Accounts {
		said[f.Number] = append(said[f.Number], f)
	}
	parentAt := func(number uint32, at udr.Instant) (uint32, udr.Instant) {
		best, from := uint32(0), udr.Instant(-1)
		if f := im.r.accounts.fact(number, at, im.changes.Revision); f != nil {
			best, from = f.Parent, f.From
		}
		for _, f := range said[number] {
			if f.From <= at && f.From >= from && f.State == Holds {
				best, from = f.Parent, f.From
			}
		}
		return best, from
	}
	for _, number := range im.accountOrder {
		for i := range im.accountRows[number] {
			a := &im.accountRows[number][i]
			if a.fact.Parent == 0 || a.withdrawn {
				continue
			}
			// A cycle exists from the latest beginning of its links, which is that of one of its rows.
			at, path := a.fact.From, a.fact.ID
			above := a.fact.Parent
			for range maxLevels {
				path += " below " + im.accountID(above)
				if above == number {
					im.errorf(a.row.at(colParent), "account %s would be above itself: %s", a.fact.ID, path)
					break
				}
				if above, _ = parentAt(above, at); above == 0 {
					break
				}
			}
			if above != 0 && above != number {
				im.errorf(a.row.at(colParent), "account %s is more than %d levels below its billing root, or below accounts that are above each other", a.fact.ID, maxLevels)
			}
		}
	}
}

func (im *importer) accountID(number uint32) string {
	if rows := im.accountRows[number]; len(rows) > 0 {
		return rows[0].fact.ID
	}
	if facts := im.r.accounts.facts[number]; len(facts) > 0 {
		return facts[0].ID
	}
	return fmt.Sprint(number)
}

// instant reads a day, which begins at midnight in a zone, or an RFC 3339 time. An empty cell is Always.
func (im *importer) instant(r *row, c column, zone *time.Location) (udr.Instant, bool) {
	text := r.cells[c].text
	if text == "" {
		return Always, true
	}
	at, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		im.errorf(r.at(c), "%s is a day such as 2026-01-14 or a time such as 2026-01-14T08:00:00+01:00, not %s", columnNames[c], cmp.Or(shortened(text), "empty"))
		return 0, false
	}
	if at.Year() < 1971 || at.Year() > 2199 {
		im.errorf(r.at(c), "%s lies outside of the years 1971 to 2199; leave it empty if it has always held", columnNames[c])
		return 0, false
	}
	return udr.InstantOf(at), true
}
