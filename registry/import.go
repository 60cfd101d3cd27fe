package registry

import (
	"cmp"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// Input is a file with the desired state of the registry: companies*.csv, accounts*.csv, sims*.csv with a header row,
// or YAML (.yaml, .yml) with the sections companies, accounts and sims.
type Input struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// most is how many errors are listed; a file with more usually has one cause for many of them.
const most = 50

// Import computes the change set that brings the registry to the state in the files. Known facts change nothing, so
// importing a file again gives an empty change set. Anything that the files do not mention stays as it is.
//
// A row states something from its since on. A row with a known since corrects the facts of that time; a row with
// another since is a change at that time. A row with withdrawn: true withdraws the facts with its since. A SIM with an
// until leaves then, and its identifiers become free.
//
// Afterwards r has loaded the facts of the change set: Publish makes them visible, and with errors r must be discarded.
// All errors are reported at once, up to a bound.
func Import(r *Registry, inputs []Input) (*Changes, diag.List) { return ImportFor(r, inputs, nil, 0) }

// ImportFor is Import with a warning for each name of a plan, share plan or limit that a catalogue lacks; nil allows
// any name.
//
// now is when the import takes place: usage until then may have been rated, so a change of cycles that have begun by
// then is an error. 0 allows it.
func ImportFor(r *Registry, inputs []Input, c *Catalogue, now udr.Instant) (*Changes, diag.List) {
	return importInto(r, inputs, c, now, false)
}

func importInto(r *Registry, inputs []Input, c *Catalogue, now udr.Instant, partial bool) (*Changes, diag.List) {
	r.mu.Lock()
	defer r.mu.Unlock()
	im := &importer{
		r: r, changes: &Changes{Revision: r.revision + 1}, lastRow: map[uint32]span{}, withdrawals: map[udr.Identifier]udr.Instant{},
		accountRows: map[uint32][]accountRow{}, accountState: map[uint32]int{}, numbers: map[string]uint32{}, companies: map[string]Company{},
		mentions: newMentions(c), now: now, partial: partial, was: r.revision, rules: map[uint32][]cycles{},
		absences: map[[2]string]bool{}, erased: map[string]*erasure{},
	}
	yaml := im.parse(inputs)
	// SIMs need accounts, and accounts need companies, so sections are processed in this order.
	for _, section := range []section{companies, accountsSection, simsSection} {
		im.rows(inputs, yaml, section)
		switch section.file {
		case accountsFile:
			im.finishAccounts()
		case simsFile:
			im.settle()
			im.tellErased()
		}
	}
	im.mentions.warn(&im.list)
	if im.mentions != nil {
		im.mentions.tariffs.check(im)
	}
	im.list.Sort()
	return im.changes, im.list
}

// parse reads the YAML files among inputs, and reports files with unknown content.
func (im *importer) parse(inputs []Input) []*diag.Node {
	yaml := make([]*diag.Node, len(inputs))
	for i, in := range inputs {
		if kindOf(in.Name) == yamlFile {
			yaml[i] = im.parseYAML(in)
		} else if kindOf(in.Name) == 0 {
			im.list.Errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "a registry file must be named companies*.csv, accounts*.csv, "+
				"sims*.csv or *.yaml, since the name says what it contains")
		}
	}
	return yaml
}

// rows processes the rows of a section in all files.
func (im *importer) rows(inputs []Input, yaml []*diag.Node, s section) {
	for i, in := range inputs {
		switch kind := kindOf(in.Name); {
		case im.full():
		case yaml[i] != nil:
			im.yamlRows(yaml[i], s)
		case kind == s.file:
			im.csvRows(in, s)
		}
	}
}

// fileKind is the content of a file, by its name.
type fileKind int

const (
	companiesFile fileKind = iota + 1
	accountsFile
	simsFile
	yamlFile
)

func kindOf(name string) fileKind {
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, "\\", "/")))
	switch path.Ext(base) {
	case ".yaml", ".yml":
		return yamlFile
	case ".csv":
		for kind, prefix := range map[fileKind]string{companiesFile: "companies", accountsFile: "accounts", simsFile: "sims"} {
			if strings.HasPrefix(base, prefix) {
				return kind
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
	columns
)

var columnNames = [columns]string{"id", "name", "kind", "company", "parent", "currency", "zone", "cycle_day", "plan", "pool", "limits",
	"since", "until", "withdrawn", "account", "iccid", "eid", "imsi", "msisdn", "imei"}

// section is a part of the registry with the columns of its rows.
type section struct {
	file    fileKind
	name    string
	columns []column
	row     func(*importer, *row)
}

var (
	companies       = section{companiesFile, "companies", []column{colID, colName, colKind}, (*importer).company}
	accountsSection = section{accountsFile, "accounts", []column{colID, colCompany, colParent, colCurrency, colZone, colCycleDay, colPlan, colPool, colLimits, colSince, colWithdrawn}, (*importer).account}
	simsSection     = section{simsFile, "sims", []column{colICCID, colEID, colIMSI, colMSISDN, colIMEI, colName, colAccount, colPlan, colSince, colUntil, colWithdrawn}, (*importer).simRow}
)

func (s section) names() []string {
	var names []string
	for _, c := range s.columns {
		names = append(names, columnNames[c])
	}
	return names
}

// row is a row of a CSV file or an entry of a section in YAML.
type row struct {
	file  string
	line  int
	text  string // of the line, in CSV
	whole diag.Pos
	cells [columns]cell
}

type cell struct {
	text     string
	said     bool       // the row has the cell, even if it is empty
	from, to int        // in the line, in CSV
	node     *diag.Node // in YAML
}

// at is the position of a cell, or of the row if it has none.
func (r *row) at(c column) diag.Pos {
	cell := &r.cells[c]
	if r.whole.File != nil {
		if cell.node != nil {
			return cell.node.Pos
		}
		return r.whole
	}
	before := len([]rune(r.text[:cell.from]))
	return diag.Pos{File: diag.Excerpt(r.file, r.line, r.text), Line: r.line, Column: before + 1, Length: max(1, len([]rune(r.text[cell.from:cell.to])))}
}

type importer struct {
	r       *Registry
	changes *Changes
	list    diag.List

	mentions *mentions // nil if any name is allowed
	now      udr.Instant
	was      Revision // before the import
	partial  bool     // the registry may have accounts and companies that the files lack
	absences map[[2]string]bool
	rules    map[uint32][]cycles // of accounts, for dates in their zones

	erased      map[string]*erasure // by plan
	erasedOrder []string

	companies    map[string]Company
	numbers      map[string]uint32 // of new accounts
	accountRows  map[uint32][]accountRow
	accountOrder []uint32
	nameless     []accountRow   // without a valid id
	accountState map[uint32]int // 1 in progress, 2 done

	lastRow     map[uint32]span                // of each SIM in the rows, the last row's
	withdrawals map[udr.Identifier]udr.Instant // the since of the last row that withdrew something
	ids         []udr.Identifier
	held        []udr.Identifier
	marked      []mark
	contested   []contested
}

// absent warns of an account or company that the files lack, where the registry may have it.
func (im *importer) absent(at diag.Pos, what, id string) {
	key := [2]string{what, id}
	if im.absences[key] || len(im.absences) == most {
		return
	}
	im.absences[[2]string{what, strings.Clone(id)}] = true
	im.list.Warnf(at, "%s %s is not in these files: import takes the row only if the registry has it", what, shortened(id))
}

func (im *importer) full() bool { return len(im.list) > most }

func (im *importer) errorf(at diag.Pos, format string, args ...any) {
	switch {
	case len(im.list) < most:
		im.list.Errorf(at, format, args...)
	case len(im.list) == most:
		im.list.Errorf(diag.Pos{File: at.File}, "there are more errors than these %d; correct them first", most)
	}
}

func (im *importer) company(r *row) {
	id, ok := im.word(r, colID, true)
	c := Company{ID: id, Name: cmp.Or(r.cells[colName].text, id)}
	if text := r.cells[colKind].text; text != "" {
		kind, kindOK := ParseCompanyKind(text)
		if !kindOK {
			im.errorf(r.at(colKind), "kind is one of customer, reseller, operator, not %s%s", text, diag.Suggest(text, companyKinds[:]))
			ok = false
		}
		c.Kind = kind
	}
	if _, twice := im.companies[id]; twice {
		im.errorf(r.at(colID), "company %s appears twice", id)
		ok = false
	}
	if !ok {
		return
	}
	im.companies[id] = c
	if known := im.r.companies[id]; len(known) > 0 && known[len(known)-1].Company == c {
		return
	}
	im.r.companies[id] = append(im.r.companies[id], knownCompany{im.changes.Revision, c})
	im.changes.Companies = append(im.changes.Companies, c)
}

// word is the text of a cell with a name: no blanks, no control characters, not too long.
func (im *importer) word(r *row, c column, required bool) (string, bool) {
	text := r.cells[c].text
	if text == "" {
		if required {
			im.errorf(r.at(c), "%s is missing", columnNames[c])
		}
		return "", !required
	}
	if reason := badWord(text); reason != "" {
		im.errorf(r.at(c), "%s %q %s", columnNames[c], shortened(text), reason)
		return "", false
	}
	return text, true
}

func badWord(text string) string {
	if len(text) > 128 {
		return "is longer than 128 bytes"
	}
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '\uFFFD' || c == '\u00A0' }) {
		return "is a name and must not contain blanks or control characters"
	}
	return ""
}

func (im *importer) words(r *row, c column) ([]string, bool) {
	list := strings.Fields(r.cells[c].text)
	good := true
	for _, w := range list {
		if reason := badWord(w); reason != "" {
			im.errorf(r.at(c), "%s %q %s", columnNames[c], shortened(w), reason)
			good = false
		}
	}
	return list, good
}

func (im *importer) withdrawn(r *row) (yes, ok bool) {
	switch text := r.cells[colWithdrawn].text; text {
	case "", "false":
		return false, true
	case "true":
		return true, true
	default:
		im.errorf(r.at(colWithdrawn), "withdrawn is true or false, not %s", shortened(text))
		return false, false
	}
}

func shortened(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}

// accountNumber is the number of an account that is known or in the files.
func (im *importer) accountNumber(id string) (uint32, bool) {
	if n, ok := im.numbers[id]; ok {
		return n, true
	}
	n, ok := im.r.accounts.numbers[id]
	return n, ok
}

// similarAccount is a suggestion for an id that is unknown.
func (im *importer) similarAccount(id string) string {
	candidates := slices.Collect(maps.Keys(im.numbers))
	for known := range im.r.accounts.numbers {
		if len(candidates) > 5000 {
			break
		}
		candidates = append(candidates, known)
	}
	return diag.Suggest(id, candidates)
}
