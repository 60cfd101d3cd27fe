package registry

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// Rows refer to other objects: a group to its account, a SIM to its group. A name that refers to nothing in the
// registry or in the files is an error. The row of the object may come later, so the importer looks up unknown
// names a second time when it has read everything.

// The kinds of objects that fields of values refer to; see Field.Names. The tag names:"…" of a struct's field
// contains one of these words.
const (
	namedAccount  = "account"
	namedCompany  = "company"
	namedProject  = "project"
	namedGroup    = "group" // group of the SIM's account
	namedContract = "contract"
	namedSIM      = "sim"     // sim:17, or an identifier such as imsi:214070000000001
	namedShared   = "shared"  // company/NAME: a contact or an address of the account's company
	namedAddress  = "address" // NAME: address of the account; company/NAME: of its company; company: the seat of the company
)

// naming is a reference in a row.
type naming struct {
	what string
	id   string
	pos  diag.Pos
	kind Kind // of the row
	a    about
	at   udr.Instant
}

// refers checks the references in the value of a row; stated is the value as canonical JSON.
func (im *importer) refers(r *row, s *section, a about, at udr.Instant, stated string) {
	form := im.form(s.kind)
	if !slices.ContainsFunc(form.Fields, func(f Field) bool { return f.Names != "" }) {
		return
	}
	value := r.value
	if r.whole.File == nil {
		value = r.node(s)
	}
	documents := false
	for i := range form.Fields {
		f := &form.Fields[i]
		n := value.Member(f.Path)
		if f.Names == "" || n == nil {
			continue
		}
		if f.Names == namedDocument {
			if named := len(n.Items) > 0 || n.Text != ""; named && !documents {
				documents = true
				im.documents.add(DocumentRow{Kind: s.kind, Subject: a.subject, Value: []byte(stated)}, n.Pos)
			}
			continue
		}
		for _, one := range append(slices.Clone(n.Items), n) {
			if one.Kind == diag.Scalar && one.Text != "" {
				im.refer(naming{what: f.Names, id: one.Text, pos: one.Pos, kind: s.kind, a: a, at: at})
			}
		}
	}
}

// refer checks a reference, now or when everything has been read.
func (im *importer) refer(n naming) {
	if !im.knows(&n) {
		im.waiting = append(im.waiting, n)
	}
}

// checkInstance checks the name of a row's instance against the catalogue.
func (im *importer) checkInstance(r *row, s *section) {
	form := im.form(s.kind)
	if form.Instance == nil {
		return
	}
	parts := make([]string, len(s.instance))
	for i, c := range s.instance {
		parts[i] = r.cells[c].text
	}
	if wrong, err := form.Instance(parts); err != nil {
		im.errorf(r.at(s.instance[wrong]), "%v", err)
	}
}

// chooseIn checks a group or a resource in a column of a SIM's row.
func (im *importer) chooseIn(r *row, c column, a about, name string, since udr.Instant) {
	if a.account == 0 {
		if own, ok := im.r.sims.owner(&im.r.moments, a.sim, since, im.changes.Revision); ok {
			a.account = own.Account
		}
	}
	switch {
	case a.account == 0:
	case c != colGroup:
		im.choose(func() diag.Pos { return r.at(c) }, a.account, columnNames[c], name, since)
	case !im.hasGroup(a.account, name):
		im.refer(naming{what: namedGroup, id: name, pos: r.at(c), kind: KindMember, a: a, at: since})
	}
}

// finishReferences reports the references to objects that do not exist.
func (im *importer) finishReferences() {
	for i := range im.waiting {
		n := &im.waiting[i]
		switch {
		case im.knows(n) || im.full():
		case n.what == namedAddress && !im.partial && im.now != 0: // offline, no invoices are created
			im.warnf(n.pos, "account %s has no address %s; its invoices are held until it has one", n.a.subject, shortened(n.id))
		case n.what == namedAddress:
		case im.partial:
			im.absent(n.pos, n.called(), n.id)
		default:
			im.errorf(n.pos, "%s", im.unknownReference(n))
		}
	}
}

func (n *naming) called() string {
	switch n.what {
	case namedSIM:
		return "SIM"
	case namedShared:
		return string(n.kind)
	}
	return n.what
}

// knows reports whether the registry or the files read so far contain the object.
func (im *importer) knows(n *naming) (ok bool) {
	switch n.what {
	case namedAccount:
		_, ok = im.accountNumber(n.id)
	case namedCompany:
		ok = im.knownCompany(n.id)
	case namedProject:
		ok = im.holds(KindProject, n.id, "")
	case namedContract:
		ok = im.holds(KindContract, n.id, "")
	case namedGroup:
		ok = im.hasGroup(n.a.account, n.id)
	case namedSIM:
		ok = im.hasSIM(n.id)
	case namedShared:
		ok = im.holds(n.kind, im.companySubject(n), strings.TrimPrefix(n.id, "company/"))
	case namedAddress:
		name, shared := strings.CutPrefix(n.id, "company/")
		switch {
		case n.id == "company":
			ok = im.holds(KindCompany, im.companyOf(n.a.account, n.at), "")
		case shared:
			ok = im.holds(KindAddress, im.companySubject(n), name)
		default:
			ok = im.holds(KindAddress, n.a.subject, name)
		}
	default:
		panic("registry: a field names an unknown kind of things: " + n.what)
	}
	return ok
}

// unknownReference explains a reference to an object that does not exist.
func (im *importer) unknownReference(n *naming) string {
	id := shortened(n.id)
	of := func(kind Kind) string { return diag.Suggest(n.id, slices.Collect(im.statements.Subjects(kind))) }
	switch n.what {
	case namedAccount:
		return "account " + id + " is unknown" + im.similarAccount(n.id)
	case namedCompany:
		return "company " + id + " is unknown" + diag.Suggest(n.id, im.companyIDs())
	case namedProject:
		return "project " + id + " is unknown" + of(KindProject)
	case namedContract:
		return "contract " + id + " is unknown" + of(KindContract)
	case namedGroup:
		return "account " + im.accountID(n.a.account) + " has no group " + id + im.similarGroup(n.a.account, n.id)
	case namedShared:
		company := im.companyOf(n.a.account, n.at)
		if company == "" {
			return "account " + n.a.subject + " has no company, so it has no " + string(n.kind) + " " + id
		}
		return "company " + company + " has no " + string(n.kind) + " " + strings.TrimPrefix(id, "company/") +
			diag.Suggest(strings.TrimPrefix(n.id, "company/"), im.namesOfSubject(n.kind, im.companySubject(n)))
	}
	kind, value, _ := strings.Cut(id, ":")
	return "no SIM of the registry or of these files has " + kind + " " + value
}

// holds reports whether a statement is valid at some time.
func (im *importer) holds(kind Kind, subject, name string) bool {
	facts := im.statements.heldFacts(kind, subject, name, im.changes.Revision)
	return slices.ContainsFunc(facts, func(f fact[string]) bool { return f.state.begins() })
}

// groupOf is a group to which rows assign SIMs of an account.
type groupOf struct {
	account uint32
	group   string
}

// hasGroup reports whether an account has a group at some time. A million rows may refer to the same few groups.
func (im *importer) hasGroup(account uint32, group string) bool {
	if im.groups[groupOf{account, group}] {
		return true
	}
	for _, f := range im.statements.heldFacts(KindGroup, group, "", im.changes.Revision) {
		if f.state.begins() && accountIn(f.value) == im.accountID(account) {
			if im.groups == nil {
				im.groups = map[groupOf]bool{}
			}
			im.groups[groupOf{account, strings.Clone(group)}] = true
			return true
		}
	}
	return false
}

// similarGroup returns a suggestion for a group that an account lacks.
func (im *importer) similarGroup(account uint32, group string) string {
	var its []string
	for id := range im.statements.Subjects(KindGroup) {
		switch {
		case im.hasGroup(account, id):
			its = append(its, id)
		case id == group:
			for _, f := range im.statements.heldFacts(KindGroup, id, "", im.changes.Revision) {
				if owner := accountIn(f.value); owner != "" {
					return "; the group of this id is one of account " + owner
				}
			}
		}
	}
	return diag.Suggest(group, its)
}

// accountIn returns the account in a value.
func accountIn(value string) string {
	var v struct {
		Account string `json:"account"`
	}
	_ = json.Unmarshal([]byte(value), &v) // a value without an account yields ""
	return v.Account
}

// hasSIM reports whether there is a SIM with a number (sim:17) or an identifier (imsi:214070000000001). A text in
// neither form is left to the check of its field.
func (im *importer) hasSIM(text string) bool {
	before, value, _ := strings.Cut(text, ":")
	if before == "sim" {
		n, err := strconv.ParseUint(value, 10, 32)
		return err == nil && n > 0 && uint32(n) <= im.r.sims.count
	}
	kind, ok := udr.ParseIDKind(before)
	canonical, wrong := canonicalIdentifier(kind, value)
	return !ok || wrong != "" || len(im.r.identifiers.told(&im.r.moments, udr.Identifier{Kind: kind, Value: canonical})) > 0
}

// companySubject returns the company whose contacts and addresses a row may use.
func (im *importer) companySubject(n *naming) string {
	if n.a.account == 0 {
		return n.a.subject
	}
	return CompanySubject(im.companyOf(n.a.account, n.at))
}

// companyOf returns the company of an account at a time: that of the account or its project, or else that of the
// nearest account above that has one.
func (im *importer) companyOf(account uint32, at udr.Instant) string {
	for account := range im.upward(account, at) {
		f := im.r.accounts.fact(account, at, im.changes.Revision)
		if f == nil {
			break
		}
		if f.Company != "" {
			return f.Company
		}
		if company := im.companyOfProject(f.Project, at); company != "" {
			return company
		}
	}
	return ""
}

// companyOfProject is the company of a project at a time. Before the project's first row it is the company of that row,
// because contacts and addresses may be stated for any time.
func (im *importer) companyOfProject(project string, at udr.Instant) (company string) {
	if project == "" {
		return ""
	}
	for _, f := range im.statements.heldFacts(KindProject, project, "", im.changes.Revision) {
		if f.from > at && company != "" {
			break
		}
		var v struct {
			Company string `json:"company"`
		}
		if !f.state.begins() {
			company = ""
		} else if json.Unmarshal([]byte(f.value), &v) == nil {
			company = v.Company
		}
	}
	return company
}

// namesOfSubject returns the names of a subject's statements of a kind.
func (im *importer) namesOfSubject(kind Kind, subject string) (names []string) {
	for _, f := range im.statements.Told(kind, subject) {
		if !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}
