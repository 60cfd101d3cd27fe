package registry

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// parseYAML reads a YAML file; it returns nil if there is a syntax error.
func (im *importer) parseYAML(in Input) *diag.Node {
	file, err := in.Open()
	if err != nil {
		im.errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "cannot be opened: %v", err)
		return nil
	}
	defer file.Close()
	src, err := io.ReadAll(io.LimitReader(file, diag.MaxSize+1))
	if err != nil {
		im.errorf(diag.Pos{File: &diag.File{Name: in.Name}}, "cannot be read: %v", err)
		return nil
	}
	doc, list := diag.Parse(in.Name, src)
	for i := range list {
		if len(src) > diag.MaxSize && list[i].Hint == "" {
			list[i].Hint = "write many SIMs as CSV: sims.csv"
		}
	}
	im.list = append(im.list, list...)
	if doc == nil || doc.Kind == diag.Null {
		return nil
	}
	if doc.Kind != diag.Mapping {
		im.errorf(doc.Pos, "a registry file is a map with companies, accounts and sims, not %s", doc.Kind)
		return nil
	}
	(*yamlErrors)(im).repeated(doc)
	var names []string
	for _, s := range sections {
		if s.only != ofSIM {
			names = append(names, s.name)
		}
	}
	for _, m := range doc.Members {
		if !slices.Contains(names, m.Key.Text) {
			im.errorf(m.Key.Pos, "unknown key %s; known here: %s%s", m.Key.Text, strings.Join(names, ", "), diag.Suggest(m.Key.Text, names))
		}
	}
	return doc
}

// yamlErrors reports the syntax errors of a document.
type yamlErrors importer

func (e *yamlErrors) repeated(n *diag.Node) {
	d := diag.Decoder{}
	d.Repeated(n)
	e.list = append(e.list, d.List...)
}

// yamlRows returns the rows of a section: a map from ids to states, or to lists of successive states.
func (im *importer) yamlRows(doc *diag.Node, s *section) {
	n := doc.Member(s.name)
	if n == nil || n.Kind == diag.Null {
		return
	}
	if n.Kind != diag.Mapping {
		im.errorf(n.Pos, "%s must be a map with ids as keys, not %s", s.name, n.Kind)
		return
	}
	(*yamlErrors)(im).repeated(n)
	for _, m := range n.Members {
		switch m.Value.Kind {
		case diag.Sequence:
			for _, item := range m.Value.Items {
				im.yamlRow(m.Key, item, s)
			}
		default:
			im.yamlRow(m.Key, m.Value, s)
		}
		if im.full() {
			return
		}
	}
}

func (im *importer) yamlRow(key, n *diag.Node, s *section) {
	r := &row{whole: key.Pos, value: &diag.Node{Kind: diag.Mapping, Pos: key.Pos}}
	for c := range r.cells {
		r.cells[c].said = true // a document is complete: without an until a SIM has no end, and without a plan key it has no plan
	}
	if n.Kind == diag.Scalar && s.short != "" {
		n = &diag.Node{Kind: diag.Mapping, Pos: n.Pos, Members: []diag.Pair{{Key: &diag.Node{Kind: diag.Scalar, Pos: n.Pos,
			Text: s.short}, Value: n}}}
	}
	if n.Kind != diag.Mapping && n.Kind != diag.Null {
		im.errorf(n.Pos, "%s must be a map, not %s; it may have the keys %s", shortened(key.Text), n.Kind, strings.Join(im.fieldNames(s), ", "))
		return
	}
	if !im.yamlKey(r, key, s) {
		return
	}
	good := true
	(*yamlErrors)(im).repeated(n)
	for _, m := range n.Members {
		at := slices.Index(columnNames[:], m.Key.Text)
		if at < 0 || !slices.Contains(s.columns, column(at)) || column(at) == colID && !slices.Contains(s.instance, colID) {
			if !im.yamlField(r, m, s) {
				known := im.fieldNames(s)
				im.errorf(m.Key.Pos, "unknown key %s; known here: %s%s", m.Key.Text, strings.Join(known, ", "), diag.Suggest(m.Key.Text, known))
				good = false
			}
			continue
		}
		text, ok := im.yamlText(m, column(at))
		good = good && ok
		if first := r.cells[at].text; first != "" {
			text = first + " " + text // the SIM's key is one of several identifiers of the same kind
		}
		r.cells[at] = cell{text: text, said: true, node: m.Value}
	}
	if good {
		im.take(s, r)
	}
}

// yamlField adds a member of an entry to its value. If the section's kind has no form, every field is part of the
// value.
func (im *importer) yamlField(r *row, m diag.Pair, s *section) bool {
	if s.kind == "" || s.kind == KindState {
		return false
	}
	form := im.form(s.kind)
	known := len(form.Fields) == 0 && s.kind != KindCompany
	for _, f := range form.Fields {
		known = known || f.Path == m.Key.Text || strings.HasPrefix(f.Path, m.Key.Text+".")
	}
	if known {
		r.value.Members = append(r.value.Members, m)
	}
	return known
}

// yamlKey puts the key of an entry into its cell.
func (im *importer) yamlKey(r *row, key *diag.Node, s *section) bool {
	company, isCompany := strings.CutPrefix(key.Text, "company:")
	account, isAccount := strings.CutPrefix(key.Text, "account:")
	switch {
	case s.of&ofCompany != 0 && isCompany:
		r.cells[colCompany] = cell{text: company, node: key}
	case s.file != simsFile && s.of != ofSIM && (s.of&ofSIM == 0 || isAccount):
		if s.of&ofSIM == 0 {
			account = key.Text
		}
		r.cells[s.key()] = cell{text: account, node: key}
	default:
		if reason := damaged(key.Text); reason != "" {
			im.errorf(key.Pos, "%s %s", shortened(strconv.Quote(key.Text)), reason)
			return false
		}
		kind, value := identifierKind(key.Text)
		if s.of&ofAccount != 0 && kind == udr.Name && !strings.HasPrefix(key.Text, "name:") {
			r.cells[colAccount] = cell{text: key.Text, node: key} // the key is the account of the settings, unless it looks like an identifier
			return true
		}
		r.cells[columnOf(kind)] = cell{text: value, node: key}
	}
	return true
}

// yamlText returns a value, or the values of a list separated by blanks.
func (im *importer) yamlText(m diag.Pair, c column) (string, bool) {
	switch m.Value.Kind {
	case diag.Scalar:
		return strings.TrimSpace(m.Value.Text), true
	case diag.Null:
		return "", true
	case diag.Sequence:
		var items []string
		for _, item := range m.Value.Items {
			if item.Kind != diag.Scalar || strings.ContainsAny(item.Text, " \t\n") || !isList(c) {
				im.errorf(item.Pos, "%s must be a list of plain values", m.Key.Text)
				return "", false
			}
			items = append(items, item.Text)
		}
		return strings.Join(items, " "), true
	}
	im.errorf(m.Value.Pos, "%s must be a single value, not %s", m.Key.Text, m.Value.Kind)
	return "", false
}

// isList reports whether a cell may hold several values.
func isList(c column) bool {
	return c == colPool || c == colLimits || c == colICCID || c == colEID || c == colIMSI || c == colMSISDN || c == colIMEI
}

// identifierKind returns the kind of a SIM's key in YAML, found from its digits or from the word before a colon.
func identifierKind(key string) (udr.IDKind, string) {
	if before, after, ok := strings.Cut(key, ":"); ok {
		if kind, ok := udr.ParseIDKind(before); ok {
			return kind, after
		}
	}
	digits := strings.Trim(key, "0123456789") == ""
	switch {
	case digits && len(key) >= 18 && len(key) <= 20 && strings.HasPrefix(key, "89"):
		return udr.ICCID, key
	case digits && len(key) == 32:
		return udr.EID, key
	case digits && (len(key) == 14 || len(key) == 15):
		return udr.IMSI, key
	case strings.HasPrefix(key, "+"):
		return udr.MSISDN, key
	}
	return udr.Name, key
}

// damaged explains why a SIM's key without a kind cannot be a name: it looks like an identifier that a program
// changed. A name of this form needs its kind before it.
func damaged(key string) (reason string) {
	const write = "; use the original value, or write name: before it if it is a name"
	trimmed := strings.TrimSpace(key)
	kind, value := identifierKind(trimmed)
	letters := strings.ContainsFunc(value, func(c rune) bool { return c > '~' || c >= 'A' && c != 'E' && c != 'e' && c != '_' })
	switch {
	case trimmed != key:
		return "has blanks around it: write the identifier without them"
	case kind != udr.Name || strings.HasPrefix(key, "name:"):
		return ""
	case strings.HasPrefix(value, "#"):
		return "is an error value of a spreadsheet" + write
	case letters || !strings.ContainsAny(value, "0123456789"):
		return ""
	case strings.ContainsAny(value, "Ee"):
		return "is in scientific notation, written by a spreadsheet, which has lost or changed digits; use the original file from the " +
			"carrier, or write name: before it if it is a name"
	case strings.Trim(value, "0123456789") == "":
		return fmt.Sprintf("has %d digits, which fits no ICCID, EID or IMSI: write the kind before it, such as msisdn:%s or name:%s",
			len(value), value, value)
	case strings.Trim(value, "0123456789.,' -") == "":
		return "is a number that another program has changed" + write
	}
	return ""
}

func columnOf(kind udr.IDKind) column {
	return [...]column{udr.ICCID: colICCID, udr.IMSI: colIMSI, udr.MSISDN: colMSISDN, udr.IMEI: colIMEI, udr.EID: colEID,
		udr.Name: colName}[kind]
}
