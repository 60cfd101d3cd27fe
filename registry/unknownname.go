package registry

import (
	"fmt"
	"strings"

	"ratemill/diag"
)

// Catalogue contains the names that rows may use for plans, pools and limits. The registry accepts any name, because
// plans may be written after the SIMs are known. However, usage with an unknown name is suspended, so import warns.
type Catalogue struct {
	Plans, SharePlans, Limits, Packages []string

	// By name: the currencies of a plan's versions, those of a limit on cost, and the plans whose usage draws
	// on a share plan (empty for all).
	PlanCurrencies, LimitCurrencies, PoolPlans map[string][]string

	// By name: the versions of plans and of limits on cost whose versions are not all in one currency, in order.
	PlanVersions, LimitVersions map[string][]VersionCurrency

	Pools []Pool // the share plans

	// Named contains the accounts, companies, projects and groups that documents refer to.
	Named []Named

	// ChargeCurrencies returns the currencies of the one-time charges that settings for SIMs cause; nil if
	// there are none.
	ChargeCurrencies func(settings []byte) []string

	Converts func(from, to string) bool // reports whether there is an exchange rate; nil if that does not matter
}

// Named is an object of the registry that a document refers to.
type Named struct {
	Kind   NamedKind
	ID     diag.Text
	Begins bool   // ID is the beginning of several ids
	Says   string // the effect if the registry lacks the object: nobody has the deal prices of plan gold
}

// NamedKind is the kind of object that a document refers to.
type NamedKind uint8

// The kinds of Named.
const (
	NamedAccount NamedKind = iota + 1
	NamedCompany
	NamedProject
	NamedGroup
)

func (k NamedKind) String() string {
	return [...]string{NamedAccount: "account", NamedCompany: "company", NamedProject: "project", NamedGroup: "group"}[k]
}

// nameKind is the kind of a catalogue name in a row.
type nameKind uint8

const (
	planName nameKind = iota
	sharePlanName
	limitName
	packageName
	nameKinds
)

var nameKindWords = [nameKinds]string{"plan", "share plan", "limit", "package"}

// unknownNames contains the names in rows that a catalogue lacks. A file may repeat one mistake in millions of rows, so
// each name is stored once.
type unknownNames struct {
	known   [nameKinds]map[string]struct{}
	names   [nameKinds][]string
	unknown map[catalogueName]int // in list
	list    []unknownName
	more    bool // there are more names than most
	tariffs *tariffs
}

type catalogueName struct {
	kind nameKind
	name string
}

type unknownName struct {
	catalogueName
	first diag.Pos
	rows  int
}

func newUnknownNames(c *Catalogue) *unknownNames {
	if c == nil {
		return nil
	}
	u := &unknownNames{names: [nameKinds][]string{c.Plans, c.SharePlans, c.Limits, c.Packages}, unknown: map[catalogueName]int{},
		tariffs: newTariffs(c)}
	for kind, names := range u.names {
		u.known[kind] = make(map[string]struct{}, len(names))
		for _, name := range names {
			u.known[kind][name] = struct{}{}
		}
	}
	return u
}

// names checks the names in a row. It skips rows that withdraw something.
func (im *importer) names(r *row) {
	if im.unknown == nil || r.cells[colWithdrawn].text == "true" {
		return
	}
	im.unknown.take(r, colPlan, planName)
	im.unknown.take(r, colPool, sharePlanName)
	im.unknown.take(r, colLimits, limitName)
	im.unknown.take(r, colPackage, packageName)
}

func (im *importer) namesOfAccount(r *row) {
	if im.names(r); im.unknown != nil && r.cells[colWithdrawn].text != "true" {
		im.unknown.tariffs.account(r)
	}
}

func (im *importer) namesOfSIM(r *row) {
	if im.names(r); im.unknown != nil && r.cells[colWithdrawn].text != "true" {
		im.unknown.tariffs.sim(r)
	}
}

func (u *unknownNames) take(r *row, c column, kind nameKind) {
	text := r.cells[c].text
	if text == "" || kind == planName && badWord(text) != "" {
		return
	}
	if _, ok := u.known[kind][text]; ok {
		return // the usual case, without splitting the text
	}
	for name := range strings.FieldsSeq(text) {
		if _, ok := u.known[kind][name]; ok || badWord(name) != "" {
			continue
		}
		key := catalogueName{kind, name}
		i, again := u.unknown[key]
		switch {
		case again:
			u.list[i].rows++
		case len(u.list) == most:
			u.more = true
		default:
			key.name = strings.Clone(name) // a copy, so that the whole line is not kept in memory
			u.unknown[key] = len(u.list)
			u.list = append(u.list, unknownName{key, r.at(c), 1})
		}
	}
}

// warn adds a warning for each name.
func (u *unknownNames) warn(l *diag.List) {
	if u == nil {
		return
	}
	for i := range u.list {
		x := &u.list[i]
		what := nameKindWords[x.kind] + " " + shortened(x.name)
		hint := diag.Suggest(x.name, u.names[x.kind])
		if hint == "" {
			hint = "."
		}
		also := ""
		switch {
		case x.rows == 2:
			also = "; 1 more row names it"
		case x.rows > 2:
			also = fmt.Sprintf("; %d more rows name it", x.rows-1)
		}
		l.Warnf(x.first, "%s", fmt.Sprintf("the catalogue has no %s%s Usage would go to suspense (no_plan)%s", what, hint,
			also)) // each name has its own warning, so that they are not merged
	}
	if u.more {
		l.Warnf(diag.Pos{}, "the files refer to more names that the catalogue lacks than these %d", most)
	}
}

// Check reports the errors and warnings that an import of the files into an empty registry would produce. The files
// may be a part of a registry, so an account or company that they lack causes only a warning.
func Check(inputs []Input, o ImportOptions) diag.List {
	o.partial = true
	_, _, list := ImportWith(New(), inputs, o)
	return list
}
