package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"ratemill/diag"
	"ratemill/udr"
)

// This file handles rows of statements, and of the states of SIMs. A row is valid from its since until its until or
// until the next row.

// subjectKind is the kind of subject that the rows of a section are about.
type subjectKind uint8

const (
	ofItself  subjectKind = 1 << iota // the row's own id is the subject
	ofAccount                         // an account
	ofCompany                         // a company
	ofSIM                             // a SIM, identified by its identifiers
)

// factSections lists the sections of statements.
var factSections = completed([]section{
	{file: statusesFile, name: "statuses", kind: KindStatus, of: ofAccount, short: "status"},
	{file: profilesFile, name: "profiles", kind: KindProfile, of: ofAccount},
	{file: resourcesFile, name: "resources", kind: KindResource, of: ofAccount, instance: []column{colKind, colName}},
	{file: groupsFile, name: "groups", kind: KindGroup, of: ofItself},
	{file: detailsFile, name: "details", kind: KindDetails, of: ofAccount},
	{file: contactsFile, name: "contacts", kind: KindContact, of: ofAccount | ofCompany, instance: []column{colID}},
	{file: addressesFile, name: "addresses", kind: KindAddress, of: ofAccount | ofCompany, instance: []column{colID}},
	{file: settingsFile, name: "settings", kind: KindSettings, of: ofAccount | ofSIM, only: ofAccount, short: "lifecycle"},
	{file: contractsFile, name: "contracts", kind: KindContract, of: ofItself},
	{file: oneOffsFile, name: "oneoffs", kind: KindOneOff, of: ofItself},
	{file: paymentsFile, name: "payments", kind: KindPayment, of: ofItself},
})

// simSections lists the sections that refer to SIMs.
var simSections = completed([]section{
	{file: statesFile, name: "states", kind: KindState, of: ofSIM, columns: []column{colState, colLifecycle, colCore, colBrought},
		short: "state",
		row:   (*importer).stateRow},
	{file: simSettingsFile, name: "sim_settings", kind: KindSetting, of: ofSIM, instance: []column{colKind}, short: "name"},
	{file: settingsFile, name: "settings", kind: KindSettings, of: ofAccount | ofSIM, only: ofSIM, short: "lifecycle"},
	{file: packagesFile, name: "packages", kind: KindPackage, of: ofAccount | ofSIM, instance: []column{colPackage, colInstance}},
	{file: addonsFile, name: "addons", kind: KindAddon, of: ofAccount | ofSIM, instance: []column{colAddon, colInstance}},
	{file: membersFile, name: "members", kind: KindMember, of: ofSIM, short: "group"},
})

var projectsSection = completed([]section{{file: projectsFile, name: "projects", kind: KindProject, of: ofItself}})[0]

// completed fills in the columns that follow from the subjects of sections.
func completed(sections []section) []section {
	for i := range sections {
		sections[i].complete()
	}
	return sections
}

func (s *section) complete() {
	var columns []column
	if s.of&ofItself != 0 {
		columns = append(columns, colID)
	}
	if s.of&ofAccount != 0 {
		columns = append(columns, colAccount)
	}
	if s.of&ofCompany != 0 {
		columns = append(columns, colCompany)
	}
	if s.of&ofSIM != 0 {
		columns = append(columns, colICCID, colEID, colIMSI, colMSISDN, colIMEI)
		if s.kind != KindSetting { // a value of this kind has a name
			columns = append(columns, colName)
		}
	}
	columns = append(columns, s.instance...)
	columns = append(columns, s.columns...)
	s.columns = append(columns, colSince, colUntil, colWithdrawn)
	if s.row == nil {
		s.row = (*importer).factRow
	}
}

// subjects lists the columns that identify the subject of a row.
func (s *section) subjects() string {
	var all []string
	for _, c := range s.columns {
		if slices.Contains(s.instance, c) || slices.Contains([]column{colSince, colUntil, colWithdrawn, colState, colLifecycle, colCore,
			colBrought}, c) {
			continue
		}
		all = append(all, columnNames[c])
	}
	return strings.Join(all, ", ")
}

// namesSIM reports whether a row identifies a SIM but no account.
func namesSIM(r *row) bool {
	return r.cells[colAccount].text == "" && slices.ContainsFunc([]column{colICCID, colEID, colIMSI, colMSISDN, colIMEI, colName},
		func(c column) bool { return r.cells[c].text != "" })
}

// about is the subject of a row, with the zones of its dates.
type about struct {
	subject string
	account uint32
	sim     uint32
	rules   []cycles
}

// subject finds the subject of a row.
func (im *importer) subject(r *row, s *section) (a about, ok bool) {
	account, company := r.cells[colAccount].text, r.cells[colCompany].text
	var ids []udr.Identifier
	if s.of&ofSIM != 0 {
		if ids, ok = im.identifiers(r); !ok {
			return a, false
		}
	}
	named := 0
	for _, given := range []bool{s.of&ofAccount != 0 && account != "", s.of&ofCompany != 0 && company != "", len(ids) > 0} {
		if given {
			named++
		}
	}
	if subjects := s.subjects(); named == 0 && s.of&ofItself == 0 && !strings.Contains(subjects, ",") {
		im.errorf(r.at(s.columns[0]), "%s is missing", subjects)
		return a, false
	}
	if s.of&ofItself == 0 && named != 1 {
		im.errorf(r.at(s.columns[0]), "a row of %s must name exactly one of %s; this one names %s", s.name, s.subjects(),
			[...]string{"none", "", "two", "three"}[named])
		return a, false
	}
	switch {
	case s.of&ofItself != 0:
		a.subject, ok = im.word(r, colID, true)
		a.subject = strings.Clone(a.subject)
		return a, ok
	case len(ids) > 0:
		return im.subjectSIM(r, ids)
	case s.of&ofCompany != 0 && company != "":
		if company, ok = im.word(r, colCompany, true); ok && !im.knownCompany(company) {
			if im.partial {
				im.absent(r.at(colCompany), "company", company)
			} else {
				im.errorf(r.at(colCompany), "company %s is unknown%s", company, diag.Suggest(company, im.companyIDs()))
			}
			return a, false
		}
		a.subject = CompanySubject(company)
		return a, ok
	}
	if account, ok = im.word(r, colAccount, true); !ok {
		return a, false
	}
	a.subject = strings.Clone(account)
	switch a.account, ok = im.accountNumber(account); {
	case ok:
		a.rules = im.rulesOf(a.account)
	case im.partial:
		im.absent(r.at(colAccount), "account", account)
	default:
		im.errorf(r.at(colAccount), "account %s is unknown%s", account, im.similarAccount(account))
	}
	return a, ok
}

// subjectSIM returns the SIM to which identifiers refer at the since of a row. Its dates are in the zone of the
// SIM's account.
func (im *importer) subjectSIM(r *row, ids []udr.Identifier) (a about, ok bool) {
	since, ok := im.instant(r, colSince, nil)
	if !ok {
		return a, false
	}
	for range 2 { // the account's zone may move the date to a time at which the identifier refers to another SIM
		if a.sim, ok = im.who(nil, ids, since); !ok {
			break
		}
		own, owned := im.r.sims.owner(&im.r.moments, a.sim, max(since, im.firstOwned(a.sim)), im.changes.Revision)
		if !owned {
			break
		}
		a.account, a.rules = own.Account, im.rulesOf(own.Account)
		if since, ok = im.instant(r, colSince, a.rules); !ok {
			return a, false
		}
	}
	if !ok {
		if im.partial {
			im.absent(r.at(firstColumn(r)), "SIM", ids[0].Value)
		} else {
			im.errorf(r.at(firstColumn(r)), "no SIM of the registry or of these files has %s %s", ids[0].Kind, ids[0].Value)
		}
	}
	a.subject = SubjectOf(a.sim)
	return a, ok
}

// firstOwned returns the first time at which a SIM has an owner.
func (im *importer) firstOwned(sim uint32) udr.Instant {
	for _, m := range im.marks(sim) {
		if m.begins {
			return m.from
		}
	}
	return Always
}

func (im *importer) knownCompany(id string) bool {
	_, here := im.companies[id]
	return here || len(im.r.companies[id]) > 0
}

// span reads the since and the until of a row; known reports whether the subject already has a row that
// begins at a time.
func (im *importer) span(r *row, rules []cycles, known func(udr.Instant) bool) (s span, ok bool) {
	since, sinceOK := im.instant(r, colSince, rules)
	until, untilOK := im.instant(r, colUntil, rules)
	if !sinceOK || !untilOK {
		return s, false
	}
	since = im.sameDay(r, colSince, since, known)
	if r.cells[colUntil].text == "" {
		until = newest
	} else if until <= since {
		im.errorf(r.at(colUntil), "until %s is not after since %s", r.cells[colUntil].text, r.cells[colSince].text)
		return s, false
	}
	return span{since: since, until: until}, true
}

// factRow processes a row of a statement.
func (im *importer) factRow(r *row) {
	s := r.section
	a, ok := im.subject(r, s)
	name, nameOK := im.instance(r, s)
	withdrawn, withdrawnOK := im.withdrawn(r)
	if !ok || !nameOK || !withdrawnOK {
		if !withdrawn {
			im.value(r, s) // for its mistakes
		}
		return
	}
	sp, ok := im.span(r, a.rules, func(at udr.Instant) bool { return im.statements.told(s.kind, a.subject, name, at) })
	if withdrawn {
		if ok {
			im.statement(r, s.kind, a, name, sp, true, "")
		}
		return
	}
	value, valueOK := im.value(r, s)
	if ok && valueOK {
		if s.kind == KindPackage {
			im.names(r)
		}
		if s.kind == KindSettings && a.sim == 0 && im.unknown != nil {
			im.unknown.tariffs.charges(a.subject, value, r.at(firstColumn(r)))
		}
		said, had := im.statements.At(s.kind, a.subject, name, sp.since, im.changes.Revision)
		if !had || string(said.Value) != value {
			im.chooses(r, s, a, name, sp.since, value)
			im.refers(r, s, a, sp.since, value)
			im.checkInstance(r, s)
		}
		im.statement(r, s.kind, a, name, sp, false, value)
		if s.kind == KindPackage {
			im.renewal(r, a, name, sp.since, value, had && said.From == sp.since && string(said.Value) == value)
		}
	}
}

// instance returns the name of a row's instance: its cells, joined by slashes.
func (im *importer) instance(r *row, s *section) (name string, ok bool) {
	ok = true
	var parts []string
	for _, c := range s.instance {
		word, wordOK := im.word(r, c, c != colInstance)
		if strings.Contains(word, "/") {
			im.errorf(r.at(c), "%s %s contains a /, which separates the parts of a name", columnNames[c], shortened(word))
			wordOK = false
		}
		if ok = ok && wordOK; word != "" {
			parts = append(parts, word)
		}
	}
	return strings.Join(parts, "/"), ok
}

// value returns the value of a row as canonical JSON.
func (im *importer) value(r *row, s *section) (string, bool) {
	if r.whole.File != nil {
		return im.read(s.kind, r.value)
	}
	return im.read(s.kind, r.node(s))
}

// read reads a value of a kind.
func (im *importer) read(kind Kind, n *diag.Node) (string, bool) {
	value, list := im.form(kind).Read(n)
	for _, d := range list {
		if d.Severity == diag.Error && im.errors() < im.most || d.Severity != diag.Error && im.mayWarn(d.Pos) {
			im.list = append(im.list, d)
		}
	}
	return string(value), !list.HasErrors()
}

// statement states or withdraws a value of a subject.
func (im *importer) statement(r *row, kind Kind, a about, name string, sp span, withdrawn bool, value string) {
	if !im.once(r, kind, a.subject, name, sp.since) {
		return
	}
	asked := sp
	if kind == KindProfile && !withdrawn {
		sp = im.profileSpan(a, sp, value)
	}
	before := im.statements.heldAround(kind, a.subject, name, sp.since, im.changes.Revision)
	t := timelineOf(before)
	if withdrawn {
		switch told := im.statements.toldAt(kind, a.subject, name, sp.since); {
		case tookBack(told) || t.withdraw(sp.since) || len(told) > 0 || im.partial:
		default:
			im.errorf(r.at(colSince), "there is nothing to withdraw: no row about the %s of %s%s has this since", kind, im.calledIn(a), after(name))
			return
		}
	} else if o := t.put(sp.since, sp.until, r.cells[colUntil].said, value); o != nil {
		im.overlaps(r, o)
		return
	}
	changes := changed(before, t, sp.since)
	if sp != asked && len(changes) > 0 {
		im.warnf(r.at(colSince), "the profile of account %s changes on %s: the billing cycle that runs at the row's since ends then",
			a.subject, im.dayOf(a.account, sp.since))
	}
	for _, f := range changes {
		im.touch()
		fact := Statement{Kind: kind, Subject: a.subject, Name: name, From: f.from, State: f.state, Value: []byte(f.value)}
		if !f.state.begins() {
			fact.Value = nil
		}
		im.statements.Load(im.changes.Revision, []Statement{fact})
		im.r.keep([]Statement{fact}, im.changes.Revision)
		if a.sim == 0 {
			im.statedAt[a.subject] = r.at(colSince)
		}
		im.changes.Statements = append(im.changes.Statements, fact)
	}
}

// once checks that no two rows with the same beginning are about the same subject.
func (im *importer) once(r *row, kind Kind, subject, name string, since udr.Instant) bool {
	key := xxhash.Sum64String(string(kind) + "\x00" + subject + "\x00" + name + "\x00" + strconv.FormatInt(int64(since), 36))
	if _, again := im.rowsOf[key]; again {
		im.errorf(r.at(colSince), "an earlier row has the same since for the %s of this subject%s; remove one of the two", kind, after(name))
		return false
	}
	im.rowsOf[key] = struct{}{}
	return true
}

func after(name string) string {
	if name == "" {
		return ""
	}
	return " " + name
}

// called2 returns a description of a subject for an error.
func (im *importer) calledIn(a about) string {
	if a.sim != 0 {
		return "this SIM" + im.called(a.sim, newest-1, nil)
	}
	return a.subject
}

// overlaps adds an error about two rows whose times overlap.
func (im *importer) overlaps(r *row, o *overlap) {
	if o.inside {
		im.errorf(r.at(colSince), "another row, which begins on %s, ends on %s, after the since of this row: correct the "+
			"until of that row first",
			o.since, o.until)
		return
	}
	im.errorf(r.at(colUntil), "another row begins on %s, before this until: set the until to that day or earlier, or omit it", o.since)
}

// profileSpan moves the beginning and the end of a profile to the end of the current cycle. It does not move
// them if the profile is the first one of any account, or if it changes only fields that may change at any time.
func (im *importer) profileSpan(a about, sp span, value string) span {
	before := im.r.accounts.profiled(im.statements, a.account, sp.since-1, im.changes.Revision)
	own, has := im.statements.At(KindProfile, a.subject, "", sp.since-1, im.changes.Revision)
	same := has && ProfileTerms(own.Value) == ProfileTerms([]byte(value))
	if before != 0 && !same && !im.statements.told(KindProfile, a.subject, "", sp.since) {
		if first, ok := im.r.accounts.boundary(a.account, sp.since, im.changes.Revision); ok {
			sp.since = first
		}
	}
	if sp.until != newest {
		if first, ok := im.r.accounts.boundary(a.account, sp.until, im.changes.Revision); ok {
			sp.until = first
		}
	}
	return sp
}

// stateRow processes a row about the state of a SIM.
func (im *importer) stateRow(r *row) {
	a, ok := im.subject(r, r.section)
	withdrawn, withdrawnOK := im.withdrawn(r)
	if !ok || !withdrawnOK {
		return
	}
	sp, ok := im.span(r, a.rules, func(at udr.Instant) bool {
		return len(im.r.states.toldAt(a.sim, at)) > 0
	})
	if value, after, valueOK := im.stateValue(r, a, sp.since, !withdrawn); ok && valueOK {
		im.simState(r, a, sp, withdrawn, value, after)
	}
}

// stateValue returns the state in a row. Its lifecycle is that of the row, or else that in the settings of the
// SIM or its account. after is the value if the SIM's previous state has core active.
func (im *importer) stateValue(r *row, a about, at udr.Instant, required bool) (v, after StateValue, ok bool) {
	v.Name, ok = im.word(r, colState, required)
	v.Lifecycle = strings.Clone(r.cells[colLifecycle].text)
	v.Name = strings.Clone(v.Name)
	switch text := r.cells[colBrought].text; text {
	case "", "false":
	case "true":
		v.Brought = true
	default:
		im.errorf(r.at(colBrought), "brought is true or false, not %s", shortened(text))
		ok = false
	}
	core := r.cells[colCore].text
	if core != "" {
		var coreOK bool
		if v.Core, coreOK = ParseCore(core); !coreOK {
			im.errorf(r.at(colCore), "core is one of %s, not %s%s", strings.Join(cores[1:], ", "), shortened(core), diag.Suggest(core, cores[1:]))
			ok = false
		}
	}
	if !ok || v.Name == "" {
		return v, v, ok
	}
	if im.stateOf != nil {
		zone := rulesAt(im.rulesOf(a.account), at).Zone
		if zone == nil {
			zone = time.UTC
		}
		known, soft, err := im.stateOf(im.settings(a, v.Lifecycle, at), v.Name, at, zone)
		switch {
		case err != nil:
			im.errorf(r.at(colState), "%v", err)
			return v, v, false
		case v.Core != NoCore && v.Core != known.Core:
			im.errorf(r.at(colCore), "core of state %s is %s, not %s; omit the column", v.Name, known.Core, v.Core)
			return v, v, false
		}
		after = v
		after.Core, after.Lifecycle = known.Core, cmp.Or(soft.Lifecycle, known.Lifecycle, v.Lifecycle)
		v.Core, v.Lifecycle = known.Core, cmp.Or(known.Lifecycle, v.Lifecycle)
		return v, after, true
	} else if v.Core == NoCore {
		im.errorf(r.at(colCore), "core is missing; write one of %s", strings.Join(cores[1:], ", "))
		return v, v, false
	}
	return v, v, true
}

// settings returns the settings for a SIM: those of a given lifecycle, or else the SIM's own, or else those of its
// nearest account that has any; nil for none.
func (im *importer) settings(a about, lifecycle string, at udr.Instant) []byte {
	if lifecycle != "" {
		return []byte(`{"lifecycle":` + strconv.Quote(lifecycle) + `}`)
	}
	if f, ok := im.statements.At(KindSettings, SubjectOf(a.sim), "", at, im.changes.Revision); ok {
		return f.Value
	}
	for account := range im.upward(a.account, at) {
		if f, ok := im.statements.At(KindSettings, im.accountID(account), "", at, im.changes.Revision); ok {
			return f.Value
		}
	}
	return nil
}

// simState states or withdraws the state of a SIM. after is the value if the SIM's previous state has core active.
// A SIM that moves to another account at that time begins there in this state.
func (im *importer) simState(r *row, a about, sp span, withdrawn bool, value, after StateValue) {
	if !im.once(r, KindState, a.subject, "", sp.since) {
		return
	}
	before := im.r.states.heldAround(a.sim, sp.since, im.changes.Revision)
	t := timelineOf(before)
	own, owned := im.r.sims.owner(&im.r.moments, a.sim, sp.since, im.changes.Revision)
	if from := t.before(sp.since); from != nil && from.Core == Active && !(owned && own.Since == sp.since) {
		value = after
	}
	if withdrawn {
		told := im.r.states.toldAt(a.sim, sp.since)
		if !tookBack(told) && !t.withdraw(sp.since) && len(told) == 0 && !im.partial {
			im.errorf(r.at(colSince), "there is nothing to withdraw: no row about the state of %s has this since", im.calledIn(a))
		}
	} else if o := t.put(sp.since, sp.until, r.cells[colUntil].said, value); o != nil {
		im.overlaps(r, o)
		return
	}
	for _, f := range changed(before, t, sp.since) {
		im.touch()
		fact := StateFact{SIM: a.sim, From: f.from, StateValue: f.value}
		fact.State = f.state
		im.r.states.add(&fact, im.changes.Revision)
		im.changes.States = append(im.changes.States, fact)
	}
}

// simColumns reads the columns of a SIM's row that contain its group, settings and state.
func (im *importer) simColumns(r *row, sim, account uint32, sp span, withdrawn bool) {
	a := about{subject: SubjectOf(sim), account: account, sim: sim}
	for _, c := range []column{colGroup, colAPNGroup, colServiceProfile, colRoamingProfile, colSecurityProfile} {
		word, ok := im.word(r, c, false)
		if !ok || !r.cells[c].said || word == "" && !withdrawn {
			continue
		}
		kind, name, key := KindSetting, columnNames[c], "name"
		if c == colGroup {
			kind, name, key = KindMember, "", "group"
		}
		if withdrawn && !im.statements.told(kind, a.subject, name, sp.since) {
			continue
		}
		value := fmt.Sprintf(`{%q:%q}`, key, word)
		if said, had := im.statements.At(kind, a.subject, name, sp.since, im.changes.Revision); !withdrawn &&
			(!had || string(said.Value) != value) {
			im.chooseIn(r, c, a, word, sp.since)
		}
		im.statement(r, kind, a, name, sp, withdrawn, value)
	}
	if !r.cells[colState].said || r.cells[colState].text == "" && !withdrawn {
		return
	}
	if withdrawn && len(im.r.states.toldAt(sim, sp.since)) == 0 {
		return
	}
	if value, after, ok := im.stateValue(r, a, sp.since, !withdrawn); ok {
		im.simState(r, a, sp, withdrawn, value, after)
	}
}

// single removes facts that a later fact in the change set replaces. Two rows may have the same time, because
// one ends when the other begins.
func (c *Changes) single() {
	type key struct {
		kind          Kind
		subject, name string
		from          udr.Instant
	}
	last := map[key]int{}
	for i := range c.Statements {
		f := &c.Statements[i]
		last[key{f.Kind, f.Subject, f.Name, f.From}] = i
	}
	if len(last) < len(c.Statements) {
		i := -1
		c.Statements = removed(c.Statements, func(f *Statement) bool { i++; return last[key{f.Kind, f.Subject, f.Name, f.From}] != i })
	}
	type stateKey struct {
		sim  uint32
		from udr.Instant
	}
	states := map[stateKey]int{}
	for i := range c.States {
		states[stateKey{c.States[i].SIM, c.States[i].From}] = i
	}
	if len(states) < len(c.States) {
		i := -1
		c.States = removed(c.States, func(f *StateFact) bool { i++; return states[stateKey{f.SIM, f.From}] != i })
	}
}
