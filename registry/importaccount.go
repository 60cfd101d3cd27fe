package registry

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/udr"
)

// accountRow is a row that becomes a fact once the accounts above it are known.
type accountRow struct {
	row       *row
	fact      AccountFact
	withdrawn bool
	wrong     bool // the row does not become a fact, but is checked for further errors
	place     Place
}

// account processes a row. finishAccounts creates its fact, because the parent may be in a later row.
func (im *importer) account(r *row) {
	kept := *r
	im.namesOfAccount(r)
	id, ok := im.word(r, colID, true)
	company, companyOK := im.word(r, colCompany, false)
	project, projectOK := im.word(r, colProject, false)
	kind, kindOK := StandardAccount, true
	if text := r.cells[colKind].text; text != "" {
		if kind, kindOK = ParseAccountKind(text); !kindOK {
			im.errorf(r.at(colKind), "kind is one of %s, not %s%s", strings.Join(accountKinds[:], ", "), shortened(text), diag.Suggest(text,
				accountKinds[:]))
		}
	}
	_, parentOK := im.word(r, colParent, false)
	plan, planOK := im.word(r, colPlan, false)
	pools, poolsOK := im.words(r, colPool)
	limits, limitsOK := im.words(r, colLimits)
	withdrawn, withdrawnOK := im.withdrawn(r)
	if company != "" {
		_, here := im.companies[company]
		if known := im.r.companies[company]; !here && len(known) == 0 && im.partial {
			im.absent(r.at(colCompany), "company", company)
		} else if !here && len(known) == 0 {
			im.errorf(r.at(colCompany), "company %s is unknown%s", company, diag.Suggest(company, im.companyIDs()))
		}
	}
	if project != "" && !withdrawn {
		im.projectOf(r, id, project)
	}
	a := accountRow{row: &kept, place: im.report.current, withdrawn: withdrawn || !withdrawnOK, fact: AccountFact{
		ID: id, Company: company, Project: project, Kind: kind, Plan: plan, SharePlans: pools, Limits: limits, Partition: NoPartition,
	}}
	a.wrong = !ok || !companyOK || !projectOK || !kindOK || !parentOK || !planOK || !poolsOK || !limitsOK || !withdrawnOK
	if !ok {
		im.nameless = append(im.nameless, a)
		return
	}
	number, known := im.accountNumber(id)
	if !known && withdrawn && !im.partial {
		im.errorf(r.at(colID), "account %s is unknown: there is nothing to withdraw%s", id, im.similarAccount(id))
		return
	}
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

// projectOf checks an account's project, unless the account is in that project already.
func (im *importer) projectOf(r *row, id, project string) {
	if number, ok := im.r.accounts.numbers[id]; ok && slices.ContainsFunc(im.r.accounts.facts[number], func(f accountKnown) bool {
		return f.Project == project
	}) {
		return
	}
	im.refer(naming{what: namedProject, id: project, pos: r.at(colProject), kind: KindAccount})
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

// finishAccounts creates the facts of each account after those of its parent, because the dates in a row without a
// zone are in the parent's zone.
func (im *importer) finishAccounts() {
	for _, number := range im.accountOrder {
		im.finishAccount(number)
	}
	for i := range im.nameless {
		im.fill(&im.nameless[i])
	}
	im.refuseCycles()
	// Accounts whose rows have errors never got a number.
	if im.list.HasErrors() {
		return
	}
	if err := im.r.accounts.load(im.changes.Accounts, im.changes.Revision); err != nil {
		im.errorf(diag.Pos{}, "%v", err)
		return
	}
	if im.keepCycles(); !im.list.HasErrors() {
		im.tellCycles()
	}
}

func (im *importer) finishAccount(number uint32) {
	if im.accountState[number] != 0 {
		return // the account is done or in progress; in the second case there is a cycle, which refuseCycles reports
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

// fill completes the fact of a row.
func (im *importer) fill(a *accountRow) bool {
	r, f := a.row, &a.fact
	good := true
	im.complement(a)
	if id := r.cells[colParent].text; id != "" {
		switch number, ok := im.accountNumber(id); {
		case ok:
			im.finishAccount(number)
			f.Parent = number
		case badWord(id) != "":
			good = false // already reported
		case im.partial:
			im.absent(r.at(colParent), "account", id)
			good = false
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
	}
	var zone *time.Location
	if text := r.cells[colZone].text; text != "" {
		var err error
		if zone, err = im.r.accounts.zone(text); err != nil {
			im.errorf(r.at(colZone), "%v%s", err, diag.Suggest(text, zoneNames()))
			good = false
		} else if isAlias(text) {
			im.errorf(r.at(colZone), "time zone %q is an entry of the time zone database for programs, not a place: write an IANA "+
				"name such as Europe/Madrid", text)
			good = false
		}
		f.Zone = text
	}
	isRoot := r.cells[colParent].text == ""
	if text := r.cells[colCycleDay].text; text != "" {
		day, err := strconv.Atoi(text)
		if err != nil || day < 1 || day > 31 || len(text) > 2 {
			im.errorf(r.at(colCycleDay), "cycle_day is the day of the month on which a cycle begins, 1 to 31, not %s", shortened(text))
			good = false
		}
		f.CycleDay = day
	} else if isRoot {
		f.CycleDay = 1
	}
	if !a.withdrawn && isRoot {
		who := "the account"
		if f.ID != "" {
			who = "account " + f.ID
		}
		if f.Currency == "" && r.cells[colCurrency].text == "" {
			im.errorf(r.at(colCurrency), "%s has no currency; only an account with a parent may omit it", who)
			good = false
		}
		if f.Zone == "" {
			im.errorf(r.at(colZone), "%s has no zone; only an account with a parent may omit it", who)
			good = false
		}
		f.Partition = 0
	}
	ok := im.begin(a, zone)
	if a.withdrawn {
		f.State = Withdrawn
	}
	return good && ok
}

// newestAccount returns the latest fact about an account, from the files or the registry.
func (im *importer) newestAccount(number uint32) *AccountFact {
	if rows := im.accountRows[number]; len(rows) > 0 {
		return &rows[len(rows)-1].fact
	}
	if f := im.r.accounts.fact(number, newest, im.changes.Revision); f != nil {
		return &f.AccountFact
	}
	return nil
}

// newest is an instant after all beginnings.
const newest udr.Instant = 1<<63 - 1

// say adds a row's fact to the change set, unless the fact is known or the row has errors.
func (im *importer) say(a *accountRow) {
	for _, other := range im.accountRows[a.fact.Number] {
		if other.row == a.row {
			break
		}
		if other.fact.From == a.fact.From {
			im.errorf(a.row.at(colID), "account %s appears twice with the same since; first on line %d", a.fact.ID,
				other.row.at(colID).Line)
			return
		}
	}
	if a.wrong {
		return
	}
	im.report.current = a.place
	if !a.withdrawn && im.wait(a) {
		return
	}
	said := im.said(a.fact.Number, a.fact.From)
	switch {
	case a.withdrawn && said == nil && !im.partial:
		im.errorf(a.row.at(colSince), "account %s has no row with this since that could be "+
			"withdrawn%s", a.fact.ID, im.beginnings(a.fact.Number))
	case a.withdrawn && (said == nil || said.State == Withdrawn):
	case !a.withdrawn && said != nil && sameFact(&said.AccountFact, &a.fact):
	default:
		im.accountFact(a.fact)
	}
}

// complement fills in the fields that have no column in a CSV file. It takes them from another row with the same
// since, or from the row that was valid at that time.
func (im *importer) complement(a *accountRow) {
	r, f := a.row, &a.fact
	missing := func(c column) bool { return !r.cells[c].said }
	if f.Number == 0 || a.withdrawn || !slices.ContainsFunc(accountsSection.columns[:len(accountsSection.columns)-2], missing) {
		return
	}
	rules, _ := im.r.accounts.cyclesOf(f.Number, im.changes.Revision)
	if zone, err := im.r.accounts.zone(r.cells[colZone].text); err == nil {
		rules = []cycles{{Cycles: Cycles{Zone: zone}}}
	}
	from := Always
	if text := r.cells[colSince].text; text != "" {
		t, err := dateIn(text, rules)
		if err != nil {
			if t, err = time.Parse(time.RFC3339, text); err != nil {
				return // begin reports it
			}
		}
		from = im.sameDay(r, colSince, udr.InstantOf(t), func(at udr.Instant) bool {
			said := im.said(f.Number, at)
			return said != nil && said.State != Withdrawn
		})
	}
	before := im.r.accounts.fact(f.Number, from, im.changes.Revision)
	if before == nil {
		return
	}
	day := ""
	if before.CycleDay != 0 {
		day = strconv.Itoa(before.CycleDay)
	}
	parent := ""
	if before.Parent != 0 {
		parent = im.accountID(before.Parent)
	}
	for c, text := range map[column]string{colParent: parent, colCurrency: before.Currency, colZone: before.Zone, colCycleDay: day} {
		if missing(c) {
			r.cells[c].text = text
		}
	}
	if missing(colCompany) {
		f.Company = before.Company
	}
	if missing(colProject) {
		f.Project = before.Project
	}
	if missing(colKind) {
		f.Kind = before.Kind
	}
	if missing(colPlan) {
		f.Plan = before.Plan
	}
	if missing(colPool) {
		f.SharePlans = before.SharePlans
	}
	if missing(colLimits) {
		f.Limits = before.Limits
	}
}

// accountFact adds a fact to the change set and, because the dates of accounts below depend on it, immediately to
// the registry.
func (im *importer) accountFact(f AccountFact) {
	im.touch()
	im.changes.Accounts = append(im.changes.Accounts, f)
	if err := im.r.accounts.add(f, im.changes.Revision); err != nil {
		im.errorf(diag.Pos{}, "%v", err)
	}
}

// said returns the last known fact about an account with exactly this beginning.
func (im *importer) said(number uint32, from udr.Instant) (said *accountKnown) {
	if int(number) >= len(im.r.accounts.facts) {
		return nil
	}
	facts := im.r.accounts.facts[number]
	for i := range facts {
		if facts[i].From == from {
			said = &facts[i]
		}
	}
	return said
}

// beginnings lists the beginnings of an account's rows: "; its rows begin on …".
func (im *importer) beginnings(number uint32) string {
	if int(number) >= len(im.r.accounts.facts) {
		return ""
	}
	var all []string
	for _, f := range im.r.accounts.said(number, im.changes.Revision) {
		all = append(all, f.From.String())
	}
	if len(all) == 0 {
		return ""
	}
	return "; its rows begin on " + strings.Join(all, ", ")
}

// sameFact compares the stated values without the partition.
func sameFact(a, b *AccountFact) bool {
	return a.State == b.State && a.Company == b.Company && a.Project == b.Project && a.Kind == b.Kind && a.Parent == b.Parent &&
		a.Currency == b.Currency && a.Zone == b.Zone &&
		a.CycleDay == b.CycleDay && a.Plan == b.Plan && slices.Equal(a.SharePlans, b.SharePlans) && slices.Equal(a.Limits, b.Limits)
}

// refuseCycles reports accounts that would be their own ancestors at some time.
func (im *importer) refuseCycles() {
	parentAt := func(number uint32, at udr.Instant) uint32 {
		if f := im.r.accounts.fact(number, at, im.changes.Revision); f != nil {
			return f.Parent
		}
		return 0
	}
	for _, number := range im.accountOrder {
		for i := range im.accountRows[number] {
			a := &im.accountRows[number][i]
			if a.fact.Parent == 0 || a.withdrawn {
				continue
			}
			// A cycle begins when the last of its links begins, which is the beginning of one of its rows.
			at, path := a.fact.From, a.fact.ID
			above := a.fact.Parent
			for range maxLevels {
				path += " below " + im.accountID(above)
				if above == number {
					im.errorf(a.row.at(colParent), "account %s would be above itself: %s", a.fact.ID, path)
					break
				}
				if above = parentAt(above, at); above == 0 {
					break
				}
			}
			if above != 0 && above != number {
				im.errorf(a.row.at(colParent), "account %s is more than %d levels below its billing root, or below a cycle of "+
					"accounts", a.fact.ID, maxLevels)
			}
		}
	}
}

// upward yields the number of an account, and then the numbers of the accounts above it at a time, up to the billing
// root.
func (im *importer) upward(account uint32, at udr.Instant) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for level := 0; account != 0 && level <= maxLevels && yield(account); level++ {
			f := im.r.accounts.fact(account, at, im.changes.Revision)
			if f == nil {
				return
			}
			account = f.Parent
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
