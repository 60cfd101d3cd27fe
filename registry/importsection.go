package registry

import (
	"path"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// fileKind is the content of a file, determined by its name.
type fileKind int

const (
	companiesFile fileKind = iota + 1
	projectsFile
	accountsFile
	statusesFile
	profilesFile
	settingsFile
	resourcesFile
	groupsFile
	detailsFile
	contactsFile
	addressesFile
	addonsFile
	packagesFile
	contractsFile
	oneOffsFile
	paymentsFile
	simsFile
	statesFile
	simSettingsFile
	membersFile
	yamlFile
)

func kindOf(name string) fileKind {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, "\\", "/")))
	switch path.Ext(base) {
	case ".yaml", ".yml":
		return yamlFile
	case ".csv":
		for _, s := range sections {
			if strings.HasPrefix(base, s.name) {
				return s.file
			}
		}
	}
	return 0
}

// column is the meaning of a cell.
type column uint8

const (
	colID column = iota
	colName
	colKind
	colCompany
	colProject
	colParent
	colCurrency
	colZone
	colCycleDay
	colPlan
	colPool
	colLimits
	colSince
	colUntil
	colWithdrawn
	colAccount
	colICCID
	colEID
	colIMSI
	colMSISDN
	colIMEI
	colGroup
	colState
	colLifecycle
	colCore
	colBrought
	colAPNGroup
	colServiceProfile
	colRoamingProfile
	colSecurityProfile
	colAddon
	colPackage
	colInstance
	columns
)

var columnNames = [columns]string{"id", "name", "kind", "company", "project", "parent", "currency", "zone", "cycle_day", "plan", "pool",
	"limits",
	"since", "until", "withdrawn", "account", "iccid", "eid", "imsi", "msisdn", "imei", "group", "state", "lifecycle", "core", "brought",
	"apn_group", "service_profile", "roaming_profile", "security_profile", "addon", "package", "instance"}

// section is a part of the registry with the columns of its rows.
type section struct {
	file    fileKind
	name    string
	columns []column
	row     func(*importer, *row)

	// For sections of statements.
	kind     Kind
	of       subjectKind
	only     subjectKind // for a section that occurs twice: either rows about accounts, which rows about SIMs need, or rows about SIMs
	instance []column    // columns that form the instance's name
	short    string      // the field that a YAML entry with a single value sets
}

var (
	companies = section{file: companiesFile, name: "companies", kind: KindCompany, columns: []column{colID, colName, colKind, colSince,
		colUntil,
		colWithdrawn}, row: (*importer).company}
	accountsSection = section{file: accountsFile, name: "accounts", columns: []column{colID, colCompany, colProject, colKind, colParent,
		colCurrency,
		colZone, colCycleDay, colPlan, colPool, colLimits, colSince, colWithdrawn}, row: (*importer).account}
	simsSection = section{file: simsFile, name: "sims", columns: []column{colICCID, colEID, colIMSI, colMSISDN, colIMEI, colName,
		colAccount, colPlan,
		colGroup, colState, colLifecycle, colCore, colBrought, colAPNGroup, colServiceProfile, colRoamingProfile, colSecurityProfile,
		colSince, colUntil, colWithdrawn}, row: (*importer).simRow}
)

// sections lists all sections in the order of processing. Rows refer only to objects in earlier sections.
var sections = slices.Concat([]section{companies, projectsSection, accountsSection}, factSections, []section{simsSection}, simSections)

func (s *section) names() []string {
	var names []string
	for _, c := range s.columns {
		names = append(names, columnNames[c])
	}
	return names
}

// aboutSIMs reports whether the rows of a section are about SIMs. There may be a million of them.
func (s *section) aboutSIMs() bool { return s.file == simsFile || s.of == ofSIM }

// key returns the column of an entry's key in YAML, unless the key is an identifier.
func (s *section) key() column {
	if s.of == 0 || s.of&ofItself != 0 {
		return colID
	}
	return colAccount
}

func otherFiles() string {
	var names []string
	for _, s := range sections {
		if s.file != companiesFile && s.file != accountsFile && s.file != simsFile && s.only != ofSIM {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ", ")
}

// form returns the form of a kind of statements.
func (im *importer) form(kind Kind) *Form {
	for i := range im.forms {
		if im.forms[i].Kind == kind {
			return &im.forms[i]
		}
	}
	return plainForm(kind)
}

// field returns the field for which a section has an additional column.
func (im *importer) field(s *section, name string) (Field, bool) {
	form := im.form(s.kind)
	if s.kind == "" || s.kind == KindState || s.kind == KindCompany && len(form.Fields) == 0 {
		return Field{}, false
	}
	if len(form.Fields) == 0 {
		return Field{Path: name}, name != ""
	}
	return form.field(name)
}

// fieldNames lists the columns and fields of a section.
func (im *importer) fieldNames(s *section) []string {
	names := s.names()
	if s.kind != "" && s.kind != KindState {
		for _, f := range im.form(s.kind).Fields {
			if !slices.Contains(names, f.Path) {
				names = append(names, f.Path)
			}
		}
	}
	return names
}

// node returns the value in the cells of a row. Empty cells count as missing.
func (r *row) node(s *section) *diag.Node {
	root := &diag.Node{Kind: diag.Mapping, Pos: r.at(s.columns[0])}
	for i := range r.fields {
		f := &r.fields[i]
		if f.text == "" {
			continue
		}
		n, pos := root, r.pos(&f.cell)
		path := strings.Split(f.Path, ".")
		for _, key := range path[:len(path)-1] {
			below := n.Member(key)
			if below == nil {
				below = &diag.Node{Kind: diag.Mapping, Pos: pos}
				n.Members = append(n.Members, diag.Pair{Key: &diag.Node{Kind: diag.Scalar, Pos: pos, Text: key}, Value: below})
			}
			n = below
		}
		value := &diag.Node{Kind: diag.Scalar, Pos: pos, Text: strings.Clone(f.text)}
		if f.List {
			value = &diag.Node{Kind: diag.Sequence, Pos: pos}
			for item := range strings.FieldsSeq(f.text) {
				value.Items = append(value.Items, &diag.Node{Kind: diag.Scalar, Pos: pos, Text: strings.Clone(item)})
			}
		}
		n.Members = append(n.Members, diag.Pair{Key: &diag.Node{Kind: diag.Scalar, Pos: pos, Text: path[len(path)-1]}, Value: value})
	}
	return root
}

// companyFields states the additional fields of a company if a row has any.
func (im *importer) companyFields(r *row, id string) {
	withdrawn, ok := im.withdrawn(r)
	n := r.value
	if r.whole.File == nil {
		n = r.node(r.section)
	}
	if !ok || n == nil || len(n.Members) == 0 && !withdrawn {
		return
	}
	a := about{subject: strings.Clone(id)}
	sp, ok := im.span(r, nil, func(at udr.Instant) bool { return im.statements.told(KindCompany, id, "", at) })
	if !ok {
		return
	}
	if withdrawn {
		im.statement(r, KindCompany, a, "", sp, true, "")
		return
	}
	for _, c := range []column{colKind, colName} { // the statement contains them too, so that it is complete
		if cell := &r.cells[c]; cell.text != "" {
			key := &diag.Node{Kind: diag.Scalar, Pos: r.at(c), Text: columnNames[c]}
			value := &diag.Node{Kind: diag.Scalar, Pos: r.at(c), Text: strings.Clone(cell.text)}
			n.Members = slices.Insert(n.Members, 0, diag.Pair{Key: key, Value: value})
		}
	}
	if value, ok := im.read(KindCompany, n); ok {
		im.statement(r, KindCompany, a, "", sp, false, value)
	}
}
