package rating

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"ratemill/csvfile"
	"ratemill/diag"
)

// A price list is a CSV file with a price in each row, such as the 600 networks of a roaming agreement. Each row is
// read in the same way as a price in the document, so both are checked, compiled and explained in the same way. The
// catalogue's bundle contains the list, so rating by a version of the catalogue always uses that version's list.

type listDoc struct {
	File    diag.Text           `yaml:"file,required" doc:"A CSV file of prices, beside the document or elsewhere in the project: in UTF-8, with a header, separated by semicolons, commas or tabs; 8 MB and 50,000 rows at most. Lines that begin with # are comments." example:"roaming.csv"`
	Columns diag.Map[diag.Text] `yaml:"columns" doc:"Names in the header, where they differ from ratemill's: network, country, prefix, number, peer_country, zone, class, when, slice, name, price, per, fee, minimum, increment, unknown." example:"{ network: PLMN, price: EUR }"`
	Ignore  []diag.Text         `yaml:"ignore" doc:"Columns of the file to ignore, because they contain nothing about prices." example:"[operator, TADIG]"`
}

// Limits of a price list.
const (
	maxList     = 8 << 20
	maxListRows = 50_000
)

// listColumns are the columns that a price list can have, and the fields of a price that they set.
var listColumns = [...]struct{ column, field string }{
	{"network", "networks"}, {"country", "countries"}, {"prefix", "prefixes"}, {"number", "numbers"}, {"peer_country", "peer_countries"},
	{"zone", "zones"}, {"class", ""}, {"when", "when"}, {"slice", "slice"}, {"name", "name"}, {"price", "price"}, {"per", ""}, {"fee", "fee"},
	{"minimum", "minimum"}, {"increment", "increment"}, {"unknown", "unknown"},
}

// placeColumns is the number of listColumns that define the place of a price.
const placeColumns = 6

func listColumn(name string) int {
	return slices.IndexFunc(listColumns[:], func(c struct{ column, field string }) bool { return c.column == name })
}

func columnNames() (names []string) {
	for _, c := range listColumns {
		names = append(names, c.column)
	}
	return names
}

// readLists adds the rows of price lists to the prices of their plans, and returns the lists for the bundle.
func (c *compiler) readLists() (lists []file) {
	read := map[string][]byte{}
	for _, doc := range c.planDocs {
		if doc.Prices == nil || doc.Prices.File.Value == "" {
			continue
		}
		at := doc.Prices.File
		name := path.Join(path.Dir(at.Pos.File.Name), at.Value)
		if path.IsAbs(at.Value) || !fs.ValidPath(name) || isDocument(name) {
			c.list.Errorf(at.Pos, "%s is not a file of the project that can hold prices; name a CSV file beside this document or elsewhere "+
				"in the project, such as roaming.csv", at.Value)
			continue
		}
		text, known := read[name]
		if !known {
			var err error
			if text, err = c.file(name); err != nil {
				c.list.Errorf(at.Pos, "the price list cannot be read: %v", err)
				continue
			}
			read[name] = text
			lists = append(lists, file{name, text})
		}
		l := priceList{compiler: c, doc: doc, file: diag.NewFile(name, text), rows: map[string]listRow{}}
		l.read(text)
	}
	return lists
}

// isDocument reports whether a file of a catalogue is a document, rather than a price list.
func isDocument(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// priceList is a CSV file that is read into a plan.
type priceList struct {
	*compiler
	doc     *planDoc
	file    *diag.File
	columns []int // indexes in listColumns, by the file's column; -1: none
	rows    map[string]listRow
}

// listRow is a row that has been read. Its class, place and slice are its key.
type listRow struct {
	line int
	says string // what it costs
}

func (l *priceList) errorf(line, column int, format string, args ...any) {
	l.list.Errorf(diag.Pos{File: l.file, Line: line, Column: max(column, 1), Length: 1}, format, args...)
}

func (l *priceList) read(text []byte) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		l.errorf(1, 1, "the price list is not valid UTF-8; save it as CSV UTF-8")
		return
	}
	if err := csvfile.CheckLineEnds(text); err != nil {
		l.errorf(1, 1, "%v", err)
		return
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = '#', -1, true
	r.Comma = separator(text)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		l.errorf(1, 1, "the price list needs a header with the names of its columns, such as network;class;price;per")
		return
	}
	width := len(header)
	if !l.header(header, r) {
		return
	}
	for n := 0; ; n++ {
		row, err := r.Read()
		var bad *csv.ParseError
		switch {
		case err == io.EOF:
			if n == 0 {
				l.errorf(1, 1, "the price list has no rows")
			}
			return
		case n == maxListRows:
			l.errorf(1, 1, "the price list has more than %d rows", maxListRows)
			return
		case errors.As(err, &bad):
			l.errorf(bad.Line, bad.Column, "this is not a row of CSV: %v", bad.Err)
		case err != nil:
			l.errorf(1, 1, "the price list cannot be read: %v", err)
			return
		case len(row) != width:
			line, _ := r.FieldPos(0)
			l.errorf(line, 1, "the row has %d columns, but the header has %d", len(row), width)
		default:
			l.row(row, r)
		}
	}
}

// separator returns the first allowed separator that appears in the header.
func separator(text []byte) rune {
	for line := range bytes.Lines(text) {
		if line[0] == '#' || len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if i := bytes.IndexAny(line, ";,\t"); i >= 0 {
			return rune(line[i])
		}
		break
	}
	return ';'
}

// header finds the columns, and reports whether rows can be read.
func (l *priceList) header(header []string, r *csv.Reader) bool {
	errors := l.list.Errors()
	named := map[string]string{}
	for _, e := range l.doc.Prices.Columns {
		if listColumn(e.Key.Value) < 0 {
			l.list.Errorf(e.Key.Pos, "a price list has no column %s%s", e.Key.Value, orKnown(e.Key.Value, columnNames()))
			continue
		}
		if !slices.ContainsFunc(header, func(h string) bool { return strings.TrimSpace(h) == e.Value.Value }) {
			l.list.Errorf(e.Value.Pos, "the header of %s has no column %s%s", l.file.Name, e.Value.Value, diag.Suggest(e.Value.Value, header))
		}
		named[e.Value.Value] = e.Key.Value
	}
	found := map[int]int{}
	for i, h := range header {
		line, column := r.FieldPos(i)
		name := strings.TrimSpace(h)
		if meant, ok := named[name]; ok {
			name = meant
		}
		n := listColumn(name)
		l.columns = append(l.columns, n)
		if n < 0 {
			if !slices.ContainsFunc(l.doc.Prices.Ignore, func(t diag.Text) bool { return t.Value == name }) {
				l.list.Errorf(l.pos(line, column, h), "unknown column %s; write in the plan which one it is, as in `columns: { price: %s }`, or "+
					"that it says nothing about prices, as in `ignore: [%s]`%s", name, name, name, diag.Suggest(name, columnNames()))
			}
			continue
		}
		if before, twice := found[n]; twice {
			l.list.Errorf(l.pos(line, column, h), "columns %d and %d are both %s", before+1, i+1, name)
		}
		found[n] = i
	}
	line, _ := r.FieldPos(0)
	if _, ok := found[listColumn("price")]; !ok {
		l.errorf(line, 1, "the price list has no column price")
	}
	if _, ok := found[listColumn("class")]; !ok && len(l.doc.Classes) != 1 {
		l.errorf(line, 1, "the price list has no column class, and plan %s has %d classes; only a plan with one class needs none",
			l.doc.Name.Value, len(l.doc.Classes))
	}
	placed := false
	for n := range placeColumns {
		_, ok := found[n]
		placed = placed || ok
	}
	if !placed {
		l.errorf(line, 1, "the price list has no column that states where a price applies: network, country, prefix, "+
			"number, peer_country or zone")
	}
	return l.list.Errors() == errors
}

// pos returns the position of a cell. column is in bytes, as in encoding/csv.
func (l *priceList) pos(line, column int, cell string) diag.Pos {
	before := l.file.Line(line)
	before = before[:min(max(column-1, 0), len(before))]
	return diag.Pos{File: l.file, Line: line, Column: utf8.RuneCountInString(before) + 1, Length: max(utf8.RuneCountInString(cell), 1)}
}

// row reads a price and adds it to its class.
func (l *priceList) row(row []string, r *csv.Reader) {
	line, _ := r.FieldPos(0)
	whole := diag.Pos{File: l.file, Line: line, Column: 1, Length: max(utf8.RuneCountInString(l.file.Line(line)), 1)}
	n := &diag.Node{Kind: diag.Mapping, Pos: whole}
	var class, price, per *diag.Node
	var says []string
	for i, n2 := range l.columns {
		text := strings.Clone(strings.TrimSpace(row[i]))
		if n2 < 0 || text == "" {
			continue
		}
		cell := diag.Word(text, l.pos(line, second(r.FieldPos(i)), text))
		c := listColumns[n2]
		switch {
		case c.column == "class":
			class = cell
			continue
		case c.column == "per":
			per = cell
		case c.column == "price":
			price = cell
		case n2 < placeColumns:
			cell = &diag.Node{Kind: diag.Sequence, Pos: cell.Pos, Items: []*diag.Node{cell}}
			n.Members = append(n.Members, diag.Pair{Key: diag.Word(c.field, cell.Pos), Value: cell})
			continue
		default:
			n.Members = append(n.Members, diag.Pair{Key: diag.Word(c.field, cell.Pos), Value: cell})
		}
		if c.column != "name" && c.column != "slice" {
			says = append(says, c.column+" "+text)
		}
	}
	if price == nil {
		l.list.Errorf(whole, "the row has no price; write 0 or free if usage there costs nothing, or remove the row")
		return
	}
	if strings.Count(price.Text, ",") == 1 && !strings.Contains(price.Text, ".") {
		l.list.Errorf(price.Pos, "the price %s has a comma; write the decimals after a point: %s", price.Text,
			strings.ReplaceAll(price.Text, ",", "."))
		return
	}
	if per != nil && price.Text != "free" {
		if strings.Contains(price.Text, "/") {
			l.list.Errorf(price.Pos, "the price %s says for how many units it is, and so does the column per; write one of them", price.Text)
			return
		}
		price = diag.Word(price.Text+" / "+per.Text, price.Pos)
	}
	n.Members = append(n.Members, diag.Pair{Key: diag.Word("price", price.Pos), Value: price})
	cd := l.class(class, whole)
	if cd == nil {
		return
	}
	d := &diag.Decoder{}
	var p priceDoc
	d.Decode(n, &p)
	l.list = append(l.list, d.List...)
	if d.List.HasErrors() || !l.once(line, &p, class, strings.Join(says, ", "), whole) {
		return
	}
	l.reach(&p, whole)
	cd.Prices = append(cd.Prices, p)
}

// reach warns of a row whose price may apply at more places than its author meant. A country next to a
// network often only describes the network, and a cell that should contain a place may be empty by mistake.
func (l *priceList) reach(p *priceDoc, at diag.Pos) {
	w := &p.Where
	word := func(list []diag.Text) string {
		if len(list) == 0 {
			return ""
		}
		return list[0].Value
	}
	for _, both := range [][4]string{{"network", word(w.Networks), "country", word(w.Countries)},
		{"prefix", word(w.Prefixes), "peer_country", word(w.PeerCountries)}, {"number", word(w.Numbers), "peer_country", word(w.PeerCountries)},
		{"number", word(w.Numbers), "prefix", word(w.Prefixes)}} {
		if both[1] != "" && both[3] != "" {
			l.list.Warnf(at, "the row names %s %s and %s %s, so its price holds for both; if it should hold for %s alone, leave out the "+
				"cell %s, or write `ignore: [%s]` in the plan if the column only describes the row", both[0], both[1], both[2], both[3], both[1],
				both[2], both[2])
		}
	}
	if w.holds() == "all" && l.doc.Zones.Value == "" && len(p.Zones) == 0 && p.When.Value == "" && w.Unknown == nil {
		l.list.Warnf(at, "the row names no place, so its price holds everywhere; name the place, or write true or false into a column "+
			"`unknown` if you mean everywhere")
	}
}

func second(_, column int) int { return column }

// class returns the class of a row, which the document need not mention.
func (l *priceList) class(cell *diag.Node, row diag.Pos) *classDoc {
	if cell == nil {
		if len(l.doc.Classes) != 1 || l.columnOf("class") {
			l.list.Errorf(row, "the row has no class")
			return nil
		}
		return l.doc.Classes[0].Value
	}
	if cd, ok := l.doc.Classes.Get(cell.Text); ok && cd != nil {
		return cd
	}
	cd := &classDoc{}
	(&diag.Decoder{}).Decode(&diag.Node{Kind: diag.Mapping, Pos: cell.Pos}, cd)
	for i := range l.doc.Classes { // an empty one
		if e := &l.doc.Classes[i]; e.Key.Value == cell.Text {
			e.Value = cd
			return cd
		}
	}
	l.doc.Classes = append(l.doc.Classes, diag.Entry[*classDoc]{Key: diag.Text{Value: cell.Text, Pos: cell.Pos}, Value: cd})
	return cd
}

func (l *priceList) columnOf(name string) bool { return slices.Contains(l.columns, listColumn(name)) }

// once reports a second row for the same class, place and slice. It skips an identical row.
func (l *priceList) once(line int, p *priceDoc, class *diag.Node, says string, at diag.Pos) bool {
	place := p.Where.holds()
	if len(p.Zones) > 0 {
		place = "zone " + p.Zones[0].Value
	}
	if p.When.Value != "" {
		place += " when " + p.When.Value
	}
	if p.Slice.Value != "" {
		place += " in slice " + p.Slice.Value
	}
	of := ""
	if class != nil {
		of = class.Text
	}
	key := of + "\x00" + place
	if p.Where.unknown() {
		key += "\x00unknown"
	}
	if of != "" {
		place = "class " + of + ", " + place
	}
	before, twice := l.rows[key]
	switch {
	case !twice:
		l.rows[key] = listRow{line, says}
		return true
	case before.says == says:
		l.list.Warnf(at, "the row for %s is already on line %d, with the same price; remove one", place, before.line)
	default:
		l.list.Errorf(at, "the row for %s is already on line %d, with %s, and here with %s; remove one", place, before.line, before.says,
			says)
	}
	return false
}

// unnamedLists warns of CSV files in the catalogue that no plan names, so that they price nothing.
func (c *compiler) unnamedLists(found []string, lists []file) {
	for _, name := range found {
		if !slices.ContainsFunc(lists, func(f file) bool { return f.name == name }) {
			c.list.Warnf(diag.Pos{File: diag.NewFile(name, nil)}, "no plan uses this file as its price list, so it prices "+
				"nothing; write `prices: { file: %s }` in a plan, or move it out of the catalogue", path.Base(name))
		}
	}
}

// projectFile reads a price list of the project.
func projectFile(fsys fs.FS) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if err := regular(fsys, name); err != nil {
			return nil, err
		}
		info, err := fs.Stat(fsys, name)
		if err != nil {
			return nil, err
		}
		if info.Size() > maxList {
			return nil, fmt.Errorf("%s has %d octets, and a price list has %d at most", name, info.Size(), maxList)
		}
		return fs.ReadFile(fsys, name)
	}
}

// regular refuses anything but a regular file. Reading a pipe, for example, could block forever.
func regular(fsys fs.FS, name string) error {
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file; put a file there", name)
	}
	return err
}

// walked skips hidden folders, such as those of a mounted ConfigMap. It refuses a link to a folder, because a
// directory walk does not follow links.
func walked(fsys fs.FS, name string, d fs.DirEntry) error {
	if name == "." || !strings.HasPrefix(d.Name(), ".") {
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(fsys, name)
			if err != nil {
				return err // the link is broken or leads out of the project, possibly to a folder with documents
			}
			if info.IsDir() {
				return fmt.Errorf("%s is a link to a folder, and links to folders are not followed, so its documents would be missing; "+
					"move the folder there, or link its files one by one", name)
			}
		}
		return nil
	}
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// bundledFile reads a price list of a bundle.
func bundledFile(files []file) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for _, f := range files {
			if f.name == name {
				return f.text, nil
			}
		}
		return nil, errBundle
	}
}
