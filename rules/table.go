package rules

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"ratemill/csvfile"
	"ratemill/diag"
)

// Constants is a table of constants, either in the document or in a CSV file that sources share.
type Constants struct {
	inline diag.Map[diag.Text]
	file   *tableFile
}

// tableFile identifies the file of a table.
type tableFile struct {
	File      diag.Text `yaml:"file,required" doc:"A CSV file of the project, with a header, in UTF-8: 1 MiB and 50,000 rows at most. Lines that begin with # are comments." example:"tables/tadig.csv"`
	Key       diag.Text `yaml:"key" doc:"The column with the keys; by default the first." example:"tadig"`
	Value     diag.Text `yaml:"value" doc:"The column with the values; by default the second." example:"network"`
	Delimiter string    `yaml:"delimiter" default:"," doc:"Separator of columns: one character, or tab."`
}

const (
	largestTable  = 1 << 20
	mostTableRows = 50_000
)

// UnmarshalNode reads a table, or a reference to its file.
func (t *Constants) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if namesFile(n) {
		t.file = &tableFile{}
		d.Decode(n, t.file)
		return
	}
	d.Decode(n, &t.inline)
}

// namesFile reports whether a mapping refers to the file of a table: it has a path, or only keys that such a
// reference can have. If it were taken for constants, no lookup would ever succeed. Decoding reports any other
// mistakes in it.
func namesFile(n *diag.Node) bool {
	file, others := "", false
	for _, m := range n.Members {
		key := strings.ToLower(m.Key.Text)
		if key == "file" {
			file = m.Value.Text
		}
		others = others || !slices.Contains([]string{"file", "key", "value", "delimiter"}, key)
	}
	return file != "" && (!others || strings.ContainsAny(file, "./"))
}

// JSONSchema returns the schema of a table, or of a reference to its file.
func (Constants) JSONSchema() map[string]any {
	inFile := diag.Subschema(tableFile{})
	text := map[string]any{"type": []any{"string", "number", "boolean"}}
	return map[string]any{"anyOf": []any{inFile, map[string]any{"type": "object", "additionalProperties": text}}}
}

// entries returns the keys and values; errors are added to the list.
func (t *Constants) entries(name diag.Text, c *compiler) map[string]string {
	if t.file == nil {
		m := make(map[string]string, len(t.inline))
		for _, e := range t.inline {
			m[e.Key.Value] = e.Value.Value
		}
		return m
	}
	at := t.file.File
	if at.IsZero() { // decoding has reported it
		return map[string]string{}
	}
	if c.options.TableFile == nil {
		c.list.Errorf(at.Pos, "table %s stands in a file, and this document is read without its project", name.Value)
		return map[string]string{}
	}
	content, err := c.options.TableFile(at.Value, largestTable)
	if err != nil {
		c.list.Errorf(at.Pos, "table %s: %v", name.Value, err)
		return map[string]string{}
	}
	m, err := t.file.read(content)
	if err != nil {
		c.list.Errorf(at.Pos, "table %s: %s: %v", name.Value, at.Value, err)
	}
	if c.tableFiles == nil {
		c.tableFiles = map[string][]byte{}
	}
	c.tableFiles[at.Value] = content
	return m
}

// read parses the content of a file to a table.
func (f *tableFile) read(content []byte) (map[string]string, error) {
	m := map[string]string{}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(content) {
		return m, errors.New("is not valid UTF-8")
	}
	delimiter := f.Delimiter
	if delimiter == "tab" {
		delimiter = "\t"
	}
	if err := csvfile.CheckLineEnds(content); err != nil {
		return m, err
	}
	r := csv.NewReader(bytes.NewReader(content))
	r.Comment, r.TrimLeadingSpace = '#', true
	if delimiter != "" {
		var size int
		if r.Comma, size = utf8.DecodeRuneInString(delimiter); size != len(delimiter) {
			return m, fmt.Errorf("delimiter is one character or tab, not %q", f.Delimiter)
		}
	}
	header, err := r.Read()
	if err == io.EOF {
		return m, errors.New("is empty, and needs a header")
	}
	if err != nil {
		return m, err
	}
	key, value := 0, 1
	for _, c := range []struct {
		name string
		at   *int
	}{{f.Key.Value, &key}, {f.Value.Value, &value}} {
		if c.name == "" {
			continue
		}
		if *c.at = columnOf(header, c.name); *c.at < 0 {
			return m, fmt.Errorf("the header has no column %q%s", c.name, diag.Suggest(c.name, header))
		}
	}
	if max(key, value) >= len(header) {
		return m, errors.New("needs two columns at least; is delimiter right?")
	}
	for rows := 1; ; rows++ {
		row, err := r.Read()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		line, _ := r.FieldPos(key)
		k, v := strings.TrimSpace(row[key]), strings.TrimSpace(row[value])
		before, twice := m[k]
		switch {
		case rows > mostTableRows:
			return m, fmt.Errorf("has more than %d rows", mostTableRows)
		case k == "":
			return m, fmt.Errorf("line %d: the key is empty", line)
		case twice && before != v:
			return m, fmt.Errorf("line %d: %s already means %s", line, k, before)
		}
		m[k] = v
	}
}

func columnOf(header []string, name string) int {
	for i, h := range header {
		if strings.TrimSpace(h) == name {
			return i
		}
	}
	return -1
}

// TableFiles returns the files that contain the program's tables, with their content.
func (p *Program) TableFiles() map[string][]byte { return p.tableFiles }
