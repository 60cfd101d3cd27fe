package registry

import (
	"cmp"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// Input is a file with the desired state of the registry: companies*.csv, accounts*.csv, sims*.csv and the others of
// Sections with a header row, or YAML (.yaml, .yml) with sections of these names.
type Input struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// most is the number of errors that a report lists. If a file has more errors, many of them usually have the same
// cause.
const most = 50

// Import computes the change set that brings the registry to the state in the files. Known facts change nothing, so
// importing a file a second time gives an empty change set. Anything that the files do not mention stays as it is.
//
// A row states a fact that is valid from its since on. A row whose since is known corrects the facts of that time.
// A row whose since is new is a change at that time. A row with withdrawn: true withdraws the facts with the same
// since. A SIM with an until has no owner from then on, and its identifiers become available.
//
// When Import returns, r has loaded the facts of the change set; Publish makes them visible. After errors,
// discard r. Import reports all errors at once, up to a limit.
func Import(r *Registry, inputs []Input) (*Changes, diag.List) {
	changes, _, list := ImportWith(r, inputs, ImportOptions{})
	return changes, list
}

// ImportFor is like Import, but also warns of each name that a catalogue lacks. See ImportOptions.
func ImportFor(r *Registry, inputs []Input, c *Catalogue, now udr.Instant) (*Changes, diag.List) {
	changes, _, list := ImportWith(r, inputs, ImportOptions{Catalogue: c, Now: now})
	return changes, list
}

// ImportOptions contains the inputs of an import other than the files.
type ImportOptions struct {
	// Catalogue contains the names of plans, share plans and limits; any other such name in a file causes
	// a warning. Nil allows any.
	Catalogue *Catalogue

	// Now is the time of the import. Usage until then may have been rated, so the import must not change cycles
	// that have begun or break a rule. 0 allows both.
	Now udr.Instant

	// Statements contains the statements known at the registry's revision. The import loads the statements of the
	// change set into it, just as it loads facts into the registry. Nil: there are no statements.
	Statements *Statements
	Forms      []Form // forms of the kinds of statements; a kind without a form accepts any value

	// State finds a state by its name and by the lifecycle in settings, at a time in a zone. after is the
	// value for a SIM whose previous state has core active: for such a SIM, a state that waits for usage
	// is a soft suspend. Nil: the files contain the core of each state.
	State func(settings []byte, name string, at udr.Instant, zone *time.Location) (value, after StateValue, err error)

	// Entitled checks the resources that rows choose for SIMs against the resources of accounts. The
	// importer calls it once, before the first such row, with everything known by then at the revision
	// of the change set, including the accounts and resources in the files. It must not open its own
	// view. It returns nil if nothing is restricted. Nil: nothing is checked.
	Entitled func(v *View, s *Statements, rev Revision) Entitled

	// Renews checks a package that renews, in a zone, against the catalogue. payer is the paying account,
	// with its currency. Nil: nothing is checked.
	Renews func(b *Bought, zone *time.Location, payer, currency string) error

	// Renewal returns the catalogue's renewal of a package, for a row that sets none: on_expiry, on_use_up, or
	// another word if the catalogue has no renewal. Nil: renewals are not compared.
	Renewal func(b *Bought, zone *time.Location) string

	// Documents looks up the documents that rows name; they are not in the registry. The importer calls it once, after it
	// has read everything, with all new rows that name documents, and not at all if there are none. Nil: nothing is
	// checked.
	Documents func([]DocumentRow) ([]DocumentDoubt, error)

	// SIMLines, if it is not nil, is set to the number of lines about SIMs.
	SIMLines *int

	// Lines asks for the result of each line. LeaveOut contains the lines to skip.
	Lines    bool
	LeaveOut map[Place]bool

	// Portion, if not zero, limits the import to some of the lines about SIMs. Other lines belong to the first
	// portion.
	Portion Portion

	// BoundsLater means that the caller adds facts to the change set and then calls CheckBounds itself.
	BoundsLater bool

	partial bool // the registry may contain accounts and companies that the files lack
}

// Portion is a range of the lines about SIMs, from first up to but not including last, counted from 0 over all files.
type Portion struct{ First, Last int }

// ImportWith is like Import, with options. lines contains the results of the lines, if requested.
func ImportWith(r *Registry, inputs []Input, o ImportOptions) (c *Changes, lines []Line, l diag.List) {
	if o.Statements == nil {
		o.Statements = NewStatements()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	im := &importer{
		r: r, changes: &Changes{Revision: r.revision + 1}, lastRow: map[uint32]span{}, withdrawals: map[udr.Identifier]udr.Instant{},
		accountRows: map[uint32][]accountRow{}, accountState: map[uint32]int{}, numbers: map[string]uint32{}, companies: map[string]Company{},
		unknown: newUnknownNames(o.Catalogue), now: o.Now, partial: o.partial, was: r.revision, rules: map[uint32][]cycles{},
		absences: map[[2]string]bool{}, erased: map[string]*erasure{},
		statements: o.Statements, forms: o.Forms, stateOf: o.State, entitling: o.Entitled, renewing: o.Renews, unsaid: o.Renewal,
		rowsOf:   map[uint64]struct{}{},
		statedAt: map[string]diag.Pos{}, most: most, documents: documented{ask: o.Documents},
		report: report{asked: o.Lines, leaveOut: o.LeaveOut, portion: o.Portion},
	}
	if o.LeaveOut != nil {
		im.most = math.MaxInt
	}
	yaml := im.parse(inputs)
	// Rows refer only to values in earlier sections.
	for i := range sections {
		s := &sections[i]
		im.rows(inputs, yaml, s)
		switch s.file {
		case accountsFile:
			im.finishAccounts()
		case simsFile:
			im.checkContested()
			im.tellErased()
		}
	}
	im.finishReferences()
	im.changes.single()
	if !o.BoundsLater {
		im.keepBounds()
	}
	im.unknown.warn(&im.list)
	if im.unknown != nil {
		im.unknown.tariffs.check(im)
	}
	im.finishDocuments()
	im.tellUnlisted()
	im.list.Sort()
	im.list = slices.CompactFunc(im.list, func(a, b diag.Diagnostic) bool { // a file whose section occurs twice is read twice
		return a.Message == b.Message && a.Pos.Line == b.Pos.Line && a.Pos.Column == b.Pos.Column && a.Pos.File != nil && b.Pos.File != nil &&
			a.Pos.File.Name == b.Pos.File.Name
	})
	if o.SIMLines != nil {
		*o.SIMLines = im.report.seen
	}
	return im.changes, im.report.lines(im.list), im.list
}

// parse reads the YAML files among the inputs, and reports files with unknown content.
func (im *importer) parse(inputs []Input) []*diag.Node {
	yaml := make([]*diag.Node, len(inputs))
	for i, in := range inputs {
		if kindOf(in.Name) == yamlFile {
			yaml[i] = im.parseYAML(in)
		} else if kindOf(in.Name) == 0 {
			im.list.Errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "a registry file must be named companies*.csv, "+
				"accounts*.csv, sims*.csv or *.yaml, because the name shows what it contains; the others are %s", otherFiles())
		}
	}
	return yaml
}

// rows processes the rows of a section in all files.
func (im *importer) rows(inputs []Input, yaml []*diag.Node, s *section) {
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

// row is a row of a CSV file or an entry of a section in YAML.
type row struct {
	file  string
	line  int
	text  string // text of the line, in CSV
	whole diag.Pos
	cells [columns]cell

	section *section
	fields  []fieldCell // fields of the value, in CSV
	value   *diag.Node  // in YAML
}

// fieldCell is the cell of a field in a value.
type fieldCell struct {
	Field
	cell
}

type cell struct {
	text     string
	said     bool       // the row contains the cell, which may be empty
	from, to int        // position in the line, in CSV
	node     *diag.Node // in YAML
}

// at returns the position of a cell, or the position of the row if it has no such cell.
func (r *row) at(c column) diag.Pos { return r.pos(&r.cells[c]) }

func (r *row) pos(cell *cell) diag.Pos {
	if r.whole.File != nil {
		if cell.node != nil {
			return cell.node.Pos
		}
		return r.whole
	}
	before := len([]rune(r.text[:cell.from]))
	return diag.Pos{File: diag.Excerpt(r.file, r.line, r.text), Line: r.line, Column: before + 1, Length: max(1,
		len([]rune(r.text[cell.from:cell.to])))}
}

type importer struct {
	r       *Registry
	changes *Changes
	list    diag.List

	unknown  *unknownNames // nil if any name is allowed
	now      udr.Instant
	was      Revision // before the import
	partial  bool     // the registry may contain accounts and companies that the files lack
	absences map[[2]string]bool
	rules    map[uint32][]cycles // rules of each account's cycles, for dates in its zones

	erased      map[string]*erasure // by plan
	erasedOrder []string

	companies    map[string]Company
	numbers      map[string]uint32 // of new accounts
	accountRows  map[uint32][]accountRow
	accountOrder []uint32
	nameless     []accountRow   // rows without a valid id
	accountState map[uint32]int // 1 in progress, 2 done

	lastRow     map[uint32]span                // the last row of each SIM
	withdrawals map[udr.Identifier]udr.Instant // since of the last row that withdrew a fact about the identifier
	ids         []udr.Identifier
	held        []udr.Identifier
	marked      []mark
	contested   []contested
	followings  map[uint32][]following // rows of a SIM, starting with the first that has a contested identifier

	statements *Statements
	forms      []Form
	stateOf    func(settings []byte, name string, at udr.Instant, zone *time.Location) (value, after StateValue, err error)
	rowsOf     map[uint64]struct{} // hashes of the statements that rows contain
	statedAt   map[string]diag.Pos // positions of rows that create facts, by subject, except rows about SIMs
	renewing   func(b *Bought, zone *time.Location, payer, currency string) error
	unsaid     func(b *Bought, zone *time.Location) string
	entitling  func(*View, *Statements, Revision) Entitled
	entitled   Entitled // result of options.Entitled; nil if nothing is restricted
	documents  documented
	waiting    []naming               // names that refer to nothing known so far
	groups     map[groupOf]bool       // known ones
	chosen     map[choice]error       // its cached answers
	waits      map[uint32]udr.Instant // for each account, the time at which deferred changes in rows take effect
	most       int                    // the largest number of errors to list, and of warnings of rows
	counted    int                    // how many entries of the list errors has counted
	wrong      int                    // errors among them
	warned     int                    // warnings of rows, including those that are not in the list
	unlisted   diag.Pos               // the first that is not
	report     report
}

// absent warns of an account or company that the files lack but the registry may contain.
func (im *importer) absent(at diag.Pos, what, id string) {
	key := [2]string{what, id}
	if im.absences[key] || len(im.absences) == most {
		return
	}
	im.absences[[2]string{what, strings.Clone(id)}] = true
	im.list.Warnf(at, "%s %s is not in these files: import takes the row only if the registry has it", what, shortened(id))
}

// full reports whether the report lists as many errors as it may. Warnings never end the reading of the files.
func (im *importer) full() bool { return im.errors() > im.most }

// errors returns the number of errors so far.
func (im *importer) errors() int {
	for ; im.counted < len(im.list); im.counted++ {
		if im.list[im.counted].Severity == diag.Error {
			im.wrong++
		}
	}
	return im.wrong
}

// warnf warns of a row. The report lists as many of these warnings as errors, and counts the others.
func (im *importer) warnf(at diag.Pos, format string, args ...any) {
	if im.mayWarn(at) {
		im.list.Warnf(at, format, args...)
	}
}

func (im *importer) mayWarn(at diag.Pos) bool {
	if im.warned++; im.warned == im.most+1 {
		im.unlisted = at
	}
	return im.warned <= im.most
}

// tellUnlisted says how many warnings are not in the list.
func (im *importer) tellUnlisted() {
	if more := im.warned - im.most; more > 0 {
		im.list.Warnf(diag.Pos{File: im.unlisted.File}, "there are %d more warnings", more)
	}
}

func (im *importer) errorf(at diag.Pos, format string, args ...any) {
	switch n := im.errors(); {
	case n < im.most:
		im.list.Errorf(at, format, args...)
	case n == im.most:
		im.list.Errorf(diag.Pos{File: at.File}, "there are more errors than these %d; correct them first", im.most)
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
	im.companyFields(r, id)
	if known := im.r.companies[id]; len(known) > 0 && known[len(known)-1].Company == c {
		return
	}
	im.r.companies[id] = append(im.r.companies[id], knownCompany{im.changes.Revision, c})
	im.changes.Companies = append(im.changes.Companies, c)
	im.touch()
}

// word returns the text of a name's cell, and checks that it contains no blanks or control characters and is not too
// long.
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

// accountNumber returns the number of an account that is known or in the files.
func (im *importer) accountNumber(id string) (uint32, bool) {
	if n, ok := im.numbers[id]; ok {
		return n, true
	}
	n, ok := im.r.accounts.numbers[id]
	return n, ok
}

// similarAccount suggests a known id that is similar to an unknown one.
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
