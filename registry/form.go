package registry

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
)

// Form describes how users write the values of a kind of statements. The package that owns the kind supplies its
// form.
type Form struct {
	Kind   Kind
	Fields []Field

	// Read reads and checks a value, and returns it as canonical JSON. It adds all mistakes to the list.
	Read func(n *diag.Node) (value []byte, list diag.List)

	// Instance checks the parts of an instance's name, such as the kind and name of a resource, against the
	// catalogue. wrong is the index of the part that err is about. Nil: any name is allowed.
	Instance func(parts []string) (wrong int, err error)
}

// Field is a field of a value: a column in a CSV file, a key in YAML.
type Field struct {
	Path     string // payment.sepa.iban
	List     bool   // the field may have several values; a cell separates them by blanks
	Map      bool   // the installation defines the keys, such as custom.colour
	Required bool   // the field must be present; if its path has dots, only when another field of the same struct is present
	Names    string // kind of object that the text must refer to: account, company, group, …; see importrefer.go
	Enum     []string
	Default  string
	Doc      string
	Example  string
}

// FieldsOf lists the fields that the tags of a struct declare, in the way that diag.Decoder reads them, including
// the fields of nested structs.
func FieldsOf(value any) []Field { return fieldsOf(reflect.TypeOf(value), "") }

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func fieldsOf(t reflect.Type, above string) (all []Field) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("yaml")
		if tag == "" || tag == "-" {
			continue
		}
		words := strings.Split(tag, ",")
		inner := f.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		text := inner.Implements(textType) || reflect.PointerTo(inner).Implements(textType)
		if inner.Kind() == reflect.Struct && !text && inner != reflect.TypeFor[diag.Node]() {
			all = append(all, fieldsOf(inner, above+words[0]+".")...)
			continue
		}
		field := Field{Path: above + words[0], List: inner.Kind() == reflect.Slice && !text, Map: inner.Kind() == reflect.Map,
			Default: f.Tag.Get("default"), Doc: f.Tag.Get("doc"), Example: f.Tag.Get("example"), Names: f.Tag.Get("names")}
		field.Required = slices.Contains(words[1:], "required")
		if e := f.Tag.Get("enum"); e != "" {
			field.Enum = strings.Split(e, "|")
		}
		all = append(all, field)
	}
	return all
}

// field returns the field of a form at a path, which may contain the key of a map.
func (f *Form) field(path string) (Field, bool) {
	for _, field := range f.Fields {
		if field.Path == path {
			return field, !field.Map
		}
		if field.Map && strings.HasPrefix(path, field.Path+".") && len(path) > len(field.Path)+1 {
			return Field{Path: path}, true
		}
	}
	return Field{}, false
}

// plainForm accepts any value, for a kind whose owner provides no form.
func plainForm(kind Kind) *Form {
	return &Form{Kind: kind, Read: func(n *diag.Node) ([]byte, diag.List) {
		text, err := NodeJSON(n)
		var l diag.List
		if err != nil {
			l.Errorf(n.Pos, "%v", err)
		}
		return text, l
	}}
}

// NodeJSON returns a node as canonical JSON: numbers, true, false and null keep their type unless they are in
// quotes.
func NodeJSON(n *diag.Node) ([]byte, error) {
	text, err := json.Marshal(plain(n))
	if err != nil {
		return nil, err
	}
	return CanonicalJSON(text)
}

// plain returns a node as a Go value for JSON: numbers, true, false and null keep their type unless
// they are in quotes.
func plain(n *diag.Node) any {
	switch n.Kind {
	case diag.Mapping:
		m := map[string]any{}
		for _, p := range n.Members {
			m[p.Key.Text] = plain(p.Value)
		}
		return m
	case diag.Sequence:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, plain(item))
		}
		return list
	case diag.Scalar:
		if n.Quoted {
			return n.Text
		}
		if n.Text == "true" || n.Text == "false" {
			return n.Text == "true"
		}
		if _, err := strconv.ParseFloat(n.Text, 64); err == nil && json.Valid([]byte(n.Text)) {
			return json.Number(n.Text)
		}
		return n.Text
	}
	return nil
}
