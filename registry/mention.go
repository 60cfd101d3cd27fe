package registry

import (
	"fmt"
	"strings"

	"ratemill/internal/diag"
)

// Catalogue is the names that rows may give for plans, pools and limits. The registry keeps any name, since plans may be
// written after the SIMs are known; but usage by a name that is not there is suspended, so it is told.
type Catalogue struct {
	Plans, SharePlans, Limits []string

	// By name: the currencies of a plan's versions and of a limit on cost, and the plans whose usage draws on a share plan,
	// none for all.
	PlanCurrencies, LimitCurrencies, PoolPlans map[string][]string
}

// nameKind is what a row names of the catalogue.
type nameKind uint8

const (
	planName nameKind = iota
	sharePlanName
	limitName
	nameKinds
)

var nameKindWords = [nameKinds]string{"plan", "share plan", "limit"}

// mentions is what rows name of a catalogue that has no such thing. A file may have millions of rows with one slip, so
// each name is kept once.
type mentions struct {
	known   [nameKinds]map[string]struct{}
	names   [nameKinds][]string
	unknown map[mentioned]int // in list
	list    []mention
	more    bool // there are more names than most
	tariffs *tariffs
}

type mentioned struct {
	kind nameKind
	name string
}

type mention struct {
	mentioned
	first diag.Pos
	rows  int
}

func newMentions(c *Catalogue) *mentions {
	if c == nil {
		return nil
	}
	m := &mentions{names: [nameKinds][]string{c.Plans, c.SharePlans, c.Limits}, unknown: map[mentioned]int{}, tariffs: newTariffs(c)}
	for kind, names := range m.names {
		m.known[kind] = make(map[string]struct{}, len(names))
		for _, name := range names {
			m.known[kind][name] = struct{}{}
		}
	}
	return m
}

// mention takes in what a row names. A row that takes something back names nothing that will be asked for.
func (im *importer) mention(r *row) {
	if im.mentions == nil || r.cells[colWithdrawn].text == "true" {
		return
	}
	im.mentions.take(r, colPlan, planName)
	im.mentions.take(r, colPool, sharePlanName)
	im.mentions.take(r, colLimits, limitName)
}

func (im *importer) mentionAccount(r *row) {
	if im.mention(r); im.mentions != nil && r.cells[colWithdrawn].text != "true" {
		im.mentions.tariffs.account(r)
	}
}

func (im *importer) mentionSIM(r *row) {
	if im.mention(r); im.mentions != nil && r.cells[colWithdrawn].text != "true" {
		im.mentions.tariffs.sim(r)
	}
}

func (m *mentions) take(r *row, c column, kind nameKind) {
	text := r.cells[c].text
	if text == "" || kind == planName && badWord(text) != "" {
		return
	}
	if _, ok := m.known[kind][text]; ok {
		return // as almost always, and without cutting the text
	}
	for name := range strings.FieldsSeq(text) {
		if _, ok := m.known[kind][name]; ok || badWord(name) != "" {
			continue
		}
		key := mentioned{kind, name}
		i, again := m.unknown[key]
		switch {
		case again:
			m.list[i].rows++
		case len(m.list) == most:
			m.more = true
		default:
			key.name = strings.Clone(name) // not the whole line
			m.unknown[key] = len(m.list)
			m.list = append(m.list, mention{key, r.at(c), 1})
		}
	}
}

// warn adds a warning for each name.
func (m *mentions) warn(l *diag.List) {
	if m == nil {
		return
	}
	for i := range m.list {
		x := &m.list[i]
		what := nameKindWords[x.kind] + " " + shortened(x.name)
		hint := diag.Suggest(x.name, m.names[x.kind])
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
		l.Warnf(x.first, "the catalogue has no %s%s Usage would go to suspense (no_plan)%s", what, hint, also)
	}
	if m.more {
		l.Warnf(diag.Pos{}, "the files name more than these %d things that the catalogue lacks", most)
	}
}

// CheckNames warns of what files name and the catalogue does not have, and refuses plans and limits in another currency than
// their account's, as ImportFor does. It needs no registry: what is not in the files is not known, so a part of a registry
// can be checked. Rows whose form is wrong are errors.
func CheckNames(inputs []Input, c *Catalogue) diag.List {
	im := &importer{mentions: newMentions(c)}
	yaml := im.parse(inputs)
	for _, section := range []section{companies, accountsSection, simsSection} {
		switch section.file {
		case accountsFile:
			section.row = (*importer).mentionAccount
		case simsFile:
			section.row = (*importer).mentionSIM
		default:
			section.row = (*importer).mention
		}
		im.rows(inputs, yaml, section)
	}
	im.mentions.warn(&im.list)
	if im.mentions != nil {
		im.mentions.tariffs.check(im)
	}
	im.list.Sort()
	return im.list
}
