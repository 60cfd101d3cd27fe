package registry

import (
	"fmt"
	"strings"

	"ratemill/diag"
)

// Catalogue has the names that rows may use for plans, pools and limits. The registry accepts any name, because plans
// may be written after the SIMs are known; but usage with an unknown name is suspended, so import warns.
type Catalogue struct {
	Plans, SharePlans, Limits []string

	// By name: the currencies of a plan's versions and of a limit on cost, and the plans whose usage draws on a share
	// plan, none for all.
	PlanCurrencies, LimitCurrencies, PoolPlans map[string][]string
}

// nameKind is the kind of a catalogue name in a row.
type nameKind uint8

const (
	planName nameKind = iota
	sharePlanName
	limitName
	nameKinds
)

var nameKindWords = [nameKinds]string{"plan", "share plan", "limit"}

// mentions are the names in rows that a catalogue lacks. A file may repeat one mistake in millions of rows, so each
// name is stored once.
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

// mention adds the names in a row. A row that withdraws something uses no name.
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
		return // the usual case, without splitting the text
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

// Check reports what import would refuse or warn of in files, with an empty registry. Files may be a part of a registry,
// so an account or company that they lack is a warning.
func Check(inputs []Input, o ImportOptions) diag.List {
	o.partial = true
	_, _, list := ImportWith(New(), inputs, o)
	return list
}
